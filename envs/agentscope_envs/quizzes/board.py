"""Every board of 4 x 4 cells: into which column now?"""

from __future__ import annotations

import numpy as np

from agentscope.concepts import Concept
from agentscope_envs.quizzes.quiz import MAX_STEPS, Questions, Quiz, labels

SIDE = 4  # rows, and columns


def board(max_steps: int = MAX_STEPS) -> Quiz:
    """Drop into the first of the columns with the least height and holes, a hole counting twice."""
    bits = np.arange(2 ** (SIDE * SIDE))[:, None] >> np.arange(SIDE * SIDE) & 1
    seen = bits.reshape(-1, SIDE, SIDE).astype(np.uint8)
    answers = (-_heights(seen) - 2 * _holes(seen)).argmax(axis=1)
    questions = Questions(
        name="board", observations=seen, answers=answers, concepts=_concepts(),
        action_names=tuple(f"drop{column}" for column in range(SIDE)),
        axes={"rows": labels("row", SIDE), "columns": labels("column", SIDE)},
        features={f"cell_{cell // SIDE}_{cell % SIDE}": bits[:, cell] for cell in range(SIDE * SIDE)},
        cells=lambda observation: observation, glyphs=".#",
    )  # fmt: skip
    return Quiz(questions, max_steps)


def _concepts() -> tuple[Concept, ...]:
    return (
        Concept(name="height", kind="count", high=SIDE, axis=("columns",), measure=_heights, unit="rows",
                doc="Rows from the floor to the topmost filled cell of this column."),
        Concept(name="holes_in", kind="count", high=SIDE, axis=("columns",), measure=_holes, unit="cells",
                doc="Empty cells with a filled one above them in this column."),
        Concept(name="full_rows", kind="count", high=SIDE, measure=lambda seen: seen.all(axis=2).sum(axis=1),
                doc="Rows without an empty cell."),
        Concept(name="bumpiness", kind="count", high=SIDE * SIDE,
                measure=lambda seen: np.abs(np.diff(_heights(seen), axis=1)).sum(axis=1),
                doc="Sum of the height differences of neighbours."),
    )  # fmt: skip


def _heights(seen: np.ndarray) -> np.ndarray:
    return np.asarray((np.cumsum(seen, axis=1) > 0).sum(axis=1))


def _holes(seen: np.ndarray) -> np.ndarray:
    return _heights(seen) - seen.sum(axis=1).astype(np.int64)
