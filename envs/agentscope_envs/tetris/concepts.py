"""The concepts of Tetris: the falling piece, features of the board, and features of each placement."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from agentscope.concepts import ActionConcept, Concept
from agentscope_envs.tetris import features, kernels
from agentscope_envs.tetris.pieces import HEIGHTS, ORIENTATION_OF, ORIENTATIONS, PIECES, WIDTHS

BoardFeature = Callable[[np.ndarray], np.ndarray]

REACH = 4  # local surface differences are clipped to this many rows: no piece is longer


def board_features(height: int, width: int) -> dict[str, tuple[BoardFeature, str, str]]:
    """Scalar features of a board: name -> (function of row masks, unit, meaning)."""
    return {
        "aggregate_height": (lambda rows: features.total(features.covered(rows)), "cells",
            "sum of the column heights"),
        "maximum_height": (lambda rows: features.heights(rows, width).max(axis=1), "rows",
            "height of the highest column"),
        "holes": (lambda rows: features.total(features.hole_cells(rows)), "cells",
            "empty cells with a filled cell above them in their column (Dellacherie)"),
        "bumpiness": (partial(features.bumpiness, width=width), "rows",
            "sum of the absolute height differences of adjacent columns"),
        "wells": (partial(features.wells, width=width), "cells",
            "cumulative wells: a well of depth d counts 1 + 2 + ... + d (Dellacherie)"),
        "row_transitions": (partial(features.row_transitions, width=width), "changes",
            "changes between filled and empty along the rows, walls filled (Dellacherie)"),
        "column_transitions": (partial(features.column_transitions, width=width), "changes",
            "changes between filled and empty down the columns, floor filled (Dellacherie)"),
        "hole_depth": (partial(features.hole_depth, width=width), "cells",
            "filled cells that lie above a hole (Thiery and Scherrer 2009)"),
        "rows_with_holes": (features.rows_with_holes, "rows",
            "rows that hold at least one hole (Thiery and Scherrer 2009)"),
        "nearly_full_rows": (partial(features.nearly_full_rows, width=width), "rows",
            "rows that lack exactly one cell"),
    }  # fmt: skip


def state_concepts(height: int, width: int) -> tuple[Concept, ...]:
    """Concepts of the falling piece in its random pose, of the whole board and of each column."""
    return (*piece_concepts(), *_pose_concepts(width), *board_concepts(height, width))


def board_concepts(height: int, width: int) -> tuple[Concept, ...]:
    """Concepts of the whole board and of each column."""
    top = float(height * width * height)
    whole = tuple(
        Concept(name=name, kind="count", measure=_of_rows(function), unit=unit, doc=doc, low=0, high=top)
        for name, (function, unit, doc) in board_features(height, width).items()
    )
    return (
        *whole,
        Concept(name="height", kind="count", axis=("columns",), unit="rows", low=0, high=height,
                measure=_of_rows(partial(features.heights, width=width)), doc="height of each column"),
        Concept(name="holes_in", kind="count", axis=("columns",), unit="cells", low=0, high=height,
                measure=_of_rows(lambda rows: features.column_sums(features.hole_cells(rows), width)),
                doc="holes in each column"),
    )  # fmt: skip


def cell_concepts(width: int) -> tuple[Concept, ...]:
    """Every single cell of the board."""
    return (
        Concept(name="filled", kind="flag", axis=("rows", "columns"), measure=partial(_filled, width=width),
                doc="this cell of the board is filled; row 0 is the uppermost"),
    )  # fmt: skip


def _filled(states: np.ndarray, width: int) -> np.ndarray:
    return np.asarray((states["rows"][:, :, None] >> np.arange(width, dtype=np.uint16)) & 1 > 0)


def _of_rows(function: BoardFeature) -> Callable[[np.ndarray], np.ndarray]:
    return lambda states: np.asarray(function(np.ascontiguousarray(states["rows"])), dtype=np.int64)


def piece_concepts() -> tuple[Concept, ...]:
    """Which tetromino is falling, as a choice and as a flag for each."""
    flags = tuple(
        Concept(name=f"piece_is_{name}", kind="flag", chance=True, doc=f"the falling piece is the {name} tetromino",
                measure=partial(_is_piece, index=index))
        for index, name in enumerate(PIECES)
    )  # fmt: skip
    return (
        Concept(name="piece", kind="choice", choices=PIECES, chance=True, doc="which tetromino is falling",
                measure=lambda states: states["piece"].astype(np.int64), low=0, high=len(PIECES) - 1),
        *flags,
    )  # fmt: skip


def _pose_concepts(width: int) -> tuple[Concept, ...]:
    return (
        Concept(name="pose_rotation", kind="count", unit="quarter turns", chance=True, should_matter=False, low=0,
                high=3, doc="the random rotation in which the falling piece is shown; without effect",
                measure=lambda states: states["pose_rotation"].astype(np.int64)),
        Concept(name="pose_column", kind="count", unit="columns", chance=True, should_matter=False, low=0,
                high=width - 1, doc="the random column in which the falling piece is shown; without effect",
                measure=lambda states: states["pose_column"].astype(np.int64)),
    )  # fmt: skip


def _is_piece(states: np.ndarray, index: int) -> np.ndarray:
    return np.asarray(states["piece"] == index)


def action_concepts(height: int, width: int) -> tuple[ActionConcept, ...]:
    """Features of each placement: what it clears, where it lands, what it changes, the surface under it."""
    changes = tuple(
        ActionConcept(name=f"added_{name}", kind="number", unit=unit, low=-float(height * width * height),
                      high=float(height * width * height), doc=f"change by this placement of: {doc}",
                      measure=partial(_change, function=function, width=width))
        for name, (function, unit, doc) in board_features(height, width).items() if name != "holes"
    )  # fmt: skip
    holes = board_features(height, width)["holes"][0]
    return (
        ActionConcept(name="lines", kind="count", unit="rows", low=0, high=4, doc="rows that this placement clears",
                      measure=lambda states: _outcomes(states, width)[:, :, 1]),
        ActionConcept(name="landing_height", kind="number", unit="rows", low=0, high=height + 4,
                      doc="height of the middle of the piece where it comes to rest (Dellacherie)",
                      measure=partial(_landing_height, width=width)),
        ActionConcept(name="eroded_cells", kind="count", unit="cells", low=0, high=16,
                      doc="lines cleared times the piece's own cells among them (Dellacherie)",
                      measure=lambda states: np.prod(_outcomes(states, width)[:, :, 1:], axis=2)),
        ActionConcept(name="new_holes", kind="number", unit="cells", low=-float(height * width),
                      high=float(height * width), doc="change of the number of holes by this placement",
                      measure=partial(_change, function=holes, width=width)),
        ActionConcept(name="surface", kind="count", axis=("offsets",), unit="rows", low=-REACH, high=REACH,
                      doc="local surface pattern: height of the column at each offset from the piece's left edge "
                          "(left = the column before it) minus the piece's lowest cell where it rests, clipped to 4",
                      measure=partial(_surface, height=height, width=width)),
        ActionConcept(
            name="orientation",
            kind="choice",
            choices=ORIENTATIONS,
            low=0,
            high=len(ORIENTATIONS) - 1,
            doc="which tetromino is placed in which turn, turns that look alike being one",
            measure=partial(_orientation, width=width),
        ),
        *changes,
    )  # fmt: skip


def _orientation(states: np.ndarray, width: int) -> np.ndarray:
    return ORIENTATION_OF[states["piece"][:, None], np.arange(4 * width) // width]


def _outcomes(states: np.ndarray, width: int) -> np.ndarray:
    return np.asarray(kernels.placements(states["rows"], states["piece"], width)[1])


def _shapes(states: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Height, width and clamped column of the turned piece for every (state, action)."""
    rotations, columns = np.divmod(np.arange(4 * width), width)
    piece = states["piece"][:, None]
    heights, widths = HEIGHTS[piece, rotations], WIDTHS[piece, rotations]
    return heights, widths, np.minimum(columns, width - widths)


def _landing_height(states: np.ndarray, width: int) -> np.ndarray:
    heights, _, _ = _shapes(states, width)
    tops = _outcomes(states, width)[:, :, 0]
    return np.asarray(states["rows"].shape[1] - tops - heights / 2)


def _change(states: np.ndarray, function: BoardFeature, width: int) -> np.ndarray:
    after, _ = kernels.placements(states["rows"], states["piece"], width)
    values = np.asarray(function(after.reshape(-1, after.shape[2]))).reshape(after.shape[:2])
    return np.asarray(values - np.asarray(function(np.ascontiguousarray(states["rows"])))[:, None], dtype=np.float64)


def _surface(states: np.ndarray, height: int, width: int) -> np.ndarray:
    piece_heights, _, columns = _shapes(states, width)
    floor = height - _outcomes(states, width)[:, :, 0] - piece_heights  # height of the piece's lowest cell
    walled = np.pad(
        features.heights(np.ascontiguousarray(states["rows"]), width), ((0, 0), (1, 5)), constant_values=2 * height
    )
    at = columns[:, :, None] + np.arange(6)  # shifted by one: position 0 of `walled` is the left wall
    around = np.take_along_axis(walled[:, None, :], at, axis=2)
    return np.clip(around - floor[:, :, None], -REACH, REACH).astype(np.int64)
