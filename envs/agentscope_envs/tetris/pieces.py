"""The seven tetrominoes as tables: one row mask a row, for each of the four clockwise quarter turns."""

from __future__ import annotations

from itertools import permutations

import numpy as np

PIECES = ("I", "O", "T", "S", "Z", "J", "L")
SHAPES = {
    "I": ("####",),
    "O": ("##", "##"),
    "T": (".#.", "###"),
    "S": (".##", "##."),
    "Z": ("##.", ".##"),
    "J": ("#..", "###"),
    "L": ("..#", "###"),
}


def turned(shape: tuple[str, ...], quarter_turns: int) -> tuple[str, ...]:
    """The shape after that many clockwise quarter turns, its bounding box at the top left."""
    for _ in range(quarter_turns):
        shape = tuple("".join(row[column] for row in reversed(shape)) for column in range(len(shape[0])))
    return shape


def _tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    masks = np.zeros((7, 4, 4), dtype=np.uint16)  # bit c of masks[piece, rotation, r]: cell (r, c) is filled
    heights = np.zeros((7, 4), dtype=np.int64)
    widths = np.zeros((7, 4), dtype=np.int64)
    for piece, name in enumerate(PIECES):
        for rotation in range(4):
            shape = turned(SHAPES[name], rotation)
            heights[piece, rotation], widths[piece, rotation] = len(shape), len(shape[0])
            for row, text in enumerate(shape):
                masks[piece, rotation, row] = sum(1 << column for column, cell in enumerate(text) if cell == "#")
    return masks, heights, widths


MASKS, HEIGHTS, WIDTHS = _tables()


def _orientations() -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    labels: list[str] = []
    index = np.zeros((7, 4), dtype=np.int64)
    first = np.zeros((7, 4), dtype=np.int64)
    for piece, name in enumerate(PIECES):
        for rotation in range(4):
            alike = (MASKS[piece] == MASKS[piece, rotation]).all(axis=1).argmax()
            if alike == rotation:
                labels.append(f"{name}{rotation}")
            first[piece, rotation] = alike
            index[piece, rotation] = labels.index(f"{name}{alike}")
    return tuple(labels), index, first


# the 19 different pictures: I0, I1, O0, T0, ..., T3, S0, ...; which of them a turned piece is; the first turn alike
ORIENTATIONS, ORIENTATION_OF, FIRST_ALIKE = _orientations()
ORDERS = np.array(list(permutations(range(7))), dtype=np.uint8)  # the 5,040 orders of a bag of the seven pieces
