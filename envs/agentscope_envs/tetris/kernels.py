"""Compiled Tetris steps over row masks; `twin.py` is the readable reference that they equal bit for bit."""

from __future__ import annotations

import numpy as np
from numba import njit, uint64

from agentscope_envs.tetris.pieces import HEIGHTS, MASKS, ORDERS, WIDTHS

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S33 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(33)
FIRST_BAG = 1 << 40  # index of the draw that orders the first bag: no game gets that far


@njit(cache=True, inline="always")
def _mix(bits):
    bits = uint64(bits + _GOLDEN)
    bits = uint64((bits ^ (bits >> _S30)) * _FIRST)
    bits = uint64((bits ^ (bits >> _S27)) * _SECOND)
    return uint64(bits ^ (bits >> _S31))


@njit(cache=True, inline="always")
def _bits(seed, draw):
    return _mix(uint64(_mix(uint64(seed)) + uint64(draw) * _GOLDEN))


@njit(cache=True, inline="always")
def _pose(bits, piece, width):
    rotation = (bits >> uint64(40)) & uint64(3)
    fits = uint64(width - WIDTHS[piece, rotation] + 1)
    return rotation, ((bits >> uint64(16)) & uint64(0xFFFF)) * fits >> uint64(16)


@njit(cache=True)
def draw_piece(seed, draw, width):
    """Piece, rotation and column of one draw: three fields of the same 64 random bits."""
    bits = _bits(seed, draw)
    piece = (bits >> uint64(48)) * uint64(7) >> uint64(16)
    rotation, column = _pose(bits, piece, width)
    return piece, rotation, column


@njit(cache=True)
def draw_from_bag(seed, draw):
    """The piece of one draw where each seven draws are the seven pieces in a random order."""
    order = (_bits(seed, FIRST_BAG + draw // 7) >> uint64(16)) * uint64(len(ORDERS)) >> uint64(48)
    return ORDERS[order, draw % 7]


@njit(cache=True)
def draw_upcoming(seeds, draws, rule, pieces, poses):
    """Draw falling and next pieces (n, 1 + next) and the pose (n, 2) of the falling one, in place.

    The rule is (width, whether pieces come from bags, how many of the pieces are given and stay).
    """
    width, from_bag, given = rule
    for i in range(len(seeds)):
        for ahead in range(given, pieces.shape[1]):
            if from_bag:
                pieces[i, ahead] = draw_from_bag(seeds[i], draws[i] + ahead)
            else:
                pieces[i, ahead] = draw_piece(seeds[i], draws[i] + ahead, width)[0]
        rotation, column = _pose(_bits(seeds[i], draws[i]), pieces[i, 0], width)
        poses[i, 0] = rotation
        poses[i, 1] = column


@njit(cache=True)
def place(rows, piece, rotation, column, full, after):
    """Drop one piece into `rows`; write the board to `after`; return (row of its top, lines, own cells cleared).

    The top row is negative when the piece does not fit below the upper edge: the game is over.
    """
    height = rows.shape[0]
    height_of_piece = HEIGHTS[piece, rotation]
    top = -height_of_piece
    falling = True
    while falling and top + 1 + height_of_piece <= height:
        below = top + 1
        for r in range(height_of_piece):
            if below + r >= 0 and rows[below + r] & (MASKS[piece, rotation, r] << column):
                falling = False
                break
        if falling:
            top = below
    return lock(rows, piece, rotation, column, top, full, after)


@njit(cache=True)
def lock(rows, piece, rotation, column, top, full, after):
    """Let a piece rest with its upper left corner there; as `place`, for a place that was chosen."""
    height = rows.shape[0]
    lines = 0
    eroded = 0
    write = height - 1
    for r in range(height - 1, -1, -1):
        row = rows[r]
        own = 0
        if top <= r < top + HEIGHTS[piece, rotation]:
            mask = MASKS[piece, rotation, r - top] << column
            row = row | mask
            for bit in range(4):
                own += (MASKS[piece, rotation, r - top] >> bit) & 1
        if row == full:
            lines += 1
            eroded += own
        else:
            after[write] = row
            write -= 1
    for r in range(write + 1):
        after[r] = 0
    return top, lines, eroded


@njit(cache=True, inline="always")
def _ones(mask):
    """Set bits of a 16-bit mask, summed in parallel (Warren, Hacker's Delight, section 5-1)."""
    bits = uint64(mask)
    bits = bits - ((bits >> uint64(1)) & uint64(0x5555))
    bits = (bits & uint64(0x3333)) + ((bits >> uint64(2)) & uint64(0x3333))
    bits = (bits + (bits >> uint64(4))) & uint64(0x0F0F)
    return (bits + (bits >> uint64(8))) & uint64(0x1F)


@njit(cache=True)
def count_shape(rows, width):
    """(aggregate height, holes, bumpiness) of one board: what the shaped reward weighs.

    Two adjacent columns differ in height by the number of rows in which just one of them is covered.
    """
    seams = np.uint16((1 << (width - 1)) - 1)
    covered = np.uint16(0)
    aggregate = uint64(0)
    holes = uint64(0)
    bumpiness = uint64(0)
    for r in range(rows.shape[0]):
        covered |= rows[r]
        if covered:
            aggregate += _ones(covered)
            holes += _ones(covered & ~rows[r])
            bumpiness += _ones((covered ^ (covered >> 1)) & seams)
    return np.int64(aggregate), np.int64(holes), np.int64(bumpiness)


@njit(cache=True)
def step_batch(states, actions, width, after, outcomes):
    """Place a piece in every state; `after` (a copy of the states) gets the successors.

    outcomes (n, 5): lines, died, and the changes of aggregate height, holes and bumpiness.
    """
    full = np.uint16((1 << width) - 1)
    for i in range(len(states)):
        state = states[i]
        rotation = actions[i] // width
        column = min(actions[i] % width, width - WIDTHS[state.piece, rotation])
        rows = after[i].rows
        top, lines, _ = place(state.rows, state.piece, rotation, column, full, rows)
        before = count_shape(state.rows, width)
        now = count_shape(rows, width)
        outcomes[i, 0] = lines
        outcomes[i, 1] = top < 0
        outcomes[i, 2] = now[0] - before[0]
        outcomes[i, 3] = now[1] - before[1]
        outcomes[i, 4] = now[2] - before[2]
        after[i].lines = state.lines + lines
        after[i].placed = state.placed + 1
        after[i].over = top < 0
        after[i].draw = state.draw + 1
        piece, pose_rotation, pose_column = draw_piece(state.seed, state.draw + 1, width)
        after[i].piece = piece
        after[i].pose_rotation = pose_rotation
        after[i].pose_column = pose_column


@njit(cache=True)
def place_all(boards, pieces, width, after, outcomes):
    """All placements of each piece: boards after them (n, actions, rows) and (top row, lines, own cells cleared)."""
    full = np.uint16((1 << width) - 1)
    for i in range(len(boards)):
        for action in range(4 * width):
            rotation = action // width
            column = min(action % width, width - WIDTHS[pieces[i], rotation])
            top, lines, eroded = place(boards[i], pieces[i], rotation, column, full, after[i, action])
            outcomes[i, action, 0] = top
            outcomes[i, action, 1] = lines
            outcomes[i, action, 2] = eroded


@njit(cache=True)
def same_successor(after, outcomes, equivalent):
    """The smallest action with the same board, lines and end for every action of every state."""
    for i in range(after.shape[0]):
        for action in range(after.shape[1]):
            equivalent[i, action] = action
            for other in range(action):
                if equivalent[i, other] != other or outcomes[i, other, 1] != outcomes[i, action, 1]:
                    continue
                same = (outcomes[i, other, 0] < 0) == (outcomes[i, action, 0] < 0)
                for r in range(after.shape[2] - 1, -1, -1):
                    if not same:
                        break
                    same = after[i, other, r] == after[i, action, r]
                if same:
                    equivalent[i, action] = other
                    break


@njit(cache=True)
def paint(state, pose, width, observation):
    """Write the board plane and the plane of the falling piece; the pose is (rotation, top row, left column)."""
    rotation, top, left = pose
    for r in range(observation.shape[1]):
        row = state.rows[r]
        for column in range(width):
            observation[0, r, column] = (row >> column) & 1
            observation[1, r, column] = 0
    for r in range(HEIGHTS[state.piece, rotation]):
        mask = MASKS[state.piece, rotation, r] << left
        for column in range(width):
            observation[1, top + r, column] = (mask >> column) & 1


@njit(cache=True)
def observe_batch(states, width, observations):
    """Write the board plane and the plane of the falling piece (top-aligned) of every state."""
    for i in range(len(states)):
        paint(states[i], (states[i].pose_rotation, 0, states[i].pose_column), width, observations[i])


@njit(cache=True)
def draw_batch(states, width):
    """Give every state the piece and pose of its current draw."""
    for i in range(len(states)):
        piece, rotation, column = draw_piece(states[i].seed, states[i].draw, width)
        states[i].piece = piece
        states[i].pose_rotation = rotation
        states[i].pose_column = column


def placements(boards, pieces, width):
    """All placements of each piece: boards (n, actions, rows), outcomes (n, actions, 3) as in `place_all`."""
    after = np.empty((len(boards), 4 * width, boards.shape[1]), dtype=np.uint16)
    outcomes = np.empty((len(boards), 4 * width, 3), dtype=np.int64)
    place_all(np.ascontiguousarray(boards), np.ascontiguousarray(pieces), width, after, outcomes)
    return after, outcomes
