"""Pictures of Tetris boards."""

from __future__ import annotations

import numpy as np
from jaxtyping import Integer, UInt8

COLOURS = np.array([[40, 44, 52], [190, 190, 200], [86, 180, 233]], dtype=np.uint8)
PIXELS = 16


def draw_cells(cells: Integer[np.ndarray, "rows columns"]) -> UInt8[np.ndarray, "height width 3"]:
    """A square of 16 pixels for each cell: 0 empty, 1 filled, 2 of a piece."""
    return np.asarray(COLOURS[np.repeat(np.repeat(cells, PIXELS, axis=0), PIXELS, axis=1)])
