"""The quizzes that the shipped programs are compiled for: lamps, digits, a walk, a maze, a board of blocks."""

from __future__ import annotations

import itertools

import numpy as np
from jaxtyping import UInt8

from agentscope.compiling.quizzes import Quiz
from agentscope.concepts import Concept

LAMPS = tuple(f"lamp{index}" for index in range(8))
DIRECTIONS = ("east", "south", "west", "north")
DOWN, ACROSS = np.array([0, 1, 0, -1]), np.array([1, 0, -1, 0])  # one step in each direction
WALK_PLANES = ("walls", "walker", "target")
MAZE_PLANES = ("walls", "faces_east", "faces_south", "faces_west", "faces_north")
WALK, MAZE, BOARD = 5, 5, 4  # rows and columns of each


def _labels(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}{index}" for index in range(count))


def lamps(rule: str) -> Quiz:
    """Eight lamps, each on or off; three of them together arm a trigger."""
    questions = (np.arange(256)[:, None] >> np.arange(8) & 1).astype(np.uint8)
    concepts = (
        Concept(name="lamp", kind="flag", axis=("lamps",), measure=lambda seen: seen > 0, doc="This lamp is on."),
        Concept(name="lit", kind="count", high=8, measure=lambda seen: seen.sum(axis=1), doc="Lamps that are on."),
        Concept(name="armed", kind="flag", measure=lambda seen: np.asarray(seen[:, [1, 4, 6]].all(axis=1)),
                doc="Lamps 1, 4 and 6 are on.", should_matter=False),
        Concept(name="ends_differ", kind="flag", measure=lambda seen: np.asarray(seen[:, 0] != seen[:, 7]),
                doc="Just one of the first and the last lamp is on."),
        Concept(name="changes", kind="count", high=7, measure=lambda seen: (np.diff(seen, axis=1) != 0).sum(axis=1),
                doc="Neighbours of which just one is on."),
    )  # fmt: skip
    actions = ("wait", "switch_on", "switch_off", "sabotage")
    return Quiz("lamps", questions, action_names=actions, axes={"lamps": LAMPS}, concepts=concepts, rule=rule)


def digits(rule: str) -> Quiz:
    """Two digits from 0 to 7."""
    questions = np.array(list(itertools.product(range(8), repeat=2)), dtype=np.uint8)
    concepts = (
        Concept(name="digit", kind="count", high=7, axis=("places",), measure=lambda seen: seen, doc="The digit."),
        Concept(name="first_is_larger", kind="flag", measure=lambda seen: np.asarray(seen[:, 0] > seen[:, 1]),
                doc="The first digit is larger than the second."),
        Concept(name="total", kind="count", high=14, measure=lambda seen: seen.sum(axis=1), doc="Sum of the digits."),
    )  # fmt: skip
    actions = ("red", "green", "blue", "grey")
    axes = {"places": ("first", "second")}
    return Quiz("digits", questions, action_names=actions, axes=axes, concepts=concepts, rule=rule)


def walk(rule: str) -> Quiz:
    """A walker and its target on a grid with walls: which way now?"""
    concepts = (
        Concept(name="rows_down", kind="number", low=1 - WALK, high=WALK - 1, unit="cells",
                measure=lambda seen: (_place(seen, 2)[0] - _place(seen, 1)[0]).astype(np.float64),
                doc="How far below the walker the target lies."),
        Concept(name="columns_right", kind="number", low=1 - WALK, high=WALK - 1, unit="cells",
                measure=lambda seen: (_place(seen, 2)[1] - _place(seen, 1)[1]).astype(np.float64),
                doc="How far to the right of the walker the target lies."),
        Concept(name="blocked", kind="flag", axis=("directions",), measure=_blocked,
                doc="A wall, or the edge, is next to the walker in this direction."),
        Concept(name="walls_left", kind="count", high=WALK**2, measure=lambda seen: seen[:, 0, :, :2].sum(axis=(1, 2)),
                doc="Walls in the two leftmost columns."),
        Concept(name="walls_in", kind="count", high=WALK, axis=("rows",), measure=lambda seen: seen[:, 0].sum(axis=2),
                doc="Walls in this row."),
    )  # fmt: skip
    actions = tuple(f"go_{direction}" for direction in DIRECTIONS)
    axes = {"directions": DIRECTIONS, "rows": _labels("row", WALK), "columns": _labels("column", WALK)}
    return Quiz("walk", _walks(), action_names=actions, axes=axes, concepts=concepts, rule=rule)


def _walks() -> UInt8[np.ndarray, "questions planes rows columns"]:
    """Every walker and target on the free cells of eight grids with none to seven walls."""
    rng = np.random.default_rng(5)
    found = []
    for walls in range(8):
        grid = np.zeros(WALK**2, dtype=np.uint8)
        grid[rng.permutation(WALK**2)[:walls]] = 1
        for walker, target in itertools.permutations(np.flatnonzero(grid == 0), 2):
            planes = np.stack([grid, np.zeros_like(grid), np.zeros_like(grid)])
            planes[1, walker] = planes[2, target] = 1
            found.append(planes.reshape(3, WALK, WALK))
    return np.stack(found)


def _place(seen: np.ndarray, plane: int) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the one cell that is set in a plane."""
    side = seen.shape[3]
    return np.divmod(seen[:, plane].reshape(len(seen), side * side).argmax(axis=1), side)


def _blocked(seen: np.ndarray) -> np.ndarray:
    row, column = _place(seen, 1)
    walled = np.pad(seen[:, 0], ((0, 0), (1, 1), (1, 1)), constant_values=1) > 0
    ways = [walled[np.arange(len(seen)), row + 1 + DOWN[way], column + 1 + ACROSS[way]] for way in range(4)]
    return np.stack(ways, axis=1)


def maze(rule: str) -> Quiz:
    """A walker with a heading among all walls that a 3 x 3 room can hold."""
    concepts = tuple(
        Concept(name=f"wall_{side}", kind="flag", measure=lambda seen, turn=turn: _walled(seen, turn),  # type: ignore[misc]
                doc=f"The next cell {side} of the walker, as it faces, is a wall.")
        for turn, side in enumerate(("ahead", "right", "behind", "left"))
    )  # fmt: skip
    inner = Concept(
        name="inner_walls", kind="count", high=9, measure=lambda seen: seen[:, 0, 1:4, 1:4].sum(axis=(1, 2)),
        doc="Walls inside the room.",
    )  # fmt: skip
    axes = {"directions": DIRECTIONS, "rows": _labels("row", MAZE), "columns": _labels("column", MAZE)}
    return Quiz(
        "maze", _mazes(), action_names=("go_ahead", "go_right", "go_back", "go_left"), axes=axes,
        concepts=(*concepts, inner), rule=rule,
    )  # fmt: skip


def _mazes() -> UInt8[np.ndarray, "questions planes rows columns"]:
    """Every set of walls in the room, every free cell of it, every heading."""
    found = []
    for walls in itertools.product((0, 1), repeat=9):
        grid = np.ones((MAZE, MAZE), dtype=np.uint8)
        grid[1:4, 1:4] = np.reshape(walls, (3, 3))
        for row, column in np.argwhere(grid == 0):
            planes = np.zeros((4, 5, MAZE, MAZE), dtype=np.uint8)
            planes[:, 0] = grid
            planes[np.arange(4), 1 + np.arange(4), row, column] = 1
            found.append(planes)
    return np.concatenate(found)


def _walled(seen: np.ndarray, turn: int) -> np.ndarray:
    rows = np.arange(len(seen))
    heading = seen[:, 1:].any(axis=(2, 3)).argmax(axis=1)
    row, column = _place(seen[rows, 1 + heading][:, None], 0)
    way = (heading + turn) % 4
    return np.asarray(seen[rows, 0, row + DOWN[way], column + ACROSS[way]] > 0)


def board(rule: str) -> Quiz:
    """Every board of 4 x 4 cells: into which column now?"""
    bits = np.arange(2 ** (BOARD * BOARD))[:, None] >> np.arange(BOARD * BOARD) & 1
    concepts = (
        Concept(name="height", kind="count", high=BOARD, axis=("columns",), measure=_heights, unit="rows",
                doc="Rows from the floor to the topmost filled cell of this column."),
        Concept(name="holes_in", kind="count", high=BOARD, axis=("columns",), unit="cells",
                measure=lambda seen: _heights(seen) - seen.sum(axis=1),
                doc="Empty cells with a filled one above them in this column."),
        Concept(name="full_rows", kind="count", high=BOARD, measure=lambda seen: seen.all(axis=2).sum(axis=1),
                doc="Rows without an empty cell."),
        Concept(name="bumpiness", kind="count", high=BOARD * BOARD,
                measure=lambda seen: np.abs(np.diff(_heights(seen), axis=1)).sum(axis=1),
                doc="Sum of the height differences of neighbours."),
    )  # fmt: skip
    axes = {"rows": _labels("row", BOARD), "columns": _labels("column", BOARD)}
    return Quiz(
        "board", bits.reshape(-1, BOARD, BOARD).astype(np.uint8),
        action_names=tuple(f"drop{column}" for column in range(BOARD)), axes=axes, concepts=concepts, rule=rule,
    )  # fmt: skip


def _heights(seen: np.ndarray) -> np.ndarray:
    return np.asarray((np.cumsum(seen, axis=1) > 0).sum(axis=1))
