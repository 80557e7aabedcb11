"""The rules of placement Tetris in plain numpy, one state at a time: the reference that the kernels equal."""

from __future__ import annotations

from math import factorial

import numpy as np

from agentscope_envs.chance import draw_bits
from agentscope_envs.tetris.pieces import PIECES, SHAPES, turned


def draw_piece(seed: int, draw: int, width: int) -> tuple[int, int, int]:
    """Piece, rotation and column of one draw."""
    bits = _bits(seed, draw)
    piece = (bits >> 48) * 7 >> 16
    return piece, *draw_pose(seed, draw, piece, width)


def draw_pose(seed: int, draw: int, piece: int, width: int) -> tuple[int, int]:
    """Rotation and column of one draw, whichever way its piece was chosen."""
    bits = _bits(seed, draw)
    rotation = (bits >> 40) & 3
    fits = width - len(turned(SHAPES[PIECES[piece]], rotation)[0]) + 1
    return rotation, ((bits >> 16) & 0xFFFF) * fits >> 16


def draw_from_bag(seed: int, draw: int) -> int:
    """The piece of one draw where each seven draws are the seven pieces in a random order: the bag's draw decides."""
    bag, position = divmod(draw, 7)
    order = (_bits(seed, (1 << 40) + bag) >> 16) * factorial(7) >> 48
    left = list(range(7))
    for taken in range(position + 1):
        choice, order = divmod(order, factorial(6 - taken))
        piece = left.pop(choice)
    return piece


def _bits(seed: int, draw: int) -> int:
    return int(draw_bits(np.array([seed], dtype=np.uint64), np.array([draw]))[0])


def piece_cells(piece: int, rotation: int) -> np.ndarray:
    """The turned piece as a bool array (rows, columns)."""
    return np.array([[cell == "#" for cell in row] for row in turned(SHAPES[PIECES[piece]], rotation)])


def place(board: np.ndarray, piece: int, rotation: int, column: int) -> tuple[np.ndarray, int, int, int]:
    """Drop a piece into a bool board: (board after, row of its top, lines cleared, own cells cleared)."""
    cells = piece_cells(piece, rotation)
    column = min(column, board.shape[1] - cells.shape[1])
    padded = np.vstack([np.zeros((4, board.shape[1]), dtype=bool), board])  # four rows above the upper edge
    window = slice(column, column + cells.shape[1])
    top = 4 - len(cells)
    while top + 1 + len(cells) <= len(padded) and not (padded[top + 1 : top + 1 + len(cells), window] & cells).any():
        top += 1
    own = np.zeros_like(padded)
    own[top : top + len(cells), window] = cells
    after, cleared = clear((padded | own)[4:])
    return after, top - 4, int(cleared.sum()), int(own[4:][cleared].sum())


def clear(filled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take the full rows out of a bool board: (board after, bool for each row: was full)."""
    cleared = np.asarray(filled.all(axis=1))
    return np.vstack([np.zeros((int(cleared.sum()), filled.shape[1]), dtype=bool), filled[~cleared]]), cleared


def observe(board: np.ndarray, piece: int, rotation: int, column: int) -> np.ndarray:
    """The two planes of an observation: board, and the falling piece at the top in its random pose."""
    planes = np.zeros((2, *board.shape), dtype=np.uint8)
    planes[0] = board
    cells = piece_cells(piece, rotation)
    planes[1, : len(cells), column : column + cells.shape[1]] = cells
    return planes
