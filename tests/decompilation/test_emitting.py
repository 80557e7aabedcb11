"""Emitting: the text of an integer network equals it, score by score and function by function."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentscope.decompilation.emitting import emit
from agentscope.decompilation.running import scores
from agentscope.language import (
    DECOMPILATION_LIMITS,
    bind_state,
    evaluate,
    header_for,
    parse,
    print_program,
    with_cells,
)  # fmt: skip
from tests.decompilation.shown_worlds import PLANS, differing_parts, network_of, random_observations, world_of

HEADER = header_for("shown", {}, level=3)


def check_equal(network, highest, seed=0):
    """Actions and every function's values, on random observations."""
    world = world_of(network, highest)
    made = emit(network, world, header=HEADER)
    observations = random_observations(network, highest, seed=seed)
    found = evaluate(made.program, bind_state(with_cells(world)), world.states_from(observations))
    assert np.array_equal(found.actions, scores(network, observations).argmax(axis=1))
    wrong, compared = differing_parts(made, network, world, observations)
    assert not wrong and compared
    assert parse(print_program(made.program), made.program.vocabulary, DECOMPILATION_LIMITS) == made.program
    assert print_program(made.program) == made.text
    return made


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("density", [0.3, 1.0])
def test_text_equals_network(name, density):
    observation, highest, plan = PLANS[name]
    for seed in range(3):
        check_equal(network_of(plan, observation, seed, density=density), highest, seed)


@pytest.mark.parametrize("name", PLANS)
def test_weights_in_tables_equal_network(name, monkeypatch):
    monkeypatch.setattr("agentscope.decompilation.layers.MANY_TERMS", 0)
    monkeypatch.setattr("agentscope.decompilation.layers.SPARSE", 0)
    observation, highest, plan = PLANS[name]
    check_equal(network_of(plan, observation), highest)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(PLANS)), st.integers(0, 10**6), st.floats(0.1, 1), st.sampled_from([1, 3, 40]))
def test_any_network_is_equalled(name, seed, density, top):
    observation, highest, plan = PLANS[name]
    check_equal(network_of(plan, observation, seed, top, density), highest, seed)
