"""A run, open to be watched: the documents that page and report are drawn from."""

from __future__ import annotations

from pathlib import Path

from agentscope.contracts import ProgressCallback, no_progress
from agentscope.pipeline.opening import open_agent
from agentscope.pipeline.watching.scene import Scene, agent_of_run, open_scene
from agentscope.reports import read_report


class Watch:
    """One run, open: `scene` holds the agent and the texts."""

    def __init__(self, scene: Scene, *, progress: ProgressCallback = no_progress) -> None:
        self.scene = scene
        self.progress = progress


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
    report = read_report(folder)
    opened = agent_of_run(
        report, agent, env_id=env_id, vecnormalize=vecnormalize, trust=trust, concepts=concepts
    )  # fmt: skip
    other = None
    if beside is not None:
        other = open_agent(beside, env_id=opened.env_id, env_kwargs=opened.env_kwargs)
    return Watch(open_scene(opened, report, folder, other=other), progress=progress)
