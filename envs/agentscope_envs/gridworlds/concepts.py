"""What KeyDoor's states can be asked: perception around the agent, and walks to one named object at a time.

No concept derives from the optimal values, and none measures a distance through the whole task: a walk leads to one
object, with the door as it now stands.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from agentscope.concepts import Concept
from agentscope.contracts import States
from agentscope_envs.gridworlds import kernels
from agentscope_envs.gridworlds.cells import (
    COLUMN_STEPS,
    DIRECTIONS,
    GOAL,
    KEY,
    KINDS,
    LAVA,
    LOCKED_DOOR,
    OPEN_DOOR,
    ROW_STEPS,
)
from agentscope_envs.gridworlds.editing import agent_cell, cells_of
from agentscope_envs.gridworlds.searching import equal_grids

UNREACHABLE = 99
SIDES = ("ahead", "right", "behind", "left")
WAYS = (*SIDES, "nowhere")
OBJECTS = {"key": (KEY, KEY), "door": (OPEN_DOOR, LOCKED_DOOR), "goal": (GOAL, GOAL)}  # first and last kind of each


def keydoor_concepts(size: int) -> tuple[Concept, ...]:
    """All concepts of a key-door grid with this many rows and columns."""
    named = [concept for name in OBJECTS for concept in _object_concepts(name, size)]
    return (*_agent_concepts(size), *_cell_concepts(), *named)


def _agent_concepts(size: int) -> list[Concept]:
    return [
        Concept(
            name="row", kind="count", measure=partial(_field, name="row", dtype=np.int64), unit="rows", low=1,
            high=size - 2, absolute=True, doc="Row of the agent, counted from the top; the wall is row 0.",
        ),
        Concept(
            name="column", kind="count", measure=partial(_field, name="column", dtype=np.int64), unit="columns", low=1,
            high=size - 2, absolute=True, doc="Column of the agent, counted from the left; the wall is column 0.",
        ),
        Concept(
            name="heading", kind="choice", measure=partial(_field, name="heading", dtype=np.int64),
            choices=DIRECTIONS, absolute=True, doc="Which way the agent faces on the map.",
        ),
        Concept(
            name="has_key", kind="flag", measure=partial(_field, name="has_key", dtype=np.bool_),
            doc="The agent carries the key.",
        ),
        Concept(name="door_open", kind="flag", measure=_door_open, doc="The door stands open."),
        Concept(name="door_locked", kind="flag", measure=_door_locked, doc="The door is locked: it takes the key."),
    ]  # fmt: skip


def _cell_concepts() -> list[Concept]:
    concepts = [
        Concept(
            name="cell_here", kind="choice", measure=_cell_here, choices=KINDS,
            doc="What the agent stands on: empty or open_door, and goal or lava once the episode is over.",
        )
    ]  # fmt: skip
    for turn, side in enumerate(SIDES):
        concepts.append(
            Concept(
                name=f"cell_{side}", kind="choice", measure=partial(_cell_at, turn=turn), choices=KINDS,
                doc=f"What the next cell holds, {side} of the agent as it faces.",
            )
        )  # fmt: skip
    for turn, side in enumerate(SIDES):
        concepts.append(
            Concept(
                name=f"lava_{side}", kind="flag", measure=partial(_lava_at, turn=turn),
                doc=f"The next cell {side} of the agent is lava.",
            )
        )  # fmt: skip
    concepts.append(
        Concept(name="lava_near", kind="flag", measure=_lava_near, doc="One of the four cells around is lava.")
    )
    return concepts


def _object_concepts(name: str, size: int) -> list[Concept]:
    carried = "; 0 once it is carried" if name == "key" else ""
    walk = "over empty cells and through the door if it now stands open"
    offset = f"negative the other way{carried}"
    return [
        Concept(
            name=f"distance_to_{name}", kind="count", measure=_measure(_distance, name), unit="cells", low=0,
            high=UNREACHABLE,
            doc=f"Cells of a shortest walk onto the {name}'s cell, {walk}{carried}; {UNREACHABLE}: no walk.",
        ),
        Concept(
            name=f"steps_to_{name}", kind="count", measure=_measure(_steps, name), unit="turns and moves", low=0,
            high=UNREACHABLE,
            doc=f"Turns and moves of a shortest walk onto the {name}'s cell, {walk}{carried}; {UNREACHABLE}: no walk.",
        ),
        Concept(
            name=f"path_to_{name}", kind="choice", measure=_measure(_path, name), choices=WAYS,
            doc=f"Side of the agent on which a walk with the fewest turns and moves to the {name} begins (the first of "
            "ahead, right, left, behind); nowhere: no walk, or it is there already.",
        ),
        Concept(
            name=f"{name}_ahead", kind="number", measure=_measure(partial(_offset, turn=0), name), unit="cells",
            low=1 - size, high=size - 1, doc=f"How far ahead of the agent the {name} lies, {offset}.",
        ),
        Concept(
            name=f"{name}_right", kind="number", measure=_measure(partial(_offset, turn=1), name), unit="cells",
            low=1 - size, high=size - 1, doc=f"How far to the right of the agent the {name} lies, {offset}.",
        ),
    ]  # fmt: skip


def _measure(function: Callable[..., np.ndarray], name: str) -> Callable[[States], np.ndarray]:
    return partial(function, kinds=OBJECTS[name])


def _field(states: States, *, name: str, dtype: type[np.generic]) -> np.ndarray:
    return states[name].astype(dtype)


def _holds(states: States, kinds: tuple[int, int]) -> np.ndarray:
    held: np.ndarray = (cells_of(states) >= kinds[0]) & (cells_of(states) <= kinds[1])
    return held


def _door_open(states: States) -> np.ndarray:
    return np.asarray(_holds(states, (OPEN_DOOR, OPEN_DOOR)).any(axis=1))


def _door_locked(states: States) -> np.ndarray:
    return np.asarray(_holds(states, (LOCKED_DOOR, LOCKED_DOOR)).any(axis=1))


def _cell_here(states: States) -> np.ndarray:
    return states["grid"][np.arange(len(states)), states["row"], states["column"]].astype(np.int64)


def _cell_at(states: States, *, turn: int) -> np.ndarray:
    heading = (states["heading"] + turn) % 4
    row, column = states["row"] + ROW_STEPS[heading], states["column"] + COLUMN_STEPS[heading]
    return states["grid"][np.arange(len(states)), row, column].astype(np.int64)


def _lava_at(states: States, *, turn: int) -> np.ndarray:
    return _cell_at(states, turn=turn) == LAVA


def _lava_near(states: States) -> np.ndarray:
    return np.any([_lava_at(states, turn=turn) for turn in range(4)], axis=0)


def _walks(states: States, kinds: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Group of equal grids of each state, and each group's fields of turns and moves, and of moves alone."""
    grids = np.ascontiguousarray(states["grid"])
    group, representative = equal_grids(grids)
    distinct = grids[representative]
    count = grids.shape[1] * grids.shape[2]
    steps = np.full((len(distinct), count, 4), UNREACHABLE, dtype=np.int64)
    cells = np.full((len(distinct), count), UNREACHABLE, dtype=np.int64)
    kernels.walk_fields(distinct, kinds[0], kinds[1], steps, cells)
    return group, steps, cells


def _carried(states: States, kinds: tuple[int, int]) -> np.ndarray:
    return (states["has_key"] != 0) & (kinds[0] == KEY)


def _distance(states: States, *, kinds: tuple[int, int]) -> np.ndarray:
    group, _, cells = _walks(states, kinds)
    return np.where(_carried(states, kinds), 0, cells[group, agent_cell(states)])


def _steps(states: States, *, kinds: tuple[int, int]) -> np.ndarray:
    group, steps, _ = _walks(states, kinds)
    return np.where(_carried(states, kinds), 0, steps[group, agent_cell(states), states["heading"]])


def _path(states: States, *, kinds: tuple[int, int]) -> np.ndarray:
    group, steps, _ = _walks(states, kinds)
    moves = np.empty(len(states), dtype=np.int64)
    if len(states):
        kernels.first_moves(states, group, steps, WAYS.index("nowhere"), moves)
    return moves


def _offset(states: States, *, kinds: tuple[int, int], turn: int) -> np.ndarray:
    held = _holds(states, kinds)
    size = states["grid"].shape[2]
    cell = held.argmax(axis=1)
    heading = (states["heading"] + turn) % 4
    rows = (cell // size - states["row"]) * ROW_STEPS[heading]
    columns = (cell % size - states["column"]) * COLUMN_STEPS[heading]
    return np.where(held.any(axis=1), rows + columns, 0).astype(np.float64)
