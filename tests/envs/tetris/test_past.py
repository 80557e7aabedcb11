"""Past pieces: what is shown is what was placed, and by default nothing of it is there."""

import hashlib

import numpy as np
import pytest

from agentscope.errors import BadOption
from agentscope.language import bind_state, evaluate_expression, parse_expression
from agentscope.testing import check_environment
from agentscope_envs import Tetris, TetrisSmall
from agentscope_envs.tetris import twin
from agentscope_envs.tetris.pieces import PIECES
from agentscope_envs.tetris.shown import NONE

VARIANTS = [(1, 0, "uniform"), (3, 0, "uniform"), (4, 2, "uniform"), (3, 0, "7-bag"), (4, 3, "7-bag")]
I, O, T, L = (PIECES.index(name) for name in "IOTL")  # noqa: E741


def games(env, steps, count=200, seed=0):
    """The states of random games after so many placements; boards are emptied so that all go on."""
    states, generator = env.reset(np.arange(count)), np.random.default_rng(seed)
    for _ in range(steps):
        states = env.step(states, generator.integers(env.action_space.n, size=count)).states
        states["rows"], states["over"] = 0, False
    return states


@pytest.mark.parametrize("world", [Tetris, TetrisSmall])
@pytest.mark.parametrize(("past", "preview", "bag"), VARIANTS)
def test_every_variant_keeps_the_contract(world, past, preview, bag):
    check_environment(world(past=past, preview=preview, bag=bag, cells=True), seeds=range(8), steps=30)


@pytest.mark.parametrize(("past", "preview", "bag"), VARIANTS)
def test_what_is_shown_is_what_was_placed(past, preview, bag):
    env = TetrisSmall(past=past, preview=preview, bag=bag)
    states, generator, placed = env.reset(np.arange(100)), np.random.default_rng(1), []
    for _ in range(7):
        expected = [*placed[::-1], *[np.full(100, NONE)] * past][:past]
        assert (env.past.pieces(states) == np.stack(expected, axis=1)).all() and env.is_possible(states).all()
        for state, planes in zip(states, env.observe(states)[:, 2 + preview :], strict=True):
            for name, plane in zip(env.past.names, planes, strict=True):
                piece = int(state[name])
                cells = np.zeros((1, 1)) if piece == NONE else twin.piece_cells(piece, 0)
                assert (plane[: len(cells), : cells.shape[1]] == cells).all() and plane.sum() == cells.sum()
        placed.append(states["piece"].copy())
        states = env.step(states, generator.integers(24, size=100)).states
        states["rows"] = 0


@pytest.mark.parametrize("options", [{}, {"preview": 2}, {"bag": "7-bag"}, {"preview": 1, "bag": "7-bag"}])
def test_the_past_changes_nothing_else(options):
    with_past, without = Tetris(past=3, **options), Tetris(**options)
    one, two, generator = with_past.reset(np.arange(60)), without.reset(np.arange(60)), np.random.default_rng(3)
    for _ in range(12):
        actions = generator.integers(40, size=60)
        for name in without.state_dtype.names:
            assert (one[name] == two[name]).all()
        assert (with_past.observe(one)[:, : 2 + without.upcoming.preview] == without.observe(two)).all()
        first, second = with_past.step(one, actions), without.step(two, actions)
        assert (first.rewards == second.rewards).all() and (first.terminated == second.terminated).all()
        one, two = first.states, second.states


@pytest.mark.parametrize("steps", [0, 1, 2, 5, 9])
@pytest.mark.parametrize(("past", "preview", "bag"), VARIANTS)
def test_states_are_read_back_with_what_is_shown(past, preview, bag, steps):
    env = TetrisSmall(past=past, preview=preview, bag=bag)
    states = games(env, steps)
    read = env.states_from(env.observe(states))
    assert (env.observe(read) == env.observe(states)).all()
    assert env.is_possible(read).all() and env.is_possible(states).all()
    assert (env.past.pieces(read) == env.past.pieces(states)).all()


def test_edits_of_past_pieces_are_legal_when_so_many_were_placed():
    env = TetrisSmall(past=3)
    state = games(env, 2, count=1)
    edits = env.edits(state)
    names = np.array(edits.feature_names)[edits.feature]
    assert edits.feature_names[-3:] == ("past_piece", "past_piece2", "past_piece3")
    for name, legal in [("past_piece", 6), ("past_piece2", 6), ("past_piece3", 0)]:
        chosen = names == name
        assert chosen.sum() == 7 and edits.legal[chosen].sum() == legal
        assert not edits.legal[chosen & (edits.value == NONE)].any()
        assert (edits.states[chosen][name] == edits.value[chosen]).all()
        assert (edits.states[chosen]["rows"] == state["rows"]).all()
        assert len(np.unique(env.identity(edits.states[chosen]), axis=0)) == 7


def test_bags_say_which_past_is_possible():
    env = TetrisSmall(past=3, bag="7-bag")
    state = games(env, 9, count=1)  # two pieces of the second bag were placed, the third one falls
    state["piece"], state["bag"] = T, 0b1111111 & ~(1 << T) & ~(1 << O) & ~(1 << L)
    for past, possible in [
        ((O, L, O), True),  # a bag may end with what the next one begins with
        ((O, L, L), True),
        ((O, O, L), False),
        ((O, T, L), False),
        ((O, I, L), False),  # I is still in the bag
        ((L, O, NONE), False),
    ]:
        for name, piece in zip(env.past.names, past, strict=True):
            state[name] = piece
        assert env.is_possible(state)[0] == possible, past


def test_a_young_game_has_opened_one_bag():
    env = TetrisSmall(past=3, bag="7-bag")
    states = games(env, 2, count=100)
    assert env.is_possible(states).all()
    states["bag"] |= 1 << states["past_piece2"]  # as if one piece only were gone
    assert not env.is_possible(states).any()


def test_texts_name_past_pieces_and_cells():
    env = TetrisSmall(past=2, cells=True)
    states = games(env, 1)
    states["rows"][:, 11] = 0b000101
    states["past_piece"][::2], states["past_piece"][1::2] = O, NONE
    binding = bind_state(env)

    def holds(text):
        return evaluate_expression(parse_expression(text, binding.vocabulary), binding, states)

    assert holds("past_piece() == O").tolist() == [True, False] * 100
    assert holds("past_piece() == none and past_piece2() == none").tolist() == [False, True] * 100
    assert holds("filled(row11, column0) and filled(11, 2) and not filled(row11, column1)").all()
    assert not holds("any(filled(row, column) for row in range(11) for column in columns)").any()


def test_the_last_pieces_matter_where_a_bag_links_them_to_the_next_ones():
    assert not any(concept.should_matter for concept in TetrisSmall(past=2).concepts[-2:])
    assert all(concept.should_matter for concept in TetrisSmall(past=2, bag="7-bag").concepts[-2:])


def test_by_default_no_concept_and_no_argument_of_it_is_there():
    plain = TetrisSmall(past=0, cells=False)
    assert not {"past", "cells"} & set(plain.kwargs) and plain.state_dtype == TetrisSmall().state_dtype
    assert not {"filled", "past_piece"} & {concept.name for concept in plain.concepts}
    full = TetrisSmall(past=1, cells=True)
    assert full.kwargs["past"] == 1 and full.kwargs["cells"] is True and full.observation_space.shape == (3, 12, 6)
    digests = {hashlib.sha256(games(TetrisSmall(past=past), 3).tobytes()).hexdigest() for past in range(3)}
    assert len(digests) == 3


def test_past_pieces_are_drawn_in_text_and_picture():
    env = TetrisSmall(past=2, preview=1)
    state = games(env, 1, count=1)
    state["past_piece"], state["next_pieces"] = T, O
    assert env.render_text(state[0]).splitlines()[1] == "next O"
    assert env.render_text(state[0]).splitlines()[-1] == "past T none"
    assert env.render_rgb(state[0]).shape == (16 * (2 + 4 + 12 + 4), 16 * 6, 3)


@pytest.mark.parametrize("options", [{"past": -1}, {"past": 5}])
def test_wrong_options_are_refused(options):
    with pytest.raises(BadOption, match="supported"):
        Tetris(**options)


def test_unknown_options_are_refused():
    with pytest.raises(TypeError):
        Tetris(history=3)
