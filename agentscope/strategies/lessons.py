"""Lessons: the states a text is fitted on, what the network does there, and what is asked of the text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from agentscope.contracts import InspectableEnv, States
from agentscope.errors import EmptySample
from agentscope.measures import near_ties
from agentscope.records import Decisions

Decide = Callable[[States], Decisions]
"""What the network thinks of a batch of states."""

TIE = 1e-6  # optimal values closer than this are tied (design section 3)
COSTLY = 0.5  # price of a costly move where the network moves optimally, on top of 1 for moving otherwise
NEAR_TIE = 0.25  # weight of a near-tie: it weighs, since it is counted, but less than a clear decision


@dataclass(frozen=True)
class Lessons:
    """States with the network's decisions in them, episode by episode.

    Attributes:
        episode: seed of the episode (or level) of each state; splits go by it.
        optimal: optimal action values where the environment knows them, else None.
        wanted: actions that count as right, where the teacher is not the network itself.
    """

    states: States
    episode: Int[np.ndarray, "states"]
    decisions: Decisions
    optimal: Float[np.ndarray, "states actions"] | None = None
    wanted: Bool[np.ndarray, "states actions"] | None = None

    def __len__(self) -> int:
        return len(self.states)

    @property
    def same(self) -> Bool[np.ndarray, "states actions"]:
        """Legal actions that count as right: those equivalent to the network's own, unless others are wanted."""
        if self.wanted is not None:
            return self.wanted
        decisions = self.decisions
        rows = np.arange(len(self))
        own = decisions.equivalent[rows, decisions.actions]
        return np.asarray((decisions.equivalent == own[:, None]) & decisions.legal)

    @property
    def representative(self) -> Bool[np.ndarray, "states actions"]:
        """One legal action of each class of equivalent actions: the smallest legal one."""
        equivalent, legal = self.decisions.equivalent, self.decisions.legal
        first = np.zeros_like(legal)
        seen = np.zeros_like(legal)
        rows = np.arange(len(self))
        for action in range(legal.shape[1]):
            kind = equivalent[:, action]
            first[:, action] = legal[:, action] & ~seen[rows, kind]
            seen[rows, kind] |= legal[:, action]
        return first

    @property
    def near_ties(self) -> Bool[np.ndarray, "states"]:
        """States in which the network hardly prefers its move to the next that differs in effect."""
        decisions = self.decisions
        return near_ties(decisions.scores, decisions.equivalent, decisions.legal).mask

    @property
    def best(self) -> Bool[np.ndarray, "states actions"] | None:
        """Legal actions whose optimal value is the highest, ties within 1e-6."""
        if self.optimal is None:
            return None
        values = np.where(self.decisions.legal, self.optimal, -np.inf)
        return np.asarray(values >= values.max(axis=1, keepdims=True) - TIE)


def lessons_from(decide: Decide, env: InspectableEnv, states: States, episode: np.ndarray) -> Lessons:
    """Ask the network about each state, and the environment for optimal values where it has them.

    Raises: EmptySample: there are no states to learn from.
    """
    if len(states) == 0:
        raise EmptySample("There are no states to fit a strategy on: found 0. Give the lessons at least one episode.")
    values = env.optimal_values(states) if getattr(env, "optimal_values", None) is not None else None  # type: ignore[attr-defined]
    return Lessons(states, np.asarray(episode, dtype=np.int64), decide(states), values)


def take(lessons: Lessons, rows: np.ndarray) -> Lessons:
    """The lessons of these rows (indices or a mask)."""
    decisions = lessons.decisions
    chosen = Decisions(
        scores=decisions.scores[rows],
        actions=decisions.actions[rows],
        equivalent=decisions.equivalent[rows],
        legal=decisions.legal[rows],
    )
    optimal = None if lessons.optimal is None else lessons.optimal[rows]
    wanted = None if lessons.wanted is None else lessons.wanted[rows]
    return Lessons(lessons.states[rows], lessons.episode[rows], chosen, optimal, wanted)


def join(first: Lessons, second: Lessons) -> Lessons:
    """All rows of both."""
    names = ("scores", "actions", "equivalent", "legal")
    parts = [_both(getattr(first.decisions, name), getattr(second.decisions, name)) for name in names]
    return Lessons(
        np.concatenate([first.states, second.states]),
        np.concatenate([first.episode, second.episode]),
        Decisions(*parts),
        _both(first.optimal, second.optimal),
        _both(first.wanted, second.wanted),
    )


def _both(first: Any, second: Any) -> Any:
    return None if first is None or second is None else np.concatenate([first, second])


def split(lessons: Lessons, share: float, generator: np.random.Generator) -> tuple[Lessons, Lessons]:
    """Training and validation lessons, split by episode; with one episode both are the whole."""
    episodes = np.unique(lessons.episode)
    if len(episodes) < 2:
        return lessons, lessons
    held = generator.permutation(episodes)[: max(1, round(share * len(episodes)))]
    out = np.isin(lessons.episode, held)
    return take(lessons, ~out), take(lessons, out)


def cost_of_actions(lessons: Lessons) -> Float[np.ndarray, "states actions"]:
    """Cost of each action for a text that is to do what its teacher does.

    1 for an action that is not equivalent to the network's (0.25 in a near-tie), and 0.5 more for one that loses
    value where the network does not. Where another teacher is followed: 1 for each action that is not wanted.
    """
    same, best = lessons.same, lessons.best
    if lessons.wanted is not None:
        return np.asarray(np.where(same, 0.0, 1.0))
    cost = np.where(same, 0.0, np.where(lessons.near_ties, NEAR_TIE, 1.0)[:, None])
    if best is not None:
        good = (same & best).any(axis=1)[:, None]
        cost = cost + COSTLY * (good & ~best & ~same)
    return np.asarray(cost)


def taught_by_optimal(lessons: Lessons) -> Lessons:
    """The same states with the optimal values as their teacher: any optimal action is right.

    Raises: EmptySample: the environment knows no optimal values.
    """
    if lessons.best is None:
        raise EmptySample("The environment gives no optimal values, so no text can be fitted to them.")
    return replace(lessons, wanted=lessons.best)
