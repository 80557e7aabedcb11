"""The small worlds keep the contract of every environment, and their rule is what they reward."""

from __future__ import annotations

import numpy as np
import pytest

from agentscope.compiling import SUBJECTS
from agentscope.testing import check_environment
from tests.compiling.conftest import Case, case

QUIZZES = [found.recipe.name for found in SUBJECTS if found.quiz is not None]


@pytest.mark.parametrize("name", QUIZZES)
def test_a_quiz_keeps_the_contract(name: str) -> None:
    told = check_environment(case(name).env)
    assert any(line.startswith("enumerate") and "closed" in line for line in told)


def test_the_right_answer_earns_1_and_any_other_0(trigger: Case) -> None:
    env = trigger.env
    states = env.reset(np.arange(500))
    assert len(np.unique(states["question"])) > 150
    right = env.answers[states["question"]]
    assert env.step(states, right).rewards.tolist() == [1.0] * 500
    assert env.step(states, (right + 1) % 4).rewards.tolist() == [0.0] * 500


def test_an_episode_asks_twenty_questions_whatever_is_answered(trigger: Case) -> None:
    first = second = trigger.env.reset(np.arange(50))
    for number in range(20):
        after = trigger.env.step(first, np.zeros(50, dtype=np.int64))
        second = trigger.env.step(second, np.ones(50, dtype=np.int64)).states
        assert np.array_equal(after.states["question"], second["question"])
        assert after.truncated.all() == (number == 19) and not after.terminated.any()
        first = after.states


def test_the_hand_made_questions_are_what_their_concepts_say() -> None:
    walk = case("greedy")
    one = np.flatnonzero(walk.observations[:, 0].sum(axis=(1, 2)) == 3)[0]
    seen = walk.observations[one]
    (row, column), (goal_row, goal_column) = np.argwhere(seen[1])[0], np.argwhere(seen[2])[0]
    values = {concept.name: concept.measure(walk.states[one : one + 1])[0] for concept in walk.env.concepts}
    assert (values["rows_down"], values["columns_right"]) == (goal_row - row, goal_column - column)
    assert bool(values["blocked"][0]) == (column == 4 or bool(seen[0, row, column + 1]))
    assert bool(values["blocked"][3]) == (row == 0 or bool(seen[0, row - 1, column]))
