"""One-feature changes of states of Tetris by primitive moves: a cell flipped, another piece, another place."""

from __future__ import annotations

import numpy as np

from agentscope.contracts import Edits, States
from agentscope_envs.tetris.editing import flip_cells
from agentscope_envs.tetris.moves.concepts import overlaps
from agentscope_envs.tetris.pieces import FIRST_ALIKE, HEIGHTS, PIECES, WIDTHS


def edit_states(states: States, width: int) -> Edits:
    """All edits of each state: cells first, then piece, rotation, row and column of the falling piece.

    A wider piece is pushed back from the right wall; what would not lie on the board is left out. Legal is where the
    piece touches no filled cell and no row is full.
    """
    height = states["rows"].shape[1]
    cells = height * width
    fields = {"piece": len(PIECES), "rotation": 4, "top": height, "column": width}
    parts = [flip_cells(states, height, width)]
    parts += [_set_field(states, width, field, count, cells + i) for i, (field, count) in enumerate(fields.items())]
    parents, edited, features, values, legal = (np.concatenate(column) for column in zip(*parts, strict=True))
    legal &= ~overlaps(edited)
    order = np.argsort(parents, kind="stable")
    names = tuple(f"cell({row},{column})" for row in range(height) for column in range(width))
    names += ("piece", "piece_rotation", "piece_row", "piece_column")
    return Edits(parents[order], edited[order], features[order], values[order], legal[order], names)


def _set_field(states: States, width: int, field: str, count: int, feature: int) -> tuple[np.ndarray, ...]:
    parents = np.repeat(np.arange(len(states), dtype=np.int32), count)
    values = np.tile(np.arange(count, dtype=np.int32), len(states))
    edited = states[parents]
    edited[field] = values
    edited["rotation"] = FIRST_ALIKE[edited["piece"], edited["rotation"]]
    room = width - WIDTHS[edited["piece"], edited["rotation"]]
    possible = edited[field] != states[field][parents]
    possible &= edited["top"] + HEIGHTS[edited["piece"], edited["rotation"]] <= states["rows"].shape[1]
    if field == "rotation":
        possible &= edited["rotation"] == values  # of turns that look alike, the first
    if field == "column":
        possible &= values <= room
    edited["column"] = np.minimum(edited["column"], room)
    total = int(possible.sum())
    kept = (parents[possible], edited[possible], np.full(total, feature, dtype=np.int32), values[possible])
    return (*kept, np.ones(total, dtype=bool))
