"""What the states of walking worlds can be asked: the cells around, and walks to one kind of tile at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from agentscope.concepts import Concept
from agentscope.contracts import States
from agentscope_envs.gridworlds.cells import COLUMN_STEPS, DIRECTIONS, ROW_STEPS
from agentscope_envs.gridworlds.editing import agent_cell, cells_of
from agentscope_envs.gridworlds.searching import equal_grids
from agentscope_envs.gridworlds.walking import kernels
from agentscope_envs.gridworlds.walking.rules import is_pressed, tile_here
from agentscope_envs.gridworlds.walking.tiles import TILES, WALKABLE

UNREACHABLE = 99
WAYS = (*DIRECTIONS, "nowhere")


def place_concepts(size: int) -> list[Concept]:
    """Where the agent stands, what on, and what is around it."""
    return [
        Concept(
            name="row", kind="count", measure=partial(_field, name="row"), unit="rows", low=1, high=size - 2,
            absolute=True, doc="Row of the agent, counted from the top; the wall is row 0.",
        ),
        Concept(
            name="column", kind="count", measure=partial(_field, name="column"), unit="columns", low=1, high=size - 2,
            absolute=True, doc="Column of the agent, counted from the left; the wall is column 0.",
        ),
        Concept(name="cell_here", kind="choice", measure=_here, choices=TILES, doc="What the agent stands on."),
        Concept(
            name="next_cell", kind="choice", measure=_around, choices=TILES, axis=("directions",),
            doc="What the next cell in this direction holds.",
        ),
    ]  # fmt: skip


def walk_concepts(
    name: str, tiles: Sequence[int], *, avoided: Sequence[int] = (), phrase: str = "", where: str = ""
) -> list[Concept]:
    """Distance and first move of a walk to the nearest of these tiles, over all tiles but walls and the avoided.

    Args:
        name: what concept names end with; phrase: what sentences call it, the name by default.
        where: what sentences add about the walk.
    """
    wanted, walkable = np.isin(np.arange(len(TILES)), tiles), WALKABLE & ~np.isin(np.arange(len(TILES)), avoided)
    told = f"{phrase or f'the {name}'}{where}"
    return [
        Concept(
            name=f"distance_to_{name}", kind="count", unit="moves", low=0, high=UNREACHABLE,
            measure=partial(_distance, wanted=wanted, walkable=walkable),
            doc=f"Moves of a shortest walk to {told}; {UNREACHABLE}: no walk.",
        ),
        Concept(
            name=f"path_to_{name}", kind="choice", choices=WAYS,
            measure=partial(_path, wanted=wanted, walkable=walkable),
            doc=f"First move of a shortest walk to {told} (the first of east, south, west, north); nowhere: no walk, "
            "or it is there already.",
        ),
    ]  # fmt: skip


def offset_concepts(name: str, tiles: Sequence[int], size: int) -> list[Concept]:
    """How far east and south of the agent the object lies."""
    return [
        Concept(
            name=f"{name}_{side}", kind="number", unit="cells", low=3 - size, high=size - 3,
            measure=partial(_offset, tiles=tuple(tiles), heading=heading),
            doc=f"How far {side} of the agent the {name} lies, negative the other way; 0 where there is none.",
        )
        for heading, side in enumerate(DIRECTIONS[:2])
    ]  # fmt: skip


def stands_on(name: str, tile: int) -> Concept:
    """Whether the agent stands on a tile."""
    return Concept(
        name=f"on_{name}", kind="flag", measure=partial(_stands, tile=tile), doc=f"The agent stands on the {name}."
    )


def shorter_over(name: str, tile: int, goals: Sequence[int]) -> Concept:
    """Whether every shortest walk to the goal leads over the tile."""
    return Concept(
        name=f"{name}_is_shorter", kind="flag", measure=partial(_is_shorter, tile=tile, goals=tuple(goals)),
        doc=f"The way to the goal is shorter over the {name} than around it.",
    )  # fmt: skip


def next_to(name: str, tile: int) -> Concept:
    """Whether one of the four cells around holds the tile."""
    return Concept(
        name=f"{name}_near", kind="flag", measure=partial(_near, tile=tile),
        doc=f"One of the four cells around is {name}.",
    )  # fmt: skip


def button_pressed() -> Concept:
    """Whether a button is pressed."""
    return Concept(name="button_pressed", kind="flag", measure=is_pressed, doc="The button has been pressed.")


def corner_concepts(size: int) -> list[Concept]:
    """Walks to the lower right corner, whatever lies there: what an agent runs to that learnt the corner."""
    corner = (size - 2) * size + size - 2
    return [
        Concept(
            name="distance_to_corner", kind="count", unit="moves", low=0, high=UNREACHABLE, should_matter=False,
            measure=partial(_distance, wanted=corner, walkable=WALKABLE),
            doc=f"Moves of a shortest walk to the lower right corner; {UNREACHABLE}: no walk.",
        ),
        Concept(
            name="path_to_corner", kind="choice", choices=WAYS, should_matter=False,
            measure=partial(_path, wanted=corner, walkable=WALKABLE),
            doc="First move of a shortest walk to the lower right corner; nowhere: no walk, or it is there already.",
        ),
    ]  # fmt: skip


def _field(states: States, *, name: str) -> np.ndarray:
    return states[name].astype(np.int64)


def _here(states: States) -> np.ndarray:
    return tile_here(states).astype(np.int64)


def _stands(states: States, *, tile: int) -> np.ndarray:
    return tile_here(states) == tile


def _neighbours(states: States) -> np.ndarray:
    """Index of the next cell in each direction: (n, 4)."""
    size = states["grid"].shape[2]
    return np.asarray(agent_cell(states)[:, None] + ROW_STEPS * size + COLUMN_STEPS)


def _around(states: States) -> np.ndarray:
    return np.take_along_axis(cells_of(states), _neighbours(states), axis=1).astype(np.int64)


def _near(states: States, *, tile: int) -> np.ndarray:
    return np.asarray((_around(states) == tile).any(axis=1))


def _walks(states: States, wanted: np.ndarray | int, walkable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Moves from the agent's cell, and from each cell around it, to the wanted tiles (or the one wanted cell).

    The agent's own cell may be one that walks avoid: it then counts one move more than the best cell around.
    """
    grids = np.ascontiguousarray(states["grid"])
    group, representative = equal_grids(grids)
    distinct = grids[representative]
    if isinstance(wanted, int):  # a cell: mark it with a number that no tile has
        row, column = divmod(wanted, grids.shape[2])
        reachable = WALKABLE[distinct[:, row, column]]
        distinct[reachable, row, column] = len(TILES)
        wanted, walkable = np.arange(len(TILES) + 1) == len(TILES), np.append(walkable, True)
    cells = np.full((len(distinct), grids.shape[1] * grids.shape[2]), UNREACHABLE, dtype=np.int64)
    kernels.walk_fields(distinct, wanted, walkable, cells)
    around = cells[group[:, None], _neighbours(states)]
    here = cells[group, agent_cell(states)]
    onward = np.minimum(around.min(axis=1) + 1, UNREACHABLE)
    return np.where(here == 0, 0, onward), around


def _distance(states: States, *, wanted: np.ndarray | int, walkable: np.ndarray) -> np.ndarray:
    return _walks(states, wanted, walkable)[0]


def _path(states: States, *, wanted: np.ndarray | int, walkable: np.ndarray) -> np.ndarray:
    here, around = _walks(states, wanted, walkable)
    onward = (around == here[:, None] - 1) & (here < UNREACHABLE)[:, None]
    return np.where(onward.any(axis=1), onward.argmax(axis=1), WAYS.index("nowhere"))


def _is_shorter(states: States, *, tile: int, goals: tuple[int, ...]) -> np.ndarray:
    wanted, off = np.isin(np.arange(len(TILES)), goals), WALKABLE & (np.arange(len(TILES)) != tile)
    return _distance(states, wanted=wanted, walkable=WALKABLE) < _distance(states, wanted=wanted, walkable=off)


def _offset(states: States, *, tiles: tuple[int, ...], heading: int) -> np.ndarray:
    held = np.isin(cells_of(states), tiles)
    rows, columns = np.divmod(held.argmax(axis=1), states["grid"].shape[2])
    away = (rows - states["row"]) * ROW_STEPS[heading] + (columns - states["column"]) * COLUMN_STEPS[heading]
    return np.where(held.any(axis=1), away, 0).astype(np.float64)
