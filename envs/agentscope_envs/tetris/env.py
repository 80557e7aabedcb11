"""`AgentScope/Tetris-v0`: placement Tetris as an inspectable environment over the compiled kernels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack, cast

import gymnasium
import numpy as np
from jaxtyping import Bool, Int, Int16, UInt8

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import Edits, Scalar, States, Transition
from agentscope.errors import BadOption
from agentscope_envs.tetris import kernels
from agentscope_envs.tetris.concepts import action_concepts, cell_concepts, state_concepts
from agentscope_envs.tetris.editing import edit_boards
from agentscope_envs.tetris.past import PAST_PIECES, Past
from agentscope_envs.tetris.pieces import MASKS, PIECES, WIDTHS
from agentscope_envs.tetris.rendering import draw_cells
from agentscope_envs.tetris.rewards import choose_rewards
from agentscope_envs.tetris.shown import SHOWN_ROWS
from agentscope_envs.tetris.upcoming import Upcoming, UpcomingOptions, copy_fields


class TetrisOptions(UpcomingOptions, total=False):
    """The arguments of a Tetris world that are about more than board, reward and length: see `Tetris`."""

    past: int
    cells: bool


class Tetris:
    """Tetris in which an action places the piece: rotation x width + column, the column clamped to those that fit.

    The observation shows the board and, at the top of a second plane, the falling piece in a random pose that has
    no effect: recognising the piece is the network's job. The game ends when a piece comes to rest above the edge.

    Args:
        height, width: of the board in cells.
        reward: "shaped" (adds the change of a potential made of height, holes and bumpiness) or "lines" (lines and
            survival only, so that no board concept is put into the agent by hand).
        max_pieces: the game is truncated after so many pieces.
        options: `preview` and `bag`: how many next pieces are shown, and how pieces are drawn (`Upcoming`); `past`:
            how many of the pieces that were placed last are shown (`Past`); `cells`: whether every cell is a concept
            too, `filled(row, column)`, so that a text can name one.
    Raises: BadOption.
    """

    gamma = 0.9

    def __init__(
        self,
        height: int = 20,
        width: int = 10,
        reward: str = "shaped",
        max_pieces: int = 2_000,
        **options: Unpack[TetrisOptions],
    ) -> None:
        if not (4 <= width <= 15 and 4 <= height <= 40):
            raise BadOption(f"a board of {height} x {width} cells: height 4 to 40 and width 4 to 15 are supported")
        if max_pieces < 1:
            raise BadOption(f"max_pieces={max_pieces}: at least 1 is needed")
        self.height, self.width, self.max_pieces = height, width, max_pieces
        self.past, self.cells = Past(options.pop("past", 0)), options.pop("cells", False)
        self.rewards, self.upcoming = choose_rewards(reward), Upcoming(**cast(UpcomingOptions, options))
        small = (height, width) == (12, 6)
        self.id = "AgentScope/TetrisSmall-v0" if small else "AgentScope/Tetris-v0"
        board: dict[str, Scalar] = {"height": height, "width": width, "reward": reward, "max_pieces": max_pieces}
        named: dict[str, Scalar] = {"cells": True} if self.cells else {}
        self.kwargs: Mapping[str, Scalar] = board | dict(self.upcoming.options) | dict(self.past.options) | named
        self.plain_dtype: np.dtype[Any] = np.dtype([
            ("seed", np.uint64), ("draw", np.int32), ("placed", np.int32), ("lines", np.int32),
            ("rows", np.uint16, (height,)), ("piece", np.uint8), ("pose_rotation", np.uint8),
            ("pose_column", np.uint8), ("over", np.bool_),
        ])  # fmt: skip
        self.state_dtype: np.dtype[Any] = np.dtype(self.plain_dtype.descr + self.upcoming.fields + self.past.fields)
        planes = 2 + self.upcoming.preview + self.past.count
        self.observation_space: gymnasium.Space[Any] = gymnasium.spaces.Box(0, 1, (planes, height, width), np.uint8)
        self.action_space = gymnasium.spaces.Discrete(4 * width)
        self.action_names = tuple(f"turn{turn}_column{column}" for turn in range(4) for column in range(width))
        self.axes: Mapping[str, tuple[str, ...]] = {
            "columns": tuple(f"column{column}" for column in range(width)),
            "rows": tuple(f"row{row}" for row in range(height)),
            "rotations": tuple(f"turn{turn}" for turn in range(4)),
            "pieces": PIECES,
            "offsets": ("left", "under0", "under1", "under2", "under3", "under4"),
        }
        self.concepts: tuple[Concept, ...] = (
            *state_concepts(height, width),
            *self.upcoming.concepts(),
            *self.past.concepts(matter=self.upcoming.from_bag),
            *(cell_concepts(width) if self.cells else ()),
        )
        self.action_concepts: tuple[ActionConcept, ...] = action_concepts(height, width)
        self.reward_concepts = self.rewards.concepts

    def reset(self, seeds: Int[np.ndarray, "states"]) -> States:
        """Empty boards with the first piece of each seed."""
        states = np.zeros(len(seeds), dtype=self.state_dtype)
        states["seed"] = np.asarray(seeds).astype(np.uint64)
        self.past.begin(states)
        first = states if self.upcoming.options else self._plain(states)
        self.upcoming.draw_first(first, self.width)
        return copy_fields(first, states)

    def observe(self, states: States) -> UInt8[np.ndarray, "states planes rows columns"]:
        """Plane 0: the board; plane 1: the falling piece, top-aligned, in its random rotation and column; then the
        next pieces that are shown and the past ones, unturned, at the top left."""
        observations = np.empty((len(states), *self.observation_space.shape), dtype=np.uint8)  # type: ignore[misc]
        kernels.observe_batch(self._plain(states), self.width, observations)
        past = 2 + self.upcoming.preview
        observations[:, 2:past] = self.upcoming.planes(states, self.height, self.width)
        observations[:, past:] = self.past.planes(states, self.height, self.width)
        return observations

    def states_from(self, observations: UInt8[np.ndarray, "states planes rows columns"]) -> States:
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
        past = 2 + self.upcoming.preview
        self.upcoming.read(np.asarray(observations)[:, 2:past], states)
        self.past.read(np.asarray(observations)[:, past:], states)
        if self.upcoming.from_bag:
            self.upcoming.fill_bag(states, self.is_possible)
        return states

    def step(self, states: States, actions: Int[np.ndarray, "states"]) -> Transition:
        """Place the pieces, clear full rows, draw the next pieces."""
        before = self._plain(states)
        moved = before.copy()
        outcomes = np.empty((len(states), 5), dtype=np.int64)
        kernels.step_batch(before, np.asarray(actions, dtype=np.int64), self.width, moved, outcomes)
        after = self.past.remember(states, self.upcoming.draw_next(states, moved, self.width))
        died = outcomes[:, 1] > 0
        return Transition(after, self.rewards.total(outcomes), died, (after["placed"] >= self.max_pieces) & ~died)

    def with_chance_of(self, successors: States, states: States) -> States:
        """The successors as if the draw after the action had changed nothing: what they show is the action's effect.

        The pose of the falling piece stays too, pushed back onto the board where another piece falls.
        """
        kept = successors.copy()
        self.upcoming.keep_drawn(kept, states)
        kept["pose_rotation"] = states["pose_rotation"]
        fits = self.width - WIDTHS[kept["piece"], kept["pose_rotation"]]
        kept["pose_column"] = np.minimum(states["pose_column"], fits)
        return kept

    def _plain(self, states: States) -> States:
        """The states without what options add: the kernels, compiled for each dtype, then know one dtype only."""
        if self.state_dtype == self.plain_dtype:
            return states
        return copy_fields(states, np.empty(len(states), dtype=self.plain_dtype))

    def equivalent_actions(self, states: States) -> Int16[np.ndarray, "states actions"]:
        """The smallest action that leaves the same board, clears as many lines and ends the game alike."""
        equivalent = np.empty((len(states), 4 * self.width), dtype=np.int16)
        for start in range(0, len(states), 4_096):
            part = slice(start, start + 4_096)
            after, outcomes = kernels.placements(states["rows"][part], states["piece"][part], self.width)
            kernels.same_successor(after, outcomes, equivalent[part])
        return equivalent

    def edits(self, states: States) -> Edits:
        """Every cell flipped, every other piece, every other pose; legal unless the flip completes a row.

        Next and past pieces that are shown change too; what no bag could give is not legal, nor more or fewer past
        pieces than were placed.
        """
        return edit_boards(states, self.height, self.width, self.upcoming, self.past)

    def is_possible(self, states: States) -> Bool[np.ndarray, "states"]:
        """Whether pieces, bag and count of placed pieces of each state could come together in a game."""
        return self.upcoming.is_possible(states) & self.past.is_possible(states)

    def identity(self, states: States) -> Int16[np.ndarray, "states fields"]:
        """What makes two states the same: board, all pieces, pose and bag; not the seed or the counters."""
        fields = [states["rows"].view(np.int16)]
        fields += [states[name].astype(np.int16)[:, None] for name in ("piece", "pose_rotation", "pose_column", "over")]
        return np.concatenate([*fields, self.upcoming.identity(states), self.past.identity(states)], axis=1)

    def episode_statistics(self, states: States) -> dict[str, np.ndarray]:
        """Lines cleared and pieces placed so far."""
        return {"lines": states["lines"].astype(np.int64), "pieces": states["placed"].astype(np.int64)}

    def render_text(self, state: np.void | States) -> str:
        """The board as lines of `#` and `.`, with the piece in its pose above it."""
        alone = np.atleast_1d(state)
        board = self.observe(alone)[0, 0]
        falling = MASKS[int(alone["piece"][0]), 0]
        drawn = ["".join(".#"[cell] for cell in row) for row in board]
        shape = [format(int(mask), "04b")[::-1].replace("0", ".").replace("1", "#") for mask in falling if mask]
        head = [f"piece {PIECES[int(alone['piece'][0])]}: {' / '.join(shape)}"]
        if self.upcoming.preview:
            shown = alone["next_pieces"][0, : self.upcoming.preview]
            head.append("next " + " ".join(PIECES[int(piece)] for piece in shown))
        if self.past.count:
            drawn.append("past " + " ".join(PAST_PIECES[piece] for piece in self.past.pieces(alone)[0]))
        return "\n".join([*head, *drawn])

    def render_rgb(self, state: np.void | States) -> UInt8[np.ndarray, "height width 3"]:
        """The next pieces, the last one on top, then the piece's plane, the board and the past pieces: 16 pixels a
        cell."""
        board, piece, *others = self.observe(np.atleast_1d(state))[0]
        shown = [plane[:SHOWN_ROWS] * 2 for plane in others]
        following, past = shown[: self.upcoming.preview], shown[self.upcoming.preview :]
        return draw_cells(np.concatenate([*following[::-1], piece[:4] * 2, board, *past]))


class TetrisSmall(Tetris):
    """Tetris on 12 rows of 6 columns, rewarded by lines and survival unless told otherwise."""

    def __init__(
        self,
        height: int = 12,
        width: int = 6,
        reward: str = "lines",
        max_pieces: int = 2_000,
        **options: Unpack[TetrisOptions],
    ) -> None:
        super().__init__(height, width, reward, max_pieces, **options)
