"""A hand-made environment: three columns of blocks, a piece, a lamp; small enough to check by eye."""

from __future__ import annotations

from types import MappingProxyType

import gymnasium
import numpy as np
import pytest

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import Transition
from agentscope.language import bind_state

DTYPE = np.dtype(
    [("key", "<i8"), ("steps", "<i4"), ("heights", "<i8", (3,)), ("piece", "<i8"), ("lamp", "?"), ("drift", "<f8")]
)
ACTIONS = ("put_left", "put_middle", "put_right", "wait")
COLUMNS = ("west", "middle", "east")
PIECES = ("T", "O", "bar")


def heights(states):
    return states["heights"].copy()


def leaps(states):
    return states["drift"][:, None, None] * np.ones((3, 4)) + np.arange(4)


def lifted(states):
    """What each action makes of each column's height: (n, actions, columns)."""
    after = np.repeat(states["heights"][:, None], 4, axis=1)
    for action in range(3):
        after[:, action, action] += states["piece"] + 1
    return after


class LittleEnv:
    """Put a piece of size 1, 2 or 3 on a column; a column above 9 ends the episode; the next piece is chance."""

    id = "Little-v0"
    kwargs = MappingProxyType({"columns": 3})
    state_dtype = DTYPE
    observation_space = gymnasium.spaces.Box(-100, 100, (6,), np.float64)
    action_space = gymnasium.spaces.Discrete(4)
    action_names = ACTIONS
    axes = MappingProxyType({"columns": COLUMNS, "pieces": PIECES, "digits": ("0", "1", "2", "3")})
    concepts = (
        Concept(name="height", kind="count", measure=heights, axis=("columns",), high=20, doc="Blocks in a column."),
        Concept(name="lamp", kind="flag", measure=lambda s: s["lamp"], doc="Watched.", should_matter=False),
        Concept(name="piece", kind="choice", measure=lambda s: s["piece"], choices=PIECES, chance=True, doc="Next."),
        Concept(name="ground", kind="choice", measure=lambda s: s["piece"] * 0, choices=("flat", "T"), doc="Odd."),
        Concept(name="drift", kind="number", measure=lambda s: s["drift"], doc="A real number."),
        Concept(name="leap", kind="number", measure=leaps,
                axis=("columns", "digits"), doc="Two axes."),
    )  # fmt: skip
    action_concepts = (
        ActionConcept(name="total", kind="count", measure=lambda s: lifted(s).sum(axis=2), high=70, doc="After."),
        ActionConcept(name="lifted", kind="count", measure=lifted, axis=("columns",), high=30, doc="After, by column."),
    )

    def reset(self, seeds):
        states = np.zeros(len(seeds), DTYPE)
        states["key"] = seeds
        states["piece"] = seeds % 3
        return states

    def observe(self, states):
        parts = [states["heights"], states["piece"][:, None], states["lamp"][:, None], states["drift"][:, None]]
        return np.concatenate([np.asarray(part, np.float64) for part in parts], axis=1)

    def legal_actions(self, states):
        """A column above 9 takes no piece; waiting is always legal."""
        return np.concatenate([states["heights"] <= 9, np.ones((len(states), 1), dtype=bool)], axis=1)

    def step(self, states, actions):
        assert self.legal_actions(states)[np.arange(len(states)), actions].all(), "an illegal action was stepped"
        after = states.copy()
        rows = np.flatnonzero(np.asarray(actions) < 3)
        after["heights"][rows, actions[rows]] += states["piece"][rows] + 1
        after["steps"] += 1
        after["piece"] = (states["key"] + after["steps"]) % 3
        after["drift"] = states["drift"] / 2
        done = (after["heights"] > 9).all(axis=1)
        return Transition(after, np.ones(len(states)), done, np.zeros(len(states), dtype=bool))


def some_states(n, seed=0):
    """States with low, high and full columns (at least one column is full in many of them)."""
    rng = np.random.default_rng(seed)
    states = np.zeros(n, DTYPE)
    states["key"] = rng.integers(0, 1000, n)
    states["heights"] = rng.integers(0, 13, (n, 3))
    states["piece"] = rng.integers(0, 3, n)
    states["lamp"] = rng.random(n) < 0.5
    states["drift"] = np.where(rng.random(n) < 0.2, 0.0, rng.normal(size=n) * 3)
    return states


@pytest.fixture(scope="session")
def env():
    return LittleEnv()


@pytest.fixture(scope="session")
def binding(env):
    return bind_state(env)


@pytest.fixture(scope="session")
def vocabulary(binding):
    return binding.vocabulary


@pytest.fixture(scope="session")
def states():
    return some_states(400)
