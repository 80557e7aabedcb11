"""A run folder, opened to be watched; what its report carries with it, made anew when another verb has added to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from agentscope import reports
from agentscope.contracts import ProgressCallback, no_progress
from agentscope.errors import AgentScopeError
from agentscope.pipeline.opening import OpenAgent, open_agent
from agentscope.pipeline.running import in_one_thread
from agentscope.pipeline.watching.embedding import MOST_STEPS, embedded
from agentscope.pipeline.watching.recording import FILE, Recording, record_exam, recording_key
from agentscope.pipeline.watching.running import Watch
from agentscope.pipeline.watching.scene import Scene, agent_of_run, open_scene
from agentscope.probes.tables import read_columns


@in_one_thread
def open_watch(
    folder: str | Path,
    agent: str | None = None,
    *,
    env_id: str | None = None,
    vecnormalize: str | None = None,
    trust: bool = False,
    concepts: str | None = None,
    beside: str | None = None,
    progress: ProgressCallback = no_progress,
) -> Watch:
    """Open a run folder, a stranger's or ours; nothing in it is executed.

    Args:
        agent: a shipped name, a folder with a card, or a zip; by default the agent that the report names.
        env_id: typed by the user; by default the report's environment.
        beside: another agent of the same spaces, to be watched on the same seeds.
    Raises: as `read_report`, `agent_of_run` and `open_scene`.
    """
    report = reports.read_report(folder)
    opened = agent_of_run(report, agent, env_id=env_id, vecnormalize=vecnormalize, trust=trust, concepts=concepts)
    other = None
    if beside is not None:
        other = open_agent(beside, env_id=opened.env_id, env_kwargs=opened.env_kwargs, concepts=concepts)
    scene = open_scene(opened, report, folder, other=other)
    return Watch(scene, kept_recording(scene) or record_exam(scene, progress=progress))


def kept_recording(scene: Scene) -> Recording | None:
    """The recording in the run folder; None where there is none that was made with the same agent, seed and text.

    The network is asked once more about the first episode: a recording that it does not keep to is passed over.
    """
    if scene.folder is None or not (scene.folder / FILE).is_file():
        return None
    try:
        found = Recording.from_arrays(read_columns(scene.folder / FILE), actions=scene.agent.network.actions)
        if found.key != recording_key(scene):
            return None
        seeds = scene.streams.episode_seeds("exam", scene.budget.exam)[: found.episodes]
        if not np.array_equal(seeds, found.seeds):
            return None
        trail = Watch(scene, found).trail("0")
    except AgentScopeError:
        return None
    chosen = scene.agent.decide(trail.states).actions
    return found if len(trail) == found.lengths[0] and np.array_equal(chosen, trail.actions) else None


@in_one_thread
def refresh_watch(folder: reports.RunFolder, agent: OpenAgent) -> str | None:
    """watch.json and report.html with what other verbs than `inspect` found: witnesses, and the program as a level.

    The verb's own work is written by then, so that nothing here may undo it.

    Returns: why the episodes stay as they were; None where they are new, or the folder, never inspected, has none.
    """
    if folder.report is None or not (folder.path / FILE).is_file():
        return None
    try:
        scene = open_scene(agent, folder.report, folder.path)
        recording = kept_recording(scene)
        if recording is None:
            return f"{FILE} is of another run: `agentscope inspect` makes it anew"
        document = embedded(Watch(scene, recording, most=MOST_STEPS))
    except AgentScopeError as problem:
        return str(problem)
    reports.write_watch(folder, folder.report, document)
    return None
