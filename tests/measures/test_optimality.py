"""Equally good: a hand-made table of optimal values."""

import numpy as np
import pytest

from agentscope.errors import EmptySample
from agentscope.measures import compare_values, equally_good, good_where_optimal

VALUES = np.array([
    [1.0, 1.0, 0.0],  # 0 and 1 equally good
    [1.0, 0.5, 0.0],
    [1.0, 1.0 - 1e-7, 0.0],  # a tie at 1e-6
    [0.2, 0.9, 0.2],
    [0.3, 0.3, 0.9],  # the network's is not the best, the text's is worth the same
    [0.3, 0.3, 0.9],  # illegal best
])  # fmt: skip
NETWORK = np.array([0, 0, 0, 0, 0, 0])
TEXT = np.array([1, 1, 1, 1, 1, 1])
EQUIVALENT = np.tile(np.array([0, 1, 2], dtype=np.int16), (6, 1))
LEGAL = np.ones((6, 3), dtype=bool)
LEGAL[5, 2] = False


def test_disagreements_split_into_equally_good_better_and_costly():
    goodness = compare_values(NETWORK, TEXT, EQUIVALENT, VALUES, LEGAL)
    assert goodness.equal.tolist() == [False] * 6
    assert goodness.equally_good.tolist() == [True, False, True, False, True, True]
    assert goodness.costly.tolist() == [False, True, False, False, False, False]
    assert goodness.better.tolist() == [False, False, False, True, False, False]
    assert goodness.network_optimal.tolist() == [True, True, True, False, False, True]
    assert goodness.strategy_optimal.tolist() == [True, False, True, True, False, True]
    assert equally_good(goodness) == pytest.approx(4 / 6)
    assert good_where_optimal(goodness) == pytest.approx(3 / 4)


def test_equivalent_actions_are_equal_whatever_their_value():
    joined = np.tile(np.array([0, 0, 2], dtype=np.int16), (6, 1))
    goodness = compare_values(NETWORK, TEXT, joined, VALUES, LEGAL)
    assert goodness.equal.all()
    assert equally_good(goodness) == 1.0
    assert not (goodness.equally_good | goodness.costly | goodness.better).any()


def test_a_network_that_never_acts_optimally_leaves_no_share():
    goodness = compare_values(NETWORK[3:5], TEXT[3:5], EQUIVALENT[3:5], VALUES[3:5], LEGAL[3:5])
    assert good_where_optimal(goodness) is None


def test_no_states_are_an_error():
    nothing = np.empty(0, dtype=np.int64)
    with pytest.raises(EmptySample):
        compare_values(nothing, nothing, EQUIVALENT[:0], VALUES[:0], LEGAL[:0])
