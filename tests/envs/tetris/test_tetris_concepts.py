"""Tetris concepts on boards counted by hand, and against slow independent counts on random boards."""

from itertools import pairwise

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from agentscope.concepts import KIND_DTYPES
from agentscope_envs import Tetris, TetrisSmall
from agentscope_envs.tetris import features
from agentscope_envs.tetris.pieces import PIECES

BY_HAND = """
......
#.....
#.##..
##.#.#
#####.
"""


def by_hand() -> np.ndarray:
    rows = [sum(1 << c for c, cell in enumerate(line) if cell == "#") for line in BY_HAND.split()]
    states = TetrisSmall().reset(np.array([0]))
    states["rows"][0, -5:] = rows
    return states


def measured(name: str, states: np.ndarray) -> list[int]:
    concept = next(concept for concept in TetrisSmall().concepts if concept.name == name)
    return np.atleast_1d(concept.measure(states)[0]).tolist()


def test_board_features_counted_by_hand() -> None:
    states = by_hand()
    assert measured("height", states) == [4, 2, 3, 3, 1, 2]
    assert measured("aggregate_height", states) == [15]
    assert measured("maximum_height", states) == [4]
    assert measured("holes_in", states) == [0, 0, 1, 0, 0, 1]
    assert measured("holes", states) == [2]
    assert measured("bumpiness", states) == [2 + 1 + 0 + 2 + 1]
    assert measured("hole_depth", states) == [1 + 1]
    assert measured("rows_with_holes", states) == [2]
    assert measured("nearly_full_rows", states) == [1]
    assert measured("wells", states) == [1 + 1]  # column 1 beside 0 and 2, column 4 beside 3 and 5
    # empty rows have 2 changes (the walls); below them: #..... 2, #.##.. 4, ##.#.# 4, #####. 2
    assert measured("row_transitions", states) == [2 * 8 + 2 + 4 + 4 + 2]
    # columns from the top: one change where the stack begins (floor counts as filled), two for each hole
    assert measured("column_transitions", states) == [6 + 2 * 2]


def slow_features(cells: np.ndarray) -> dict[str, int]:
    height, width = cells.shape
    heights = [max([height - r for r in range(height) if cells[r, c]], default=0) for c in range(width)]
    holes = [(r, c) for c in range(width) for r in range(height) if not cells[r, c] and height - r < heights[c]]
    walled = np.pad(cells, ((0, 0), (1, 1)), constant_values=True)
    floored = np.vstack([cells, np.ones((1, width), dtype=bool)])
    wells = 0
    for c in range(width):
        run = 0
        for r in range(height):
            is_well = height - r > heights[c] and walled[r, c] and walled[r, c + 2]
            run = run + 1 if is_well else 0
            wells += run
    return {
        "aggregate_height": sum(heights),
        "holes": len(holes),
        "bumpiness": sum(abs(a - b) for a, b in pairwise(heights)),
        "row_transitions": int((walled[:, 1:] != walled[:, :-1]).sum()),
        "column_transitions": int((floored[1:] != floored[:-1]).sum()),
        "rows_with_holes": len({r for r, _ in holes}),
        "hole_depth": len({(r, c) for hr, c in holes for r in range(hr) if cells[r, c]}),
        "wells": wells,
        "nearly_full_rows": int((cells.sum(axis=1) == width - 1).sum()),
    }


def test_board_features_equal_slow_counts_on_random_boards() -> None:
    env = Tetris()
    states = env.reset(np.arange(60))
    states["rows"][:, 8:] = np.random.default_rng(3).integers(0, 1023, size=(60, 12), dtype=np.uint16)
    cells = features.cells(states["rows"], env.width)
    for concept in env.concepts:
        values = concept.measure(states)
        if concept.name in slow_features(cells[0]):
            assert values.tolist() == [slow_features(board)[concept.name] for board in cells], concept.name


def test_shapes_kinds_and_bounds_hold_for_every_concept() -> None:
    env = TetrisSmall()
    states = env.reset(np.arange(30))
    generator = np.random.default_rng(4)
    for _ in range(8):
        states = env.step(states, generator.integers(24, size=30)).states
    for concept in (*env.concepts, *env.action_concepts):
        values = concept.measure(states)
        actions = (24,) if concept in env.action_concepts else ()
        assert values.shape == (30, *actions, *(len(env.axes[axis]) for axis in concept.axis)), concept.name
        assert values.dtype == KIND_DTYPES[concept.kind], concept.name
        if concept.kind != "flag":
            assert values.min() >= concept.low and values.max() <= concept.high, concept.name


def test_placement_features_of_one_t_worked_out_by_hand() -> None:
    env = TetrisSmall()
    states = env.reset(np.array([0]))
    states["piece"] = PIECES.index("T")
    states["rows"][0, -1] = 0b000001
    values = {concept.name: concept.measure(states)[0] for concept in env.action_concepts}
    flat_left, flat_second = 0, 1  # unturned T at columns 0 and 1
    assert values["landing_height"][flat_left] == 2 and values["landing_height"][flat_second] == 1
    assert values["new_holes"][flat_left] == 2 and values["new_holes"][flat_second] == 0
    assert values["surface"][flat_second].tolist() == [1, 0, 0, 0, 0, 0]
    assert values["surface"][flat_left].tolist() == [4, 0, -1, -1, -1, -1]
    assert values["added_aggregate_height"][flat_second] == 4
    assert values["lines"].sum() == 0


def test_a_raw_linear_readout_does_not_recognise_the_piece() -> None:
    """GATE: macro-F1 of a linear probe of the piece on raw inputs stays at or below .6, split by episode."""
    env = Tetris()
    generator = np.random.default_rng(5)
    states = env.reset(np.arange(400))
    kept = []
    for _ in range(12):
        kept.append(states.copy())
        states = env.step(states, generator.integers(40, size=400)).states
    inputs = np.stack([env.observe(part).reshape(400, -1) for part in kept], axis=1)
    pieces = np.stack([part["piece"] for part in kept], axis=1)
    model = LogisticRegression(max_iter=300, C=0.3).fit(inputs[:300].reshape(3600, -1), pieces[:300].ravel())
    score = f1_score(pieces[300:].ravel(), model.predict(inputs[300:].reshape(1200, -1)), average="macro")
    assert 0.1 < score <= 0.6


def test_there_are_nineteen_orientations_and_equivalent_actions_share_theirs() -> None:
    env = TetrisSmall()
    orientation = next(concept for concept in env.action_concepts if concept.name == "orientation")
    states = env.reset(np.arange(40))
    values = orientation.measure(states)
    assert len(orientation.choices) == 19 and orientation.choices[:3] == ("I0", "I1", "O0")
    for piece, row, same in zip(states["piece"], values, env.equivalent_actions(states), strict=True):
        assert (row == row[same]).all()
        assert {orientation.choices[value][0] for value in row} == {PIECES[piece]}
