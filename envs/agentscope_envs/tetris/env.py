"""`AgentScope/Tetris-v0`: placement Tetris as an inspectable environment over the compiled kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from jaxtyping import Int, Int16, UInt8

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import Edits, Scalar, States, Transition
from agentscope.errors import BadOption
from agentscope_envs.tetris import kernels
from agentscope_envs.tetris.concepts import action_concepts, state_concepts
from agentscope_envs.tetris.editing import edit_boards
from agentscope_envs.tetris.pieces import MASKS, PIECES

SHAPED = (-0.51, -0.72, -0.18)  # the potential's weights of aggregate height, holes and bumpiness
COLOURS = np.array([[40, 44, 52], [190, 190, 200], [86, 180, 233]], dtype=np.uint8)


@dataclass(frozen=True)
class Rewards:
    """Parts of the reward: a placement, a cleared line, the change of the potential, and the end of the game."""

    placement: float
    line: float
    potential: float
    death: float


REWARDS = {
    "shaped": Rewards(placement=0.1, line=0.3, potential=0.3, death=-5.0),
    "lines": Rewards(placement=0.1, line=1.0, potential=0.0, death=-1.0),
}


class Tetris:
    """Tetris in which an action places the piece: rotation x width + column, the column clamped to those that fit.

    The observation shows the board and, at the top of a second plane, the falling piece in a random pose that has
    no effect: recognising the piece is the network's job. The game ends when a piece comes to rest above the edge.

    Args:
        height, width: of the board in cells.
        reward: "shaped" (adds the change of a potential made of height, holes and bumpiness) or "lines" (lines and
            survival only, so that no board concept is put into the agent by hand).
        max_pieces: the game is truncated after so many pieces.
    Raises: BadOption.
    """

    gamma = 0.9

    def __init__(self, height: int = 20, width: int = 10, reward: str = "shaped", max_pieces: int = 2_000) -> None:
        if not (4 <= width <= 15 and 4 <= height <= 40):
            raise BadOption(f"a board of {height} x {width} cells: height 4 to 40 and width 4 to 15 are supported")
        if reward not in REWARDS:
            raise BadOption(f"reward={reward!r}: one of {', '.join(REWARDS)} is supported")
        if max_pieces < 1:
            raise BadOption(f"max_pieces={max_pieces}: at least 1 is needed")
        self.height, self.width, self.max_pieces = height, width, max_pieces
        self.rewards = REWARDS[reward]
        small = (height, width) == (12, 6)
        self.id = "AgentScope/TetrisSmall-v0" if small else "AgentScope/Tetris-v0"
        self.kwargs: Mapping[str, Scalar] = {
            "height": height, "width": width, "reward": reward, "max_pieces": max_pieces,
        }  # fmt: skip
        self.state_dtype: np.dtype[Any] = np.dtype([
            ("seed", np.uint64), ("draw", np.int32), ("placed", np.int32), ("lines", np.int32),
            ("rows", np.uint16, (height,)), ("piece", np.uint8), ("pose_rotation", np.uint8),
            ("pose_column", np.uint8), ("over", np.bool_),
        ])  # fmt: skip
        self.observation_space: gymnasium.Space[Any] = gymnasium.spaces.Box(0, 1, (2, height, width), np.uint8)
        self.action_space = gymnasium.spaces.Discrete(4 * width)
        self.action_names = tuple(f"turn{turn}_column{column}" for turn in range(4) for column in range(width))
        self.axes: Mapping[str, tuple[str, ...]] = {
            "columns": tuple(f"column{column}" for column in range(width)),
            "rows": tuple(f"row{row}" for row in range(height)),
            "rotations": tuple(f"turn{turn}" for turn in range(4)),
            "pieces": PIECES,
            "offsets": ("left", "under0", "under1", "under2", "under3", "under4"),
        }
        self.concepts: tuple[Concept, ...] = state_concepts(height, width)
        self.action_concepts: tuple[ActionConcept, ...] = action_concepts(height, width)
        self.reward_concepts = ("aggregate_height", "holes", "bumpiness") if self.rewards.potential else ()

    def reset(self, seeds: Int[np.ndarray, "states"]) -> States:
        """Empty boards with the first piece of each seed."""
        states = np.zeros(len(seeds), dtype=self.state_dtype)
        states["seed"] = np.asarray(seeds).astype(np.uint64)
        kernels.draw_batch(states, self.width)
        return states

    def observe(self, states: States) -> UInt8[np.ndarray, "states 2 rows columns"]:
        """Plane 0: the board; plane 1: the falling piece, top-aligned, in its random rotation and column."""
        observations = np.empty((len(states), 2, self.height, self.width), dtype=np.uint8)
        kernels.observe_batch(states, self.width, observations)
        return observations

    def states_from(self, observations: UInt8[np.ndarray, "states 2 rows columns"]) -> States:
        """States that look like these observations; seeds and counters, which no observation shows, are 0.

        Rotations of a piece that look alike give the first of them.
        """
        states = np.zeros(len(observations), dtype=self.state_dtype)
        bits = np.uint16(1) << np.arange(self.width, dtype=np.uint16)
        masks = (np.asarray(observations) > 0) @ bits.astype(np.int64)
        states["rows"] = masks[:, 0]
        column = (masks[:, 1, :4, None] & bits > 0).any(axis=1).argmax(axis=1)
        shapes = masks[:, 1, :4] >> column[:, None]
        pose = (shapes[:, None, :] == MASKS.reshape(28, 4)).all(axis=2).argmax(axis=1)
        states["piece"], states["pose_rotation"] = np.divmod(pose, 4)
        states["pose_column"] = column
        return states

    def step(self, states: States, actions: Int[np.ndarray, "states"]) -> Transition:
        """Place the pieces, clear full rows, draw the next pieces."""
        after = states.copy()
        outcomes = np.empty((len(states), 5), dtype=np.int64)
        kernels.step_batch(states, np.asarray(actions, dtype=np.int64), self.width, after, outcomes)
        lines, died, *changes = outcomes.T
        # Summed in a fixed order: a matrix product's last bits would depend on the batch size.
        rewards = self.rewards.placement + self.rewards.line * lines + self.rewards.death * died
        for weight, change in zip(SHAPED, changes, strict=True):
            rewards = rewards + self.rewards.potential * weight * change
        return Transition(after, rewards, died > 0, (after["placed"] >= self.max_pieces) & (died == 0))

    def equivalent_actions(self, states: States) -> Int16[np.ndarray, "states actions"]:
        """The smallest action that leaves the same board, clears as many lines and ends the game alike."""
        equivalent = np.empty((len(states), 4 * self.width), dtype=np.int16)
        for start in range(0, len(states), 4_096):
            part = slice(start, start + 4_096)
            after, outcomes = kernels.placements(states["rows"][part], states["piece"][part], self.width)
            kernels.same_successor(after, outcomes, equivalent[part])
        return equivalent

    def edits(self, states: States) -> Edits:
        """Every cell flipped, every other piece, every other pose; legal unless the flip completes a row."""
        return edit_boards(states, self.height, self.width)

    def identity(self, states: States) -> Int16[np.ndarray, "states fields"]:
        """What makes two states the same: board, piece and pose; not the seed or the counters."""
        fields = [states["rows"].view(np.int16)]
        fields += [states[name].astype(np.int16)[:, None] for name in ("piece", "pose_rotation", "pose_column", "over")]
        return np.concatenate(fields, axis=1)

    def episode_statistics(self, states: States) -> dict[str, np.ndarray]:
        """Lines cleared and pieces placed so far."""
        return {"lines": states["lines"].astype(np.int64), "pieces": states["placed"].astype(np.int64)}

    def render_text(self, state: np.void | States) -> str:
        """The board as lines of `#` and `.`, with the piece in its pose above it."""
        board = self.observe(np.atleast_1d(state))[0, 0]
        falling = MASKS[int(np.atleast_1d(state)["piece"][0]), 0]
        drawn = ["".join(".#"[cell] for cell in row) for row in board]
        shape = [format(int(mask), "04b")[::-1].replace("0", ".").replace("1", "#") for mask in falling if mask]
        name = PIECES[int(np.atleast_1d(state)["piece"][0])]
        return "\n".join([f"piece {name}: {' / '.join(shape)}", *drawn])

    def render_rgb(self, state: np.void | States) -> UInt8[np.ndarray, "height width 3"]:
        """The piece's plane above the board, 16 pixels a cell."""
        board, piece = self.observe(np.atleast_1d(state))[0]
        cells = np.concatenate([piece[:4] * 2, board])
        return COLOURS[np.repeat(np.repeat(cells, 16, axis=0), 16, axis=1)]


class TetrisSmall(Tetris):
    """Tetris on 12 rows of 6 columns, rewarded by lines and survival unless told otherwise."""

    def __init__(self, height: int = 12, width: int = 6, reward: str = "lines", max_pieces: int = 2_000) -> None:
        super().__init__(height, width, reward, max_pieces)
