"""Streaming statistics give what a fit on all rows at once gives."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from agentscope.errors import EmptySample
from agentscope.probes.ridge import STRENGTHS, RidgeSystem, choose_strengths, squared_errors
from agentscope.probes.statistics import Fitter


def made(count=300, features=7, targets=3, positions=1, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, positions, features)) * rng.uniform(0.1, 5, features) + rng.normal(size=features)
    y = x @ rng.normal(size=(features, targets)) + rng.normal(size=(count, positions, targets))
    return x, y


def fitted(x, y, pieces, shift=None):
    fitters = []
    for rows in pieces:
        fitter = Fitter(x.shape[2], y.shape[2], positions=x.shape[1], shift=shift)
        fitter.update(x[rows], y[rows])
        fitters.append(fitter)
    first, *others = fitters
    for other in others:
        first.merge(other)
    return first.moments()


def test_any_order_of_batches_and_merges_gives_one_batch():
    x, y = made(positions=4)
    whole = fitted(x, y, [np.arange(300)])
    pieces = np.array_split(np.random.default_rng(1).permutation(300), 7)
    for order in (pieces, pieces[::-1]):
        parts = fitted(x, y, order)
        for name in ("x", "y", "xx", "xy", "yy"):
            np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-10, atol=1e-8)
        assert parts.count == 300


def test_the_readout_is_scikit_learns_ridge_on_standardised_features():
    x, y = made()
    flat, shift = x[:, 0], x[:, 0].mean(axis=0)
    moments = fitted(x, y, np.array_split(np.arange(300), 3), shift)
    scaler = StandardScaler().fit(flat)
    for strength in STRENGTHS:
        solution = RidgeSystem(moments).solve(np.full(3, strength))
        theirs = Ridge(alpha=strength * 300).fit(scaler.transform(flat), y[:, 0])
        ours = (flat - shift) @ solution.weights + solution.bias[0]
        np.testing.assert_allclose(ours, theirs.predict(scaler.transform(flat)), atol=1e-6)


def test_taking_a_fold_away_is_fitting_without_it():
    x, y = made()
    total, fold = fitted(x, y, [np.arange(300)]), fitted(x, y, [np.arange(60)])
    rest = fitted(x, y, [np.arange(60, 300)])
    chosen = np.full(3, 0.01)
    ours, direct = RidgeSystem(total - fold).solve(chosen), RidgeSystem(rest).solve(chosen)
    np.testing.assert_allclose(ours.weights, direct.weights, atol=1e-9)
    np.testing.assert_allclose((rest + fold).xx, total.xx, rtol=1e-12)


def test_errors_from_moments_are_errors_on_the_rows():
    x, y = made(positions=3)
    solution = RidgeSystem(fitted(x, y, [np.arange(200)])).solve(np.array([1e-4, 1e-2, 1.0]))
    held = np.arange(200, 300)
    by_hand = ((x[held] @ solution.weights + solution.bias - y[held]) ** 2).sum(axis=(0, 1))
    np.testing.assert_allclose(squared_errors(solution, fitted(x, y, [held])), by_hand, rtol=1e-9)


def test_float32_features_agree_with_float64_when_shifted():
    x, y = made(2000, 20)
    x += 100.0
    shift = x[:, 0].mean(axis=0)
    exact = RidgeSystem(fitted(x, y, [np.arange(2000)], shift)).solve(np.full(3, 1e-4))
    narrow = RidgeSystem(fitted(x.astype(np.float32), y, [np.arange(2000)], shift.astype(np.float32)))
    np.testing.assert_allclose(narrow.solve(np.full(3, 1e-4)).weights, exact.weights, atol=1e-3)


def test_features_far_from_the_shift_are_solved_and_near_it_nothing_changes():
    """A stream that begins with a few kinds of states: float32 products then leave eigenvalues below zero."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(2000, 1, 5)) @ rng.normal(size=(5, 300)) * 0.1).astype(np.float32)
    y = x[:, :, :2] * 10
    far, near = (fitted(x + offset, y, np.array_split(np.arange(2000), 4)) for offset in (np.float32(5), 0))
    solution = RidgeSystem(far).solve(np.full(2, 1e-4))
    errors = squared_errors(solution, far) / len(x) / y.var(axis=(0, 1))
    assert np.isfinite(solution.weights).all() and errors.max() < 0.2
    assert RidgeSystem(far).least_strength > 100 * RidgeSystem(near).least_strength
    assert RidgeSystem(near).least_strength == 10.0 * np.finfo(np.float32).eps * 300


def test_dead_features_get_no_weight():
    x, y = made()
    x[:, :, 2] = 3.0
    solution = RidgeSystem(fitted(x, y, [np.arange(300)])).solve(np.full(3, 1e-4))
    assert (solution.weights[2] == 0).all() and np.isfinite(solution.weights).all()


def test_a_feature_that_varies_in_the_held_out_fold_alone_does_no_harm():
    x, y = made(400, 30)
    x = (x - x.mean(axis=0)).astype(np.float32)
    x[:, :, 4:20] = 0.03
    x[:50, :, 4:20] += np.random.default_rng(1).normal(size=(50, 1, 16)).astype(np.float32) * 30
    shift = x[:50, 0].mean(axis=0)
    solution = RidgeSystem(fitted(x, y, [np.arange(50, 400)], shift)).solve(np.full(3, 1e-4))
    assert (solution.weights[4:20] == 0).all() and np.abs(solution.weights).max() < 100


def test_noise_gets_the_largest_penalty_and_signal_the_smallest():
    x, y = made(400, 30, 2)
    y[:, :, 1] = np.random.default_rng(5).normal(size=(400, 1))
    system = RidgeSystem(fitted(x, y, [np.arange(200)]))
    chosen = choose_strengths(system, fitted(x, y, [np.arange(200, 400)]), [slice(0, 1), slice(1, 2)])
    assert chosen[0] == min(STRENGTHS) and chosen[1] == max(STRENGTHS)


def test_no_states_and_other_shifts_are_refused():
    with pytest.raises(EmptySample):
        RidgeSystem(Fitter(2, 1).moments())
    with pytest.raises(EmptySample):
        Fitter(2, 1).merge(Fitter(2, 1, shift=np.ones(2)))
