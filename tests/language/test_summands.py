"""A ranking's summands: they add up to what the text compares, and each is what it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentscope import language, rollouts
from agentscope.language.summands import score_terms

SCORE = (
    "99 * lines(a) - 4 * landing_height(a) - (surface(a, under2) - after(a, height, column0)) - -2 * eroded_cells(a)"
)


def ranking(text, vocabulary, binding, states):
    program = language.parse(text, vocabulary)
    return program, score_terms(program, binding, states)


@pytest.fixture(scope="module")
def tetris():
    return rollouts.make_environment("agentscope_envs:AgentScope/Tetris-v0", {})


@pytest.fixture(scope="module")
def boards(tetris):
    """States of random play: some of them with little room."""
    policy = rollouts.RandomLegal(tetris, np.random.default_rng(3))
    return rollouts.collect_states(policy, tetris, np.arange(6), max_states=120, generator=np.random.default_rng(0))


@pytest.mark.parametrize(
    "text",
    [
        f"def strategy(state):\n    return argmax(actions, key=lambda a: {SCORE})\n",
        f"def score(b):\n    a = b\n    return {SCORE}\n\n"
        "def strategy(state):\n    return argmax(actions, key=lambda a: score(a))\n",
    ],
)
def test_summands_of_a_tetris_score_add_up_to_what_is_compared(text, tetris, boards):
    binding = language.bind_state(tetris)
    program, (found,) = ranking(text, binding.vocabulary, binding, boards.states)
    assert found.terms == (
        "99 * lines(a)", "-4 * landing_height(a)", "-surface(a, under2)", "after(a, height, column0)",
        "2 * eroded_cells(a)",
    )  # fmt: skip
    ranked = language.rank_actions(program, binding, boards.states)
    assert np.array_equal(found.totals, ranked)
    assert np.array_equal(found.values.sum(axis=0), ranked)
    lines = tetris.action_concepts[[each.name for each in tetris.action_concepts].index("lines")]
    assert np.array_equal(found.values[0], 99 * lines.measure(boards.states))
    assert found.states.all()


def test_a_ranking_behind_a_branch_belongs_to_its_line_and_states(vocabulary, binding, states):
    text = (
        "def strategy(state):\n    extra = height(west)\n    if lamp():\n        return wait\n    if extra > 4:\n"
        "        return argmax(actions, key=lambda a: extra - total(a))\n"
        "    return argmax(actions, key=lambda a: max(total(a), extra))\n"
    )
    program, found = ranking(text, vocabulary, binding, states)
    decided = language.evaluate(program, binding, states)
    assert [each.line for each in found] == [6, 7]
    for each in found:
        assert np.array_equal(each.states, decided.lines == each.line)
        assert np.array_equal(each.totals[each.states].argmax(axis=1), decided.actions[each.states])
    first, second = found
    assert first.terms == ("extra", "-total(a)") and second.terms == ("max(total(a), extra)",)
    west = states["heights"][:, 0]
    assert np.array_equal(first.values[0, first.states, 3], west[first.states])


def test_what_is_no_ranking_has_no_terms(vocabulary, binding, states):
    text = "def strategy(state):\n    return wait if lamp() else put_left\n"
    assert ranking(text, vocabulary, binding, states)[1] == ()


def test_a_helper_that_branches_stays_one_term(vocabulary, binding, states):
    text = (
        "def score(a):\n    if lamp():\n        return total(a)\n    return 0 - total(a)\n\n"
        "def strategy(state):\n    return argmax(actions, key=lambda a: score(a))\n"
    )
    assert ranking(text, vocabulary, binding, states)[1][0].terms == ("score(a)",)


def test_a_negated_whole_division_rounds_as_before(vocabulary, binding, states):
    text = "def strategy(state):\n    return argmax(actions, key=lambda a: 1 - total(a) // 2)\n"
    program, (found,) = ranking(text, vocabulary, binding, states)
    assert found.terms == ("1", "-(total(a) // 2)")
    assert np.array_equal(found.totals, language.rank_actions(program, binding, states))


SUMMANDS = (
    "total(a)", "height(east)", "3 * total(a)", "(total(a) - 2 * height(west))", "lifted(a, middle) // 3",
    "(4 if lamp() else total(a))", "-height(middle) * 2", "(1, 5, 2, 7)[a]", "lamp()", "0.5 * total(a)",
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(parts=st.lists(st.tuples(st.sampled_from("+-"), st.sampled_from(SUMMANDS)), min_size=2, max_size=7))
def test_any_sum_is_split_into_parts_that_add_up_and_can_be_read_again(parts, env, vocabulary, binding, states):
    score = parts[0][1] + "".join(f" {sign} {part}" for sign, part in parts[1:])
    text = f"def strategy(state):\n    return argmax(actions, key=lambda a: {score})\n"
    _, (found,) = ranking(text, vocabulary, binding, states)
    legal = env.legal_actions(states)
    assert np.isneginf(found.totals[~legal]).all() and np.isneginf(found.values[:, ~legal]).all()
    assert np.allclose(found.values.sum(axis=0)[legal], found.totals[legal], rtol=0, atol=1e-9)
    for term, values in zip(found.terms, found.values, strict=True):
        again = language.parse_expression(term, vocabulary, variables={"a": "actions"})
        alone = language.evaluate_expression(again, binding, states).astype(np.float64)
        assert np.array_equal(alone[legal], values[legal])
