"""Rounding and writing numbers, and line searches that beat a likelihood."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as some

from agentscope.language.columns import between
from agentscope.strategies.linear import sharpen
from agentscope.strategies.rounding import LOSS, fewest_digits, summed, to_digits, whole_numbers


@given(some.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_rounding_never_falls_below_the_bound(seed):
    generator = np.random.default_rng(seed)
    table, weights = generator.normal(size=(500, 4)), generator.normal(size=4) * 10.0 ** generator.integers(-3, 4)
    right = table @ weights > 0

    def judge(values):
        return float(((table @ values > 0) == right).mean())

    found = fewest_digits(weights, judge)
    assert judge(found) >= judge(weights) - LOSS


def test_numbers_that_need_one_digit_get_one():
    table = np.random.default_rng(0).normal(size=(2_000, 3))
    right = table @ np.array([1.0, -2.0, 4.0]) > 0
    found = fewest_digits(np.array([0.25003, -0.5001, 1.0002]), lambda w: float(((table @ w > 0) == right).mean()))
    assert list(found / found[0]) == [1.0, -2.0, 4.0]


@given(some.floats(-1e6, 1e6), some.floats(1e-9, 1e3))
def test_threshold_lies_between_its_neighbours(low, step):
    high = low + step
    text = between(low, high)
    assert low <= float(text) < high or low == high


def test_digits_are_significant_ones():
    assert to_digits(np.array([1234.5, 0.0012345]), 2).tolist() == [1200.0, 0.0012]


def test_sum_is_written_as_people_write_it():
    assert summed([(1.0, "x()"), (-2.0, "y()"), (0.0, "z()"), (0.5, "w()")]) == "x() - 2 * y() + 0.5 * w()"
    assert summed([(-1.0, "x()")]) == "-x()"
    assert summed([]) == "0"


def test_sharpening_finds_the_sides_that_an_outlier_hides():
    generator = np.random.default_rng(1)
    x = generator.normal(size=400)
    table = np.stack([x, np.ones(400)], axis=1)
    prize = np.where(x > 0.5, 1.0, -1.0)
    start = np.array([1.0, 0.9])
    found = sharpen(table, prize, start)
    assert ((table @ found > 0) == (prize > 0)).all()
    assert not ((table @ start > 0) == (prize > 0)).all()


def test_whole_numbers_are_the_smallest_that_decide_as_well() -> None:
    values = np.array([0.5, -0.25, 1e-9, 0.1])

    def judge(numbers: np.ndarray) -> float:
        scaled = numbers / np.abs(numbers).max()
        return 1.0 - float(np.abs(scaled - values / 0.5).max())

    found = whole_numbers(values, judge, loss=0.04)
    assert found.tolist() == [15.0, -8.0, 0.0, 3.0]
    assert judge(np.round(values / 0.5 * 9)) < judge(values) - 0.04
    assert whole_numbers(np.zeros(3), judge).tolist() == [0.0, 0.0, 0.0]
