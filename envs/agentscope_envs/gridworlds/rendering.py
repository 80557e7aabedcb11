"""Pictures of key-door states: characters for the terminal, tiles for pages."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from agentscope.contracts import States
from agentscope_envs.gridworlds.cells import CLOSED_DOOR, EMPTY, GOAL, KEY, KINDS, LAVA, LOCKED_DOOR, OPEN_DOOR, WALL

CHARACTERS = {EMPTY: ".", WALL: "#", OPEN_DOOR: "_", CLOSED_DOOR: "d", LOCKED_DOOR: "D", KEY: "k", GOAL: "G", LAVA: "~"}
AGENT = ">v<^"
TILE = 16

_COLOURS = np.zeros((len(KINDS), 3), dtype=np.uint8)
_COLOURS[[EMPTY, KEY]] = (24, 24, 28)
_COLOURS[WALL] = (120, 120, 124)
_COLOURS[[OPEN_DOOR, CLOSED_DOOR, LOCKED_DOOR]] = (70, 62, 16)
_COLOURS[GOAL] = (48, 160, 72)
_COLOURS[LAVA] = (214, 84, 24)
_YELLOW, _RED = (232, 204, 48), (220, 40, 40)


def render_text(state: States | np.void) -> str:
    """The grid from above, the agent as the arrow of its heading; the last line says what it carries."""
    one = np.atleast_1d(state)[0]
    rows = [[CHARACTERS[int(kind)] for kind in row] for row in one["grid"]]
    rows[one["row"]][one["column"]] = AGENT[one["heading"]]
    carried = "carries the key" if one["has_key"] else "carries nothing"
    return "\n".join(["".join(row) for row in rows] + [carried])


def render_rgb(state: States | np.void) -> UInt8[np.ndarray, "height width 3"]:
    """Tiles of 16 pixels: yellow key and door (a frame when open, a keyhole when locked), red triangle: the agent."""
    one = np.atleast_1d(state)[0]
    image = _COLOURS[one["grid"]].repeat(TILE, axis=0).repeat(TILE, axis=1)
    image[::TILE, :] = image[::TILE, :] // 2 + 30
    image[:, ::TILE] = image[:, ::TILE] // 2 + 30
    for row, column in np.argwhere((one["grid"] >= OPEN_DOOR) & (one["grid"] <= KEY)):
        _draw_object(_tile(image, row, column), int(one["grid"][row, column]))
    tile = _tile(image, int(one["row"]), int(one["column"]))
    tile[_triangle(int(one["heading"]))] = _RED
    if one["has_key"]:
        tile[1:4, 1:4] = _YELLOW
    return image


def _tile(image: np.ndarray, row: int | np.integer, column: int | np.integer) -> np.ndarray:
    return image[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]


def _draw_object(tile: np.ndarray, kind: int) -> None:
    if kind == KEY:
        tile[3:7, 5:11] = _YELLOW
        tile[7:13, 7:9] = _YELLOW
        tile[11:13, 9:11] = _YELLOW
        return
    tile[1:] = _YELLOW
    tile[3:-2, 3:-2] = (24, 24, 28) if kind == OPEN_DOOR else (150, 126, 24)
    if kind == CLOSED_DOOR:
        tile[7:9, 10:12] = _YELLOW
    if kind == LOCKED_DOOR:
        tile[6:10, 7:9] = (0, 0, 0)


def _triangle(heading: int) -> np.ndarray:
    """Mask of a triangle that points east, turned clockwise to the heading."""
    rows, columns = np.mgrid[0:TILE, 0:TILE]
    east = (columns >= 3) & (columns <= 12) & (np.abs(rows - 7.5) <= (13 - columns) / 2)
    return np.rot90(east, -heading)
