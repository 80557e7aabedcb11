"""Shortening: the scores stay, what is shortened is what was put in, and nothing else is touched."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentscope.decompilation.rewriting.shortening import shorten
from agentscope.decompilation.running import scores
from agentscope.integers import IntegerNetwork, read_plan
from tests.decompilation.shown_worlds import PLANS, network_of, random_observations


def two_layers(hidden, bias, last, settings_of_hidden="shift=0 low=0 high=100"):
    """A dense network of two layers over flags."""
    hidden, last = np.array(hidden), np.array(last)
    stages = read_plan([f"hidden dense seen units={len(hidden)} {settings_of_hidden}",
                        f"scores dense hidden units={len(last)}"])  # fmt: skip
    arrays = {"hidden.weight": hidden, "hidden.bias": np.array(bias), "scores.weight": last,
              "scores.bias": np.zeros(len(last), np.int64)}  # fmt: skip
    return IntegerNetwork(stages, arrays, (hidden.shape[1],))


def every_row(inputs):
    """All observations of so many flags."""
    return (np.arange(2**inputs)[:, None] >> np.arange(inputs)) & 1


def shortened(network, observations=None, *, reachable=False, high=1):
    made, steps = shorten(network, np.array(0), np.array(high), observations=observations, reachable=reachable)
    return made, [(step.kind, step.stage, step.units) for step in steps]


@pytest.mark.parametrize("name", PLANS)
@settings(max_examples=3, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), density=st.floats(0.05, 1), top=st.sampled_from([1, 2, 4]))
def test_scores_stay(name, seed, density, top):
    observation, highest, plan = PLANS[name]
    network = network_of(plan, observation, seed, top, density)
    observations = random_observations(network, highest, seed=seed)
    made, steps = shorten(network, np.array(0), np.array(highest))
    assert np.array_equal(scores(made, observations), scores(network, observations))
    assert made.nonzero == network.nonzero - sum(step.saved for step in steps)
    seen, _ = shorten(network, np.array(0), np.array(highest), observations=observations, reachable=True)
    assert np.array_equal(scores(seen, observations), scores(network, observations))
    assert {step.proved for step in steps} <= {"always"} and seen.nonzero <= made.nonzero


def test_dead_unit_goes():
    made, steps = shortened(two_layers([[1, 2], [2, 1]], [1, 0], [[0, 1], [0, 3]]))
    assert ("dead", "hidden", (0,)) in steps
    assert made.arrays["hidden.weight"].tolist() == [[2, 1]]


def test_constant_unit_goes_into_the_bias():
    made, steps = shortened(two_layers([[1, 2], [-1, 0]], [-1, 0], [[2, 7], [1, 5]]))
    assert ("constant", "hidden", (1,)) in steps and ("dead", "hidden", (1,)) in steps
    full, _ = shortened(two_layers([[1, 2], [-1, 0]], [-1, 4], [[2, 7], [1, 5]], "shift=0 low=0 high=3"))
    assert full.nonzero > made.nonzero, "a unit of 3 or 3 is constant only with the clamp: bounds are of 3 to 4"
    assert full.arrays["scores.bias"].tolist() == [21, 15]


def test_twins_are_one():
    made, steps = shortened(two_layers([[1, -2], [1, -2], [2, 1]], [1, 1, -1], [[1, 2, 1], [0, 4, 1]]))
    assert ("duplicate", "hidden", (1,)) in steps
    assert made.arrays["scores.weight"].tolist() == [[3, 1], [4, 1]]


def test_multiples_are_one_where_no_clamp_acts():
    network = two_layers([[1, -2], [4, -8], [2, 1]], [1, 4, -1], [[1, 2, 1], [0, 1, 1]])
    made, steps = shortened(network)
    assert ("multiple", "hidden", (1,)) in steps
    assert made.arrays["scores.weight"].tolist() == [[9, 1], [4, 1]]
    _, clamped = shortened(two_layers([[1, -2], [4, -8], [2, 1]], [1, 4, -1], [[1, 2, 1], [0, 1, 1]],
                                      "shift=0 low=0 high=6"))  # fmt: skip
    assert "multiple" not in {kind for kind, _, _ in clamped}, "8 is cut to 6, 2 is not cut to 1.5"
    _, scaled = shortened(two_layers([[1, -2], [4, -8], [2, 1]], [1, 4, -1], [[1, 2, 1], [0, 1, 1]],
                                     "shift=1 low=0 high=100"))  # fmt: skip
    assert "multiple" not in {kind for kind, _, _ in scaled}, "rounding keeps no multiples"


def test_clamp_that_never_acts_goes():
    made, steps = shortened(two_layers([[1, 2], [2, 1]], [0, 1], [[1, 2], [3, 1]]))
    assert ("clamp", "hidden", ()) in steps and "low" not in made.stage("hidden").settings
    _, needed = shortened(two_layers([[1, -2], [2, 1]], [0, 1], [[1, 2], [3, 1]]))
    assert "clamp" not in {kind for kind, _, _ in needed}


def test_common_factor_goes():
    network = two_layers([[4, -8], [12, 4]], [3, -7], [[1, 2], [3, 1]], "shift=3 low=-5 high=5")
    made, steps = shortened(network)
    assert ("factor", "hidden", ()) in steps
    assert made.arrays["hidden.weight"].tolist() == [[1, -2], [3, 1]] and made.stage("hidden").settings["shift"] == 1
    assert np.array_equal(scores(made, every_row(2)), scores(network, every_row(2)))


def test_stage_that_nobody_reads_goes():
    observation, highest, plan = PLANS["board"]
    network = network_of(plan, observation)
    network = replace(network, arrays={**network.arrays, "scores.everywhere": np.zeros((2, 2), np.int64)})
    made, steps = shorten(network, np.array(0), np.array(1))
    kept = {stage.name for stage in made.stages}
    assert kept == {"board", "roofs", "counts", "columns", "scores"}
    assert made.stage("scores").sources == ("columns",) and "scores.everywhere" not in made.arrays
    assert ("dead", "falling") in {(step.kind, step.stage) for step in steps}
    observations = random_observations(network, highest)
    assert np.array_equal(scores(made, observations), scores(network, observations))


def test_what_holds_on_the_given_states_only_needs_leave():
    network = two_layers([[1, -2], [2, 1], [1, 1]], [0, 0, 0], [[1, 2, 1], [0, 4, 1]])
    only = np.array([[0, 1], [1, 1], [0, 0]])  # the first unit never fires here
    made, steps = shortened(network, only)
    assert made.nonzero == network.nonzero and not [step for step in steps if step[0] != "clamp"]
    seen, listed = shorten(network, np.array(0), np.array(1), observations=only, reachable=True)
    assert ("constant", "observations") in {(step.kind, step.proved) for step in listed}
    assert np.array_equal(scores(seen, only), scores(network, only))
    assert not np.array_equal(scores(seen, every_row(2)), scores(network, every_row(2)))


def test_rows_never_asked_for_go():
    observation, highest, plan = PLANS["lookup"]
    network = network_of(plan, observation, seed=2)
    network = replace(network, arrays={**network.arrays, "rows.table": np.arange(1, 13).reshape(6, 2)})
    observations = random_observations(network, 1)  # objects 0 and 1, colours 0 and 1: codes 0 to 3
    made, listed = shorten(network, np.array(0), np.array(highest), observations=observations, reachable=True)
    assert [(step.kind, step.units, step.proved) for step in listed] == [("rows", (4, 5), "observations")]
    assert not made.arrays["rows.table"][4:].any() and made.arrays["rows.table"][:4].all()
    _, always = shorten(network, np.array(0), np.array(highest), observations=observations)
    assert not always


def test_walls_keep_units_apart():
    """A unit of 2 everywhere inside is no constant where its reader finds 5 beyond the walls."""
    plan = ["a slide seen channels=2 kernel=1 shift=0 low=0 high=9", "scores slide a channels=1 kernel=3"]
    network = network_of(plan, (1, 4), seed=1)
    arrays = {**network.arrays, "a.weight": np.array([[[0]], [[1]]]), "a.bias": np.array([2, 0]),
              "a.outside": np.zeros(1), "scores.weight": np.ones((1, 2, 3), np.int64)}  # fmt: skip
    arrays.pop("a.outside")
    apart = replace(network, arrays={**arrays, "scores.outside": np.array([5, 0])})
    _, steps = shortened(apart)
    assert "constant" not in {kind for kind, _, _ in steps}
    alike = replace(network, arrays={**arrays, "scores.outside": np.array([2, 0])})
    made, steps = shortened(alike)
    assert ("constant", "a", (0,)) in steps
    rows = every_row(4)[:, None]
    assert np.array_equal(scores(made, rows), scores(alike, rows))
