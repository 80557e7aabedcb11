"""Units whose formula is known are named by it; noise is not named; what is reported is what the text gives."""

import numpy as np
import pytest

from agentscope.language import bind_state, evaluate_expression, parse_expression, vocabulary_of
from agentscope.language.columns import Column
from agentscope.probes.bank import Bank, bank_of
from agentscope.probes.candidates import explained_by_columns, name_unit, unexplained_units
from tests.language.conftest import LittleEnv, some_states

VISITED, EDITED = 1_500, 1_200


@pytest.fixture(scope="module")
def env():
    return LittleEnv()


@pytest.fixture(scope="module")
def states():
    """Visited states have low columns, edited ones any: what holds on both was not learnt from one of them."""
    visited, edited = some_states(VISITED, seed=1), some_states(EDITED, seed=2)
    visited["heights"] //= 2
    return visited, edited


@pytest.fixture(scope="module")
def bank(env, states):
    return bank_of(env, *states, episodes=np.arange(VISITED) // 30, edited_episodes=np.arange(EDITED) // 24)


@pytest.fixture(scope="module")
def h(states):
    return np.concatenate(states)["heights"].astype(float)


def named(unit, bank, seed=0):
    return name_unit(np.asarray(unit, dtype=np.float64), bank, generator=np.random.default_rng(seed))


def test_a_bank_holds_every_concept_at_every_place_and_asks_each_question_once(bank):
    texts = [column.text for column in bank.columns]
    assert texts[:3] == ["height(west)", "height(middle)", "height(east)"] and "leap(west, 0)" in texts
    questions = [term.text for term in bank.flags]
    assert "lamp()" in questions and "piece() == 2" in questions and "height(east) > 3" in questions
    assert "ground() == flat" not in questions and not any(term.text.startswith("ground") for term in bank.numbers)
    assert len(set(questions)) == len(questions)
    assert sum("drift" in t.text or "leap" in t.text for t in bank.numbers) < 10  # copies of one column are one


def test_a_rectified_difference_is_named_exactly(bank, h):
    found = named(3 * np.maximum(0, h[:, 2] - h[:, 0]) - 7, bank)
    assert found.text == "max(0, height(east) - height(west))"
    assert found.metric == "R2" and found.score > 1 - 1e-9 and found.explains
    assert (found.slope, found.intercept) == (pytest.approx(3), pytest.approx(-7))
    assert found.held_out > 1 - 1e-9 and found.edited > 1 - 1e-9 and found.columns == 2
    assert str(found).startswith("named candidate: max(0, height(east) - height(west)) (R2 1.00 on held-out")


def test_a_falling_unit_is_named_too(bank, h):
    found = named(-np.minimum(h[:, 1], 4), bank)
    assert found.text == "min(4, height(middle))" and found.slope == pytest.approx(-1) and found.score > 1 - 1e-9


def test_sums_of_three_columns_are_named(bank, h, states):
    found = named(h[:, 0] + h[:, 1] - h[:, 2], bank)
    assert found.score > 1 - 1e-9 and found.columns == 3
    assert_same_values(found, bank, states, h[:, 0] + h[:, 1] - h[:, 2])


def assert_same_values(found, bank, states, unit):
    """The text, parsed and evaluated, gives the unit on every state, up to slope and intercept."""
    env = LittleEnv()
    parsed = parse_expression(found.text, bank.vocabulary)
    values = evaluate_expression(parsed, bind_state(env), np.concatenate(states))
    np.testing.assert_allclose(found.slope * values + found.intercept, unit, atol=1e-9)


def test_two_flags_at_once_are_named_and_scored_by_auc(bank, h, states):
    lamp = np.concatenate(states)["lamp"]
    unit = 2.0 * (lamp & (h[:, 0] > 3)) + np.random.default_rng(0).normal(size=len(lamp)) * 0.05
    found = named(unit, bank)
    assert set(found.text.split(" and ")) == {"lamp()", "height(west) > 3"}
    assert found.metric == "AUC" and found.score == 1.0 and 0.5 < found.cut < 1.5 and found.explains


def test_a_unit_that_falls_silent_is_named_by_what_wakes_it(bank, h, states):
    lamp = np.concatenate(states)["lamp"]
    found = named(~(lamp & (h[:, 0] > 3)), bank)
    assert set(found.text.split(" or ")) == {"not lamp()", "height(west) <= 3"} and found.score == 1.0


def test_three_flags_are_named(bank, h, states):
    every = np.concatenate(states)
    truth = (every["lamp"] | (every["piece"] == 2)) & (h[:, 1] > 1)
    found = named(truth, bank)
    assert found.score == 1.0 and found.columns == 3
    parsed = parse_expression(found.text, bank.vocabulary)
    np.testing.assert_array_equal(evaluate_expression(parsed, bind_state(LittleEnv()), every), truth)


def test_a_number_that_a_flag_lets_through_is_named(bank, h, states):
    lamp = np.concatenate(states)["lamp"]
    unit = np.where(lamp, np.maximum(0, h[:, 2] - h[:, 1]), -1.0)
    found = named(unit, bank)
    assert found.text == "max(0, height(east) - height(middle)) if lamp() else -1" and found.score > 1 - 1e-9
    assert_same_values(found, bank, states, unit)


def test_a_code_of_a_choice_is_offered_as_it_is_and_never_joined(bank, states):
    piece = np.concatenate(states)["piece"]
    found = named(2.0 * piece + 1, bank)
    assert found.text == "piece()" and found.score == pytest.approx(1)
    mixed = named(piece + np.concatenate(states)["heights"][:, 0], bank)
    assert "piece() +" not in mixed.text and "+ piece()" not in mixed.text


def test_a_unit_of_two_values_is_named_by_where_it_parts_them(bank, h):
    """The height itself ranks these states perfectly (AUC 1), but does not say where the unit wakes."""
    assert named(h[:, 1] > 4, bank).text == "height(middle) > 4"


def test_noise_is_not_named_and_says_so(bank):
    unit = np.random.default_rng(3).normal(size=len(bank))
    found = named(unit, bank)
    assert found.score < 0.05 and not found.explains and found.searched > 5_000
    assert str(found).startswith("no short expression predicts it; the best is ")


def test_what_holds_on_visited_states_only_is_scored_by_the_edited_ones(bank, h):
    unit = np.where(bank.edited, np.random.default_rng(4).normal(size=len(bank)), h[:, 0])
    found = named(unit, bank)
    assert found.score < 0.1 and found.score == min(found.held_out, found.edited)
    assert found.low <= found.score <= found.high


def test_figures_come_from_episodes_that_neither_searched_nor_chose(bank, h):
    found = named(h[:, 0] + np.random.default_rng(5).normal(size=len(bank)), bank)
    assert found.text == "height(west)" and found.episodes == 15 and found.states == 450
    predicted = found.slope * h[:, 0] + found.intercept
    assert abs(predicted - h[:, 0]).max() < 0.5
    sizes = [row["bits"] for row in found.frontier]
    assert sizes == sorted(sizes) and found.bits in sizes and all("held_out" in row for row in found.frontier)


def test_every_text_that_is_offered_gives_the_values_that_were_scored(bank, h, env, states):
    """Units at random: R2 is measured once more from the parsed text, on all held-out states by hand."""
    binding, every = bind_state(env), np.concatenate(states)
    rng = np.random.default_rng(6)
    for trial in range(12):
        mixed = h @ rng.normal(size=3) + 3 * (every["piece"] == trial % 3) + rng.normal(size=len(h))
        found = named(np.maximum(mixed, 0) if trial % 2 else mixed, bank, seed=trial)
        for row in found.frontier:
            values = evaluate_expression(parse_expression(row["text"], bank.vocabulary), binding, every)
            assert np.isfinite(values).all() and len(values) == len(bank)
        values = evaluate_expression(parse_expression(found.text, bank.vocabulary), binding, every).astype(float)
        unit = np.maximum(mixed, 0) if trial % 2 else mixed
        predicted = found.slope * values + found.intercept
        for kind, wanted in ((False, found.held_out), (True, found.edited)):
            rows = bank.edited == kind
            whole = 1 - ((unit - predicted)[rows] ** 2).sum() / ((unit[rows] - unit[rows].mean()) ** 2).sum()
            assert whole == pytest.approx(wanted, abs=0.2)  # all states, not only the held-out fifteen episodes


def test_same_seed_same_candidate_and_another_seed_other_episodes(bank, h):
    unit = h[:, 0] + np.random.default_rng(7).normal(size=len(bank))
    assert named(unit, bank, 1) == named(unit, bank, 1)
    assert named(unit, bank, 1).held_out != named(unit, bank, 2).held_out


def test_there_is_no_name_for_what_never_varies_or_cannot_be_held_out(bank, h):
    assert named(np.ones(len(bank)), bank) is None
    assert named(np.where(np.arange(len(bank)) == 5, np.nan, h[:, 0]), bank) is None
    short = Bank(bank.columns, bank.vocabulary, np.arange(len(bank)) % 2, bank.edited)
    assert named(h[:, 0], short) is None


def test_without_edits_the_held_out_episodes_decide_alone(env, states):
    visited = states[0]
    bank = bank_of(env, visited, visited[:0], episodes=np.arange(VISITED) // 30, edited_episodes=np.arange(0))
    found = named(visited["heights"][:, 0], bank)
    assert found.text == "height(west)" and found.edited is None and found.score == found.held_out == 1.0


def test_a_bank_of_one_column_has_that_column_to_offer():
    env = LittleEnv()
    values = np.random.default_rng(0).normal(size=200)
    column = Column("drift()", "drift", "number", values)
    bank = Bank((column,), vocabulary_of(env), np.arange(200) // 20, np.zeros(200, dtype=bool))
    assert named(2 * values, bank).text == "drift()"
    assert named(2 * values, Bank((), bank.vocabulary, bank.episodes, bank.edited)) is None


def test_strong_units_that_no_column_explains_are_those_to_be_named(bank, h):
    rng = np.random.default_rng(8)
    units = np.stack([h[:, 0], rng.normal(size=len(bank)), rng.normal(size=len(bank)), np.zeros(len(bank))], axis=1)
    explained = explained_by_columns(units, bank)
    assert explained[0] == pytest.approx(1) and explained[1] < 0.1 and explained[3] == -np.inf
    chosen = unexplained_units(np.array([0.4, 0.2, 0.3, 0.001]), explained)
    assert chosen.tolist() == [2, 1]
    many = unexplained_units(np.linspace(1, 0.5, 30), np.zeros(30))
    assert many.tolist() == list(range(10))
