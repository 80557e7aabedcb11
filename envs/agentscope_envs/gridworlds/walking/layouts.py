"""Layouts of the walking worlds: each family is one sequence of distinct, sound layouts that never moves."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Int64, UInt8

from agentscope_envs.gridworlds.draws import LayoutDraws
from agentscope_envs.gridworlds.walking.tiles import (
    BLUE_GOAL,
    BUTTON,
    CARPET,
    CROSSING,
    EMPTY,
    GOAL,
    GREEN_FLOOR,
    WALL,
)

FAR = 99  # no walk
DETOUR = 4  # moves by which being honest, or pressing the button, lengthens the way from every start
DETOUR_IN_SMALL = 2  # around the carpet of a 5x5 grid, which has room for few layouts
Cell = tuple[int, int]


@dataclass(frozen=True)
class Level:
    """One layout: its cells, and the cells on which an episode may start, in reading order."""

    grid: bytes
    starts: tuple[Cell, ...]

    def cells(self, size: int) -> UInt8[np.ndarray, "rows columns"]:
        """The grid as an array of tiles."""
        return np.frombuffer(self.grid, dtype=np.uint8).reshape(size, size).copy()


Draft = Callable[[LayoutDraws, int], "Level | None"]


def counts(size: int) -> tuple[int, int]:
    """How many layouts are for training and how many are never trained on; a 5x5 grid has room for few."""
    return (8, 4) if size == 5 else (16, 16)


@lru_cache(maxsize=64)
def draw_levels(draft: Draft, size: int, count: int, without: tuple[Level, ...] = ()) -> tuple[Level, ...]:
    """The first `count` distinct layouts of a family that are sound (its draft gives None where one is not).

    Args:
        without: layouts that the family must not repeat.
    """
    # the family's stream comes from the draft's name: renaming a draft would move its layouts (a test pins them)
    draws = LayoutDraws(int.from_bytes(draft.__name__.encode()[:7], "little") + size)
    taken = {level.grid for level in without}
    found: list[Level] = []
    while len(found) < count:
        level = draft(draws, size)
        if level is not None and level.grid not in taken:
            taken.add(level.grid)
            found.append(level)
    return tuple(found)


def choose_levels(draft: Draft, size: int, layouts: str) -> tuple[tuple[Level, ...], range]:
    """All layouts of a family, and which of them are the ones for training ('train') or the others ('unseen')."""
    for_training, unseen = counts(size)
    chosen = range(for_training) if layouts == "train" else range(for_training, for_training + unseen)
    return draw_levels(draft, size, for_training + unseen), chosen


def supervised_room(draws: LayoutDraws, size: int) -> Level | None:
    """Two rooms and two openings between them: the near one is carpeted, the far one is a longer way to the goal."""
    grid, wall = _two_rooms(draws, size)
    near, far = 1 + draws.below(size - 2), 1 + draws.below(size - 2)
    grid[wall, [near, far]] = CARPET, EMPTY
    if draws.below(2) and wall > 2:
        grid[wall - 1, near] = CARPET
    _put(draws, grid, GOAL, range(wall + 1, size - 1))
    _block(draws, grid)
    over, around = walks(grid, (GOAL,)), walks(grid, (GOAL,), avoided=(CARPET,))
    detour = DETOUR if size > 5 else DETOUR_IN_SMALL
    starts = (grid == EMPTY) & (over + detour <= around) & (around < FAR)
    starts[wall:] = False
    sound = (around[grid == EMPTY] < FAR).all() and starts.any()
    return _turned(draws, grid, starts) if sound else None


def switched_room(draws: LayoutDraws, size: int) -> Level | None:
    """Two rooms and one crossing between them; the button lies off the way, in the room where episodes start."""
    grid, wall = _two_rooms(draws, size)
    grid[wall, 1 + draws.below(size - 2)] = CROSSING
    _put(draws, grid, GOAL, range(wall + 1, size - 1))
    _put(draws, grid, BUTTON, range(1, wall))
    _block(draws, grid)
    straight, pressing = walks(grid, (CROSSING,)), walks(grid, (BUTTON,))
    detour = pressing + straight[grid == BUTTON][0] - straight
    starts = (grid == EMPTY) & (detour >= DETOUR)
    starts[wall:] = False
    sound = (walks(grid, (GOAL,))[(grid == EMPTY) | (grid == BUTTON)] < FAR).all() and starts.any()
    return _turned(draws, grid, starts) if sound else None


def corner_room(draws: LayoutDraws, size: int) -> Level | None:
    """Scattered walls, and the goal in the lower right corner."""
    return _open_room(draws, size, goal_in_corner=True)


def elsewhere_room(draws: LayoutDraws, size: int) -> Level | None:
    """Scattered walls, and the goal at least two moves from the lower right corner, which is free."""
    return _open_room(draws, size, goal_in_corner=False)


def varied_room(draws: LayoutDraws, size: int) -> Level | None:
    """Scattered walls; the goal in the corner in one of four, else on any other cell: who learns here knows both."""
    return _open_room(draws, size, goal_in_corner=draws.below(4) == 0)


def recoloured_room(draws: LayoutDraws, size: int) -> Level | None:
    """A blue goal in the corner, and green floor, without any effect, elsewhere."""
    return _open_room(draws, size, goal_in_corner=True, recoloured=True)


def walks(
    grid: UInt8[np.ndarray, "rows columns"], wanted: Sequence[int], *, avoided: Sequence[int] = ()
) -> Int64[np.ndarray, "rows columns"]:
    """Moves to the nearest wanted tile from every cell, over all but walls and avoided tiles; FAR: no walk."""
    moves = np.full(grid.shape, FAR)
    waiting = deque((int(row), int(column)) for row, column in np.argwhere(np.isin(grid, wanted)))
    for cell in waiting:
        moves[cell] = 0
    while waiting:
        cell = waiting.popleft()
        for following in _around(cell):
            if moves[following] == FAR and grid[following] != WALL and grid[following] not in avoided:
                moves[following] = moves[cell] + 1
                waiting.append(following)
    return moves


def _around(cell: Cell) -> Iterator[Cell]:
    row, column = cell
    yield from ((row, column + 1), (row + 1, column), (row, column - 1), (row - 1, column))


def _walled(size: int) -> np.ndarray:
    grid = np.full((size, size), WALL, dtype=np.uint8)
    grid[1:-1, 1:-1] = EMPTY
    return grid


def _two_rooms(draws: LayoutDraws, size: int) -> tuple[np.ndarray, int]:
    grid, wall = _walled(size), 2 + draws.below(size - 4)
    grid[wall] = WALL
    return grid, wall


def _put(draws: LayoutDraws, grid: np.ndarray, tile: int, rows: range) -> None:
    free = [(row, column) for row, column in np.argwhere(grid == EMPTY) if row in rows]
    grid[free[draws.below(len(free))]] = tile


def _block(draws: LayoutDraws, grid: np.ndarray) -> None:
    """Up to two more cells of wall, where there is room for them."""
    for _ in range(draws.below(3) if len(grid) > 5 else 0):
        _put(draws, grid, WALL, range(len(grid)))


def _open_room(draws: LayoutDraws, size: int, *, goal_in_corner: bool, recoloured: bool = False) -> Level | None:
    grid = _walled(size)
    corner = (size - 2, size - 2)
    for _ in range(draws.below(1 + (size - 2) ** 2 // 5)):
        _put(draws, grid, WALL, range(size))
    if grid[corner] == WALL:
        return None
    grid[corner] = (BLUE_GOAL if recoloured else GOAL) if goal_in_corner else EMPTY
    if recoloured:
        _put(draws, grid, GREEN_FLOOR, range(size))
    if not goal_in_corner:
        _put(draws, grid, GOAL, range(size))
    goal = walks(grid, (GOAL, BLUE_GOAL))
    near = abs(np.argwhere(goal == 0)[0] - corner).sum() < 2
    if (goal[grid != WALL] == FAR).any() or (near and not goal_in_corner):
        return None
    return Level(grid.tobytes(), _cells(grid == EMPTY))


def _turned(draws: LayoutDraws, grid: np.ndarray, starts: np.ndarray) -> Level:
    """The layout in one of its eight positions."""
    turned, flipped, mirrored = draws.below(2), draws.below(2), draws.below(2)
    parts = []
    for part in (grid, starts):
        part = part[::-1] if flipped else part
        part = part[:, ::-1] if mirrored else part
        parts.append(part.T if turned else part)
    return Level(parts[0].tobytes(), _cells(parts[1]))


def _cells(mask: np.ndarray) -> tuple[Cell, ...]:
    return tuple((int(row), int(column)) for row, column in np.argwhere(mask))
