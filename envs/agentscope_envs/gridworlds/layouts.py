"""Key-door layouts: layout i is a function of i alone, so that training and unseen layouts never move."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import UInt8

from agentscope_envs.gridworlds.cells import EMPTY, GOAL, KEY, LAVA, LOCKED_DOOR, WALL
from agentscope_envs.gridworlds.draws import LayoutDraws

TRAIN = range(64)
UNSEEN = range(64, 96)
_FAMILY = 0x4B6579446F6F72  # "KeyDoor": another number here is another family of layouts

Cell = tuple[int, int]


@lru_cache(maxsize=512)
def _layout(index: int, size: int) -> tuple[bytes, bytes]:
    draws = LayoutDraws(_FAMILY + 1_000 * index + size)
    while True:
        grid, wall, door = _draft(draws, size)
        if _is_sound(grid, wall, door):
            break
    first_room = np.zeros((size, size), dtype=bool)
    first_room[:, :wall] = True
    starts = first_room & (grid == EMPTY)
    turned, flipped = draws.below(2), draws.below(2)
    for _ in range(flipped):
        grid, starts = grid[:, ::-1], starts[:, ::-1]
    for _ in range(turned):
        grid, starts = grid.T, starts.T
    return grid.tobytes(), starts.tobytes()


def layout_grid(index: int, size: int) -> UInt8[np.ndarray, "rows columns"]:
    """The cells of one layout at the start: the door locked, the key on the floor."""
    return np.frombuffer(_layout(index, size)[0], dtype=np.uint8).reshape(size, size).copy()


def layout_starts(index: int, size: int) -> list[Cell]:
    """Cells of the first room on which an episode may start, in reading order."""
    starts = np.frombuffer(_layout(index, size)[1], dtype=bool).reshape(size, size)
    return [(int(row), int(column)) for row, column in np.argwhere(starts)]


def _draft(draws: LayoutDraws, size: int) -> tuple[np.ndarray, int, Cell]:
    """Two rooms side by side, a door between them, stubs of wall, one key, one goal, and one to four cells of lava."""
    grid = np.full((size, size), EMPTY, dtype=np.uint8)
    grid[[0, -1], :] = WALL
    grid[:, [0, -1]] = WALL
    wall = 3 + draws.below(size - 6)
    grid[:, wall] = WALL
    door = (1 + draws.below(size - 2), wall)
    for _ in range(1 + draws.below(3)):
        _add_stub(grid, draws, wall)
    grid[door] = LOCKED_DOOR
    grid[_free_cell(grid, draws, range(1, wall))] = KEY
    grid[_free_cell(grid, draws, range(wall + 1, size - 1))] = GOAL
    for _ in range(1 + draws.below(4)):
        grid[_free_cell(grid, draws, range(1, size - 1))] = LAVA
    return grid, wall, door


def _add_stub(grid: np.ndarray, draws: LayoutDraws, wall: int) -> None:
    """One or two cells of wall that grow from the upper or lower edge, or sideways from the wall between the rooms."""
    size = len(grid)
    length, side = 1 + draws.below(2), draws.below(4)
    along = 1 + draws.below(size - 2)
    if side < 2:
        if along != wall:
            rows = slice(1, 1 + length) if side == 0 else slice(size - 1 - length, size - 1)
            grid[rows, along] = WALL
    elif side == 2:
        grid[along, max(wall - length, 2) : wall] = WALL
    else:
        grid[along, wall + 1 : min(wall + 1 + length, size - 2)] = WALL


def _free_cell(grid: np.ndarray, draws: LayoutDraws, columns: range) -> Cell:
    rows, offsets = np.nonzero(grid[:, columns.start : columns.stop] == EMPTY)
    chosen = draws.below(len(rows))
    return int(rows[chosen]), int(offsets[chosen]) + columns.start


def _is_sound(grid: np.ndarray, wall: int, door: Cell) -> bool:
    """In each room every empty cell reaches the door's threshold without lava, and so does the room's object.

    Then no reachable state is a dead end: whatever the agent has done, lava aside, the goal can still be reached.
    """
    row = door[0]
    rooms = ((row, wall - 1, slice(0, wall), KEY), (row, wall + 1, slice(wall + 1, None), GOAL))
    for threshold_row, threshold_column, columns, wanted in rooms:
        reached = _flood(grid, (threshold_row, threshold_column))
        room = np.zeros(grid.shape, dtype=bool)
        room[:, columns] = True
        touched = np.zeros(grid.shape, dtype=bool)
        touched[1:] |= reached[:-1]
        touched[:-1] |= reached[1:]
        touched[:, 1:] |= reached[:, :-1]
        touched[:, :-1] |= reached[:, 1:]
        if (room & (grid == EMPTY) & ~reached).any() or not (touched & room & (grid == wanted)).any():
            return False
    return True


def _flood(grid: np.ndarray, start: Cell) -> np.ndarray:
    reached = np.zeros(grid.shape, dtype=bool)
    waiting = [start]
    while waiting:
        row, column = waiting.pop()
        if grid[row, column] == EMPTY and not reached[row, column]:
            reached[row, column] = True
            waiting += [(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)]
    return reached
