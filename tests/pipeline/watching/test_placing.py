"""Boards edited by hand: each edit on top of the others, cells told from features, and what cannot be made refused."""

import json

import numpy as np
import pytest

from agentscope import pipeline
from agentscope.errors import BadOption
from agentscope.pipeline.watching.placing import MOST, changeable, changed_cells, place_document, place_edits
from tests.pipeline.watching.scenes import compiled, scene_of, states_of


@pytest.fixture(scope="module")
def tetris():
    return pipeline.open_agent("tetris-small-dqn")


def test_edits_lie_on_top_of_each_other(tetris):
    state = tetris.env.reset(np.array([3]))
    width = len(tetris.env.axes["columns"])
    placed = place_edits(tetris.env, state, [(5 * width + 2, 1), (6 * width + 2, 1), (5 * width + 2, 0)])
    before, after = tetris.env.observe(state)[0], tetris.env.observe(placed.state)[0]
    assert np.argwhere(before != after).tolist() == [[0, 6, 2]] and after[0, 6, 2] == 1
    assert placed.labels == ("cell(5,2) = 1", "cell(6,2) = 1", "cell(5,2) = 0")
    assert placed.edits == ((5 * width + 2, 1), (6 * width + 2, 1), (5 * width + 2, 0))
    assert state["rows"].sum() == 0  # the given state is left as it was


def test_the_piece_is_chosen_by_its_label(tetris):
    state = tetris.env.reset(np.array([3]))
    made = tetris.env.edits(state)
    piece = made.feature_names.index("piece")
    other = (int(state["piece"][0]) + 1) % 7
    placed = place_edits(tetris.env, state, [(piece, other)])
    assert int(placed.state["piece"][0]) == other
    assert placed.labels == (f"piece = {tetris.env.axes['pieces'][other]}",)


def test_what_cannot_be_made_is_refused(tetris):
    state = tetris.env.reset(np.array([3]))
    with pytest.raises(BadOption, match=r"edit 2 of 2 \(0:1\) cannot be made there: cell\(0,0\) can be set to 0"):
        place_edits(tetris.env, state, [(0, 1), (0, 1)])
    with pytest.raises(BadOption, match="features that can be changed go from 0"):
        place_edits(tetris.env, state, [(9_999, 0)])
    with pytest.raises(BadOption, match=f"at most {MOST} edits"):
        place_edits(tetris.env, state, [(0, 1)] * (MOST + 1))
    edits, tetris.env.edits = tetris.env.edits, None
    try:
        with pytest.raises(BadOption, match="offers no edits"):
            place_edits(tetris.env, state, [(0, 1)])
    finally:
        del tetris.env.edits
    assert tetris.env.edits == edits


def test_each_cell_of_a_tetris_board_is_its_own_and_the_piece_a_feature(tetris):
    state = tetris.env.reset(np.array([3]))
    cells, features = changeable(scene_of(tetris, ""), state, tetris.env.edits(state))
    rows, columns = len(tetris.env.axes["rows"]), len(tetris.env.axes["columns"])
    assert set(cells) == {f"{row},{column}" for row in range(rows) for column in range(columns)}
    for place, edits in cells.items():
        row, column = map(int, place.split(","))
        assert edits == [{"feature": row * columns + column, "value": 1, "label": f"cell({row},{column}) = 1"}]
    named = {each["name"]: each for each in features}
    pieces = tetris.env.axes["pieces"]
    assert set(named) == {"piece", "pose_rotation", "pose_column"}
    assert named["piece"]["current"] == pieces[int(state["piece"][0])]
    assert {each["label"] for each in named["piece"]["values"]} == set(pieces) - {named["piece"]["current"]}


def test_an_edit_of_a_grid_belongs_to_the_one_cell_that_it_changes():
    agent, text = compiled("keydoor-dqn-relu-l0")
    scene = scene_of(agent, text)
    for state in states_of(agent, 3):
        made = agent.env.edits(state)
        where = changed_cells(scene, state, made)
        before = agent.env.observe(state)[0]
        for row, cell in enumerate(where):
            after = agent.env.observe(made.states[[row]])[0]
            places = {(int(r), int(c)) for _, r, c in np.argwhere(before != after)}  # planes come first
            assert cell == (next(iter(places)) if len(places) == 1 else None)
        cells, features = changeable(scene, state, made)
        assert "heading" in {each["name"] for each in features}  # a concept: listed, though it changes one cell
        place = f"{int(state['row'][0])},{int(state['column'][0])}"
        assert {each["label"] for each in cells[place]} >= {
            f"heading = {name}" for name in agent.env.axes["directions"]
        } - {f"heading = {agent.env.axes['directions'][int(state['heading'][0])]}"}


def test_flat_observations_have_features_and_no_cells():
    agent = pipeline.open_agent("cartpole-ppo")
    state = agent.env.reset(np.array([1]))
    cells, features = changeable(scene_of(agent, ""), state, agent.env.edits(state))
    assert cells == {} and [each["name"] for each in features] == [
        f"obs({name})" for name in agent.env.axes["component"]
    ]  # fmt: skip


def test_the_document_tells_what_was_done_before():
    agent, text = compiled("keydoor-dqn-relu-l0")
    base = states_of(agent, 1)[0]
    placed = place_edits(agent.env, base, [])
    document = place_document(scene_of(agent, text), base, placed, {"step": 3})
    action = int(agent.decide(base).actions[0])
    assert document["before"] == {"action": action, "strategy": action}
    assert document["step"] == {"step": 3} and document["why"] == {} and document["edits"] == []
    json.dumps(document, allow_nan=False)
