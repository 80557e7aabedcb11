"""Compiled steps of Tetris by primitive moves; `twin.py` is the readable reference that they equal bit for bit."""

from __future__ import annotations

import numpy as np
from numba import njit

from agentscope_envs.tetris.kernels import count_shape, draw_piece, lock, paint
from agentscope_envs.tetris.pieces import FIRST_ALIKE, HEIGHTS, MASKS, WIDTHS

LEFT, RIGHT, ROTATE, DOWN, DROP = range(5)
LINES, DIED, PLACED = 0, 1, 5  # columns of the outcomes; 2 to 4 are changes of aggregate height, holes, bumpiness


@njit(cache=True)
def fits(rows, piece, rotation, top, column, width):
    """Whether the piece lies on the board there without touching a filled cell."""
    height_of_piece = HEIGHTS[piece, rotation]
    if top < 0 or top + height_of_piece > len(rows) or column < 0 or column + WIDTHS[piece, rotation] > width:
        return False
    touched = 0
    for r in range(height_of_piece):
        touched |= rows[top + r] & (MASKS[piece, rotation, r] << column)
    return touched == 0


@njit(cache=True)
def moved(rows, piece, pose, action, width):
    """Pose (rotation, top row, left column) after the move itself; a move that is blocked changes nothing."""
    rotation, top, column = pose
    if action == LEFT and fits(rows, piece, rotation, top, column - 1, width):
        column -= 1
    elif action == RIGHT and fits(rows, piece, rotation, top, column + 1, width):
        column += 1
    elif action == ROTATE:
        turned = FIRST_ALIKE[piece, (rotation + 1) % 4]
        pushed = min(column, width - WIDTHS[piece, turned])  # away from the right wall
        if fits(rows, piece, turned, top, pushed, width):
            rotation = turned
            column = pushed
    elif action == DROP:
        while fits(rows, piece, rotation, top + 1, column, width):
            top += 1
    return rotation, top, column


@njit(cache=True)
def spawn_batch(states, width):
    """Give every state the piece of its current draw, at the top in the rotation and column of the draw."""
    for i in range(len(states)):
        piece, rotation, column = draw_piece(states[i].seed, states[i].draw, width)
        states[i].piece = piece
        states[i].rotation = FIRST_ALIKE[piece, rotation]
        states[i].top = 0
        states[i].column = column


@njit(cache=True)
def step_batch(states, actions, width, after, outcomes):
    """Move the piece, then let it fall one row, or rest where it cannot; `after` is a copy of the states.

    outcomes (n, 6): lines, died, the changes of aggregate height, holes and bumpiness, and whether the piece came to
    rest. A state that is over stays as it is.
    """
    full = np.uint16((1 << width) - 1)
    for i in range(len(states)):
        outcomes[i] = 0
        state = states[i]
        if state.over:
            outcomes[i, DIED] = 1
            continue
        pose = (np.int64(state.rotation), np.int64(state.top), np.int64(state.column))
        rotation, top, column = moved(state.rows, state.piece, pose, actions[i], width)
        if fits(state.rows, state.piece, rotation, top + 1, column, width):
            after[i].rotation = rotation
            after[i].top = top + 1
            after[i].column = column
            continue
        rows = after[i].rows
        _, lines, _ = lock(state.rows, state.piece, rotation, column, top, full, rows)
        before = count_shape(state.rows, width)
        now = count_shape(rows, width)
        for feature in range(3):
            outcomes[i, 2 + feature] = now[feature] - before[feature]
        after[i].lines = state.lines + lines
        after[i].placed = state.placed + 1
        after[i].draw = state.draw + 1
        spawn_batch(after[i : i + 1], width)
        blocked = not fits(rows, after[i].piece, after[i].rotation, 0, after[i].column, width)
        after[i].over = blocked
        outcomes[i, LINES] = lines
        outcomes[i, DIED] = blocked
        outcomes[i, PLACED] = 1


@njit(cache=True)
def observe_batch(states, width, observations):
    """Write the board plane and the plane of the falling piece where it is."""
    for i in range(len(states)):
        paint(states[i], (states[i].rotation, states[i].top, states[i].column), width, observations[i])
