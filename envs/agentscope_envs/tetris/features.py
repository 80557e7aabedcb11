"""Board features of the Tetris literature, vectorised over row masks (bit c of rows[r]: cell (r, c) is filled).

Sources: Dellacherie's six features in Fahey (2003); Bertsekas and Tsitsiklis (1996), section 8.3, for column heights;
Thiery and Scherrer (2009), "Building controllers for Tetris", for BCTS and its hole depth and rows with holes.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int, UInt16

_BITS = np.array([bin(mask).count("1") for mask in range(1 << 16)], dtype=np.uint8)

Rows = UInt16[np.ndarray, "boards rows"]


def cells(rows: Rows, width: int) -> Bool[np.ndarray, "boards rows columns"]:
    """Every cell as a bool, the top row first."""
    return (rows[:, :, None] >> np.arange(width, dtype=np.uint16)) & 1 > 0


def covered(rows: Rows) -> Rows:
    """Cells that are filled or lie below a filled cell."""
    return np.bitwise_or.accumulate(rows, axis=1)


def column_sums(rows: Rows, width: int) -> Int[np.ndarray, "boards columns"]:
    """Number of set cells in each column."""
    sums = [((rows >> np.uint16(column)) & np.uint16(1)).sum(axis=1, dtype=np.int64) for column in range(width)]
    return np.stack(sums, axis=1)


def total(rows: Rows) -> Int[np.ndarray, "boards"]:
    """Number of set cells on each board."""
    return _BITS[rows].sum(axis=1, dtype=np.int64)


def heights(rows: Rows, width: int) -> Int[np.ndarray, "boards columns"]:
    """Height of each column: rows from the floor to its topmost filled cell."""
    return column_sums(covered(rows), width)


def hole_cells(rows: Rows) -> Rows:
    """Empty cells with a filled cell somewhere above them in their column."""
    return covered(rows) & ~rows


def bumpiness(rows: Rows, width: int) -> Int[np.ndarray, "boards"]:
    """Sum of the absolute height differences of adjacent columns."""
    column_heights = heights(rows, width)
    return np.asarray(np.abs(np.diff(column_heights, axis=1)).sum(axis=1))


def rows_with_holes(rows: Rows) -> Int[np.ndarray, "boards"]:
    """Number of rows that hold at least one hole (Thiery and Scherrer 2009)."""
    return (hole_cells(rows) > 0).sum(axis=1, dtype=np.int64)


def hole_depth(rows: Rows, width: int) -> Int[np.ndarray, "boards"]:
    """Filled cells above holes, summed over columns: each filled cell counts once (Thiery and Scherrer 2009)."""
    holes = hole_cells(rows)
    above_a_hole = np.bitwise_or.accumulate(holes[:, ::-1], axis=1)[:, ::-1]
    return total(above_a_hole & rows)


def row_transitions(rows: Rows, width: int) -> Int[np.ndarray, "boards"]:
    """Changes between filled and empty along the rows, side walls counting as filled (Dellacherie)."""
    wall = np.uint32(1) | np.uint32(1 << (width + 1))
    walled = (rows.astype(np.uint32) << np.uint32(1)) | wall
    changes = (walled ^ (walled >> np.uint32(1))) & np.uint32((1 << (width + 1)) - 1)
    return total((changes & np.uint32(0xFFFF)).astype(np.uint16))


def column_transitions(rows: Rows, width: int) -> Int[np.ndarray, "boards"]:
    """Changes between filled and empty down the columns, the floor counting as filled (Dellacherie)."""
    floor = np.full((len(rows), 1), (1 << width) - 1, dtype=np.uint16)
    return total(rows ^ np.concatenate([rows[:, 1:], floor], axis=1))


def well_cells(rows: Rows, width: int) -> Rows:
    """Empty uncovered cells with a filled cell or a wall on both sides."""
    full = np.uint16((1 << width) - 1)
    left = (rows << np.uint16(1)) | np.uint16(1)
    right = (rows >> np.uint16(1)) | np.uint16(1 << (width - 1))
    return left & right & ~covered(rows) & full


def wells(rows: Rows, width: int) -> Int[np.ndarray, "boards"]:
    """Cumulative wells: each well of depth d counts 1 + 2 + ... + d (Dellacherie)."""
    well = well_cells(rows, width)
    run = np.zeros((len(rows), width), dtype=np.int64)
    summed = np.zeros(len(rows), dtype=np.int64)
    for row in range(rows.shape[1]):
        here = (well[:, row, None] >> np.arange(width, dtype=np.uint16)) & 1
        run = (run + 1) * here
        summed += run.sum(axis=1)
    return summed


def nearly_full_rows(rows: Rows, width: int) -> Int[np.ndarray, "boards"]:
    """Number of rows that lack exactly one cell."""
    return (_BITS[rows] == width - 1).sum(axis=1, dtype=np.int64)
