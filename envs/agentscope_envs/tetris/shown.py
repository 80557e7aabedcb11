"""Pieces that the observation shows beside the falling one: each unturned at the top left of a plane of its own."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from agentscope_envs.tetris.pieces import MASKS, PIECES

NONE = len(PIECES)  # in place of a piece: its plane is empty
SHOWN_ROWS = 2  # an unturned piece is no higher
_SHAPES = np.concatenate([MASKS[:, 0, :SHOWN_ROWS], np.zeros((1, SHOWN_ROWS), dtype=np.uint16)])


def show_pieces(
    pieces: UInt8[np.ndarray, "states shown"], height: int, width: int
) -> UInt8[np.ndarray, "states shown rows columns"]:
    """A plane for each piece."""
    planes = np.zeros((*pieces.shape, height, width), dtype=np.uint8)
    planes[:, :, :SHOWN_ROWS] = (_SHAPES[pieces][..., None] >> np.arange(width, dtype=np.uint16)) & 1
    return planes


def read_shown(planes: UInt8[np.ndarray, "states shown rows columns"]) -> UInt8[np.ndarray, "states shown"]:
    """The piece on each plane: NONE where it is empty, the first piece where it shows no unturned piece."""
    masks = (planes[:, :, :SHOWN_ROWS] > 0) @ (1 << np.arange(planes.shape[3]))
    return np.asarray((masks[:, :, None, :] == _SHAPES).all(axis=3).argmax(axis=2), dtype=np.uint8)
