"""What the page looks at: the agent of a run folder beside its environment, and the run's texts, level by level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agentscope import rollouts
from agentscope.errors import AgentScopeError, RunFolderMismatch, SpaceMismatch, UnknownAgent
from agentscope.pipeline.opening import OpenAgent, open_agent
from agentscope.pipeline.watching.levels import Key, Level, grounded_level, program_level, strategy_level
from agentscope.records import BUDGETS, QUICK, Budget
from agentscope.reports import plain_text


@dataclass(frozen=True)
class Scene:
    """One run, open: everything that is computed for the page starts here.

    Attributes:
        report: report.json, checked; it may be a stranger's.
        folder: the run folder; None while the run is still being made.
        levels: strategy, grounded and program, those that are missing with their reason.
        budget: of that run: how many exam episodes there are, and how long they may be.
        other: another agent of the same spaces, to be watched beside this one.
    """

    agent: OpenAgent
    report: Mapping[str, Any]
    folder: Path | None
    levels: tuple[Level, ...]
    budget: Budget = QUICK
    other: OpenAgent | None = None

    def level(self, key: Key) -> Level:
        """The level of this name."""
        return next(level for level in self.levels if level.key == key)

    @property
    def seed(self) -> int:
        """Of the run whose exam is shown."""
        return max(int(self.report["run"]["seed"]), 0)

    @property
    def streams(self) -> rollouts.Streams:
        """The run's named random streams."""
        return rollouts.Streams(self.seed)


def open_scene(
    agent: OpenAgent,
    report: Mapping[str, Any],
    folder: Path | str | None = None,
    *,
    readouts: Mapping[str, np.ndarray] | None = None,
    budget: Budget | None = None,
    other: OpenAgent | None = None,
) -> Scene:
    """A scene of an agent that is open already.

    Args:
        readouts: arrays of readouts.npz, where they are at hand; else they are read from the folder.
        budget: of the run, where it is at hand; else the one that the report names.
    Raises: SpaceMismatch: the other agent sees or does something else.
    """
    if other is not None:
        _refuse_other_spaces(agent, other)
    place = None if folder is None else Path(folder)
    levels = (
        strategy_level(agent, report),
        grounded_level(agent, report, place, readouts),
        program_level(agent, report, place),
    )
    known = BUDGETS.get(str(report["run"]["budget"]), QUICK)
    return Scene(agent, report, place, levels, budget or known, other)


def agent_of_run(
    report: Mapping[str, Any],
    agent: str | None = None,
    *,
    env_id: str | None = None,
    vecnormalize: str | None = None,
    trust: bool = False,
    concepts: str | None = None,
) -> OpenAgent:
    """The agent that a report is about, found by the report's name or as the user says, and checked to be it.

    Args:
        agent: a shipped name, a folder with a card, or a zip; by default the name in the report.
        env_id: typed by the user; by default the report's environment, of an allow-listed module.
        concepts: the file of the user's own concepts, where the run was made with one.
    Raises:
        RunFolderMismatch: it is another agent, or the run needs a file of concepts that was not given, or another.
        UnknownAgent: there is no agent of this name, as of `open_agent`, whose other errors come through.
    """
    named, environment = str(report["agent"]["name"]), report["environment"]
    _refuse_other_concepts(environment.get("concepts_file"), concepts)
    if env_id is None:  # made once under the allow-list, since `open_agent` trusts what it is given as typed
        rollouts.make_environment(environment["id"], environment["kwargs"])
    try:
        found = open_agent(
            agent if agent is not None else named,
            env_id=env_id or environment["id"], env_kwargs=environment["kwargs"],
            vecnormalize=vecnormalize, trust=trust, concepts=concepts,
        )  # fmt: skip
    except UnknownAgent as problem:
        if agent is not None:
            raise
        raise RunFolderMismatch(
            f"the run is of {plain_text(named)}, which is no shipped agent: give its file with --agent FILE.zip."
        ) from problem
    wanted, has = str(report["agent"]["sha256"]), found.network.sha256
    if wanted != has:
        raise RunFolderMismatch(
            f"the run is of an agent with sha256 {plain_text(wanted)[:12]}..., {found.name} has {has[:12]}...: give "
            "the file that the run was made from with --agent FILE.zip, or inspect this one."
        )
    _refuse_other_file(found, environment.get("concepts_file"))
    return found


def _refuse_other_concepts(recorded: Mapping[str, Any] | None, given: str | None) -> None:
    if recorded and given is None:
        raise RunFolderMismatch(
            f"the run was made with concepts of the user's own ({plain_text(str(recorded.get('name')))}): "
            "give that file with --concepts FILE.toml."
        )


def _refuse_other_file(agent: OpenAgent, recorded: Mapping[str, Any] | None) -> None:
    own = agent.own_concepts
    if own is not None and (not recorded or recorded.get("sha256") != own.sha256):
        said = f"sha256 {plain_text(str(recorded.get('sha256')))[:12]}..." if recorded else "no such file"
        raise RunFolderMismatch(
            f"the run was made with {said}, --concepts gives sha256 {own.sha256[:12]}...: give the file of the run."
        )


def _refuse_other_spaces(agent: OpenAgent, other: OpenAgent) -> None:
    try:
        rollouts.check_spaces(other.network, agent.env)
    except AgentScopeError as problem:
        raise SpaceMismatch(f"{other.name} cannot be shown beside {agent.name}: {problem}") from problem
