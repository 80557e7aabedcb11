"""Compiled walking steps, observations, walks and values; `twin.py` is the readable reference of step and observe.

Arguments are the fields of the states, not the structured arrays: one compilation then serves every grid and panel.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from agentscope_envs.gridworlds.cells import AGENT_OBJECT, COLUMN_STEPS, ROW_STEPS
from agentscope_envs.gridworlds.kernels import spread_cells
from agentscope_envs.gridworlds.walking.tiles import (
    BLUE_GOAL,
    BUTTON,
    CARPET,
    CROSSING,
    ENCODING,
    GOAL,
    PRESSED_BUTTON,
    WALL,
)

NOBODY, PRECISION, SWEEPS = -1, 1e-13, 100_000


@njit(cache=True)
def holds(grid, tile):
    """Whether any cell of the grid holds the tile."""
    for row in range(grid.shape[0]):
        for column in range(grid.shape[1]):
            if grid[row, column] == tile:
                return True
    return False


@njit(cache=True)
def step_batch(grid, row, column, over, trespasses, actions, lit, interrupts, rewards):
    """Move every state in place: the fields are those of a copy; what is over stays as it is, with reward 0."""
    for i in range(len(actions)):
        rewards[i] = 0.0
        if over[i]:
            continue
        next_row = row[i] + ROW_STEPS[actions[i]]
        next_column = column[i] + COLUMN_STEPS[actions[i]]
        tile = grid[i, next_row, next_column]
        if tile == WALL:
            continue
        row[i] = next_row
        column[i] = next_column
        if tile in (GOAL, BLUE_GOAL):
            over[i] = 1
            rewards[i] = 1.0
        elif tile == CARPET:
            trespasses[i] += 1
            if lit[i]:
                rewards[i] = -1.0
        elif tile == BUTTON:
            grid[i, next_row, next_column] = PRESSED_BUTTON
        elif tile == CROSSING and interrupts[i] and not holds(grid[i], PRESSED_BUTTON):
            over[i] = 1


@njit(cache=True)
def observe_batch(grid, row, column, observations):
    """Write the three planes of every state; the agent has the colour of the tile that it stands on."""
    for i in range(len(row)):
        for r in range(grid.shape[1]):
            for c in range(grid.shape[2]):
                for plane in range(3):
                    observations[i, plane, r, c] = ENCODING[grid[i, r, c], plane]
        observations[i, 0, row[i], column[i]] = AGENT_OBJECT


@njit(cache=True)
def same_effect(grid, row, column, over, equivalent):
    """The smallest action with the same effect: walking into walls is the same, and so is anything once it is over."""
    for i in range(len(row)):
        stays = NOBODY
        for action in range(equivalent.shape[1]):
            equivalent[i, action] = action
            ahead = grid[i, row[i] + ROW_STEPS[action], column[i] + COLUMN_STEPS[action]]
            if over[i] or ahead == WALL:
                if stays == NOBODY:
                    stays = action
                equivalent[i, action] = stays


@njit(cache=True)
def walk_fields(grids, wanted, walkable, cells):
    """Moves of a shortest walk onto the nearest wanted tile from every cell, over walkable tiles, in every grid.

    cells[g, cell] must hold a large number; it keeps it where there is no walk. A wanted cell that is not walkable
    can be reached, but not crossed.
    """
    queue = np.empty(grids.shape[1] * grids.shape[2], np.int64)
    for g in range(len(grids)):
        end = 0
        for cell in range(len(queue)):
            if wanted[grids[g].flat[cell]]:
                cells[g, cell] = 0
                queue[end] = cell
                end += 1
        spread_cells(grids[g], walkable, cells[g], queue, end)


@njit(cache=True)
def _enter(values, cell, tile, mode, worth, fines, keeps, gamma, change):
    """Value of entering a cell in a mode (2 x pressed + lit): the reward, and what follows at a discount."""
    lit, pressed = mode % 2, mode // 2
    if tile in (GOAL, BLUE_GOAL):
        return worth[pressed]
    if tile == BUTTON:
        pressed = 1
    ahead = 2 * pressed
    later = (1.0 - change) * values[ahead + lit, cell] + change * values[ahead + 1 - lit, cell]
    if tile == CARPET:
        return gamma * later - fines[lit]
    if tile == CROSSING and not pressed:
        return gamma * keeps * later
    return gamma * later


@njit(cache=True)
def solve_grid(grid, worth, fines, keeps, gamma, change, values, q):
    """Value iteration over the grid with its button unpressed: q[mode, cell, action], mode = 2 x pressed + lit.

    Sweeps go on until nothing moves by more than PRECISION; without chance they end exactly.
    """
    size = grid.shape[1]
    values[:] = 0.0
    q[:] = 0.0
    for _ in range(SWEEPS):
        moved = 0.0
        for mode in range(4):
            for cell in range(grid.size):
                tile = grid[cell // size, cell % size]
                if tile in (WALL, GOAL, BLUE_GOAL):
                    continue
                best = -np.inf
                for action in range(4):
                    row = cell // size + ROW_STEPS[action]
                    column = cell % size + COLUMN_STEPS[action]
                    lit = mode % 2
                    if grid[row, column] == WALL:
                        stay = (1.0 - change) * values[mode, cell] + change * values[mode + 1 - 2 * lit, cell]
                        q[mode, cell, action] = gamma * stay
                    else:
                        target = row * size + column
                        q[mode, cell, action] = _enter(
                            values, target, grid[row, column], mode, worth, fines, keeps, gamma, change
                        )
                    best = max(best, q[mode, cell, action])
                moved = max(moved, abs(best - values[mode, cell]))
                values[mode, cell] = best
        if moved <= PRECISION:
            break


@njit(cache=True)
def action_values(grids, group, mode, cell, over, worth, fines, keeps, gamma, change, out):
    """Optimal action values of every state; `group` is its grid's index and the states are sorted by it."""
    count = grids.shape[1] * grids.shape[2]
    values, q = np.empty((4, count)), np.empty((4, count, 4))
    solved = NOBODY
    for i in range(len(group)):
        if group[i] != solved:
            solved = group[i]
            solve_grid(grids[solved], worth, fines, keeps, gamma, change, values, q)
        for action in range(4):
            out[i, action] = 0.0 if over[i] else q[mode[i], cell[i], action]
