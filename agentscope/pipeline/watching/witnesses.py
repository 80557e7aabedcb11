"""Findings' witnesses as episodes: their states made from the report's fields, their recorded actions replayed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentscope.errors import AgentScopeError, RefusedFile
from agentscope.pipeline.watching.scene import Scene
from agentscope.pipeline.watching.trails import Trail, replay
from agentscope.pipeline.witnessing import PAIRS, SIDES, STEPS, state_of, strange_state
from agentscope.reports import plain_text

MOST_FINDINGS = 100


def witness_trails(scene: Scene) -> tuple[dict[str, Trail], dict[str, str]]:
    """Every witness of the report as `finding-2.1-shown` and `finding-2.1-plain`, and why some are left out.

    A stranger's report may hold anything: what is no state of the environment, or no action of the agent, is left out.
    """
    found: dict[str, Trail] = {}
    why: dict[str, str] = {}
    for number, finding in enumerate((scene.report["findings"] or [])[:MOST_FINDINGS], 1):
        for place, witness in enumerate((finding.get("witnesses") or [])[:PAIRS], 1):
            for side in SIDES if isinstance(witness, Mapping) else ():
                if witness.get(side) is None:
                    continue
                key = f"finding-{number}.{place}-{side}"
                try:
                    found[key] = _replayed(scene, witness[side])
                except AgentScopeError as problem:
                    why[key] = plain_text(str(problem))
    return found, why


def _replayed(scene: Scene, side: Any) -> Trail:
    env = scene.agent.env
    if not isinstance(side, Mapping):
        raise RefusedFile("a side of this witness is no object of fields and actions.")
    actions = _actions(side.get("actions"), scene.agent.network.actions)
    first = state_of(side.get("fields"), env)
    try:
        strange = strange_state(env, first)  # before a step: compiled rules may trust what a state holds
        if strange:
            raise RefusedFile(f"the state of this witness is none of {env.id}: {strange}.")
        return replay(env, first, actions)
    except (IndexError, ValueError, KeyError, OverflowError, ArithmeticError) as problem:
        told = plain_text(str(problem))[:120]
        raise RefusedFile(f"the state of this witness is none that {env.id} can play on from ({told}).") from problem


def _actions(recorded: Any, count: int) -> Sequence[int]:
    """Recorded actions, each one of the agent's."""
    if not isinstance(recorded, list) or len(recorded) > STEPS:
        raise RefusedFile(f"the actions of this witness are no list of at most {STEPS} numbers.")
    if any(type(action) is not int or not 0 <= action < count for action in recorded):
        raise RefusedFile(f"an action of this witness is none of the agent's: it has 0 to {count - 1}.")
    return recorded
