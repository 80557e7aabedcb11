"""A walker and its target on a grid with walls: which way now?"""

from __future__ import annotations

import itertools

import numpy as np
from jaxtyping import UInt8

from agentscope.concepts import Concept
from agentscope_envs.quizzes.quiz import MAX_STEPS, Questions, Quiz, labels

SIDE = 5  # rows, and columns
DIRECTIONS = ("east", "south", "west", "north")
EAST, SOUTH, WEST, NORTH = range(4)
DOWN, ACROSS = np.array([0, 1, 0, -1]), np.array([1, 0, -1, 0])  # one step in each direction
WALLS, WALKER, TARGET = range(3)  # planes


def walk(max_steps: int = MAX_STEPS) -> Quiz:
    """Go to the target: across before down, around no more than the next wall."""
    seen, grids = _walks()
    down, right = _rows_down(seen), _columns_right(seen)
    free = ~_blocked(seen)
    tests = [right > 0, right < 0, down > 0, down < 0]
    ways = (EAST, WEST, SOUTH, NORTH)
    chosen = [test & free[:, way] for test, way in zip(tests, ways, strict=True)]
    questions = Questions(
        name="walk", observations=seen, answers=np.select(chosen, ways, free.argmax(axis=1)), concepts=_concepts(),
        action_names=tuple(f"go_{direction}" for direction in DIRECTIONS),
        axes={"directions": DIRECTIONS, "rows": labels("row", SIDE), "columns": labels("column", SIDE)},
        features={"walls": grids, "walker_cell": _cell(seen, WALKER), "target_cell": _cell(seen, TARGET)},
        cells=lambda observation: (observation * np.arange(1, 4)[:, None, None]).sum(axis=0), glyphs=".#@X",
    )  # fmt: skip
    return Quiz(questions, max_steps)


def _concepts() -> tuple[Concept, ...]:
    return (
        Concept(name="rows_down", kind="number", low=1 - SIDE, high=SIDE - 1, unit="cells",
                measure=lambda seen: _rows_down(seen).astype(np.float64),
                doc="How far below the walker the target lies."),
        Concept(name="columns_right", kind="number", low=1 - SIDE, high=SIDE - 1, unit="cells",
                measure=lambda seen: _columns_right(seen).astype(np.float64),
                doc="How far to the right of the walker the target lies."),
        Concept(name="blocked", kind="flag", axis=("directions",), measure=_blocked,
                doc="A wall, or the edge, is next to the walker in this direction."),
        Concept(name="walls_left", kind="count", high=SIDE**2,
                measure=lambda seen: seen[:, WALLS, :, :2].sum(axis=(1, 2)), doc="Walls in the two leftmost columns."),
        Concept(name="walls_in", kind="count", high=SIDE, axis=("rows",),
                measure=lambda seen: seen[:, WALLS].sum(axis=2), doc="Walls in this row."),
    )  # fmt: skip


def _walks() -> tuple[UInt8[np.ndarray, "questions planes rows columns"], np.ndarray]:
    """Every walker and target on the free cells of eight grids with none to seven walls; and the number of the grid."""
    rng = np.random.default_rng(5)
    found, grids = [], []
    for walls in range(8):
        grid = np.zeros(SIDE**2, dtype=np.uint8)
        grid[rng.permutation(SIDE**2)[:walls]] = 1
        for walker, target in itertools.permutations(np.flatnonzero(grid == 0), 2):
            planes = np.stack([grid, np.zeros_like(grid), np.zeros_like(grid)])
            planes[WALKER, walker] = planes[TARGET, target] = 1
            found.append(planes.reshape(3, SIDE, SIDE))
            grids.append(walls)
    return np.stack(found), np.array(grids)


def _cell(seen: np.ndarray, plane: int) -> np.ndarray:
    """The one cell that is set in a plane, rows after rows."""
    return np.asarray(seen[:, plane].reshape(len(seen), -1).argmax(axis=1))


def _rows_down(seen: np.ndarray) -> np.ndarray:
    return np.asarray(_cell(seen, TARGET) // SIDE - _cell(seen, WALKER) // SIDE)


def _columns_right(seen: np.ndarray) -> np.ndarray:
    return np.asarray(_cell(seen, TARGET) % SIDE - _cell(seen, WALKER) % SIDE)


def _blocked(seen: np.ndarray) -> np.ndarray:
    row, column = np.divmod(_cell(seen, WALKER), SIDE)
    walled = np.pad(seen[:, WALLS], ((0, 0), (1, 1), (1, 1)), constant_values=1) > 0
    ways = [walled[np.arange(len(seen)), row + 1 + DOWN[way], column + 1 + ACROSS[way]] for way in range(4)]
    return np.stack(ways, axis=1)
