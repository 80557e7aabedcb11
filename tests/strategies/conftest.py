"""Two toy environments whose teachers are texts, so that the right answer is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import Transition
from agentscope.language import TextPolicy, bind_state, parse, vocabulary_of
from agentscope.records import Decisions

STACKS = 5


class Stacks:
    """Put a load of 1 to 3 on one of five stacks; action 5 is another name for action 0; over at height 12."""

    id = "Toy/Stacks-v0"
    kwargs: dict[str, Any] = {}  # noqa: RUF012
    state_dtype = np.dtype([("heights", np.int64, STACKS), ("load", np.int64), ("key", np.int64), ("draw", np.int64)])
    action_names = ("a0", "a1", "a2", "a3", "a4", "again")
    axes = {"stacks": tuple(str(place) for place in range(STACKS))}  # noqa: RUF012
    observation_space = gymnasium.spaces.Box(0, 100, (STACKS + 1,), np.int64)
    action_space = gymnasium.spaces.Discrete(STACKS + 1)

    def __init__(self) -> None:
        self.concepts = (
            Concept(name="height", kind="count", axis=("stacks",), low=0, high=99, unit="boxes",
                    measure=lambda s: s["heights"], doc="height of each stack"),
            Concept(name="load", kind="count", low=0, high=9, chance=True, measure=lambda s: s["load"], doc="load"),
            Concept(name="tallest", kind="count", low=0, high=99, doc="height of the tallest stack",
                    measure=lambda s: s["heights"].max(axis=1)),
            Concept(name="roughness", kind="count", low=0, high=999, doc="sum of the steps between neighbours",
                    measure=lambda s: np.abs(np.diff(s["heights"], axis=1)).sum(axis=1)),
            Concept(name="odd", kind="flag", measure=lambda s: s["heights"].sum(axis=1) % 2 == 1, doc="odd total"),
            Concept(name="highest_side", kind="choice", choices=("west", "middle", "east"), doc="where the top is",
                    measure=lambda s: np.array([0, 0, 1, 2, 2])[s["heights"].argmax(axis=1)]),
            Concept(name="place", kind="count", low=0, high=9, absolute=True, measure=lambda s: s["key"] % 7,
                    doc="a coordinate"),
        )  # fmt: skip
        self.action_concepts = (
            ActionConcept(name="lands", kind="count", low=0, high=99, doc="height on which the load lands",
                          measure=lambda s: s["heights"][:, [0, 1, 2, 3, 4, 0]]),
        )  # fmt: skip

    def reset(self, seeds: np.ndarray) -> np.ndarray:
        states = np.zeros(len(seeds), dtype=self.state_dtype)
        for row, seed in enumerate(seeds):
            states["heights"][row] = np.random.default_rng(int(seed)).integers(0, 9, STACKS)
        states["key"] = seeds
        states["load"] = 1 + np.asarray(seeds) % 3
        return states

    def observe(self, states: np.ndarray) -> np.ndarray:
        return np.concatenate([states["heights"], states["load"][:, None]], axis=1)

    def step(self, states: np.ndarray, actions: np.ndarray) -> Transition:
        after = states.copy()
        after["heights"][np.arange(len(states)), np.asarray(actions) % STACKS] += states["load"]
        after["draw"] += 1
        after["load"] = 1 + (after["key"] * 7 + after["draw"] * 5) % 3
        over = after["heights"].max(axis=1) >= 12
        return Transition(after, np.ones(len(states)), over, np.zeros(len(states), dtype=bool))

    def equivalent_actions(self, states: np.ndarray) -> np.ndarray:
        return np.tile(np.array([0, 1, 2, 3, 4, 0], dtype=np.int16), (len(states), 1))

    def optimal_values(self, states: np.ndarray) -> np.ndarray:
        """The lowest stacks are the good ones."""
        return -states["heights"][:, [0, 1, 2, 3, 4, 0]].astype(np.float64)


class Points:
    """A point of four numbers and two actions."""

    id = "Toy/Points-v0"
    kwargs: dict[str, Any] = {}  # noqa: RUF012
    state_dtype = np.dtype([("x", np.float64, 4), ("step", np.int64)])
    action_names = ("left", "right")
    axes = {"component": ("here", "speed", "tilt", "spin")}  # noqa: RUF012
    observation_space = gymnasium.spaces.Box(-9, 9, (4,), np.float64)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self) -> None:
        self.concepts = (
            Concept(name="obs", kind="number", axis=("component",), measure=lambda s: s["x"], doc="the observation"),
        )

    def reset(self, seeds: np.ndarray) -> np.ndarray:
        states = np.zeros(len(seeds), dtype=self.state_dtype)
        for row, seed in enumerate(seeds):
            states["x"][row] = np.random.default_rng(int(seed)).normal(size=4) * (1, 2, 0.1, 0.5)
        return states

    def observe(self, states: np.ndarray) -> np.ndarray:
        return states["x"]

    def step(self, states: np.ndarray, actions: np.ndarray) -> Transition:
        after = states.copy()
        after["x"] = states["x"] * 0.9 + np.where(np.asarray(actions)[:, None] == 1, 0.1, -0.1)
        after["step"] += 1
        over = after["step"] >= 5
        return Transition(after, np.ones(len(states)), over, np.zeros(len(states), dtype=bool))


@pytest.fixture
def stacks() -> Stacks:
    return Stacks()


@pytest.fixture
def points() -> Points:
    return Points()


@pytest.fixture
def taught_by() -> Callable[[Any, str], Callable[[np.ndarray], Decisions]]:
    """A network that is a text: its action scores 1, every other action 0."""

    def make(env: Any, text: str) -> Callable[[np.ndarray], Decisions]:
        policy = TextPolicy(parse(text, vocabulary_of(env)), bind_state(env))

        def decide(states: np.ndarray) -> Decisions:
            actions = policy.actions(states)
            count = len(env.action_names)
            equivalent = (
                env.equivalent_actions(states)
                if hasattr(env, "equivalent_actions")
                else np.tile(np.arange(count), (len(states), 1))
            )
            legal = np.ones((len(states), count), dtype=bool)
            return Decisions(np.eye(count)[actions], actions, equivalent.astype(np.int64), legal)

        return decide

    return make
