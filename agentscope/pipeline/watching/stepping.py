"""Steps of a trail as documents: the picture, what the network thinks, and what each text says of the same state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agentscope import language
from agentscope.contracts import States
from agentscope.errors import TextError
from agentscope.measures import regrets, same_class, spreads
from agentscope.measures.agreement import NEAR
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.watching.filming import film
from agentscope.pipeline.watching.levels import Key, Level
from agentscope.pipeline.watching.recording import gaps
from agentscope.pipeline.watching.trails import Trail
from agentscope.pipeline.watching.values import lines_through, plain, plain_row, value_rows
from agentscope.records import Decisions

TRACED: tuple[Key, ...] = ("strategy", "grounded")  # a program's functions are no primitives: nothing to trace
ACTOR_CRITICS = ("PPO", "A2C", "MaskablePPO")


@dataclass(frozen=True)
class Eye:
    """Who looks at a trail's states, and on which scale.

    Attributes:
        agent: whose scores are shown: the run's, or on the track of another agent that one.
        levels: texts that are asked too.
        unit: of gaps and regrets: as of the run's recording.
    """

    agent: OpenAgent
    levels: tuple[Level, ...]
    unit: float


def step_documents(eye: Eye, trail: Trail, start: int, stop: int) -> list[dict[str, Any]]:
    """Steps start to stop of a trail, computed in one batch.

    A level whose text breaks off in one of these states is left out of all of them.
    """
    rows = range(start, stop)
    if not rows:
        return []
    states = trail.states[start:stop]
    made = eye.agent.decide(states)
    parts = {level.key: found for level in eye.levels if (found := level_steps(eye, level, states, made)) is not None}
    pictures = film(eye.agent, _whole(trail), rows)
    value, of = state_values(eye.agent, states, made)
    gap = gaps(made, eye.unit)
    before, names = trail.before, eye.agent.env.action_names
    documents = []
    for at, step in enumerate(rows):
        action, taken = int(made.actions[at]), int(trail.actions[step])
        documents.append({
            "step": step, "picture": pictures[at], "alt": _told(step, names, action, parts, at), "action": action,
            "taken": taken, "reward": plain(trail.rewards[step]), "return": plain(before[step]),
            "value": None if value is None else plain(value[at]), "value_of": of,
            "scores": plain_row(made.scores[at]), "same_as": _classes(made, at), "gap": plain(gap[at]),
            "near_tie": bool(gap[at] < NEAR), "levels": {key: found[at] for key, found in parts.items()},
        })  # fmt: skip
    return documents


def final_document(eye: Eye, trail: Trail) -> dict[str, Any]:
    """The state after a trail's last step."""
    picture = film(eye.agent, _whole(trail), [len(trail)])[0]
    said = {"over": "the episode is over", "time": "the environment's time is up", "cut": "not followed further"}
    told = f"after {len(trail)} steps: {said[trail.end]}, return {trail.total:.4g}"
    return {"picture": picture, "alt": told, "return": plain(trail.total), "end": trail.end}


def level_steps(eye: Eye, level: Level, states: States, made: Decisions) -> list[dict[str, Any]] | None:
    """What one text says of each state, beside the network; None where the level is missing."""
    try:
        found = level.evaluate(states, trace=level.key in TRACED)
        ranked = None if found is None else _ranked(level, states)
    except TextError:
        return None
    if found is None:
        return None
    bound = level.bound
    assert bound is not None
    same = same_class(made.actions, found.actions, made.equivalent)
    lost = regrets(made.scores, found.actions, made.equivalent, made.legal) * spreads(made.scores, made.legal).mean()
    regret = lost / eye.unit if eye.unit > 0 else np.zeros(len(lost))
    vocabulary = bound.program.vocabulary
    return [
        {
            "action": int(found.actions[at]), "same": bool(same[at]), "regret": plain(regret[at]),
            "line": int(found.lines[at]), "through": lines_through(found, at),
            "values": value_rows(found, at, vocabulary, int(made.actions[at])),
            "scores": None if ranked is None else plain_row(ranked[at]),
        }
        for at in range(len(states))
    ]  # fmt: skip


def _ranked(level: Level, states: States) -> np.ndarray | None:
    """The text's own score of each action, where it ranks all."""
    bound = level.bound
    if bound is None or level.key not in TRACED:
        return None
    return language.rank_actions(bound.program, bound.binding, states)


def state_values(agent: OpenAgent, states: States, made: Decisions) -> tuple[np.ndarray | None, str | None]:
    """What the agent expects of each state, and whose word that is: its best score, or its critic."""
    if agent.network.algorithm not in ACTOR_CRITICS:
        return made.scores.max(axis=1), "highest score"
    critic = getattr(agent.network, "value", None)
    found = critic(agent.env.observe(states)) if critic is not None else None
    return (None, None) if found is None else (found, "critic")


def _classes(made: Decisions, at: int) -> list[int] | None:
    classes = made.equivalent[at].tolist()
    return None if classes == list(range(len(classes))) else classes


def _told(step: int, names: Sequence[str], action: int, parts: dict[Any, list[dict[str, Any]]], at: int) -> str:
    """One line for who cannot see the picture."""
    told = f"step {step}: the network chooses {names[action]}"
    said = parts.get("strategy")
    if said is None:
        return told
    return f"{told}, the text {'the same' if said[at]['same'] else names[said[at]['action']]}"


def _whole(trail: Trail) -> States:
    return np.concatenate([trail.states, trail.final])
