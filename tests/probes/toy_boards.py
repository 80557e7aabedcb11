"""A board whose cells are free bits but for some that must stay empty, and networks whose units are known."""

from dataclasses import dataclass
from typing import ClassVar

import gymnasium
import numpy as np

from agentscope.contracts import Edits, Layer, Transition
from agentscope.records import StateSet
from tests.toy_networks import ClosedNetwork


@dataclass(frozen=True)
class ToyBoard:
    """States are boards of bits; observations show them, with a second plane of their complement where asked."""

    rows: int = 3
    columns: int = 3
    forbidden: tuple[tuple[int, int], ...] = ()
    planes: str = ""  # "first" or "last": where the axis of planes lies
    id: ClassVar[str] = "Toy-v0"
    kwargs: ClassVar[dict] = {}
    action_space: ClassVar = gymnasium.spaces.Discrete(2)
    action_names: ClassVar = ("no", "yes")

    @property
    def observation_space(self):
        shape = self.observe(self.states(np.zeros((1, self.rows, self.columns)))).shape[1:]
        return gymnasium.spaces.Box(0, 1, shape, np.uint8)

    @property
    def axes(self):
        return {"columns": tuple(f"c{i}" for i in range(self.columns))}

    @property
    def state_dtype(self):
        return np.dtype([("board", np.uint8, (self.rows, self.columns))])

    def states(self, boards):
        found = np.zeros(len(boards), dtype=self.state_dtype)
        found["board"] = boards
        return found

    def observe(self, states):
        board = states["board"]
        if not self.planes:
            return board.copy()
        return np.stack([board, 1 - board], axis=1 if self.planes == "first" else 3)

    def reset(self, seeds):
        return self.states(np.zeros((len(seeds), self.rows, self.columns)))

    def step(self, states, actions):
        over = np.ones(len(states), dtype=bool)
        return Transition(states.copy(), np.zeros(len(states)), over, ~over)

    def edits(self, states):
        cells = self.rows * self.columns
        parent = np.repeat(np.arange(len(states), dtype=np.int32), cells)
        feature = np.tile(np.arange(cells, dtype=np.int32), len(states))
        edited = states[parent]
        flat = edited["board"].reshape(len(edited), cells)
        flat[np.arange(len(edited)), feature] ^= 1
        edited["board"] = flat.reshape(-1, self.rows, self.columns)
        legal = np.ones(len(edited), dtype=bool)
        for row, column in self.forbidden:
            legal &= edited["board"][:, row, column] == 0
        names = tuple(f"cell_{row}_{column}" for row in range(self.rows) for column in range(self.columns))
        return Edits(parent, edited, feature, flat[np.arange(len(edited)), feature].astype(np.int32), legal, names)


class ToyNetwork(ClosedNetwork):
    """One layer, `hidden`: what `unit` makes of the observations."""

    actions = 2

    def __init__(self, unit, observation_shape, axis=()):
        self.unit, self.observation_shape = unit, observation_shape
        shape = unit(np.zeros((1, *observation_shape), dtype=np.uint8)).shape[1:]
        self.layers = (Layer("hidden", shape, axis or ("",) * len(shape)),)

    def activations(self, observations, layer):
        return self.unit(observations).astype(np.float32)


def and_of(*cells):
    """A ReLU unit that is 1 where all these cells are filled, else 0."""

    def unit(observations):
        return np.maximum(sum(observations[:, r, c].astype(int) for r, c in cells) - (len(cells) - 1), 0)[:, None]

    return unit


def random_boards(env, count, seed=0, episodes=20):
    """Boards of fair bits as a state set, its episodes in turn."""
    boards = np.random.default_rng(seed).integers(2, size=(count, env.rows, env.columns))
    for row, column in env.forbidden:
        boards[:, row, column] = 0
    index = np.arange(count)
    return StateSet("network", env.states(boards), index % episodes, index // episodes)
