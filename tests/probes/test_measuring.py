"""Scores agree with scikit-learn's, and weights mean repetition."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score, roc_auc_score

from agentscope.probes.measuring import (
    RankedPairs,
    auc,
    balanced_accuracy,
    constant_f1,
    draw_resamples,
    interval_of,
    macro_f1,
    macro_f1_influence,
    macro_f1_of_each,
)


@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_auc_is_scikit_learns_with_and_without_ties(decimals):
    rng = np.random.default_rng(decimals)
    labels = rng.random(500) < 0.3
    scores = np.round(rng.normal(size=500) + labels, decimals)
    assert auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


def test_auc_compares_within_folds_only():
    labels, folds = np.array([True, False, True, False]), np.array([0, 0, 1, 1])
    assert auc(np.array([1.0, 0.0, 101.0, 100.0]), labels, folds) == 1.0
    assert auc(np.array([1.0, 0.0, 101.0, 100.0]), labels) == 0.75


def test_a_weight_counts_an_episode_that_often():
    rng = np.random.default_rng(3)
    scores, labels, weights = np.round(rng.normal(size=80), 1), rng.random(80) < 0.5, rng.integers(0, 4, 20)
    episode, none = np.repeat(np.arange(20), 4), np.zeros(80, dtype=np.int64)
    often = weights[episode]
    repeated = auc(np.repeat(scores, often), np.repeat(labels, often))
    assert RankedPairs(scores, labels, none, episode)(weights[None].astype(float))[0] == pytest.approx(
        repeated, abs=1e-12
    )
    folds = episode % 3
    repeated = auc(np.repeat(scores, often), np.repeat(labels, often), np.repeat(folds, often))
    assert RankedPairs(scores, labels, folds, episode)(weights[None].astype(float))[0] == pytest.approx(
        repeated, abs=1e-12
    )


def test_no_state_has_no_auc():
    assert np.isnan(auc(np.zeros(0), np.zeros(0, dtype=bool)))


def test_one_class_has_no_auc():
    assert np.isnan(auc(np.arange(3.0), np.ones(3, dtype=bool)))


def test_f1_and_balanced_accuracy_are_scikit_learns():
    rng = np.random.default_rng(0)
    true, named = rng.integers(0, 4, 300), rng.integers(0, 4, 300)
    table = confusion_matrix(true, named).astype(float)
    assert macro_f1(table) == pytest.approx(f1_score(true, named, average="macro"))
    assert balanced_accuracy(table) == pytest.approx(balanced_accuracy_score(true, named))
    most = np.full(300, np.bincount(true).argmax())
    assert constant_f1(table) == pytest.approx(f1_score(true, most, average="macro", zero_division=0))


def test_the_interval_of_a_mean_covers_it_and_shrinks():
    rng = np.random.default_rng(0)
    widths = []
    for count in (20, 2000):
        values = rng.normal(size=count)
        weights = draw_resamples(count, np.random.default_rng(1))
        low, high = interval_of(weights @ values / weights.sum(axis=1))
        assert low < values.mean() < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 5
    assert interval_of(np.full(200, np.nan)) is None


def test_an_episodes_influence_is_the_slope_of_the_score():
    rng = np.random.default_rng(4)
    episode, folds = np.repeat(np.arange(20), 10), np.repeat(np.arange(20), 10) % 2
    labels = rng.random(200) < 0.4
    pairs = RankedPairs(np.round(rng.normal(size=200) + labels, 1), labels, folds, episode)
    tables = rng.integers(0, 5, size=(20, 3, 3)).astype(float)
    for measure, found in (
        (pairs, pairs.influence()),
        (lambda weights: macro_f1_of_each(np.tensordot(weights, tables, axes=1)), macro_f1_influence(tables)),
    ):
        step = 1e-5 * np.eye(20)
        slopes = (measure(1 + step) - measure(1 - step)) / 2e-5
        np.testing.assert_allclose(found, slopes, atol=1e-8)
        assert abs(found).max() > 1e-3 and abs(found.sum()) < 1e-12
