"""The concepts of Tetris by primitive moves: the falling piece and where it is, the board, what each move does."""

from __future__ import annotations

from functools import partial

import numpy as np

from agentscope.concepts import ActionConcept, Concept
from agentscope_envs.tetris import features
from agentscope_envs.tetris.concepts import BoardFeature, board_concepts, board_features, piece_concepts
from agentscope_envs.tetris.moves import kernels
from agentscope_envs.tetris.pieces import MASKS, ORIENTATION_OF, ORIENTATIONS, PIECES

MOVES = ("left", "right", "rotate", "down", "drop")
_CELLS = ("rows", "columns")


def state_concepts(height: int, width: int) -> tuple[Concept, ...]:
    """Concepts of the falling piece, of where it is, of the whole board, of each column and of each cell."""
    return (
        *piece_concepts(),
        Concept(name="orientation", kind="choice", choices=ORIENTATIONS, low=0, high=len(ORIENTATIONS) - 1,
                measure=lambda states: ORIENTATION_OF[states["piece"], states["rotation"]],
                doc="which tetromino is falling in which turn, turns that look alike being one"),
        Concept(name="piece_row", kind="count", unit="rows", low=0, high=height - 1, absolute=True,
                doc="rows above the falling piece", measure=lambda states: states["top"].astype(np.int64)),
        Concept(name="piece_column", kind="count", unit="columns", low=0, high=width - 1, absolute=True,
                doc="columns left of the falling piece", measure=lambda states: states["column"].astype(np.int64)),
        Concept(name="room_below", kind="count", unit="rows", low=0, high=height,
                doc="rows by which the falling piece can still fall where it is", measure=room_below),
        *board_concepts(height, width),
        Concept(name="filled", kind="flag", axis=_CELLS, absolute=True, doc="this cell of the board is filled",
                measure=lambda states: features.cells(np.ascontiguousarray(states["rows"]), width)),
        Concept(name="piece_here", kind="flag", axis=_CELLS, absolute=True,
                doc="this cell is one of the falling piece", measure=partial(_piece_here, width=width)),
        Concept(name="t_here", kind="flag", axis=_CELLS, absolute=True,
                doc="this cell is one of the falling T; of no cell while another piece falls",
                measure=partial(_t_here, width=width)),
    )  # fmt: skip


def _piece_here(states: np.ndarray, width: int) -> np.ndarray:
    observations = np.empty((len(states), 2, states["rows"].shape[1], width), dtype=np.uint8)
    kernels.observe_batch(states, width, observations)
    return observations[:, 1] > 0


def _t_here(states: np.ndarray, width: int) -> np.ndarray:
    return np.asarray(_piece_here(states, width) & (states["piece"] == PIECES.index("T"))[:, None, None])


def overlaps(states: np.ndarray, below: int = 0) -> np.ndarray:
    """Whether the falling piece, moved down by so many rows, would touch a filled cell or leave the board: (n,)."""
    rows = states["rows"]
    floor = np.full((len(states), below + 4), np.iinfo(np.uint16).max, dtype=np.uint16)
    at = states["top"].astype(np.int64)[:, None] + below + np.arange(4)
    around = np.take_along_axis(np.concatenate([rows, floor], axis=1), at, axis=1)
    masks = MASKS[states["piece"], states["rotation"]] << states["column"][:, None].astype(np.uint16)
    return np.asarray((around & masks).any(axis=1))


def room_below(states: np.ndarray) -> np.ndarray:
    """Rows by which the falling piece can still fall: (n,)."""
    blocked = [overlaps(states, below) for below in range(1, states["rows"].shape[1] + 1)]
    return np.stack(blocked, axis=1).argmax(axis=1)


def action_concepts(height: int, width: int) -> tuple[ActionConcept, ...]:
    """What each move does to the board: nothing, unless the piece comes to rest by it."""
    top = float(height * width * height)
    changes = tuple(
        ActionConcept(name=f"added_{name}", kind="number", unit=unit, low=-top, high=top,
                      doc=f"change by this move of: {doc}", measure=partial(_change, function=function, width=width))
        for name, (function, unit, doc) in board_features(height, width).items()
    )  # fmt: skip
    return (
        ActionConcept(name="lines", kind="count", unit="rows", low=0, high=4, doc="rows that this move clears",
                      measure=partial(_outcome, column=kernels.LINES, width=width)),
        ActionConcept(name="rests", kind="flag", doc="the falling piece comes to rest by this move",
                      measure=lambda states: _outcome(states, kernels.PLACED, width) > 0),
        *changes,
    )  # fmt: skip


def every_move(states: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Successor and outcomes of each move: states (n, moves), outcomes (n, moves, 6) as in `kernels.step_batch`."""
    before = np.repeat(states, len(MOVES))
    after, outcomes = before.copy(), np.empty((len(before), 6), dtype=np.int64)
    kernels.step_batch(before, np.tile(np.arange(len(MOVES)), len(states)), width, after, outcomes)
    return after.reshape(len(states), len(MOVES)), outcomes.reshape(len(states), len(MOVES), 6)


def _outcome(states: np.ndarray, column: int, width: int) -> np.ndarray:
    return every_move(states, width)[1][:, :, column]


def _change(states: np.ndarray, function: BoardFeature, width: int) -> np.ndarray:
    after = np.ascontiguousarray(every_move(states, width)[0]["rows"])
    values = np.asarray(function(after.reshape(-1, after.shape[2]))).reshape(after.shape[:2])
    return np.asarray(values - np.asarray(function(np.ascontiguousarray(states["rows"])))[:, None], dtype=np.float64)
