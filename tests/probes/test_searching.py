"""The search for the legal state that drives a unit most, against brute force."""

import itertools

import numpy as np

from agentscope.probes.searching import Search, climb
from agentscope.rollouts import PlainEnv
from tests.probes.toy_boards import ToyBoard, and_of


def search(env, unit, boards, *, starts=(0,), budget=10_000):
    states = env.states(boards)
    readings = unit(env.observe(states)).astype(float)
    return Search(env, lambda seen: unit(seen).astype(float), states, readings.max(axis=1), readings.argmax(axis=1),
                  starts, budget)  # fmt: skip


WEIGHTS = np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0], [0.1, -0.1, 2.0]])


def weighted(seen):
    return (seen * WEIGHTS).sum(axis=(1, 2))[:, None]


def test_the_search_ends_at_the_best_board_of_all():
    env = ToyBoard()
    found = climb(search(env, weighted, np.zeros((1, 3, 3))))
    every = np.array(list(itertools.product((0, 1), repeat=9))).reshape(-1, 3, 3)
    assert np.array_equal(found.state["board"][0], every[weighted(every)[:, 0].argmax()])
    assert found.reading == weighted(every).max()
    assert len(found.edits) == 6 and dict(found.edits)["cell_1_0"] == 1
    assert found.edits[0] == ("cell_1_0", 1)  # the largest step first
    assert found.stopped == "local maximum" and found.legality == "legal" and found.above_visited
    assert found.evaluated == 9 * 7  # six steps, and a round that finds nothing


def test_its_edits_lead_from_the_start_to_the_state():
    env = ToyBoard()
    found = climb(search(env, weighted, np.ones((1, 3, 3))))
    board = found.start_state["board"][0].copy()
    for name, value in found.edits:
        _, row, column = name.split("_")
        board[int(row), int(column)] = value
    assert np.array_equal(board, found.state["board"][0])
    assert found.start_reading == weighted(np.ones((1, 3, 3)))[0, 0]


def test_what_the_rules_forbid_is_not_taken():
    env = ToyBoard(forbidden=((1, 0),))
    found = climb(search(env, weighted, np.zeros((1, 3, 3))))
    assert found.state["board"][0, 1, 0] == 0
    assert np.isclose(found.reading, WEIGHTS[WEIGHTS > 0].sum() - 3.0)


def test_a_state_that_cannot_be_bettered_is_not_above_what_was_visited():
    best = (WEIGHTS > 0).astype(int)[None]
    found = climb(search(ToyBoard(), weighted, best))
    assert not found.above_visited and found.edits == () and found.evaluated == 9


def test_ties_go_to_the_earlier_start_and_the_better_start_wins():
    unit = and_of((0, 0), (1, 1), (2, 2))
    boards = np.zeros((3, 3, 3), dtype=int)
    boards[1, 0, 0] = boards[1, 1, 1] = boards[2, 1, 1] = boards[2, 2, 2] = 1
    found = climb(search(ToyBoard(), unit, boards, starts=(0, 1, 2)))
    assert found.reading == 1.0 and found.start == 1 and found.edits == (("cell_2_2", 1),)
    assert found.starts == found.at_maximum == 3


def test_the_budget_is_kept_and_said():
    found = climb(search(ToyBoard(), weighted, np.zeros((1, 3, 3)), budget=20))
    assert found.evaluated == 18 and len(found.edits) == 2
    assert found.stopped == "budget" and found.at_maximum == 0


def test_without_edits_there_is_nothing_to_search():
    class NoEdits(ToyBoard):
        edits = None

    assert climb(search(NoEdits(), weighted, np.zeros((1, 3, 3)))) is None


def test_a_plain_environment_is_searched_with_legality_unknown():
    import gymnasium

    env = PlainEnv(lambda: gymnasium.make("CartPole-v1"), id="CartPole-v1")
    states = env.reset(np.arange(40))
    unit = lambda seen: seen[:, [2]].astype(float)  # noqa: E731
    readings = unit(env.observe(states))[:, 0]
    found = climb(Search(env, unit, states, readings, np.zeros(40, dtype=np.int64), (0,), 1_000))
    assert found.legality == "unknown"
    assert found.edits == (("obs(angle)", 7),) and np.isclose(found.reading, readings.max())
