"""Boards: states drawn as pictures, from an RGB image or from a matrix of cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Int, UInt8

from agentscope.drawing.svg import drawing, rectangle

CELL_COLOURS = (
    "#e8ebf0", "#3b6ea5", "#c46a1b", "#2e8b57", "#8d5fb0", "#b8434e", "#2a9aa8", "#9a8b2f", "#6b7280",
)  # fmt: skip


def image_svg(pixels: UInt8[np.ndarray, "height width 3"], *, title: str, scale: float = 1.0) -> str:
    """An RGB picture as SVG: runs of one colour become one rectangle, so that boards stay a few kilobytes.

    Args:
        pixels: as `render_rgb` gives them.
        title: read out by screen readers.
        scale: side of a pixel in the drawing's units.
    """
    codes = (pixels[..., 0].astype(np.int64) << 16) | (pixels[..., 1].astype(np.int64) << 8) | pixels[..., 2]
    parts = []
    for top, rows, left, columns, code in _blocks(codes):
        place = (left * scale, top * scale, columns * scale, rows * scale)
        parts.append(rectangle(*place, fill=f"#{code:06x}"))
    return drawing(codes.shape[1] * scale, codes.shape[0] * scale, parts, title=title)


def board_svg(
    cells: Int[np.ndarray, "rows columns"], *, title: str, side: float = 16.0, colours: Sequence[str] = CELL_COLOURS
) -> str:
    """A grid of cells as SVG, one square a cell with a gap between them.

    Args:
        cells: index into `colours` of each cell; larger indices wrap round.
        side: of a cell in the drawing's units.
    """
    rows, columns = cells.shape
    parts = [
        rectangle(
            column * side + 0.5,
            row * side + 0.5,
            side - 1,
            side - 1,
            fill=colours[int(cells[row, column]) % len(colours)],
        )
        for row in range(rows)
        for column in range(columns)
    ]
    return drawing(columns * side, rows * side, parts, title=title)


def _blocks(codes: np.ndarray) -> Iterator[tuple[int, int, int, int, int]]:
    """(top, rows, left, columns, code) of blocks that tile the matrix: equal rows merged, then equal runs in a row."""
    top = 0
    while top < len(codes):
        rows = 1
        while top + rows < len(codes) and np.array_equal(codes[top + rows], codes[top]):
            rows += 1
        starts = np.flatnonzero(np.diff(codes[top], prepend=codes[top, 0] - 1))
        ends = np.append(starts[1:], codes.shape[1])
        for left, end in zip(starts, ends, strict=True):
            yield top, rows, int(left), int(end - left), int(codes[top, left])
        top += rows
