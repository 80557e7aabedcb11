"""States as pictures of their cells: the environment's own where they fit its board, else drawn from observations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Int, Shaped, UInt8
from PIL import Image, ImageDraw, ImageFont

from agentscope.drawing.images import INK, PAPER, Box

FITS = 0.9  # share of changed tiles whose cell changes too: below it the picture shows something else
MOST_ROWS = 24  # components that are drawn as named bars; more become a board of shades
ROW, NAMED, VALUED, WIDE = 18, 92, 56, 228  # pixels: a row, its name, its value, all of it
LARGEST = 260  # pixels of the longer side of a board
GROUND = (40, 44, 52)
PALETTE = np.array([
    (190, 190, 200), (86, 180, 233), (230, 159, 0), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0),
    (204, 121, 167),
], dtype=np.uint8)  # fmt: skip


@dataclass(frozen=True, eq=False)
class StatePictures:
    """One picture a state, and where each cell lies in them.

    Attributes:
        kind: rendered by the environment; the board of the observation; components as bars or shades.
        columns: of the picture's grid; tile: (height, width) of a cell.
    """

    pictures: tuple[UInt8[np.ndarray, "height width 3"], ...]
    kind: Literal["rendered", "observed", "components"]
    columns: int
    tile: tuple[int, int]

    def box(self, cell: Sequence[int]) -> Box:
        """Where a cell lies: (row, column) of a board, or (component,)."""
        row, column = divmod(cell[0], self.columns) if len(cell) == 1 else cell
        height, width = self.tile
        return Box(column * width, row * height, width, height)


def state_pictures(
    observations: Shaped[np.ndarray, "states ..."],
    *,
    images: Sequence[UInt8[np.ndarray, "height width 3"]] = (),
    channels_last: bool = False,
    names: Sequence[str] = (),
) -> StatePictures:
    """Pictures of states in which every cell of the observation can be pointed at.

    Args:
        observations: boards (rows, columns), boards with planes, or flat.
        images: what the environment draws of each state: used where its tiles are the observation's cells, which is
            checked by what changes between states; a picture with more than the board, or of another view, is not.
        channels_last: planes are the last axis.
        names: of the components of flat observations.
    """
    planes = _planes(observations, channels_last=channels_last)
    rows, columns = planes.shape[2:]
    tile = _tile(images, planes)
    if tile is not None:
        return StatePictures(tuple(images), "rendered", columns, tile)
    flat = observations.ndim not in (3, 4)
    if flat and columns <= MOST_ROWS:
        labels = tuple(names) if len(names) == columns else tuple(f"component_{i}" for i in range(columns))
        values = planes[:, 0, 0].astype(np.float64)
        return StatePictures(tuple(_bars(row, values, labels) for row in values), "components", 1, (ROW, WIDE))
    if flat:
        rows, columns = -(-columns // int(np.ceil(np.sqrt(columns)))), int(np.ceil(np.sqrt(columns)))
        padded = np.zeros((len(planes), rows * columns), dtype=planes.dtype)
        padded[:, : planes.shape[3]] = planes[:, 0, 0]
        planes = padded.reshape(len(planes), 1, rows, columns)
    side = max(4, min(16, LARGEST // max(rows, columns)))
    pictures = tuple(board.repeat(side, axis=0).repeat(side, axis=1) for board in _boards(planes))
    if side >= 8:
        for picture in pictures:
            picture[::side], picture[:, ::side] = picture[::side] // 2 + 24, picture[:, ::side] // 2 + 24
    return StatePictures(pictures, "components" if flat else "observed", columns, (side, side))


def _planes(
    observations: Shaped[np.ndarray, "states ..."], *, channels_last: bool
) -> Shaped[np.ndarray, "states planes rows columns"]:
    if observations.ndim == 4:
        return np.moveaxis(observations, 3, 1) if channels_last else observations
    if observations.ndim == 3:
        return observations[:, None]
    return observations.reshape(len(observations), 1, 1, -1)


def _tile(
    images: Sequence[UInt8[np.ndarray, "height width 3"]], planes: Shaped[np.ndarray, "states planes rows columns"]
) -> tuple[int, int] | None:
    """(height, width) of a cell in the pictures; None where their tiles are not the observation's cells."""
    rows, columns = planes.shape[2:]
    if len(images) != len(planes) or not len(images) or any(each.shape != images[0].shape for each in images):
        return None
    height, width = images[0].shape[:2]
    if height % rows or width % columns or height // rows != width // columns:
        return None
    side = height // rows
    tiles = np.stack(images).reshape(len(images), rows, side, columns, side, 3)
    changed = (tiles[1:] != tiles[:1]).any(axis=(2, 4, 5))
    known = (planes[1:] != planes[:1]).any(axis=1)
    return (side, side) if not changed.any() or known[changed].mean() >= FITS else None


def _boards(
    planes: Shaped[np.ndarray, "states planes rows columns"],
) -> UInt8[np.ndarray, "states rows columns 3"]:
    """A colour for each cell: its plane where planes are flags, its values where they are ids, else a shade."""
    whole = planes.dtype.kind in "iub"
    if whole and planes.shape[1] == 3 and planes.max() > 31:
        return np.moveaxis(planes, 1, 3).astype(np.uint8)
    if whole and planes.min() >= 0 and planes.max() <= 1:
        plane = (planes * np.arange(1, planes.shape[1] + 1)[:, None, None]).max(axis=1)
        return _coloured(plane)
    if whole and planes.max() <= 31:
        cells = np.moveaxis(planes, 1, 3)
        kinds, code = np.unique(cells.reshape(-1, planes.shape[1]), axis=0, return_inverse=True)
        code = code.reshape(cells.shape[:3]) + (1 if kinds[0].any() else 0)  # 0 stays the ground
        return _coloured(code)
    mean = planes.astype(np.float64).mean(axis=1)
    low, high = float(mean.min()), float(mean.max())
    shade = (mean - low) / (high - low if high > low else 1.0)
    return np.repeat((30 + 215 * shade).astype(np.uint8)[..., None], 3, axis=3)


def _coloured(code: Int[np.ndarray, "states rows columns"]) -> UInt8[np.ndarray, "states rows columns 3"]:
    colours = np.concatenate([np.array([GROUND], dtype=np.uint8), PALETTE])
    wrapped = np.where(code > 0, (code - 1) % len(PALETTE) + 1, 0)
    return np.asarray(colours[wrapped])


def _bars(row: np.ndarray, values: np.ndarray, names: Sequence[str]) -> UInt8[np.ndarray, "height width 3"]:
    """Each component with its name, a bar on the scale of all states, and its value."""
    image = Image.new("RGB", (WIDE, ROW * len(names)), PAPER)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(11)
    room = WIDE - NAMED - VALUED - 4
    for index, name in enumerate(names):
        top, value = ROW * index, float(row[index])
        low, high = min(0.0, float(values[:, index].min())), max(0.0, float(values[:, index].max()))
        span = high - low or 1.0
        zero, end = (NAMED + round(room * (at - low) / span) for at in (0.0, value))
        pen.text((4, top + 2), name[:14], fill=INK, font=font)
        pen.rectangle((min(zero, end), top + 4, max(zero, end), top + ROW - 5), fill="#3b6ea5")
        pen.line((zero, top + 2, zero, top + ROW - 3), fill=INK)
        pen.text((WIDE - VALUED, top + 2), f"{value:.2g}", fill=INK, font=font)
    return np.asarray(image)
