"""The compiled rules equal the readable twin, and both equal placements worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentscope.errors import BadOption
from agentscope_envs import Tetris, TetrisSmall
from agentscope_envs.tetris import features, kernels, twin
from agentscope_envs.tetris.pieces import MASKS, PIECES, turned


def board_of(text: str) -> np.ndarray:
    """Row masks of a drawn board, blank rows added on top."""
    drawn = [sum(1 << column for column, cell in enumerate(line) if cell == "#") for line in text.split()]
    return np.array([drawn], dtype=np.uint16)


def states_with(env: Tetris, rows: np.ndarray, piece: str) -> np.ndarray:
    states = env.reset(np.zeros(len(rows), dtype=np.int64))
    states["rows"][:, env.height - rows.shape[1] :] = rows
    states["piece"] = PIECES.index(piece)
    return states


boards = st.integers(4, 12).flatmap(
    lambda width: st.tuples(
        st.just(width), st.lists(st.integers(0, 2**width - 2), min_size=4, max_size=20), st.integers(0, 6)
    )
)


@settings(max_examples=150, deadline=None)
@given(boards)
def test_every_placement_of_the_kernel_equals_the_twin(board: tuple[int, list[int], int]) -> None:
    width, rows, piece = board
    masks = np.array([rows], dtype=np.uint16)
    after, outcomes = kernels.placements(masks, np.array([piece], dtype=np.uint8), width)
    cells = features.cells(masks, width)[0]
    for action in range(4 * width):
        expected, top, lines, own = twin.place(cells, piece, action // width, action % width)
        assert (features.cells(after[:, action], width)[0] == expected).all()
        assert outcomes[0, action].tolist() == [top, lines, own]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**63 - 1), st.integers(0, 5000), st.integers(4, 15))
def test_draws_of_the_kernel_equal_the_twin(seed: int, draw: int, width: int) -> None:
    assert tuple(map(int, kernels.draw_piece(seed, draw, width))) == twin.draw_piece(seed, draw, width)


def test_observations_and_steps_equal_the_twin_along_games() -> None:
    env = TetrisSmall()
    generator = np.random.default_rng(0)
    states = env.reset(np.arange(20))
    for _ in range(40):
        observed = env.observe(states)
        cells = features.cells(states["rows"], env.width)
        for i, state in enumerate(states):
            pose = (int(state["piece"]), int(state["pose_rotation"]), int(state["pose_column"]))
            assert (observed[i] == twin.observe(cells[i], *pose)).all()
        transition = env.step(states, generator.integers(env.action_space.n, size=len(states)))
        states = transition.states[~transition.terminated]


def test_shapes_turn_clockwise() -> None:
    assert turned((".#.", "###"), 1) == ("#.", "##", "#.")
    assert turned(("..#", "###"), 1) == ("#.", "#.", "##")
    assert all(sum(bin(int(row)).count("1") for row in MASKS[p, r]) == 4 for p in range(7) for r in range(4))


def test_a_flat_i_in_the_gap_clears_a_line_and_the_rest_falls() -> None:
    env = TetrisSmall()
    rows = board_of("#..... ##....")
    transition = env.step(states_with(env, rows, "I"), np.array([2]))
    assert transition.states["lines"][0] == 1
    assert transition.states["rows"][0, -1] == 0b000001 and transition.states["rows"][0, :-1].sum() == 0


def test_the_game_ends_when_a_piece_rests_above_the_edge() -> None:
    env = TetrisSmall()
    rows = np.full((1, 11), 0b000001, dtype=np.uint16)
    states = states_with(env, rows, "O")
    ended = env.step(np.repeat(states, 2), np.array([0, 2]))
    assert ended.terminated.tolist() == [True, False]
    assert ended.rewards.tolist() == [0.1 - 1.0, 0.1]


def test_truncation_comes_after_max_pieces_and_not_before() -> None:
    env = Tetris(max_pieces=2)
    first = env.step(env.reset(np.array([1])), np.array([0]))
    second = env.step(first.states, np.array([4]))
    assert not first.truncated[0] and second.truncated[0] and not second.terminated[0]


def test_equivalent_actions_are_those_with_the_same_successor_and_reward() -> None:
    env = TetrisSmall()
    generator = np.random.default_rng(1)
    states = env.reset(np.arange(64))
    states["rows"][:, 6:] = generator.integers(0, 63, size=(64, 6), dtype=np.uint16)
    equivalent = env.equivalent_actions(states)
    actions = env.action_space.n
    everything = env.step(np.repeat(states, actions), np.tile(np.arange(actions), 64))
    keys = [
        (state["rows"].tobytes(), bool(state["over"]), float(reward))
        for state, reward in zip(everything.states, everything.rewards, strict=True)
    ]
    for i in range(64):
        mine = keys[i * actions : (i + 1) * actions]
        assert equivalent[i].tolist() == [mine.index(key) for key in mine]


def test_two_policies_on_one_seed_meet_the_same_pieces() -> None:
    env = Tetris()
    left = right = env.reset(np.arange(8))
    for step in range(5):
        left = env.step(left, np.full(8, step)).states
        right = env.step(right, np.full(8, 39 - step)).states
        assert (left["piece"] == right["piece"]).all() and (left["pose_column"] == right["pose_column"]).all()


def test_the_shaped_reward_is_the_lines_reward_and_the_change_of_the_potential() -> None:
    shaped, plain = Tetris(reward="shaped"), Tetris(reward="lines")
    states = shaped.reset(np.arange(50))
    actions = np.random.default_rng(2).integers(40, size=50)
    after = shaped.step(states, actions)
    features_now = [potential(state) for state in after.states]
    features_before = [potential(state) for state in states]
    change = np.array(features_now) - np.array(features_before)
    assert np.allclose(after.rewards, shaped.rewards.placement + shaped.rewards.potential * change)
    assert (plain.step(states, actions).rewards == 0.1).all()
    flat = shaped.step(states_with(shaped, np.zeros((1, 4), dtype=np.uint16), "I"), np.array([0]))
    assert flat.rewards[0] == pytest.approx(0.1 + 0.3 * (-0.51 * 4 - 0.18 * 1))


def potential(state: np.ndarray) -> float:
    """The potential by the vectorised features, which other tests compare with slow counts."""
    rows = np.ascontiguousarray(state["rows"])[None]
    return float(
        -0.51 * features.total(features.covered(rows))[0]
        - 0.72 * features.total(features.hole_cells(rows))[0]
        - 0.18 * features.bumpiness(rows, 10)[0]
    )


@settings(max_examples=100, deadline=None)
@given(st.integers(4, 15), st.lists(st.integers(0, 2**15 - 1), min_size=4, max_size=20))
def test_the_kernel_counts_the_shape_of_a_board_as_the_features_do(width: int, rows: list[int]) -> None:
    masks = np.array([rows], dtype=np.uint16) & np.uint16((1 << width) - 1)
    expected = [
        features.total(features.covered(masks)),
        features.total(features.hole_cells(masks)),
        features.bumpiness(masks, width),
    ]
    assert list(kernels.count_shape(masks[0], width)) == [int(value[0]) for value in expected]


@pytest.mark.parametrize("kwargs", [{"width": 3}, {"height": 99}, {"reward": "fun"}, {"max_pieces": 0}])
def test_wrong_options_are_refused_by_name(kwargs: dict[str, object]) -> None:
    with pytest.raises(BadOption, match=r"supported|needed"):
        Tetris(**kwargs)  # type: ignore[arg-type]


def test_edits_change_one_feature_and_know_which_are_legal() -> None:
    env = TetrisSmall()
    states = states_with(env, board_of("#####."), "T")
    edits = env.edits(states)
    last = edits.feature_names.index("cell(11,5)")
    assert not edits.legal[edits.feature == last].any() and edits.legal[edits.feature != last].all()
    before, after = env.observe(states)[0, 0], env.observe(edits.states)[:, 0]
    cells = edits.feature < 72
    assert (np.abs(after[cells].astype(int) - before).sum(axis=(1, 2)) == 1).all()
    assert (after[~cells] == before).all()
    assert sorted(edits.value[edits.feature == 72]) == [p for p in range(7) if p != PIECES.index("T")]
