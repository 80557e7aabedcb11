"""Tetris by primitive moves: the kernel equals the twin, moves do what was worked out by hand, concepts see it."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentscope.errors import BadOption
from agentscope.testing import check_environment
from agentscope_envs import TetrisMoves
from agentscope_envs.tetris import features
from agentscope_envs.tetris.moves import kernels, twin
from agentscope_envs.tetris.moves.concepts import MOVES
from agentscope_envs.tetris.pieces import HEIGHTS, PIECES, WIDTHS

LEFT, RIGHT, ROTATE, DOWN, DROP = range(5)


def pose_of(state):
    return twin.Pose(*(int(state[field]) for field in ("piece", "rotation", "top", "column")))


def drawn(*lines, piece="T", rotation=0, top=0, column=0):
    """One state: the last rows of the board as drawn, and the piece with the upper left corner of its box there."""
    env = TetrisMoves()
    states = env.reset(np.array([0]))
    for row, line in enumerate(lines, start=12 - len(lines)):
        states["rows"][0, row] = sum(1 << column for column, cell in enumerate(line) if cell == "#")
    states["piece"], states["rotation"] = PIECES.index(piece), rotation
    states["top"], states["column"] = top, column
    return env, states


def place_after(env, states, *actions):
    """Rotation, top row and left column after these moves."""
    for action in actions:
        states = env.step(states, np.array([action])).states
    return tuple(int(states[field][0]) for field in ("rotation", "top", "column"))


def concept(env, name):
    return next(one for one in (*env.concepts, *env.action_concepts) if one.name == name)


@st.composite
def situations(draw):
    """(height, width), random rows and a pose."""
    height, width = draw(st.sampled_from([(12, 6), (20, 10)]))  # numba compiles for each height
    rows = draw(st.lists(st.integers(0, 2**width - 2), min_size=height, max_size=height))
    piece, rotation = draw(st.integers(0, 6)), draw(st.integers(0, 3))
    top = draw(st.integers(0, height - int(HEIGHTS[piece, rotation])))
    column = draw(st.integers(0, width - int(WIDTHS[piece, rotation])))
    return (height, width), rows, twin.Pose(piece, twin.first_alike(piece, rotation), top, column)


def state_of(situation):
    """The environment, and a state in which the piece lies on free cells."""
    (height, width), rows, pose = situation
    env = TetrisMoves(height=height, width=width)
    states = env.reset(np.array([sum(rows)]))
    own = twin.on_board(np.zeros((height, width), dtype=bool), pose)
    states["rows"][0] = np.array(rows, dtype=np.uint16) & ~(own @ (1 << np.arange(width))).astype(np.uint16)
    for field in ("piece", "rotation", "top", "column"):
        states[field] = getattr(pose, field)
    return env, states


@settings(max_examples=200, deadline=None)
@given(situations())
def test_every_move_of_the_kernel_equals_the_twin(situation):
    env, states = state_of(situation)
    board = features.cells(states["rows"], env.width)[0]
    outcome = env.step(np.repeat(states, 5), np.arange(5))
    assert (env.observe(states)[0] == twin.observe(board, pose_of(states[0]))).all()
    for action, after in enumerate(outcome.states):
        expected, pose, lines = twin.step(board, pose_of(states[0]), MOVES[action])
        assert (features.cells(after["rows"][None], env.width)[0] == expected).all() and after["lines"] == lines
        assert after["placed"] == (pose is None) == after["draw"]
        if pose is not None:
            assert pose_of(after) == pose and not after["over"]
        else:
            assert after["over"] == (twin.on_board(expected, pose_of(after)) is None)
            spawned = pose_of(after)
            assert (spawned.rotation, spawned.top) == (twin.first_alike(spawned.piece, spawned.rotation), 0)


@settings(max_examples=100, deadline=None)
@given(situations())
def test_concepts_of_place_equal_slow_counts(situation):
    env, states = state_of(situation)
    board, pose = features.cells(states["rows"], env.width)[0], pose_of(states[0])
    own = twin.on_board(board, pose)
    assert (concept(env, "piece_here").measure(states)[0] == own).all()
    assert (concept(env, "t_here").measure(states)[0] == (own & (pose.piece == PIECES.index("T")))).all()
    assert (concept(env, "filled").measure(states)[0] == board).all()
    rested = twin.move(board, pose, "drop")
    assert concept(env, "room_below").measure(states)[0] == rested.top - pose.top


def test_moves_fall_by_one_row_and_stop_at_walls():
    env, states = drawn(piece="T", column=1)
    assert place_after(env, states, DOWN) == (0, 1, 1)
    assert place_after(env, states, LEFT) == (0, 1, 0) == place_after(env, states, LEFT)
    assert place_after(env, states, LEFT, LEFT) == (0, 2, 0)
    assert place_after(env, states, RIGHT, RIGHT, RIGHT) == (0, 3, 3)  # three wide, six columns
    assert place_after(env, states, ROTATE) == (1, 1, 1)


def test_a_piece_turns_away_from_the_right_wall_but_not_into_cells_or_the_floor():
    env, states = drawn(piece="I", rotation=1, column=5)
    assert place_after(env, states, ROTATE) == (0, 1, 2)
    env, states = drawn("....#.", *["......"] * 9, piece="I", rotation=1, column=5, top=2)
    assert place_after(env, states, ROTATE) == (1, 3, 5)
    env, states = drawn(piece="I", top=9)
    assert place_after(env, states, ROTATE) == (0, 10, 0)
    env, states = drawn(piece="O", top=3, column=3)
    assert place_after(env, states, ROTATE) == (0, 4, 3)


def test_a_drop_clears_a_line_and_the_next_piece_appears_at_the_top():
    env, states = drawn("#.....", "##....", piece="I", column=2)
    outcome = env.step(states, np.array([DROP]))
    after = outcome.states[0]
    assert after["lines"] == after["placed"] == after["draw"] == 1 and after["top"] == 0
    assert after["rows"].tolist() == [0] * 11 + [1]
    assert env.hidden_performance(states, np.array([DROP]), outcome).tolist() == [1.0]
    assert outcome.rewards[0] == pytest.approx(0.1 + 0.3 + 0.3 * (0.51 * 2 + 0.18 * 1))  # heights 2 1 -> 1: 3 to 1


def test_a_piece_that_rests_rests_at_once_and_can_slip_under_an_overhang():
    env, states = drawn("##....", "......", piece="I", top=11, column=2)
    after = env.step(states, np.array([LEFT])).states[0]
    assert after["placed"] == 1 and after["rows"][11] == 0b011110 and after["rows"][10] == 0b000011


def test_the_game_ends_where_the_next_piece_does_not_fit_and_stays_ended():
    env, states = drawn(*["#####."] * 10, piece="O", top=0, column=0)
    outcome = env.step(states, np.array([DOWN]))
    assert outcome.terminated[0] and outcome.states["over"][0] and outcome.rewards[0] < -4
    again = env.step(outcome.states, np.array([LEFT]))
    assert again.terminated[0] and again.rewards[0] == 0 and (again.states == outcome.states).all()


def test_lines_reward_pays_for_placements_lines_and_survival_only():
    env, plain = TetrisMoves(), TetrisMoves(reward="lines")
    assert env.reward_concepts == ("aggregate_height", "holes", "bumpiness") and plain.reward_concepts == ()
    states, generator = plain.reset(np.arange(40)), np.random.default_rng(0)
    for _ in range(60):
        outcome = plain.step(states, generator.integers(5, size=len(states)))
        rested = outcome.states["placed"] - states["placed"]
        lines = outcome.states["lines"] - states["lines"]
        assert np.allclose(outcome.rewards, 0.1 * rested + lines - outcome.terminated)
        states = outcome.states[~outcome.terminated]


def test_truncation_comes_with_the_last_piece():
    env = TetrisMoves(max_pieces=2)
    first = env.step(env.reset(np.array([1])), np.array([DROP]))
    second = env.step(first.states, np.array([DROP]))
    assert not first.truncated[0] and second.truncated[0] and not second.terminated[0]


@pytest.mark.parametrize("env", [TetrisMoves(), TetrisMoves(reward="lines", height=20, width=10)])
def test_it_keeps_the_whole_contract(env):
    check_environment(env)


def test_two_policies_on_one_seed_meet_the_same_pieces():
    env = TetrisMoves()
    left, right = env.reset(np.arange(8)), env.reset(np.arange(8))
    pieces = left[["piece", "rotation", "column"]].copy()
    left = env.step(left, np.full(8, DROP)).states
    for _ in range(15):
        right = np.where(right["draw"] > 0, right, env.step(right, np.full(8, LEFT)).states)
    assert (left[["piece", "rotation", "column"]] == right[["piece", "rotation", "column"]]).all()
    assert (pieces != left[["piece", "rotation", "column"]]).any()


def test_states_are_read_back_from_what_they_look_like():
    env = TetrisMoves()
    states, generator = env.reset(np.arange(200)), np.random.default_rng(2)
    for _ in range(40):
        outcome = env.step(states, generator.integers(5, size=len(states)))
        read = env.states_from(env.observe(outcome.states))
        assert (env.identity(read) == env.identity(outcome.states)).all()
        states = outcome.states[~outcome.terminated]


def test_equal_moves_are_one():
    env, states = drawn(*["#..###"] * 10, piece="O", top=5, column=1)
    assert env.equivalent_actions(states).tolist() == [[0, 0, 0, 0, 4]]  # a shaft, and O looks the same turned
    states["top"] = 10
    assert env.equivalent_actions(states).tolist() == [[0, 0, 0, 0, 0]]  # at the bottom every move makes it rest
    assert concept(env, "rests").measure(states).all()
    assert concept(env, "lines").measure(states).tolist() == [[2, 2, 2, 2, 2]]


def test_edits_say_which_places_are_free():
    env, states = drawn("#.####", piece="T", top=2, column=1)
    edits = env.edits(states)
    names = np.array(edits.feature_names)[edits.feature]
    count = {name: int((names == name).sum()) for name in ("piece", "piece_rotation", "piece_row", "piece_column")}
    assert count == {"piece": 6, "piece_rotation": 3, "piece_row": 10, "piece_column": 3}
    low = (names == "piece_row") & (edits.value == 10)
    assert not edits.legal[low].any() and edits.legal[(names == "piece_row") & ~low].all()
    assert not edits.legal[names == "cell(3,1)"].any() and edits.legal[names == "cell(2,1)"].all()
    observed = env.observe(edits.states)
    assert (observed[np.char.startswith(names, "piece"), 0] == env.observe(states)[0, 0]).all()


def test_the_t_is_met_all_over_the_board():
    env = TetrisMoves()
    states, generator = env.reset(np.arange(1_500)), np.random.default_rng(3)
    seen = np.zeros((12, 6), dtype=np.int64)
    for _ in range(60):
        seen += concept(env, "t_here").measure(states).sum(axis=0)
        outcome = env.step(states, generator.choice(5, p=[0.24, 0.24, 0.24, 0.24, 0.04], size=len(states)))
        states = outcome.states[~outcome.terminated]
    assert seen.min() >= 5


def test_same_seed_same_bytes_and_another_seed_others():
    env = TetrisMoves()
    games = [hashlib.sha256(env.reset(np.arange(50) + first).tobytes()).hexdigest() for first in (0, 0, 50)]
    assert games[0] == games[1] != games[2]


def test_it_is_drawn_with_its_piece():
    env, states = drawn("#.....", piece="T", top=4, column=2)
    lines = env.render_text(states[0]).splitlines()
    assert lines[0] == "piece T" and lines[5:7] == ["...o..", "..ooo."] and lines[-1] == "#....."
    assert env.render_rgb(states[0]).shape == (192, 96, 3)


@pytest.mark.parametrize("kwargs", [{"width": 3}, {"height": 99}, {"reward": "fun"}, {"max_pieces": 0}])
def test_wrong_options_are_refused_by_name(kwargs):
    with pytest.raises(BadOption, match=r"supported|needed"):
        TetrisMoves(**kwargs)


def test_moves_are_numbered_as_the_kernel_numbers_them():
    assert [getattr(kernels, name.upper()) for name in MOVES] == [LEFT, RIGHT, ROTATE, DOWN, DROP]
