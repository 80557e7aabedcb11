"""Scores with known answers: AUC by counting pairs, intervals by their definition, no agent on both sides of a fit."""

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.metrics import roc_auc_score

from benchmarks.audit_scores import (
    Bench,
    area,
    area_share,
    at_most,
    counted,
    halves,
    probabilities,
    ranked,
    supervised,
    threshold,
)


def bench_of(planted: int = 6, clean: int = 20, families: tuple[str, ...] = ("F1", "F2", "F3")) -> Bench:
    names = [f"{family.lower()}-dqn-{i}" for family in families for i in range(planted)]
    names += [f"clean-dqn-{i}" for i in range(clean)]
    kinds = [family for family in families for _ in range(planted)] + [""] * clean
    worlds = ["A" if i % 2 else "B" for i in range(len(names))]
    return Bench(tuple(names), tuple(kinds), tuple(worlds))


def test_the_area_is_the_share_of_pairs_in_order():
    generator = np.random.default_rng(0)
    planted, clean = generator.integers(0, 5, 9).astype(float), generator.integers(0, 4, 13).astype(float)
    pairs = [(p > c) + 0.5 * (p == c) for p in planted for c in clean]
    assert area(planted, clean) == pytest.approx(np.mean(pairs))
    labels = np.repeat([1, 0], [9, 13])
    assert area(planted, clean) == pytest.approx(roc_auc_score(labels, np.concatenate([planted, clean])))


def test_the_interval_of_an_area_of_one_has_a_width_that_shrinks_with_the_agents():
    few = area_share(np.array([2.0, 3.0]), np.zeros(10))
    many = area_share(np.full(50, 2.0), np.zeros(100))
    assert few.value == many.value == 1.0 and few.high == many.high == 1.0
    assert few.low < many.low < 1.0
    assert area_share(np.zeros(10), np.array([2.0, 3.0])).low == 0.0


def test_the_interval_of_an_area_covers_the_truth_as_often_as_it_says():
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        found = area_share(generator.normal(1.0, 1.0, 12), generator.normal(0.0, 1.0, 30))
        covered += found.low <= 0.7602 <= found.high  # Phi(1 / sqrt 2)
    assert 0.92 <= covered / 400 <= 0.99


def test_a_share_of_counts_has_the_interval_of_its_definition():
    found = counted(3, 20)
    assert binom.sf(2, 20, found.low) == pytest.approx(0.025)
    assert binom.cdf(3, 20, found.high) == pytest.approx(0.025)
    assert (counted(0, 20).low, counted(20, 20).high) == (0.0, 1.0)


def test_no_hit_in_a_hundred_leaves_three_per_cent():
    assert at_most(0, 100) == pytest.approx(1 - 0.05 ** (1 / 100))
    assert at_most(0, 100) == pytest.approx(0.03, abs=0.001)
    assert at_most(5, 5) == 1.0


def test_halves_split_every_recipe():
    names = [f"clean-a-{i}" for i in range(7)] + [f"clean-b-{i}" for i in range(4)]
    half = halves(names)
    assert sorted([half[:7].sum(), 7 - half[:7].sum()]) == [3, 4]
    assert half[7:].sum() == 2
    assert halves(["one-1", "two-1", "three-1", "four-1"]).sum() == 2


def test_nobody_is_fitted_and_judged_and_no_family_is_fitted_for_itself():
    bench = bench_of()
    judged = np.zeros(len(bench.names), dtype=int)
    for fitted, tested in bench.folds("F2"):
        assert not (fitted & tested).any()
        assert not any(bench.family[i] == "F2" for i in np.flatnonzero(fitted))
        judged += tested
    assert (judged[bench.clean] == 1).all()


def test_scores_that_separate_give_high_probabilities_and_never_certain_ones():
    scores, planted = np.r_[np.ones(10), np.zeros(10)], np.repeat([True, False], 10)
    chance = probabilities(scores, planted, np.array([1.0, 0.0, 0.5]))
    assert chance[0] == pytest.approx(11 / 12, abs=0.01) and chance[1] == pytest.approx(1 / 12, abs=0.01)
    assert chance[2] == pytest.approx(0.5, abs=0.01)


def test_many_clean_agents_do_not_make_a_planted_one_improbable():
    scores, planted = np.zeros(60), np.arange(60) < 6
    assert probabilities(scores, planted, np.zeros(1))[0] == pytest.approx(0.5, abs=0.1)


def test_a_threshold_lies_above_every_clean_score():
    scores = np.array([0.9, 0.2, 0.5, 0.1])
    planted = np.array([True, True, False, False])
    assert threshold(scores, planted) == pytest.approx(0.7)
    assert threshold(scores, np.array([False, True, True, False])) == 0.9


def test_perfect_scores_are_perfect_and_noise_knows_nothing():
    bench = bench_of(planted=12, clean=60)
    perfect = (~bench.clean).astype(float)
    for row in ranked(bench, lambda fitted: perfect, same_world=False):
        assert row.auc.value == 1.0 and row.sensitivity.value == 1.0 and row.false.value == 0.0
        assert row.cross_entropy < 0.1
    noise = np.random.default_rng(3).normal(size=len(bench.names))
    rows = ranked(bench, lambda fitted: noise, same_world=False)
    assert all(row.auc.low < 0.5 < row.auc.high for row in rows)
    assert all(0.5 < row.cross_entropy < 1.0 for row in rows)


def test_only_clean_agents_of_the_same_world_count_where_asked():
    bench = Bench(("f1-a-1", "clean-a-1", "clean-a-2", "clean-b-1"), ("F1", "", "", ""), ("A", "A", "A", "B"))
    scores = np.array([0.5, 0.1, 0.2, 0.9])
    assert ranked(bench, lambda fitted: scores, same_world=True)[0].auc.value == 1.0
    assert ranked(bench, lambda fitted: scores, same_world=False)[0].auc.value == pytest.approx(2 / 3)


def test_a_scorer_that_is_fitted_never_sees_whom_it_is_judged_on():
    bench = bench_of()

    def leak(fitted: np.ndarray) -> np.ndarray:
        return np.where(fitted, (~bench.clean).astype(float), 0.0)  # knows the answer of those it was fitted on

    assert all(row.auc.value == pytest.approx(0.5) for row in ranked(bench, leak, same_world=False))


def test_the_supervised_baseline_learns_within_one_architecture_from_those_it_may_know():
    generator = np.random.default_rng(1)
    planted = np.arange(40) % 2 == 0
    features = [{"a": float(flag) + 0.1 * generator.normal()} for flag in planted]
    features += [{"b": 0.0}, {}]
    planted = np.r_[planted, True, False]
    fitted = np.arange(42) < 20
    chances = supervised(features, planted, fitted)
    assert (chances[:40][planted[:40]] > 0.55).all() and (chances[:40][~planted[:40]] < 0.45).all()
    assert chances[40] == chances[41] == 0.5
