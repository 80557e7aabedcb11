"""One-feature changes of key-door states, each with the verdict of the rules."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from agentscope.contracts import Edits, States
from agentscope_envs.gridworlds.cells import EMPTY, GOAL, KEY, LAVA, LOCKED_DOOR, OPEN_DOOR, WALL
from agentscope_envs.gridworlds.editing import (
    Feature,
    agent_cell,
    cells_of,
    edit_all,
    edits_of_agent,
    edits_of_field,
    edits_of_ground,
    edits_of_panel,
    edits_of_place,
    free_cells,
    has_possible_past,
    inner_cells,
)
from agentscope_envs.gridworlds.panel import Panel

GROUND = (EMPTY, WALL, LAVA)  # what an edit can turn one cell into; the objects have features of their own


def edit_states(states: States, panel: Panel) -> Edits:
    """All one-feature changes of each state, parent by parent, feature by feature, value by value.

    Features and their values: `agent_cell` (cell index), `heading` (0 to 3), `key` (cell index; rows x columns:
    carried), `door` (0 open, 1 closed, 2 locked), `goal` (cell index), `cell_r_c` for each inner cell (index
    into GROUND), and those of the panel. Objects move onto empty cells only, the border stays wall, and a state that
    is over has no edits. Legal is what a key-door layout allows at some time: the door is still locked while the key
    lies on the floor. Whether the task can still be solved is not asked.
    """
    size = panel.size
    features = [
        edits_of_agent(size, (EMPTY, OPEN_DOOR)),
        edits_of_field("heading", "heading", 4),
        _edits_of_key(size),
        Feature("door", np.arange(3), _door_applies, _set_door),
        edits_of_place("goal", size, (GOAL,), EMPTY),
        *edits_of_ground(size, GROUND),
        *edits_of_panel(panel),
    ]

    return edit_all(states, features, lambda edited: _is_legal(edited) & has_possible_past(panel, edited))


def _is_legal(edited: States) -> Bool[np.ndarray, "edits"]:
    cells = cells_of(edited)
    legal: np.ndarray = (cells == LOCKED_DOOR).any(axis=1) | ~(cells == KEY).any(axis=1)
    return legal


def _edits_of_key(size: int) -> Feature:
    """The key lies on another empty cell or is carried (value size x size)."""
    places = inner_cells(size)

    def applies(states: States) -> np.ndarray:
        floor_key, has_key = (cells_of(states) == KEY).any(axis=1), states["has_key"] != 0
        dropped = free_cells(states, EMPTY)[:, places] & (floor_key | has_key)[:, None]
        return np.concatenate([dropped, (floor_key & ~has_key)[:, None]], axis=1)

    def apply(states: States, values: np.ndarray) -> None:
        grid = cells_of(states).copy()
        grid[grid == KEY] = EMPTY
        dropped = np.flatnonzero(values < size * size)
        grid[dropped, values[dropped]] = KEY
        states["grid"] = grid.reshape(states["grid"].shape)
        states["has_key"] = values == size * size

    return Feature("key", np.append(places, size * size), applies, apply)


def _door_applies(states: States) -> np.ndarray:
    cells = cells_of(states)
    everyone, door = np.arange(len(states)), _is_door(cells)
    stands = np.where(door.any(axis=1), cells[everyone, door.argmax(axis=1)].astype(np.int64) - OPEN_DOOR, -1)[:, None]
    doorway = door[everyone, agent_cell(states)][:, None]
    return (stands >= 0) & ~doorway & (stands != np.arange(3))


def _set_door(states: States, values: np.ndarray) -> None:
    cells = cells_of(states)
    grid = np.where(_is_door(cells), OPEN_DOOR + values[:, None], cells)
    states["grid"] = grid.reshape(states["grid"].shape)


def _is_door(cells: np.ndarray) -> np.ndarray:
    doors: np.ndarray = (cells >= OPEN_DOOR) & (cells <= LOCKED_DOOR)
    return doors
