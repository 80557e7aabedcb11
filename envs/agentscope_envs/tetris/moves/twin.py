"""The rules of Tetris by primitive moves in plain numpy, one state at a time: the reference that the kernels equal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agentscope_envs.tetris.twin import clear, piece_cells


@dataclass(frozen=True)
class Pose:
    """A piece on the board: its rotation (the first of those that look alike) and the upper left corner of its box."""

    piece: int
    rotation: int
    top: int
    column: int

    @property
    def cells(self) -> np.ndarray:
        """The turned piece as a bool array."""
        return piece_cells(self.piece, self.rotation)


def first_alike(piece: int, rotation: int) -> int:
    """The first rotation that looks like this one."""
    wanted = piece_cells(piece, rotation).tolist()
    return next(other for other in range(4) if piece_cells(piece, other).tolist() == wanted)


def on_board(board: np.ndarray, pose: Pose) -> np.ndarray | None:
    """The cells of the piece on the board, or None where it does not fit."""
    height, width = pose.cells.shape
    corner = (pose.top, pose.column)
    if min(corner) < 0 or pose.top + height > len(board) or pose.column + width > board.shape[1]:
        return None
    own = np.zeros_like(board)
    own[pose.top : pose.top + height, pose.column : pose.column + width] = pose.cells
    return None if (own & board).any() else own


def move(board: np.ndarray, pose: Pose, action: str) -> Pose:
    """The pose after the move itself, before the piece falls."""
    piece, rotation, top, column = pose.piece, pose.rotation, pose.top, pose.column
    if action == "rotate":
        turned = first_alike(piece, (rotation + 1) % 4)
        wanted = Pose(piece, turned, top, min(column, board.shape[1] - piece_cells(piece, turned).shape[1]))
    else:
        wanted = Pose(piece, rotation, top, column + {"left": -1, "right": 1}.get(action, 0))
    if on_board(board, wanted) is None:
        wanted = pose
    while action == "drop" and on_board(board, Pose(piece, rotation, wanted.top + 1, column)) is not None:
        wanted = Pose(piece, rotation, wanted.top + 1, column)
    return wanted


def step(board: np.ndarray, pose: Pose, action: str) -> tuple[np.ndarray, Pose | None, int]:
    """Board, pose (None: the piece has come to rest) and cleared lines after a step."""
    here = move(board, pose, action)
    below = Pose(here.piece, here.rotation, here.top + 1, here.column)
    if on_board(board, below) is not None:
        return board, below, 0
    own = on_board(board, here)
    assert own is not None, "a piece that falls lies on free cells"
    after, cleared = clear(board | own)
    return after, None, int(cleared.sum())


def observe(board: np.ndarray, pose: Pose) -> np.ndarray:
    """The two planes of an observation: board, and the falling piece where it is (over the board once it is over)."""
    own = on_board(np.zeros_like(board), pose)
    assert own is not None, "a piece lies on the board"
    return np.stack([board, own]).astype(np.uint8)
