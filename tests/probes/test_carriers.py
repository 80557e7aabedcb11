"""Dedicated units: functions of a concept that tell it, on visited states and on edits; against the record's."""

import numpy as np
import pytest

from agentscope.probes.carriers import dedicated_units, determined, explained_share

RNG = np.random.default_rng(0)


def test_the_share_is_that_of_the_variance_between_values():
    value = RNG.integers(4, size=4_000)
    noise = RNG.normal(size=4_000)
    units = np.stack([value**2.0, noise, value + noise, np.full(4_000, 3.0)], axis=1)
    found = explained_share(units, value)
    assert found[0] == pytest.approx(1.0) and found[1] < 0.01 and found[3] == 0
    assert found[2] == pytest.approx(value.var() / (value.var() + noise.var()), abs=0.02)


def test_a_unit_that_tells_only_part_of_a_concept_is_a_function_of_it_and_no_carrier():
    value = RNG.integers(5, size=2_000)
    part = (value > 2).astype(float)[:, None]
    assert not determined(part, value) and determined(np.concatenate([part, value[:, None]], axis=1), value)
    found = dedicated_units("layer", part, part, (value, value))
    assert found.units == {} and found.functions == (0,)


def test_a_unit_must_be_a_function_of_the_concept_on_edits_too():
    value = RNG.integers(2, size=500).astype(bool)
    other = ~value  # the same in all visited states, free on edits
    edited_value, edited_other = RNG.integers(2, size=(2, 500)).astype(bool)
    visited, edited = np.stack([value, other], axis=1), np.stack([edited_value, edited_other], axis=1)
    found = dedicated_units("layer", visited.astype(float), edited.astype(float), (value, edited_value))
    assert found.units == {(): (0,)}


def test_each_value_of_an_axis_has_units_of_its_own():
    values = RNG.integers(4, size=(1_000, 3))
    units = np.stack([values[:, 1], RNG.normal(size=1_000), values[:, 0] * 2.0], axis=1)
    found = dedicated_units("layer", units, units, (values, values))
    assert found.units == {(0,): (2,), (1,): (0,)}
    assert found.all_units.tolist() == [0, 2]
