"""A walker with a heading among all walls that a 3 x 3 room can hold: where does the right hand lead?"""

from __future__ import annotations

import itertools
from functools import partial

import numpy as np
from jaxtyping import UInt8

from agentscope.concepts import Concept
from agentscope_envs.quizzes.quiz import MAX_STEPS, Questions, Quiz, labels
from agentscope_envs.quizzes.walk import ACROSS, DIRECTIONS, DOWN

SIDE = 5  # rows, and columns, the outer wall included
AHEAD, RIGHT, BEHIND, LEFT = range(4)  # quarter turns to the right, and the actions
GLYPHS = ".#>v<^"


def maze(max_steps: int = MAX_STEPS) -> Quiz:
    """Follow the wall on the right hand."""
    seen = _mazes()
    free = [~_walled(seen, turn) for turn in range(4)]
    answers = np.select([free[RIGHT], free[AHEAD], free[LEFT]], [RIGHT, AHEAD, LEFT], BEHIND)
    inner = seen[:, 0, 1:4, 1:4].reshape(len(seen), 9).astype(np.int64)
    heading, cell = _heading(seen), seen[:, 1:].sum(axis=1).reshape(len(seen), -1).argmax(axis=1)
    questions = Questions(
        name="maze", observations=seen, answers=answers, concepts=_concepts(),
        action_names=("go_ahead", "go_right", "go_back", "go_left"),
        axes={"directions": DIRECTIONS, "rows": labels("row", SIDE), "columns": labels("column", SIDE)},
        features={
            **{f"wall_{1 + place // 3}_{1 + place % 3}": inner[:, place] for place in range(9)},
            "walker_cell": cell, "heading": heading,
        },
        cells=lambda observation: (observation * np.arange(1, 6)[:, None, None]).sum(axis=0), glyphs=GLYPHS,
    )  # fmt: skip
    return Quiz(questions, max_steps)


def _concepts() -> tuple[Concept, ...]:
    sides = ("ahead", "right", "behind", "left")
    around = tuple(
        Concept(name=f"wall_{side}", kind="flag", measure=partial(_walled, turn=turn),
                doc=f"The next cell {side} of the walker, as it faces, is a wall.")
        for turn, side in enumerate(sides)
    )  # fmt: skip
    inner = Concept(
        name="inner_walls", kind="count", high=9, measure=lambda seen: seen[:, 0, 1:4, 1:4].sum(axis=(1, 2)),
        doc="Walls inside the room.",
    )  # fmt: skip
    return (*around, inner)


def _mazes() -> UInt8[np.ndarray, "questions planes rows columns"]:
    """Every set of walls in the room, every free cell of it, every heading. Planes: walls, then one a heading."""
    found = []
    for walls in itertools.product((0, 1), repeat=9):
        grid = np.ones((SIDE, SIDE), dtype=np.uint8)
        grid[1:4, 1:4] = np.reshape(walls, (3, 3))
        for row, column in np.argwhere(grid == 0):
            planes = np.zeros((4, 5, SIDE, SIDE), dtype=np.uint8)
            planes[:, 0] = grid
            planes[np.arange(4), 1 + np.arange(4), row, column] = 1
            found.append(planes)
    return np.concatenate(found)


def _heading(seen: np.ndarray) -> np.ndarray:
    return np.asarray(seen[:, 1:].any(axis=(2, 3)).argmax(axis=1))


def _walled(seen: np.ndarray, turn: int) -> np.ndarray:
    rows = np.arange(len(seen))
    heading = _heading(seen)
    row, column = np.divmod(seen[rows, 1 + heading].reshape(len(seen), -1).argmax(axis=1), SIDE)
    way = (heading + turn) % 4
    return np.asarray(seen[rows, 0, row + DOWN[way], column + ACROSS[way]] > 0)
