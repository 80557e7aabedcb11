"""Paths through an environment: recorded actions replayed by stepping alone, or a policy played from a first state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from agentscope.contracts import InspectableEnv, States, equivalent_actions_of, legal_actions_of
from agentscope.errors import RefusedFile, TextError
from agentscope.measures import same_class


@dataclass(frozen=True, eq=False)
class Trail:
    """One episode: the states that were met, what was done in each, and how it ended.

    Attributes:
        states, actions, rewards: one a step; final: the state after the last.
        end: "over" by the rules, "time" by the environment's clock, "cut" where it was not followed further.
        why: what stopped it early, where something did.
    """

    states: States
    actions: Int64[np.ndarray, "steps"]
    rewards: Float64[np.ndarray, "steps"]
    final: States
    end: str
    why: str = ""

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def total(self) -> float:
        """Undiscounted return."""
        return float(self.rewards.sum())

    @property
    def before(self) -> Float64[np.ndarray, "steps"]:
        """Return before each step."""
        return np.concatenate([[0.0], np.cumsum(self.rewards)[:-1]]) if len(self) else np.zeros(0)

    def first(self, most: int) -> Trail:
        """The trail as far as its first steps."""
        if len(self) <= most:
            return self
        return Trail(self.states[:most], self.actions[:most], self.rewards[:most], self.states[most : most + 1], "cut")


def replay(env: InspectableEnv, first: States, actions: Sequence[int]) -> Trail:
    """Step through recorded actions.

    Raises: RefusedFile: an action is illegal where it is recorded: the record is of another version, or damaged.
    """

    def recorded(states: States, step: int) -> int:
        action = int(actions[step])
        if not legal_actions_of(env, states)[0, action]:
            raise RefusedFile(f"step {step} is recorded with an action that is illegal there: make the run again.")
        return action

    return _followed(env, first, recorded, len(actions))


def play_trail(env: InspectableEnv, first: States, choose: Callable[[States], np.ndarray], *, most: int) -> Trail:
    """Play a policy from a first state, for `most` steps at most; a text that breaks off there ends the trail."""
    broken: list[str] = []

    def chosen(states: States, step: int) -> int | None:
        try:
            return int(choose(states)[0])
        except TextError as problem:
            broken.append(str(problem))
            return None

    found = _followed(env, first, chosen, most)
    return Trail(found.states, found.actions, found.rewards, found.final, found.end, broken[0] if broken else "")


def _followed(env: InspectableEnv, first: States, choose: Callable[[States, int], int | None], most: int) -> Trail:
    states, met, actions, rewards, end = first, list[States](), list[int](), list[float](), "cut"
    for step in range(most):
        action = choose(states, step)
        if action is None:
            break
        given = env.step(states, np.array([action], dtype=np.int64))
        met.append(states)
        actions.append(action)
        rewards.append(float(given.rewards[0]))
        states = given.states
        if given.terminated[0] or given.truncated[0]:
            end = "over" if given.terminated[0] else "time"
            break
    visited = np.concatenate(met) if met else first[:0]
    return Trail(visited, np.array(actions, dtype=np.int64), np.array(rewards, dtype=np.float64), states, end)


def first_divergence(env: InspectableEnv, one: Trail, other: Trail) -> int | None:
    """The first step in which two trails from the same first state choose actions that are not equivalent.

    None where they never part as far as both were followed. After equivalent actions the states are the same.
    """
    steps = min(len(one), len(other))
    if not steps:
        return None
    equivalent = equivalent_actions_of(env, one.states[:steps])
    parted = np.flatnonzero(~same_class(one.actions[:steps], other.actions[:steps], equivalent))
    return int(parted[0]) if len(parted) else None
