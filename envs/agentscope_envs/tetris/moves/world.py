"""`AgentScope/TetrisMoves-v0`: Tetris by primitive moves as an inspectable environment over the compiled kernels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from jaxtyping import Float64, Int, Int16, UInt8

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import Edits, Scalar, States, Transition
from agentscope.errors import BadOption
from agentscope_envs.tetris.moves import kernels
from agentscope_envs.tetris.moves.concepts import MOVES, action_concepts, every_move, state_concepts
from agentscope_envs.tetris.moves.editing import edit_states
from agentscope_envs.tetris.pieces import MASKS, PIECES
from agentscope_envs.tetris.rendering import draw_cells
from agentscope_envs.tetris.rewards import choose_rewards

_IDENTITY = ("piece", "rotation", "top", "column", "over")


class TetrisMoves:
    """Tetris in which an action is one move of the falling piece, which then falls by one row.

    `left`, `right` and `rotate` (clockwise, about the upper left corner of its box, pushed back from the right wall)
    do nothing where they are blocked; `down` only falls; `drop` falls as far as it can. A piece that cannot fall
    rests at once; the next one appears at the top in a random rotation and column, and where it does not fit the
    game is over. The observation shows the board, and the falling piece where it is on a second plane.

    Args:
        height, width: of the board in cells.
        reward: "shaped" (adds the change of a potential made of height, holes and bumpiness when a piece rests) or
            "lines" (lines and survival only, so that no board concept is put into the agent by hand).
        max_pieces: the game is truncated after so many pieces.
    Raises: BadOption.
    """

    id = "AgentScope/TetrisMoves-v0"
    gamma = 0.97
    action_names: tuple[str, ...] = MOVES

    def __init__(self, height: int = 12, width: int = 6, reward: str = "shaped", max_pieces: int = 200) -> None:
        if not (4 <= width <= 15 and 4 <= height <= 40):
            raise BadOption(f"a board of {height} x {width} cells: height 4 to 40 and width 4 to 15 are supported")
        if max_pieces < 1:
            raise BadOption(f"max_pieces={max_pieces}: at least 1 is needed")
        self.height, self.width, self.max_pieces = height, width, max_pieces
        self.rewards = choose_rewards(reward)
        self.kwargs: Mapping[str, Scalar] = {
            "height": height, "width": width, "reward": reward, "max_pieces": max_pieces,
        }  # fmt: skip
        self.state_dtype: np.dtype[Any] = np.dtype([
            ("seed", np.uint64), ("draw", np.int32), ("placed", np.int32), ("lines", np.int32),
            ("rows", np.uint16, (height,)), ("piece", np.uint8), ("rotation", np.uint8), ("top", np.uint8),
            ("column", np.uint8), ("over", np.bool_),
        ])  # fmt: skip
        self.observation_space: gymnasium.Space[Any] = gymnasium.spaces.Box(0, 1, (2, height, width), np.uint8)
        self.action_space = gymnasium.spaces.Discrete(len(MOVES))
        self.axes: Mapping[str, tuple[str, ...]] = {
            "columns": tuple(f"column{column}" for column in range(width)),
            "rows": tuple(f"row{row}" for row in range(height)),
            "pieces": PIECES,
        }
        self.concepts: tuple[Concept, ...] = state_concepts(height, width)
        self.action_concepts: tuple[ActionConcept, ...] = action_concepts(height, width)
        self.reward_concepts = self.rewards.concepts

    def reset(self, seeds: Int[np.ndarray, "states"]) -> States:
        """Empty boards with the first piece of each seed at the top."""
        states = np.zeros(len(seeds), dtype=self.state_dtype)
        states["seed"] = np.asarray(seeds).astype(np.uint64)
        kernels.spawn_batch(states, self.width)
        return states

    def observe(self, states: States) -> UInt8[np.ndarray, "states 2 rows columns"]:
        """Plane 0: the board; plane 1: the falling piece where it is."""
        observations = np.empty((len(states), 2, self.height, self.width), dtype=np.uint8)
        kernels.observe_batch(states, self.width, observations)
        return observations

    def states_from(self, observations: UInt8[np.ndarray, "states 2 rows columns"]) -> States:
        """States that look like these observations; seeds and counters, which no observation shows, are 0."""
        states = np.zeros(len(observations), dtype=self.state_dtype)
        bits = np.uint16(1) << np.arange(self.width, dtype=np.uint16)
        masks = (np.asarray(observations) > 0) @ bits.astype(np.int64)
        states["rows"] = masks[:, 0]
        top = (masks[:, 1] > 0).argmax(axis=1)
        column = (masks[:, 1, :, None] & bits > 0).any(axis=1).argmax(axis=1)
        below = np.pad(masks[:, 1], ((0, 0), (0, 4)))
        shapes = np.take_along_axis(below, top[:, None] + np.arange(4), axis=1) >> column[:, None]
        pose = (shapes[:, None, :] == MASKS.reshape(28, 4)).all(axis=2).argmax(axis=1)
        states["piece"], states["rotation"] = np.divmod(pose, 4)
        states["top"], states["column"] = top, column
        states["over"] = (masks[:, 0] & masks[:, 1]).any(axis=1)
        return states

    def step(self, states: States, actions: Int[np.ndarray, "states"]) -> Transition:
        """One move and one row down; a state that is over stays as it is, with reward 0."""
        after = states.copy()
        outcomes = np.empty((len(states), 6), dtype=np.int64)
        kernels.step_batch(states, np.asarray(actions, dtype=np.int64), self.width, after, outcomes)
        terminated = outcomes[:, kernels.DIED] > 0
        outcomes[states["over"], kernels.DIED] = 0  # paid for when it ended
        rewards = self.rewards.total(outcomes[:, :5], outcomes[:, kernels.PLACED])
        return Transition(after, rewards, terminated, (after["placed"] >= self.max_pieces) & ~terminated)

    def with_chance_of(self, successors: States, states: States) -> States:
        """The successors as if no other piece had been drawn: where one came to rest, the same appears at the top.

        It keeps its rotation and column. Whether the game is over stays as it is.
        """
        kept = successors.copy()
        drawn = np.flatnonzero(successors["draw"] != states["draw"])
        for name in ("draw", "piece", "rotation", "column"):
            kept[name][drawn] = states[name][drawn]
        kept["top"][drawn] = 0
        return kept

    def equivalent_actions(self, states: States) -> Int16[np.ndarray, "states actions"]:
        """The smallest action that leaves the same board and piece, e.g. `left` for `right` in a shaft."""
        after, outcomes = every_move(states, self.width)
        successors = self.identity(after.ravel()).reshape(len(states), len(MOVES), -1)
        keys = np.concatenate([successors, outcomes], axis=2)
        same = (keys[:, :, None] == keys[:, None]).all(axis=3)
        return same.argmax(axis=2).astype(np.int16)

    def edits(self, states: States) -> Edits:
        """Every cell flipped, every other piece, rotation, row and column that lies on the board."""
        return edit_states(states, self.width)

    def hidden_performance(
        self, states: States, actions: Int[np.ndarray, "states"], transition: Transition
    ) -> Float64[np.ndarray, "states"]:
        """Lines cleared by the step: what Tetris is about, whatever the reward adds."""
        return np.asarray(transition.states["lines"] - states["lines"], dtype=np.float64)

    def identity(self, states: States) -> Int16[np.ndarray, "states fields"]:
        """What makes two states the same: board, falling piece and where it is; not the seed or the counters."""
        fields = [states[name].astype(np.int16)[:, None] for name in _IDENTITY]
        return np.concatenate([np.ascontiguousarray(states["rows"]).view(np.int16), *fields], axis=1)

    def episode_statistics(self, states: States) -> dict[str, np.ndarray]:
        """Lines cleared and pieces placed so far."""
        return {"lines": states["lines"].astype(np.int64), "pieces": states["placed"].astype(np.int64)}

    def render_text(self, state: np.void | States) -> str:
        """The board as lines of `#` and `.`, the falling piece as `o`."""
        board, piece = self.observe(np.atleast_1d(state))[0]
        drawn = ["".join(".#o"[cell] for cell in row) for row in np.where(piece, 2, board)]
        return "\n".join([f"piece {PIECES[int(np.atleast_1d(state)['piece'][0])]}", *drawn])

    def render_rgb(self, state: np.void | States) -> UInt8[np.ndarray, "height width 3"]:
        """The board with the falling piece, 16 pixels a cell."""
        board, piece = self.observe(np.atleast_1d(state))[0]
        return draw_cells(np.where(piece, 2, board))
