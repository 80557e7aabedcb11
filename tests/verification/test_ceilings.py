"""Ceilings of vocabularies: counted by hand, against brute force, and black boxes whose rule is known."""

import itertools

import numpy as np
import pytest

from agentscope.errors import EmptySample
from agentscope.verification import ceiling, ceilings


def plain(count, actions):
    return np.tile(np.arange(actions, dtype=np.int16), (count, 1))


def test_states_that_look_alike_cost_what_the_majority_outvotes():
    concepts = np.array([[0, 0], [0, 0], [0, 0], [1, 0], [1, 0], [1, 0]], dtype=float)
    actions = np.array([1, 1, 2, 0, 0, 0])
    found = ceiling(concepts, actions, plain(6, 3), np.arange(6), generator=np.random.default_rng(0))
    assert found.agreement == pytest.approx(5 / 6)
    assert (found.distinct_share, found.states, found.black_box) == (2 / 6, 6, None)
    assert found.aliased == ({"states": [0, 2], "actions": [1, 2], "group": 3, "lost": 1},)


def test_equivalent_actions_do_not_alias():
    concepts = np.zeros((4, 1))
    equivalent = np.array([[0, 0, 2], [0, 0, 2], [0, 1, 1], [0, 1, 2]], dtype=np.int16)
    found = ceiling(concepts, np.array([0, 1, 2, 1]), equivalent, np.arange(4), generator=np.random.default_rng(0))
    assert found.agreement == 1.0  # action 1 is right in all four
    assert found.aliased == ()


def test_the_ceiling_is_the_best_of_all_functions_by_brute_force():
    rng = np.random.default_rng(0)
    concepts = rng.integers(0, 2, size=(40, 2)).astype(float)
    actions = rng.integers(0, 3, size=40)
    equivalent = plain(40, 3)
    equivalent[rng.random(40) < 0.3, 2] = 1
    key = (concepts[:, 0] * 2 + concepts[:, 1]).astype(int)
    rows = np.arange(40)
    best = max(
        (equivalent[rows, np.array(table)[key]] == equivalent[rows, actions]).mean()
        for table in itertools.product(range(3), repeat=4)
    )
    found = ceiling(concepts, actions, equivalent, rows, generator=np.random.default_rng(0))
    assert found.agreement == pytest.approx(best)


def test_an_empty_vocabulary_can_only_name_one_action_and_zero_has_one_sign():
    actions = np.array([0, 0, 1, 0])
    assert (
        ceiling(np.empty((4, 0)), actions, plain(4, 2), actions, generator=np.random.default_rng(0)).agreement == 0.75
    )
    signed = ceilings.row_groups(np.array([[0.0], [-0.0], [1.0]]))
    assert signed.tolist() == [0, 0, 1]


def test_where_vectors_are_mostly_unique_a_black_box_takes_the_place():
    rng = np.random.default_rng(0)
    concepts = rng.normal(size=(1_200, 3))
    actions = (concepts[:, 0] > 0).astype(int) + 2 * (concepts[:, 1] > 0.5)
    found = ceiling(concepts, actions, plain(1_200, 4), np.arange(1_200) // 20, generator=np.random.default_rng(0))
    assert found.agreement is None
    assert found.distinct_share == 1.0
    assert found.black_box > 0.95


def test_the_black_box_is_cross_fitted_by_episode():
    rng = np.random.default_rng(1)
    episodes = np.arange(1_200) // 20
    label = rng.integers(0, 2, size=60)[episodes]  # a coin an episode
    concepts = np.stack([episodes + rng.random(1_200) / 10, rng.normal(size=1_200)], axis=1)
    found = ceiling(concepts, label, plain(1_200, 2), episodes, generator=np.random.default_rng(0))
    assert found.black_box < 0.75  # by rows it would be near 1


def test_many_actions_are_ranked_by_their_own_concepts():
    rng = np.random.default_rng(2)
    acted = rng.normal(size=(400, 12, 2))
    equivalent = plain(400, 12)
    equivalent[:, 11] = 10
    legal = rng.random((400, 12)) < 0.8
    legal[:, 0] = True
    actions = np.where(legal, acted[:, :, 0], -np.inf).argmax(axis=1)
    found = ceiling(
        rng.normal(size=(400, 1)), actions, equivalent, np.arange(400) // 10,
        generator=np.random.default_rng(0), legal=legal, action_matrix=acted,
    )  # fmt: skip
    assert found.black_box > 0.8
    blind = ceiling(
        rng.normal(size=(400, 1)), actions, equivalent, np.arange(400) // 10,
        generator=np.random.default_rng(0), legal=legal,
    )  # fmt: skip
    assert blind.black_box < 0.35


def test_the_black_box_sees_a_bounded_number_of_states_in_whole_episodes():
    episodes = np.repeat(np.arange(40), 10)
    seen = ceilings._sample_episodes(episodes, np.random.default_rng(0), most=200)
    assert len(seen) == 200
    assert len(np.unique(episodes[seen])) == 20
    lonely = ceilings._sample_episodes(np.zeros(400, dtype=int), np.random.default_rng(0), most=200)
    assert len(lonely) == 200


def test_same_seed_same_black_box_and_no_states_are_an_error():
    rng = np.random.default_rng(3)
    concepts, actions, episodes = rng.normal(size=(300, 2)), rng.integers(0, 2, size=300), np.arange(300) // 10
    one, again = (
        ceiling(concepts, actions, plain(300, 2), episodes, generator=np.random.default_rng(5)) for _ in range(2)
    )
    assert one == again
    with pytest.raises(EmptySample):
        ceiling(concepts[:0], actions[:0], plain(0, 2), episodes[:0], generator=rng)
