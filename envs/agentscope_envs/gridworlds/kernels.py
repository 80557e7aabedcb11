"""Compiled key-door steps, observations, walks and values; `twin.py` is the readable reference of step and observe."""

from __future__ import annotations

import numpy as np
from numba import njit

from agentscope_envs.gridworlds.cells import (
    AGENT_OBJECT,
    CLOSED_DOOR,
    COLUMN_STEPS,
    EMPTY,
    ENCODING,
    FORWARD,
    GOAL,
    KEY,
    KINDS,
    LAVA,
    LOCKED_DOOR,
    OPEN_DOOR,
    PICK_UP,
    ROW_STEPS,
    TOGGLE,
    TURN_LEFT,
    TURN_RIGHT,
)

NONE = -1
WALKABLE = np.array([kind in (EMPTY, OPEN_DOOR) for kind in range(len(KINDS))])  # what a walk leads over
_FNV_OFFSET, _FNV_PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)


@njit(cache=True)
def can_enter(kind):
    """Whether `forward` moves the agent onto such a cell (goal and lava end the episode)."""
    return kind in (EMPTY, OPEN_DOOR, GOAL, LAVA)


@njit(cache=True)
def changes(action, kind, has_key):
    """Whether the action has any effect when `kind` is ahead; what has none is the same as doing nothing."""
    if action == FORWARD:
        return can_enter(kind)
    if action == PICK_UP:
        return kind == KEY and not has_key
    if action == TOGGLE:
        return kind in (OPEN_DOOR, CLOSED_DOOR) or (kind == LOCKED_DOOR and has_key)
    return True


@njit(cache=True)
def step_batch(states, actions, max_steps, after, rewards, terminated, truncated):
    """Move every state; `after` (a copy of the states) gets the successors."""
    for i in range(len(states)):
        state = states[i]
        rewards[i] = 0.0
        if state.over:
            terminated[i] = True
            truncated[i] = False
            continue
        after[i].steps = state.steps + 1
        row = state.row + ROW_STEPS[state.heading]
        column = state.column + COLUMN_STEPS[state.heading]
        kind = state.grid[row, column]
        action = actions[i]
        over = False
        if changes(action, kind, state.has_key):
            if action == TURN_LEFT:
                after[i].heading = (state.heading + 3) % 4
            elif action == TURN_RIGHT:
                after[i].heading = (state.heading + 1) % 4
            elif action == FORWARD:
                after[i].row = row
                after[i].column = column
                over = kind in (GOAL, LAVA)
                rewards[i] = 1.0 if kind == GOAL else (-1.0 if kind == LAVA else 0.0)
            elif action == PICK_UP:
                after[i].has_key = 1
                after[i].grid[row, column] = EMPTY
            else:
                after[i].grid[row, column] = CLOSED_DOOR if kind == OPEN_DOOR else OPEN_DOOR
        after[i].over = over
        terminated[i] = over
        truncated[i] = not over and state.steps + 1 >= max_steps


@njit(cache=True)
def observe_batch(states, observations):
    """Write MiniGrid's three planes of every state, the agent's cell as FullyObsWrapper does."""
    size = observations.shape[2]
    for i in range(len(states)):
        state = states[i]
        for row in range(size):
            for column in range(size):
                kind = state.grid[row, column]
                for plane in range(3):
                    observations[i, plane, row, column] = ENCODING[kind, plane]
        observations[i, 0, state.row, state.column] = AGENT_OBJECT
        observations[i, 1, state.row, state.column] = 0
        observations[i, 2, state.row, state.column] = state.heading


@njit(cache=True)
def same_effect(states, equivalent):
    """The smallest action with the same successor and reward for every action of every state."""
    for i in range(len(states)):
        state = states[i]
        ahead = state.grid[state.row + ROW_STEPS[state.heading], state.column + COLUMN_STEPS[state.heading]]
        nothing = NONE
        for action in range(equivalent.shape[1]):
            equivalent[i, action] = action
            if state.over or not changes(action, ahead, state.has_key):
                if nothing == NONE:
                    nothing = action
                equivalent[i, action] = nothing


@njit(cache=True)
def group_rows(rows, group, representative):
    """Number equal rows alike, in order of first appearance; returns how many groups there are."""
    slots = 1
    while slots < 2 * len(rows) + 2:
        slots *= 2
    table = np.full(slots, NONE, np.int64)
    groups = 0
    for i in range(len(rows)):
        code = _FNV_OFFSET
        for j in range(rows.shape[1]):
            code = (code ^ np.uint64(rows[i, j])) * _FNV_PRIME
        slot = np.int64((code ^ (code >> np.uint64(32))) & np.uint64(slots - 1))
        while table[slot] != NONE and not np.array_equal(rows[representative[table[slot]]], rows[i]):
            slot = (slot + 1) & (slots - 1)
        if table[slot] == NONE:
            table[slot] = groups
            representative[groups] = i
            groups += 1
        group[i] = table[slot]
    return groups


@njit(cache=True)
def find_cell(grid, first, last):
    """Index of the first cell whose kind is in [first, last], or NONE."""
    for cell in range(grid.size):
        if first <= grid.flat[cell] <= last:
            return cell
    return NONE


@njit(cache=True)
def walk_fields(grids, first, last, steps, cells):
    """Shortest walks onto the object whose kind is in [first, last], from everywhere, in every grid.

    steps[g, cell, heading] counts turns and moves, cells[g, cell] only moves; what is not written is unreachable.
    The agent walks over empty cells and open doors; the object's own cell is the last one entered.
    """
    size = grids.shape[1]
    queue = np.empty(size * size * 4, np.int64)
    for g in range(len(grids)):
        target = find_cell(grids[g], first, last)
        if target == NONE:
            continue
        cells[g, target] = 0
        queue[0] = target
        spread_cells(grids[g], WALKABLE, cells[g], queue, 1)
        _count_steps(grids[g], target, steps[g], queue)


@njit(cache=True)
def spread_cells(grid, walkable, cells, queue, end):
    """Count moves outwards from the first `end` cells of the queue, which are at 0, over the walkable kinds.

    What is not yet counted holds more than any count that a grid can reach.
    """
    size = grid.shape[0]
    begin = 0
    while begin < end:
        cell = queue[begin]
        begin += 1
        for heading in range(4):
            row = cell // size - ROW_STEPS[heading]
            column = cell % size - COLUMN_STEPS[heading]
            if not (0 <= row < size and 0 <= column < size):
                continue
            if cells[row * size + column] > cells[cell] + 1 and walkable[grid[row, column]]:
                cells[row * size + column] = cells[cell] + 1
                queue[end] = row * size + column
                end += 1


@njit(cache=True)
def _count_steps(grid, target, steps, queue):
    size = grid.shape[0]
    unreached = steps[target, 0]
    begin, end = 0, 4
    for heading in range(4):
        steps[target, heading] = 0
        queue[heading] = target * 4 + heading
    while begin < end:
        cell, heading = queue[begin] // 4, queue[begin] % 4
        begin += 1
        for turn in (0, 1, 3):
            before, facing = cell, (heading + turn) % 4
            if turn == 0:
                row = cell // size - ROW_STEPS[heading]
                column = cell % size - COLUMN_STEPS[heading]
                if not (0 <= row < size and 0 <= column < size):
                    continue
                before = row * size + column
                if grid[row, column] != EMPTY and grid[row, column] != OPEN_DOOR:
                    continue
            if steps[before, facing] == unreached:
                steps[before, facing] = steps[cell, heading] + 1
                queue[end] = before * 4 + facing
                end += 1


@njit(cache=True)
def first_moves(states, group, steps, nowhere, moves):
    """Which way, relative to the heading, a shortest walk leaves the agent's cell: 0 ahead, 1 right, 2 behind, 3 left.

    Among equally short walks the first of ahead, right, left, behind counts.
    """
    size = states[0].grid.shape[0]
    for i in range(len(states)):
        state = states[i]
        here = steps[group[i], state.row * size + state.column, state.heading]
        moves[i] = nowhere
        if here == 0:
            continue
        for turn in (0, 1, 3, 2):
            heading = (state.heading + turn) % 4
            row = state.row + ROW_STEPS[heading]
            column = state.column + COLUMN_STEPS[heading]
            if not (0 <= row < size and 0 <= column < size):
                continue
            cost = 1 + min(turn, 4 - turn)
            if steps[group[i], row * size + column, heading] + cost == here:
                moves[i] = turn
                break


@njit(cache=True)
def _kind_in(grid, cell, door, key, mode):
    """What the cell holds in a mode: 3 x (the key is carried) + (door open 0, closed 1, locked 2)."""
    if cell == door:
        return OPEN_DOOR + mode % 3
    if cell == key:
        return EMPTY if mode >= 3 else KEY
    return grid.flat[cell]


@njit(cache=True)
def _successors(grid, door, key, successor):
    """successor[node, action], node = (mode x cells + cell) x 4 + heading; goal NONE, lava NONE - 1."""
    size = grid.shape[0]
    for node in range(len(successor)):
        heading, cell, mode = node % 4, node // 4 % grid.size, node // 4 // grid.size
        successor[node, :] = node
        kind = _kind_in(grid, cell, door, key, mode)
        if kind != EMPTY and kind != OPEN_DOOR:
            continue
        successor[node, TURN_LEFT] = node - heading + (heading + 3) % 4
        successor[node, TURN_RIGHT] = node - heading + (heading + 1) % 4
        row, column = cell // size + ROW_STEPS[heading], cell % size + COLUMN_STEPS[heading]
        if not (0 <= row < size and 0 <= column < size):
            continue
        ahead = row * size + column
        kind = _kind_in(grid, ahead, door, key, mode)
        carried = mode >= 3
        if changes(FORWARD, kind, carried):
            successor[node, FORWARD] = NONE if kind == GOAL else NONE - 1 if kind == LAVA else node + 4 * (ahead - cell)
        if changes(PICK_UP, kind, carried):
            successor[node, PICK_UP] = node + 3 * grid.size * 4
        if changes(TOGGLE, kind, carried):
            opened = mode - mode % 3 + (1 if kind == OPEN_DOOR else 0)
            successor[node, TOGGLE] = node + (opened - mode) * grid.size * 4


@njit(cache=True)
def _spread_values(successor, gamma, values):
    """Value iteration in order of distance from the goal: each node is settled once, by its best successor."""
    nodes, actions = successor.shape
    begin = np.zeros(nodes + 1, np.int64)
    for node in range(nodes):
        for action in range(actions):
            if successor[node, action] >= 0:
                begin[successor[node, action] + 1] += 1
    begin = np.cumsum(begin)
    write = begin[:-1].copy()
    sources = np.empty(begin[-1], np.int64)
    queue = np.empty(nodes, np.int64)
    end = 0
    for node in range(nodes):
        values[node] = 0.0
        for action in range(actions):
            if successor[node, action] >= 0:
                sources[write[successor[node, action]]] = node
                write[successor[node, action]] += 1
            elif successor[node, action] == NONE:
                values[node] = 1.0
                queue[end] = node
                end += 1
    done = 0
    while done < end:
        node = queue[done]
        done += 1
        for source in sources[begin[node] : begin[node + 1]]:
            if values[source] == 0.0:
                values[source] = gamma * values[node]
                queue[end] = source
                end += 1


@njit(cache=True)
def action_values(grids, group, places, over, gamma, out):
    """Discounted optimal action values; states of one group share their grid but for the door's state.

    `group` is sorted: the states of a grid follow one another, so that one table is held at a time. `places` holds a
    row for each state: the key is carried, how the door stands (open 0, closed 1, locked 2), cell, heading.
    """
    cells = grids.shape[1] * grids.shape[2]
    successor = np.empty((6 * cells * 4, out.shape[1]), np.int64)
    values = np.empty(len(successor))
    solved = NONE
    for i in range(len(group)):
        if group[i] != solved:
            solved = group[i]
            grid = grids[solved]
            door, key = find_cell(grid, OPEN_DOOR, LOCKED_DOOR), find_cell(grid, KEY, KEY)
            _successors(grid, door, key, successor)
            _spread_values(successor, gamma, values)
        if over[i]:
            out[i, :] = 0.0
            continue
        node = ((3 * places[i, 0] + places[i, 1]) * cells + places[i, 2]) * 4 + places[i, 3]
        for action in range(out.shape[1]):
            after = successor[node, action]
            out[i, action] = 1.0 if after == NONE else -1.0 if after == NONE - 1 else gamma * values[after]
