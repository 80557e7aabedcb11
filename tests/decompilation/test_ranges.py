"""Interval analysis: never narrower than what happens, exact where inputs are independent, and float32 holds it."""

from itertools import product

import numpy as np
import pytest
import torch

from agentscope.agents.stages import finished, weighed
from agentscope.decompilation.ranges import bounds, refuse_inexact
from agentscope.decompilation.running import run
from agentscope.errors import UnsupportedAgent
from agentscope.integers import EXACT, IntegerNetwork, read_plan
from tests.decompilation.small_networks import CLAMP, IDS, SMALL, every_observation, network_of


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("seed", range(3))
def test_nothing_that_happens_lies_outside(name, seed):
    shape, highest, plan = SMALL[name]
    network = network_of(plan, shape, seed)
    found = bounds(network, np.zeros(shape), np.full(shape, highest))
    values = run(network, every_observation(shape, highest))
    for stage in network.stages:
        happened = values[stage.name]
        assert (found.low[stage.name] <= happened.min(axis=0)).all(), stage
        assert (happened.max(axis=0) <= found.high[stage.name]).all(), stage


@pytest.mark.parametrize("name", ["dense", "slide", "flags", "around"])
def test_bounds_of_a_single_layer_are_reached(name):
    shape, highest, plan = SMALL[name]
    network = network_of(plan, shape, 1)
    found = bounds(network, np.zeros(shape), np.full(shape, highest))
    values = run(network, every_observation(shape, highest))["scores"]
    np.testing.assert_array_equal(found.low["scores"], values.min(axis=0))
    np.testing.assert_array_equal(found.high["scores"], values.max(axis=0))


def test_a_table_is_read_one_row_at_a_time():
    shape, highest, plan = SMALL["lookup"]
    network = network_of(plan, shape, 5)
    values = run(network, every_observation(shape, highest))["scores"]
    found = bounds(network, np.zeros(shape), np.full(shape, highest))
    np.testing.assert_array_equal(found.low["scores"], values.min(axis=0))
    np.testing.assert_array_equal(found.high["scores"], values.max(axis=0))


@pytest.mark.parametrize("seed", range(5))
def test_the_largest_partial_sum_is_that_of_brute_force_over_all_inputs_and_all_subsets_of_terms(seed):
    network = network_of([f"scores dense seen units=2 {CLAMP}"], (5,), seed)
    weight, bias = network.arrays["scores.weight"], network.arrays["scores.bias"]
    largest = 0
    for inputs in every_observation((5,), 2):
        for unit in range(2):
            terms = [*(weight[unit] * inputs), bias[unit]]
            sums = [sum(term for term, taken in zip(terms, chosen, strict=True) if taken)
                    for chosen in product((False, True), repeat=len(terms))]  # fmt: skip
            largest = max(largest, *map(abs, sums))
    found = bounds(network, np.zeros(5), np.full(5, 2))
    assert found.partial["scores"] == largest + 2  # half of 2**2


def test_an_id_that_a_space_rules_out_does_not_count():
    network = network_of([f"cells flags seen {IDS}", "scores dense cells units=1"], (3, 1, 1))
    low = np.array([1, 0, 0]).reshape(3, 1, 1)
    high = np.array([1, 1, 0]).reshape(3, 1, 1)  # always object 1; either colour
    found = bounds(network, low, high)
    np.testing.assert_array_equal(found.low["cells"], [0, 1, 0, 0, 0])
    np.testing.assert_array_equal(found.high["cells"], [0, 1, 0, 1, 1])
    weight, bias = network.arrays["scores.weight"][0], int(network.arrays["scores.bias"][0])
    assert found.low["scores"] == weight[1] + min(weight[3:]) + bias
    assert found.high["scores"] == weight[1] + max(weight[3:]) + bias


def test_in_the_agents_view_a_cell_may_also_lie_outside():
    network = network_of(
        ["codes codes seen objects=11 colours=2 states=4 reach=1", "cells lookup codes channels=1"], (3, 2, 2)
    )
    found = bounds(network, np.ones((3, 2, 2)), np.full((3, 2, 2), 1))
    np.testing.assert_array_equal(found.low["codes"], np.zeros(9))
    np.testing.assert_array_equal(found.high["codes"], np.full(9, (1 * 2 + 1) * 4 + 1))


def test_decimals_are_bounded_by_the_clamp_of_the_first_stage():
    stages = read_plan(["input whole seen", "scores dense input units=1"])
    arrays = {"input.exponent": np.array([3, 0]), "input.low": np.array([-8, -5]), "input.high": np.array([7, 5]),
              "scores.weight": np.array([[2, -1]]), "scores.bias": np.array([1])}  # fmt: skip
    found = bounds(IntegerNetwork(stages, arrays, (2,)), np.array([-np.inf, -2.5]), np.array([0.5, np.inf]))
    np.testing.assert_array_equal(found.low["input"], [-8, -3])
    np.testing.assert_array_equal(found.high["input"], [4, 5])
    assert (found.low["scores"], found.high["scores"]) == (-16 - 5 + 1, 8 + 3 + 1)


def test_the_bound_is_the_last_at_which_float32_equals_int64():
    """At 2**24 - 1 every sum is right; one more input of 1 and float32 loses it, and the analysis says so."""
    stages = read_plan(["scores dense seen units=1"])
    weight = np.array([[2**24 - 2, 1, 1]])
    ones = torch.ones((1, 3))
    for bias, high, right in ((0, [1, 1, 0], True), (0, [1, 1, 1], False)):
        arrays = {"scores.weight": weight, "scores.bias": np.array([bias])}
        network = IntegerNetwork(stages, arrays, (3,))
        assert bounds(network, np.zeros(3), np.array(high)).exact is right
    floats = {name: torch.from_numpy(arrays[f"scores.{name}"].astype(np.float32)) for name in ("weight", "bias")}
    summed = float(weighed(stages[0], [ones], floats) + 1)  # 2**24 + 1 is no float32
    assert int(summed) != int((weight.sum()) + 1)


def test_the_half_of_the_rounding_counts():
    stages = read_plan(["scores dense seen units=1 shift=24 low=0 high=9"])
    arrays = {"scores.weight": np.array([[2**23 - 1]]), "scores.bias": np.array([0])}
    network = IntegerNetwork(stages, arrays, (1,))
    found = refuse_inexact(network, np.zeros(1), np.ones(1))
    assert found.largest == EXACT - 1
    floats = {"weight": torch.tensor([[2.0**23 - 1]]), "bias": torch.zeros(1)}
    assert finished(stages[0], weighed(stages[0], [torch.ones((1, 1))], floats)) == found.high["scores"][0] == 0
    more = IntegerNetwork(stages, {**arrays, "scores.weight": np.array([[2**23]])}, (1,))
    with pytest.raises(UnsupportedAgent, match=r"'scores' could reach 16,777,216, 1.0 times 2\*\*24.*fewer bits"):
        refuse_inexact(more, np.zeros(1), np.ones(1))


def test_what_int64_cannot_hold_is_refused_before_it_overflows():
    network = network_of(["a dense seen units=1", "b dense a units=1", "scores dense b units=1"], (2,))
    huge = {name: np.full_like(array, 2**30) for name, array in network.arrays.items()}
    with pytest.raises(UnsupportedAgent, match="'b' could reach"):
        bounds(IntegerNetwork(network.stages, huge, (2,)), np.zeros(2), np.ones(2))
