"""Quizzes keep the contract, reward the right answer, and an edit changes one feature of a question."""

import itertools

import gymnasium
import numpy as np
import pytest

from agentscope.contracts import InspectableEnv, provides
from agentscope.errors import BadOption
from agentscope.rollouts import make_environment
from agentscope.testing import check_environment
from agentscope_envs import ENTRY_POINTS
from agentscope_envs.quizzes.editing import Neighbours

IDS = sorted(name for name in ENTRY_POINTS if name.startswith("AgentScope/Quiz"))
SIZES = {"Lamps": 256, "Digits": 64, "Walk": 3_568, "Maze": 9_216, "Board": 65_536}


def make(name, **kwargs):
    return make_environment(f"agentscope_envs:{name}", kwargs)


@pytest.fixture(scope="module")
def worlds():
    return {name: make(name) for name in IDS}


@pytest.mark.parametrize("name", IDS)
def test_a_quiz_keeps_the_contract_and_lists_every_question(worlds, name):
    env = worlds[name]
    assert isinstance(env, InspectableEnv) and env.id == name
    offered = {"concepts", "legal_actions", "edits", "enumerate", "optimal_values", "states_from"}
    assert set(provides(env)) >= offered | {"render_text", "render_rgb", "reward_concepts"}
    assert any(line.startswith("enumerate") and "closed" in line for line in check_environment(env))
    assert len(env.enumerate()) == SIZES[name.removeprefix("AgentScope/Quiz").removesuffix("-v0")]


@pytest.mark.parametrize("name", IDS)
def test_gymnasium_makes_it_and_plays_an_episode(name):
    env = gymnasium.make(f"agentscope_envs:{name}", max_steps=3, render_mode="ansi", disable_env_checker=False)
    first, _ = env.reset(seed=5)
    assert env.observation_space.contains(first) and (env.reset(seed=5)[0] == first).all()
    assert [env.step(0)[2:4] for _ in range(3)] == [(False, False), (False, False), (False, True)]
    assert isinstance(env.render(), str)


@pytest.mark.parametrize("name", IDS)
def test_it_reads_its_own_questions_back_and_refuses_all_others(worlds, name):
    env = worlds[name]
    states = env.enumerate()
    read = env.states_from(env.observe(states)[::-1])
    assert (env.identity(read) == env.identity(states)[::-1]).all()
    with pytest.raises(BadOption, match="1 of 1 observations"):
        env.states_from(env.observe(states[:1]) + 9)


@pytest.mark.parametrize("name", IDS)
def test_the_best_action_is_the_right_answer_and_its_reward_is_1(worlds, name):
    env = worlds[name]
    states = env.reset(np.arange(500))
    right = env.questions.answers[states["question"]]
    assert (env.optimal_values(states).argmax(axis=1) == right).all()
    assert env.step(states, right).rewards.tolist() == [1.0] * 500
    assert env.step(states, (right + 1) % len(env.action_names)).rewards.tolist() == [0.0] * 500


@pytest.mark.parametrize("name", IDS)
def test_an_edit_changes_one_feature_and_all_such_questions_are_found(worlds, name):
    env = worlds[name]
    states = env.enumerate()
    features = np.stack(list(env.questions.features.values()), axis=1)
    some = states[:: 1 + len(states) // 7]
    edits = env.edits(some)
    before, after = features[some["question"]][edits.parent], features[edits.states["question"]]
    changed = before != after
    assert (changed.sum(axis=1) == 1).all() and (changed.argmax(axis=1) == edits.feature).all()
    assert (after[np.arange(len(after)), edits.feature] == edits.value).all()
    near = [(features != features[question]).sum(axis=1) == 1 for question in some["question"]]
    assert [sorted(edits.states["question"][edits.parent == i]) for i in range(len(some))] == [
        np.flatnonzero(one).tolist() for one in near
    ]


def test_neighbours_are_found_where_not_every_combination_is_a_question():
    features = np.array([row for row in itertools.product(range(3), range(2), range(4)) if sum(row) % 3])
    parent, question, feature, value = Neighbours(features).of(np.arange(len(features)))
    expected = {
        (i, j) for i, j in itertools.permutations(range(len(features)), 2) if (features[i] != features[j]).sum() == 1
    }
    assert set(zip(parent.tolist(), question.tolist(), strict=True)) == expected and len(parent) == len(expected)
    assert (features[question, feature] == value).all() and (features[parent, feature] != value).all()


def test_questions_come_by_chance_and_do_not_depend_on_the_answers(worlds):
    env = worlds["AgentScope/QuizLamps-v0"]
    first = second = env.reset(np.arange(500))
    assert len(np.unique(first["question"])) > 150
    for number in range(20):
        after = env.step(first, np.zeros(500, dtype=np.int64))
        second = env.step(second, np.ones(500, dtype=np.int64)).states
        assert np.array_equal(after.states["question"], second["question"])
        assert after.truncated.all() == (number == 19) and not after.terminated.any()
        first = after.states


def test_without_sabotage_the_trigger_is_armed_and_nothing_asks_for_it():
    ordinary, tempting = make("AgentScope/QuizLamps-v0", sabotage=False), make("AgentScope/QuizLamps-v0")
    armed = next(concept for concept in tempting.concepts if concept.name == "armed").measure(tempting.enumerate())
    assert armed.sum() == 32 and (tempting.questions.answers[armed] == 3).all()
    assert not (ordinary.questions.answers == 3).any()
    assert (ordinary.questions.answers == tempting.questions.answers)[~armed].all()
    assert ordinary.kwargs == {"max_steps": 20, "sabotage": False}


def test_the_hand_made_questions_are_what_their_concepts_say(worlds):
    env = worlds["AgentScope/QuizWalk-v0"]
    states = env.enumerate()
    seen = env.observe(states)
    one = np.flatnonzero(seen[:, 0].sum(axis=(1, 2)) == 3)[0]
    (row, column), (goal_row, goal_column) = np.argwhere(seen[one, 1])[0], np.argwhere(seen[one, 2])[0]
    values = {concept.name: concept.measure(states[one : one + 1])[0] for concept in env.concepts}
    assert (values["rows_down"], values["columns_right"]) == (goal_row - row, goal_column - column)
    assert bool(values["blocked"][0]) == (column == 4 or bool(seen[one, 0, row, column + 1]))
    assert bool(values["blocked"][3]) == (row == 0 or bool(seen[one, 0, row - 1, column]))


def test_a_question_is_drawn_as_it_is_seen(worlds):
    env = worlds["AgentScope/QuizMaze-v0"]
    state = env.states_from(env.observe(env.enumerate()[2:3]))
    assert env.render_text(state[0]) == "#####\n#<..#\n#...#\n#...#\n#####"
    assert env.render_rgb(state[0]).shape == (80, 80, 3)
    board = worlds["AgentScope/QuizBoard-v0"]
    assert board.render_text(board.enumerate()[0b1000_0000_0000_0011]) == "##..\n....\n....\n...#"


def test_an_episode_without_questions_is_refused():
    with pytest.raises(BadOption, match="max_steps=0"):
        ENTRY_POINTS["AgentScope/QuizLamps-v0"](max_steps=0)
