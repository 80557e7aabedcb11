"""Agreement, near-ties, regret and mass, against hand-made states and plain loops."""

import numpy as np
import pytest

from agentscope.errors import EmptySample
from agentscope.measures import action_mass, agreement, mean_regret, near_ties, regrets, same_class, spreads

EQUIVALENT = np.array([[0, 0, 2, 3], [0, 1, 1, 3], [0, 1, 2, 3]], dtype=np.int16)


def random_case(seed, states=60, actions=5):
    """Scores with equivalent and illegal actions; at least two legal ones in each state."""
    rng = np.random.default_rng(seed)
    equivalent = np.tile(np.arange(actions, dtype=np.int16), (states, 1))
    merged = rng.random(states) < 0.5
    equivalent[merged, 3] = equivalent[merged, 1]
    legal = rng.random((states, actions)) < 0.7
    legal[:, :2] = True
    scores = np.where(legal, rng.normal(size=(states, actions)), -np.inf)
    return scores, equivalent, legal


def test_equivalent_actions_count_as_equal_and_raw_agreement_does_not():
    network, text = np.array([0, 1, 2]), np.array([1, 2, 3])
    assert agreement(network, text, EQUIVALENT) == pytest.approx(2 / 3)
    each_itself = np.tile(np.arange(4), (3, 1))
    assert agreement(network, text, each_itself) == 0.0
    assert same_class(network, text, EQUIVALENT).tolist() == [True, True, False]


def test_agreement_of_no_states_is_an_error_and_not_a_number():
    nothing = np.empty(0, dtype=np.int64)
    with pytest.raises(EmptySample, match="no states"):
        agreement(nothing, nothing, np.empty((0, 4), dtype=np.int16))


def test_a_near_tie_is_a_gap_below_a_quarter_of_the_mean_spread():
    scores = np.array([[1.0, 0.0], [0.0, 1.0], [0.3, 0.0], [0.1, 0.0]])
    legal = np.ones_like(scores, dtype=bool)
    equivalent = np.tile(np.array([0, 1], dtype=np.int16), (4, 1))
    ties = near_ties(scores, equivalent, legal)
    assert ties.spread == pytest.approx((0.5 + 0.5 + 0.15 + 0.05) / 4)
    assert ties.threshold == pytest.approx(0.075)
    assert ties.mask.tolist() == [False, False, False, False]
    closer = near_ties(np.array([[1.0, 0.0], [0.0, 1.0], [0.3, 0.0], [0.05, 0.0]]), equivalent, legal)
    assert closer.mask.tolist() == [False, False, False, True]
    assert closer.share == 0.25


def test_equivalent_rivals_make_no_near_tie_and_a_state_without_choice_is_none():
    scores = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    legal = np.ones_like(scores, dtype=bool)
    equivalent = np.array([[0, 0, 2], [0, 0, 0]], dtype=np.int16)
    assert not near_ties(scores, equivalent, legal).mask.any()


@pytest.mark.parametrize("seed", range(5))
def test_near_ties_equal_a_loop_over_states(seed):
    scores, equivalent, legal = random_case(seed)
    deviations, gaps = [], []
    for row in range(len(scores)):
        allowed = [a for a in range(scores.shape[1]) if legal[row, a]]
        deviations.append(np.std([scores[row, a] for a in allowed]))
        best = max(allowed, key=lambda a: (scores[row, a], -a))
        rivals = [scores[row, a] for a in allowed if equivalent[row, a] != equivalent[row, best]]
        gaps.append(scores[row, best] - max(rivals) if rivals else np.inf)
    threshold = 0.25 * np.mean(deviations)
    ties = near_ties(scores, equivalent, legal)
    assert ties.threshold == pytest.approx(threshold)
    assert ties.mask.tolist() == [gap < threshold for gap in gaps]
    assert spreads(scores, legal) == pytest.approx(deviations)
    assert 0 < ties.share < 1


@pytest.mark.parametrize("seed", range(5))
def test_regret_equals_a_loop_over_states(seed):
    scores, equivalent, legal = random_case(seed)
    rng = np.random.default_rng(seed + 100)
    text = np.array([rng.choice(np.flatnonzero(row)) for row in legal])
    unit = spreads(scores, legal).mean()
    expected = []
    for row, action in enumerate(text):
        mine = [a for a in range(5) if legal[row, a] and equivalent[row, a] == equivalent[row, action]]
        expected.append((scores[row][legal[row]].max() - max(scores[row, a] for a in mine)) / unit)
    found = regrets(scores, text, equivalent, legal)
    assert found == pytest.approx(expected)
    same = same_class(scores.argmax(axis=1), text, equivalent)
    assert found[same] == pytest.approx(0.0)
    assert mean_regret(found, same) == pytest.approx(np.mean(np.array(expected)[~same]))


def test_regret_is_zero_without_disagreements_and_finite_for_an_illegal_choice():
    scores = np.array([[2.0, 1.0, -np.inf]])
    legal = np.array([[True, True, False]])
    equivalent = np.array([[0, 1, 2]], dtype=np.int16)
    assert mean_regret(np.zeros(1), np.array([True])) == 0.0
    assert regrets(scores, np.array([2]), equivalent, legal).tolist() == [2.0]  # (2 - 1) / 0.5
    constant = regrets(np.zeros((1, 3)), np.array([1]), equivalent, np.ones((1, 3), dtype=bool))
    assert constant.tolist() == [0.0]


def test_mass_sums_the_probabilities_of_equivalent_actions():
    probabilities = np.array([[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.5, 0.0]])
    mass = action_mass(probabilities, np.array([1, 1, 2]), EQUIVALENT)
    assert mass == pytest.approx((0.3 + 0.5 + 0.5) / 3)
