"""Conditions: minimal, and true in exactly the rows in which the unit fires."""

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agentscope.decompilation.texts.conditions import condition_of, minimal_sets
from agentscope.decompilation.texts.naming import Names
from agentscope.decompilation.texts.sources import Source
from agentscope.decompilation.texts.terms import Field
from agentscope.integers import read_plan
from agentscope.language import vocabulary_of
from tests.decompilation.shown_worlds import ShownWorld

NAMES = Names(vocabulary_of(ShownWorld((2,), 1, 2)))


def rows_of(flags):
    return ((np.arange(2**flags)[:, None] >> np.arange(flags)) & 1).astype(bool)


def field_over(weights, *, flags=True):
    """Weights over functions f0(), f1(), ..., each a flag."""
    count = len(weights)
    functions = tuple(f"f{i}" for i in range(count))
    low, high = np.zeros(count, np.int64), np.ones(count, np.int64)
    source = Source("x", (range(count),), ("j",), functions, (flags,) * count, low, high, by=0)
    return Field(source, np.array(weights), ("",), (0,), low, high)


@settings(deadline=None)
@given(st.lists(st.integers(-4, 4).filter(bool), min_size=1, max_size=6), st.integers(-8, 8))
def test_minimal_sets_are_those_of_brute_force(weights, bias):
    weights, flags = np.array(weights), len(weights)
    holds = rows_of(flags) @ weights + bias > 0
    helpful = rows_of(flags) ^ (weights < 0)
    for suffices in (True, False):
        kept = [
            set(members)
            for size in range(flags + 1)
            for members in combinations(range(flags), size)
            if _decides(holds, helpful[:, list(members)], suffices)
        ]
        smallest = {frozenset(one) for one in kept if not any(other < one for other in kept)}
        assert {frozenset(one) for one in minimal_sets(holds, weights > 0, suffices=suffices)} == smallest


def _decides(holds, helping, suffices):
    """Whether all of these helping makes it hold, or none of them helping prevents it."""
    return holds[helping.all(axis=1)].all() if suffices else not holds[~helping.any(axis=1)].any()


@settings(deadline=None)
@given(st.lists(st.integers(-4, 4).filter(bool), min_size=1, max_size=7), st.integers(-9, 9), st.integers(0, 2),
       st.sampled_from([(0, 1), (0, 3), (-1, 1), (0, 200)]))  # fmt: skip
def test_condition_is_the_unit_in_every_row(weights, bias, shift, ends):
    """Python's own `and` and `or` are the second computation."""
    (stage,) = read_plan([f"h dense seen units=1 shift={shift} low={ends[0]} high={ends[1]}"])
    values = np.clip((rows_of(len(weights)) @ np.array(weights) + bias + ((1 << shift) >> 1)) >> shift, *ends)
    found = condition_of(stage, [field_over(weights)], bias, NAMES)
    if found is None:
        assert len(np.unique(values)) != 2 or len(weights) > 5
        return
    for row, value in zip(rows_of(len(weights)), values, strict=True):
        names = {f"f{i}": (lambda flag=flag: bool(flag)) for i, flag in enumerate(row)}
        assert eval(found.text, names) == value
    assert found.flag == (set(values) == {0, 1})


def test_numbers_are_compared():
    (stage,) = read_plan(["h dense seen units=1 shift=0 low=0 high=1"])
    assert condition_of(stage, [field_over([1, -1], flags=False)], 0, NAMES).text == "f0() == 1 and f1() == 0"
    assert condition_of(stage, [field_over([1, -1])], 0, NAMES).text == "f0() and not f1()"
