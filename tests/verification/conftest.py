"""A corridor whose every figure can be counted by hand, and a network and texts that walk it."""

import gymnasium
import numpy as np
import pytest

from agentscope.contracts import Edits, Transition
from tests.toy_networks import ClosedNetwork

LEFT, RIGHT, STAY, WAIT, HOP = range(5)
GAMMA = 0.9


class Corridor:
    """Walk right to the end. `hop` walks right too and switches the lamp; `stay` and `wait` are the same.

    Level k has 5 + k cells. All that matters is the position: the lamp is for show.
    """

    id, kwargs = "Corridor-v0", {}
    action_names = ("left", "right", "stay", "wait", "hop")
    axes, concepts, action_concepts = {}, (), ()
    state_dtype = np.dtype([
        ("seed", np.int64), ("steps", np.int32), ("level", np.int64), ("position", np.int64), ("lamp", np.bool_),
    ])  # fmt: skip
    observation_space = gymnasium.spaces.Box(0, 99, (3,), np.float32)
    action_space = gymnasium.spaces.Discrete(5)

    def __init__(self, levels=(0, 1, 2, 3)):
        self.levels = np.array(levels)

    def reset(self, seeds):
        states = np.zeros(len(seeds), dtype=self.state_dtype)
        states["seed"] = seeds
        states["level"] = self.levels[seeds % len(self.levels)]
        states["position"] = seeds // 7 % 3
        states["lamp"] = seeds // 3 % 2
        return states

    def observe(self, states):
        return np.stack([states["level"] + 4 - states["position"], states["position"], states["lamp"]], 1).astype("f4")

    def step(self, states, actions):
        after = states.copy()
        forward = (actions == RIGHT) | (actions == HOP)
        after["position"] = np.maximum(states["position"] + forward - (actions == LEFT), 0)
        after["lamp"] ^= actions == HOP
        after["steps"] += 1
        done = after["position"] == states["level"] + 4
        return Transition(after, done.astype(float), done, (after["steps"] >= 20) & ~done)

    def equivalent_actions(self, states):
        equivalent = np.tile(np.array([LEFT, RIGHT, STAY, STAY, HOP], dtype=np.int16), (len(states), 1))
        equivalent[states["position"] == 0, STAY : WAIT + 1] = LEFT
        return equivalent

    def optimal_values(self, states):
        to_go = (states["level"] + 4 - states["position"])[:, None]
        back = np.minimum(states["position"], 1)[:, None]
        exponents = [to_go + back, to_go - 1, to_go, to_go, to_go - 1]
        return GAMMA ** np.concatenate(exponents, axis=1).astype(float)

    def enumerate(self):
        rows = [(0, 0, k, p, lamp) for k in self.levels for p in range(k + 4) for lamp in (0, 1)]
        return np.array(rows, dtype=self.state_dtype)

    def edits(self, states):
        count = len(states)
        parent = np.repeat(np.arange(count, dtype=np.int32), 2)
        edited = states[parent]
        edited["lamp"][::2] ^= True
        edited["position"][1::2] = (edited["position"][1::2] + 1) % (edited["level"][1::2] + 4)
        feature = np.tile(np.array([0, 1], dtype=np.int32), count)
        value = edited["position"].astype(np.int32)
        return Edits(parent, edited, feature, value, np.ones(2 * count, dtype=bool), ("lamp", "position"))

    def unseen_levels(self):
        return Corridor((4, 5))

    def episode_statistics(self, states):
        return {"cells": states["position"]}

    def render_text(self, state):
        row = np.atleast_1d(state)[0]
        return f"level {row['level']} cell {row['position']} lamp {int(row['lamp'])}"


class Walker(ClosedNetwork):
    """Right while the lamp is off, hop while it is on; the runner-up is 0.8 behind, in far states only 0.01."""

    observation_shape, actions = (3,), 5

    def scores(self, observations, legal=None):
        lamp = observations[:, 2] > 0
        scores = np.tile(np.array([-1.0, 0.0, -0.5, -0.5, 0.0]), (len(observations), 1))
        behind = np.where(observations[:, 0] > 5, 0.01, 0.8)
        scores[:, RIGHT] -= np.where(lamp, behind, 0.0)
        scores[:, HOP] -= np.where(lamp, 0.0, behind)
        return scores


class Text:
    """A policy from a function of the states."""

    def __init__(self, choose):
        self.choose = choose

    def actions(self, states):
        return np.asarray(self.choose(states))


@pytest.fixture
def corridor():
    return Corridor()


@pytest.fixture
def walker():
    return Walker()


@pytest.fixture
def text():
    """Texts by name; what each does is all that there is to know of it."""
    return {
        "copy": Text(lambda s: np.where(s["lamp"], HOP, RIGHT)),
        "blind": Text(lambda s: np.full(len(s), RIGHT)),  # ignores the lamp: always equally good
        "stuck": Text(lambda s: np.where(s["position"] == 2, WAIT, np.where(s["lamp"], HOP, RIGHT))),
        "function": Text,
    }
