"""Programs read back out of compiled networks: equal in all states, each used concept one of their functions."""

import numpy as np
import pytest

from agentscope.compiling import subject
from agentscope.decompilation.recovery.looking import looking_text
from agentscope.decompilation.recovery.recovering import recovered
from agentscope.decompilation.running import run, scores
from agentscope.language import DECOMPILATION_LIMITS, bind_state, evaluate, evaluate_functions, parse, with_cells
from benchmarks.known_programs import exact_of, study, used_concepts
from tests.decompilation.test_circuits import random_network

NAMES = ("trigger-ppo-tanh-l1", "lookup-dqn-relu-l1", "columns-dqn-relu-l1", "greedy-ppo-tanh-l1",
         "follower-dqn-relu-l1", "convolution-dqn-relu-l1", "keydoor-dqn-relu-l1")  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_program_comes_back(name):
    row, _ = study(name)
    assert row.equal == row.states
    assert row.exact + row.thresholds == row.used
    assert row.bits <= 2 * row.source


def test_a_disguise_leaves_no_trace_in_the_text():
    assert study("follower-dqn-relu-l0")[1] == study("follower-ppo-tanh-l1")[1]


def test_the_text_of_heights_and_holes_is_as_short_as_one_would_write_it():
    _, text = study("columns-dqn-relu-l1")
    assert "any(seen(a, c) > 0 for a in rows if a <= r)" in text
    assert "sum(flag1(r, c) for r in rows)" in text
    assert "argmax(actions, key=lambda a: -number1(a) - 2 * number2(a))" in text


def test_walls_beyond_the_edge_are_read_as_walls():
    _, text = study("greedy-dqn-relu-l0")
    assert "seen(0, r, c) > 0 if r >= 0 and r <= 4 and c >= 0 and c <= 4 else True" in text


def test_three_errands_of_one_kind_are_one_function():
    _, text = study("keydoor-ppo-relu-l1")
    assert text.count("def decision") == 1
    assert all(f"return decision1({channel})" in text for channel in (1, 2, 4))  # key, door, goal


def test_rules_hold_in_combinations_that_were_not_shown():
    exact, agent, _ = exact_of("keydoor-dqn-relu-l0")
    states = subject("keydoor").states(agent.env)
    observations = agent.env.observe(states)
    text = recovered(exact.network, agent.env, observations[::50]).text
    binding = bind_state(with_cells(agent.env))
    program = parse(text, binding.vocabulary, DECOMPILATION_LIMITS)
    assert np.array_equal(
        evaluate(program, binding, states).actions, scores(exact.network, observations).argmax(axis=1)
    )


def test_concepts_that_the_record_calls_used_are_measured_at_every_place():
    _, agent, record = exact_of("columns-dqn-relu-l0")
    states = agent.env.reset(np.arange(10))
    assert len(list(used_concepts(agent.env, states, record))) == 8  # height and holes_in of four columns


@pytest.mark.parametrize("seed", range(6))
def test_a_network_without_any_pattern_is_still_equal(seed):
    env = subject("trigger").world()
    states = subject("trigger").states(env)
    observations = env.observe(states)
    network = random_network(seed)
    stages = network.stages
    rng = np.random.default_rng(seed)
    arrays = {**network.arrays, "a.weight": rng.integers(-2, 3, (5, 8)), "scores.weight": rng.integers(-2, 3, (4, 4)),
              "scores.bias": rng.integers(-2, 3, 4)}  # fmt: skip
    last = type(stages[2])("scores", "dense", ("b",), {"units": 4})
    network = type(network)((*stages[:2], last), arrays, (8,))
    text = recovered(network, env, observations)
    binding = bind_state(with_cells(env))
    program = parse(text.text, binding.vocabulary, DECOMPILATION_LIMITS)
    assert np.array_equal(evaluate(program, binding, states).actions, scores(network, observations).argmax(axis=1))


def test_the_agents_view_is_read_as_the_network_reads_it():
    exact, agent, _ = exact_of("keydoor-dqn-relu-l0")
    states = agent.env.reset(np.arange(40))
    stage = exact.network.stage("cells")
    total = "sum(cells(i, j, k) for i in range(9) for j in range(9) for k in range(5))"
    text = looking_text(exact.network, stage) + f"\ndef strategy(state):\n    return 0 if {total} >= 0 else 1\n"
    binding = bind_state(with_cells(agent.env))
    program = parse(text, binding.vocabulary, DECOMPILATION_LIMITS)
    found = evaluate_functions(program, binding, states, {"cells": (range(9), range(9), range(5))})["cells"]
    wanted = run(exact.network, agent.env.observe(states))["cells"]
    assert np.array_equal(found.reshape(40, -1), wanted)
