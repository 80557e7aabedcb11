"""Chances and intervals agree with brute force over resamples of episodes, and with textbook figures."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control, ttest_1samp

from agentscope.probes.measuring import draw_resamples
from agentscope.probes.significance import Measured, chance, difference_interval, false_discovery_rates

EPISODES = 60


class Mean:
    """A score that is the mean of one value an episode."""

    def __init__(self, values):
        self.values = values

    def __call__(self, weights):
        return weights @ self.values / weights.sum(axis=1)


def measured(values, *, keep=True):
    mean = values.mean()
    return Measured(float(mean), (values - mean) / len(values), Mean(values) if keep else None)


def test_a_p_value_is_nearly_that_of_students_paired_test():
    rng = np.random.default_rng(0)
    score, control = rng.normal(0.6, 0.1, EPISODES), rng.normal(0.57, 0.1, EPISODES)
    expected = ttest_1samp(score - control, 0.0, alternative="greater").pvalue
    found = chance(measured(score), [measured(control)], episodes=EPISODES)
    assert found == pytest.approx(expected, rel=0.1)  # the bootstrap divides by n and not by n - 1


def test_the_pairing_tells_what_two_intervals_would_not():
    rng = np.random.default_rng(1)
    common = rng.normal(0.5, 0.3, EPISODES)
    score, control = common + 0.05 + rng.normal(0, 0.02, EPISODES), common
    assert chance(measured(score), [measured(control)], episodes=EPISODES) < 1e-9
    assert chance(measured(score), [measured(rng.permutation(control))], episodes=EPISODES) > 0.05
    low, high = difference_interval(
        measured(score), [measured(control)], draw_resamples(EPISODES, np.random.default_rng(2))
    )
    assert 0.03 < low < 0.05 < high < 0.07


def test_the_hardest_control_counts_and_one_without_a_score_does_not():
    rng = np.random.default_rng(3)
    score, weak, strong = (measured(rng.normal(mean, 0.1, EPISODES)) for mean in (0.6, 0.1, 0.59))
    lost = Measured(float("nan"), np.full(EPISODES, np.nan))
    alone = chance(score, [strong], episodes=EPISODES)
    assert chance(score, [weak, strong, lost], episodes=EPISODES) == alone > 0.01
    resamples = draw_resamples(EPISODES, np.random.default_rng(4))
    both = difference_interval(score, [weak, strong, lost], resamples)
    values = score.scorer(resamples) - np.maximum(weak.scorer(resamples), strong.scorer(resamples))
    assert both == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))


def test_a_wild_control_below_the_constant_hides_nothing():
    rng = np.random.default_rng(8)
    score, wild = measured(rng.normal(0.6, 0.1, EPISODES)), measured(np.append(np.zeros(EPISODES - 1), -600.0))
    assert chance(score, [wild], episodes=EPISODES) > 0.1 > 1e-9 > chance(score, [wild], episodes=EPISODES, floor=0.0)
    assert chance(score, [wild], episodes=EPISODES, floor=0.7) == 1.0 - chance(
        Measured(1.4 - score.value, -score.influence), [], episodes=EPISODES, floor=0.7
    )


def test_without_a_control_nothing_is_beaten():
    score = measured(np.random.default_rng(5).normal(size=EPISODES))
    resamples = draw_resamples(EPISODES, np.random.default_rng(6))
    assert chance(score, [], episodes=EPISODES) == 1.0 and difference_interval(score, [], resamples) is None
    unkept = measured(np.zeros(EPISODES), keep=False)
    assert difference_interval(score, [unkept], resamples) is None


def test_two_perfect_scores_are_no_discovery_and_a_certain_difference_is():
    perfect, none = Measured(1.0, np.zeros(EPISODES)), Measured(0.0, np.zeros(EPISODES))
    assert chance(perfect, [perfect], episodes=EPISODES) == 1.0
    assert chance(perfect, [none], episodes=EPISODES) == 0.0 and chance(none, [perfect], episodes=EPISODES) == 1.0


def test_rates_of_false_discovery_are_scipys():
    chances = np.random.default_rng(7).random(40) ** 3
    np.testing.assert_allclose(false_discovery_rates(chances), false_discovery_control(chances))
    assert false_discovery_rates(np.zeros(0)).shape == (0,)
