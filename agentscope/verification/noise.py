"""The noise floor: how well a small neural student, and the same agent from another seed, agree with the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from agentscope.contracts import InspectableEnv, Network
from agentscope.measures import episode_interval, near_ties, same_class
from agentscope.records import Decisions, NoiseFloor, StateSet

CHUNK = 4_096


@runtime_checkable
class Scorer(Protocol):
    """Anything that scores the actions of a batch of observations."""

    def scores(self, observations: np.ndarray) -> Float[np.ndarray, "states actions"]:
        """One row a state."""
        ...


def noise_floor(
    env: InspectableEnv,
    exam: StateSet,
    decisions: Decisions,
    *,
    student: Scorer | None,
    student_facts: Mapping[str, Any] | None = None,
    other: Network | None = None,
    generator: np.random.Generator,
) -> NoiseFloor:
    """Agreement of two neural policies with the network on the exam's states.

    Args:
        decisions: the network's, on these states.
        student: imitates the network with a quarter of its parameters.
        student_facts: what is known of its training, copied into the record: parameters, plateau.
        other: the same agent, trained from another seed.
    """
    why = {}
    row: dict[str, Any] | None = None
    if student is None:
        why["student"] = "no student was trained"
    else:
        same = _same(student, env, exam, decisions)
        clear = ~near_ties(decisions.scores, decisions.equivalent, decisions.legal).mask
        interval = episode_interval(same, exam.episode, generator=generator)
        row = {"parameters": None, "plateau": None, **(student_facts or {})}
        row |= {"agreement": interval.mean, "low": interval.low, "high": interval.high, "states": len(exam)}
        row["without_near_ties"] = float(same[clear].mean()) if clear.any() else None
    if other is None:
        why["other_seed"] = "there is no twin of this agent from another seed"
    other_seed = None if other is None else float(_same(other, env, exam, decisions).mean())
    return NoiseFloor(row, other_seed, why)


def _same(scorer: Scorer | Network, env: InspectableEnv, exam: StateSet, decisions: Decisions) -> np.ndarray:
    actions = np.empty(len(exam), dtype=np.int64)
    for start in range(0, len(exam), CHUNK):
        part = slice(start, start + CHUNK)
        scores = scorer.scores(env.observe(exam.states[part]))
        actions[part] = np.where(decisions.legal[part], scores, -np.inf).argmax(axis=1)
    return same_class(decisions.actions, actions, decisions.equivalent)
