"""One-feature changes of Tetris states: a cell flipped, another piece, another pose, other pieces beside."""

from __future__ import annotations

import numpy as np

from agentscope.contracts import Edits, States
from agentscope_envs.tetris.past import PAST_PIECES, Past
from agentscope_envs.tetris.pieces import PIECES, WIDTHS
from agentscope_envs.tetris.upcoming import Upcoming


def edit_boards(states: States, height: int, width: int, upcoming: Upcoming, past: Past) -> Edits:
    """All edits of each state: cells first, then piece, rotation and column of the pose, next and past pieces."""
    shown = range(upcoming.preview)
    first = height * width + 3
    parts = [
        flip_cells(states, height, width),
        *(_set_field(states, width, index, field, values) for index, field, values in (
            (0, "piece", len(PIECES)), (1, "pose_rotation", 4), (2, "pose_column", width),
        )),
        *(_set_next_piece(states, ahead, first + ahead) for ahead in shown),
        *(_set_past_piece(states, name, first + len(shown) + back) for back, name in enumerate(past.names)),
    ]  # fmt: skip
    names = tuple(f"cell({row},{column})" for row in range(height) for column in range(width))
    parents, edited, features, values, legal = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(parents, kind="stable")
    names += ("piece", "pose_rotation", "pose_column")
    names += tuple("next_piece" if ahead == 0 else f"next_piece{ahead + 1}" for ahead in shown)
    names += past.names
    legal &= upcoming.is_possible(edited) & past.is_possible(edited)
    return Edits(parents[order], edited[order], features[order], values[order], legal[order], names)


def flip_cells(states: States, height: int, width: int) -> tuple[np.ndarray, ...]:
    """Every cell of each board flipped: parents, states, features, values, and legal unless that fills a row."""
    cells = height * width
    parents = np.repeat(np.arange(len(states), dtype=np.int32), cells)
    features = np.tile(np.arange(cells, dtype=np.int32), len(states))
    edited = states[parents]
    rows, columns = features // width, (features % width).astype(np.uint16)
    index = np.arange(len(edited))
    edited["rows"][index, rows] ^= np.uint16(1) << columns
    flipped = edited["rows"][index, rows]
    values = ((flipped >> columns) & 1).astype(np.int32)
    return parents, edited, features, values, flipped != (1 << width) - 1


def _set_field(states: States, width: int, index: int, field: str, count: int) -> tuple[np.ndarray, ...]:
    parents = np.repeat(np.arange(len(states), dtype=np.int32), count)
    values = np.tile(np.arange(count, dtype=np.int32), len(states))
    edited = states[parents]
    edited[field] = values
    fits = width - WIDTHS[edited["piece"], edited["pose_rotation"]]
    possible = values != states[field][parents]
    if field == "pose_column":
        possible &= values <= fits
    edited["pose_column"] = np.minimum(edited["pose_column"], fits)  # a wider piece is pushed back onto the board
    legal = np.ones(int(possible.sum()), dtype=bool)
    feature = np.full(len(legal), _cells(states) * width + index, dtype=np.int32)
    return parents[possible], edited[possible], feature, values[possible], legal


def _set_next_piece(states: States, ahead: int, feature: int) -> tuple[np.ndarray, ...]:
    parents = np.repeat(np.arange(len(states), dtype=np.int32), len(PIECES))
    values = np.tile(np.arange(len(PIECES), dtype=np.int32), len(states))
    edited = states[parents]
    other = values != edited["next_pieces"][:, ahead]
    edited["next_pieces"][:, ahead] = values
    count = int(other.sum())
    return parents[other], edited[other], np.full(count, feature, dtype=np.int32), values[other], np.ones(count, bool)


def _set_past_piece(states: States, name: str, feature: int) -> tuple[np.ndarray, ...]:
    parents = np.repeat(np.arange(len(states), dtype=np.int32), len(PAST_PIECES))
    values = np.tile(np.arange(len(PAST_PIECES), dtype=np.int32), len(states))
    other = values != states[name][parents]
    edited = states[parents[other]]
    edited[name] = values[other]
    count = len(edited)
    return parents[other], edited, np.full(count, feature, dtype=np.int32), values[other], np.ones(count, bool)


def _cells(states: States) -> int:
    return int(states["rows"].shape[1])
