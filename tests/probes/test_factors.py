"""Factors: signed units as columns, strengths and held-out variance as slow least squares gives them, the rank rule."""

import numpy as np
import pytest
from scipy.optimize import nnls

from agentscope.probes.factors import RIDGE, Columns, RankPoint, RankRule, factor_curve, held_out, strengths


def test_signed_units_split_into_two_columns_and_silent_ones_are_left_out():
    values = np.array([[2.0, -1.0, 0.0, 0.0], [-4.0, 1.0, 0.0, 3.0]])
    columns = Columns.of(values, each=True)
    assert list(zip(columns.unit, columns.sign, strict=True)) == [(0, 1), (0, -1), (1, 1), (1, -1), (3, 1)]
    read = columns.read(values)
    assert (read >= 0).all()
    np.testing.assert_allclose(read[:, 0] - read[:, 1], values[:, 0] / np.sqrt(10), rtol=1e-6)
    common = Columns.of(values, each=False)
    np.testing.assert_allclose(common.read(values)[:, 0].max() / common.read(values)[:, 2].max(), 2.0, rtol=1e-6)


def least_squares(loadings, row):
    """Non-negative, with the ridge as rows of its own."""
    ridge = np.sqrt(RIDGE) * np.eye(len(loadings))
    return nnls(np.concatenate([loadings.T, ridge]), np.concatenate([row, np.zeros(len(loadings))]))[0]


def test_strengths_and_held_out_variance_are_those_of_row_by_row_least_squares():
    rng = np.random.default_rng(8)
    loadings = rng.random((3, 12)) * (rng.random((3, 12)) < 0.6)
    loadings /= np.linalg.norm(loadings, axis=1, keepdims=True)
    rows = (rng.random((40, 3)) @ loadings + 0.02 * rng.random((40, 12))).astype(np.float32)
    exact = rows.astype(np.float64)
    np.testing.assert_allclose(strengths(rows, loadings), [least_squares(loadings, row) for row in exact], atol=0.02)
    fold = np.arange(12) % 4
    wrong = 0.0
    for out in (fold == number for number in range(4)):
        for row in exact:
            wrong += ((row[out] - least_squares(loadings[:, ~out], row[~out]) @ loadings[:, out]) ** 2).sum()
    expected = 1 - wrong / ((rows - rows.mean(axis=0)) ** 2).sum()
    assert held_out(rows, loadings, fold, rows.mean(axis=0)) == pytest.approx(expected, abs=0.02)


def test_a_factor_that_the_seen_units_do_not_show_cannot_explode():
    loadings = np.array([[1.0, 1e-9, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]) / np.array([[1.0], [np.sqrt(2)]])
    rows = np.random.default_rng(0).random((50, 4)).astype(np.float32)
    assert -10 < held_out(rows, loadings, np.arange(4), rows.mean(axis=0)) < 1


def test_the_rule_takes_the_smallest_rank_near_the_best_stable_one():
    curve = [RankPoint(2, 0.30, 1.0), RankPoint(3, 0.49, 0.95), RankPoint(4, 0.50, 0.92), RankPoint(5, 0.80, 0.5)]
    assert RankRule(within=0.02).choose(curve) == 1
    assert RankRule(within=0.005).choose(curve) == 2
    assert RankRule(stable=0.4).choose(curve) == 3
    assert RankRule(stable=0.99).choose(curve) == 0
    assert RankRule(stable=0.99, least=0.4).choose(curve) is None


def test_the_curve_peaks_at_the_planted_rank_and_falls_on_noise():
    rng = np.random.default_rng(1)
    planted = np.kron(np.eye(3), np.ones((1, 4)))
    strength = rng.random((900, 3)) * (rng.random((900, 3)) < 0.5)
    rows = (strength @ planted + 0.1 * rng.random((900, 12))).astype(np.float32)
    rule = RankRule(ranks=(2, 3, 4, 6, 7))
    curve = factor_curve(rows[:600], rows[600:], np.arange(12), rule=rule, generator=np.random.default_rng(0))
    points = [factors.point for factors in curve]
    assert [point.rank for point in points] == [2, 3, 4, 6]  # 7 factors of 12 units would not be groups
    assert max(points, key=lambda point: point.explained).rank == 3 and points[1].stability > 0.98
    assert points[1].stability > max(points[2].stability, points[3].stability)
    np.testing.assert_allclose(np.sort(curve[1].loadings @ planted.T, axis=1)[:, -1], 2.0, atol=0.05)
    assert curve[1].stability.shape == (3,)
