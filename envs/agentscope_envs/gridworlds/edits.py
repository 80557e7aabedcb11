"""One-feature changes of key-door states, each with the verdict of the rules."""

from __future__ import annotations

import numpy as np

from agentscope.contracts import Edits, States
from agentscope_envs.gridworlds.cells import EMPTY, GOAL, KEY, LAVA, LOCKED_DOOR, OPEN_DOOR, WALL

GROUND = (EMPTY, WALL, LAVA)  # what an edit can turn one cell into; the objects have features of their own
AGENT_CELL, HEADING, KEY_PLACE, DOOR, GOAL_CELL, FIRST_CELL = range(6)


def edit_states(states: States) -> Edits:
    """All one-feature changes of each state, parent by parent, feature by feature, value by value.

    Features and their values: `agent_cell` (cell index), `heading` (0 to 3), `key` (cell index; rows x columns:
    carried), `door` (0 open, 1 closed, 2 locked), `goal` (cell index), and `cell_r_c` for each inner cell (index
    into GROUND). Objects move onto empty cells only, the border stays wall, and a state that is over has no edits.
    Legal is what a key-door layout allows at some time: the door is still locked while the key lies on the floor.
    Whether the task can still be solved is not asked.
    """
    size = states["grid"].shape[2]
    inner = [row * size + column for row in range(1, size - 1) for column in range(1, size - 1)]
    features, values = _candidates(size, inner)
    parent, candidate = np.nonzero(_applicable(states, features, values, inner))
    feature, value = features[candidate], values[candidate]
    edited = states[parent]
    _apply(edited, feature, value, inner)
    floor_key = (edited["grid"] == KEY).any(axis=(1, 2))
    locked = (edited["grid"] == LOCKED_DOOR).any(axis=(1, 2))
    names = ("agent_cell", "heading", "key", "door", "goal", *(f"cell_{cell // size}_{cell % size}" for cell in inner))
    index = [part.astype(np.int32) for part in (parent, feature, value)]
    return Edits(index[0], edited, index[1], index[2], ~floor_key | locked, names)


def _candidates(size: int, inner: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Feature and value of every change that may apply to some state."""
    lists = [inner, range(4), [*inner, size * size], range(3), inner, *([range(len(GROUND))] * len(inner))]
    features = np.repeat(np.arange(len(lists)), [len(values) for values in lists])
    return features, np.concatenate([np.array(values) for values in lists])


def _applicable(states: States, features: np.ndarray, values: np.ndarray, inner: list[int]) -> np.ndarray:
    """Whether each candidate changes each state and puts nothing on top of something else: (n, candidates)."""
    cells = _cells(states)
    agent = _agent_cell(states)[:, None]
    everyone = np.arange(len(states))
    floor_key, goal, door = ((cells == KEY).any(axis=1), (cells == GOAL).any(axis=1), _is_door(cells))
    free = cells == EMPTY
    free[everyone, agent[:, 0]] = False
    applies = np.empty((len(states), len(features)), dtype=bool)
    moved = values[features == AGENT_CELL]
    applies[:, features == AGENT_CELL] = (cells[:, moved] == EMPTY) | (cells[:, moved] == OPEN_DOOR)
    applies[:, features == AGENT_CELL] &= agent != moved
    applies[:, features == HEADING] = states["heading"][:, None] != values[features == HEADING]
    has_key = states["has_key"] != 0
    places = values[features == KEY_PLACE]
    applies[:, features == KEY_PLACE] = np.concatenate(
        [free[:, places[:-1]] & (floor_key | has_key)[:, None], (floor_key & ~has_key)[:, None]], axis=1
    )
    stands = np.where(door.any(axis=1), cells[everyone, door.argmax(axis=1)] - OPEN_DOOR, -1)[:, None]
    doorway = door[everyone, agent[:, 0]][:, None]
    applies[:, features == DOOR] = (stands >= 0) & ~doorway & (stands != values[features == DOOR])
    applies[:, features == GOAL_CELL] = free[:, values[features == GOAL_CELL]] & goal[:, None]
    ground = features >= FIRST_CELL
    edited_cells = np.array(inner)[features[ground] - FIRST_CELL]
    kinds = cells[:, edited_cells]
    applies[:, ground] = np.isin(kinds, GROUND) & (kinds != np.array(GROUND)[values[ground]]) & (edited_cells != agent)
    return applies & (states["over"] == 0)[:, None]


def _apply(edited: States, feature: np.ndarray, value: np.ndarray, inner: list[int]) -> None:
    size = edited["grid"].shape[2]
    edited["row"] = np.where(feature == AGENT_CELL, value // size, edited["row"])
    edited["column"] = np.where(feature == AGENT_CELL, value % size, edited["column"])
    edited["heading"] = np.where(feature == HEADING, value, edited["heading"])
    carried = (feature == KEY_PLACE) & (value == size * size)
    dropped = (feature == KEY_PLACE) & ~carried
    edited["has_key"] = np.where(feature == KEY_PLACE, carried, edited["has_key"])
    cells = _cells(edited).copy()
    cells[(feature == KEY_PLACE)[:, None] & (cells == KEY)] = EMPTY
    cells[(feature == GOAL_CELL)[:, None] & (cells == GOAL)] = EMPTY
    cells = np.where((feature == DOOR)[:, None] & _is_door(cells), OPEN_DOOR + value[:, None], cells)
    for rows, kind in ((dropped, KEY), (feature == GOAL_CELL, GOAL)):
        cells[np.nonzero(rows)[0], value[rows]] = kind
    ground = feature >= FIRST_CELL
    cells[np.nonzero(ground)[0], np.array(inner)[feature[ground] - FIRST_CELL]] = np.array(GROUND)[value[ground]]
    edited["grid"] = cells.reshape(edited["grid"].shape)


def _cells(states: States) -> np.ndarray:
    return states["grid"].reshape(len(states), states["grid"].shape[1] * states["grid"].shape[2])


def _agent_cell(states: States) -> np.ndarray:
    return states["row"].astype(np.int64) * states["grid"].shape[2] + states["column"]


def _is_door(cells: np.ndarray) -> np.ndarray:
    doors: np.ndarray = (cells >= OPEN_DOOR) & (cells <= LOCKED_DOOR)
    return doors
