"""What the network does when a layer puts out other values, and how its scores change with them."""

import numpy as np
import pytest

from agentscope.errors import BadOption
from agentscope.pipeline import open_agent

LAYERS = [("keydoor-ppo", "hidden_1"), ("tetris-small-dqn", "columns"), ("tetris-small-dqn", "piece"),
          ("tetris-moves-ppo", "convolution_1"), ("cartpole-dqn", "scores")]  # fmt: skip


def observed(agent, states=300):
    return agent.env.observe(agent.env.reset(np.arange(states)))


@pytest.mark.parametrize(("name", "layer"), LAYERS)
def test_a_layer_that_is_given_its_own_values_changes_nothing(name, layer):
    agent = open_agent(name)
    observations = observed(agent)
    held = agent.network.activations(observations, layer)
    assert np.array_equal(agent.network.scores_with(observations, {layer: held}), agent.network.scores(observations))


@pytest.mark.parametrize(("name", "layer"), LAYERS)
def test_given_values_do_what_a_patch_does(name, layer):
    agent = open_agent(name)
    observations = observed(agent)
    values = np.roll(agent.network.activations(observations, layer), 1, axis=0)
    patched = agent.network.with_patch(layer, lambda _: values)
    assert np.array_equal(agent.network.scores_with(observations, {layer: values}), patched.scores(observations))
    assert not np.array_equal(patched.scores(observations), agent.network.scores(observations)) or name[:3] == "tet"


@pytest.mark.parametrize(("name", "layer"), LAYERS)
def test_the_slope_is_that_of_a_small_step(name, layer):
    agent = open_agent(name)
    observations = observed(agent, 40)
    rng = np.random.default_rng(0)
    values = agent.network.activations(observations, layer)
    values = values + rng.uniform(0.05, 0.1, values.shape).astype(np.float32)  # away from the kinks at 0
    cotangents = rng.normal(size=agent.network.scores(observations).shape)
    slope = agent.network.pull_back(observations, layer, values, cotangents)
    direction = rng.normal(size=values.shape).astype(np.float32)
    ends = [
        (agent.network.scores_with(observations, {layer: values + step * direction}).astype(np.float64) * cotangents)
        for step in (1e-3, -1e-3)
    ]
    found = (ends[0] - ends[1]).reshape(40, -1).sum(axis=1) / 2e-3
    wanted = (slope * direction).reshape(40, -1).sum(axis=1)
    assert np.corrcoef(found, wanted)[0, 1] > 0.97  # some states pass a kink
    assert np.median(np.abs(found - wanted)) < 0.05 * np.abs(wanted).mean()


def test_wrong_layers_and_shapes_are_refused():
    agent = open_agent("cartpole-ppo")
    observations = observed(agent, 5)
    with pytest.raises(BadOption, match="no layer 'nowhere'"):
        agent.network.scores_with(observations, {"nowhere": np.zeros((5, 64))})
    with pytest.raises(BadOption, match="needed \\(5, 64\\)"):
        agent.network.scores_with(observations, {"hidden_1": np.zeros((5, 3))})
    with pytest.raises(BadOption, match="needed \\(5, 64\\)"):
        agent.network.pull_back(observations, "hidden_1", np.zeros((5, 63)), np.zeros((5, 2)))


def test_what_the_next_dense_layer_does_not_read_changes_no_score():
    for name, layer in [("keydoor-ppo", "cells"), ("cartpole-dqn", "hidden_2"), ("tetris-moves-ppo", "columns")]:
        agent = open_agent(name)
        observations = observed(agent, 50)
        held = agent.network.activations(observations, layer)
        readers = agent.network.dense_after(layer).weights
        rng = np.random.default_rng(0)
        moved = rng.normal(size=(50, readers.shape[1]))
        outside = moved - moved @ np.linalg.pinv(readers) @ readers
        inside = moved - outside
        before = agent.network.scores(observations).astype(np.float64)
        shifts = []
        for change in (outside, inside):
            after = agent.network.scores_with(observations, {layer: held + change.reshape(held.shape)})
            apart = after - before
            shifts.append(np.abs(apart - apart.mean(axis=1, keepdims=True)).max())
        assert shifts[0] < 1e-3 * shifts[1] or np.linalg.matrix_rank(readers) == readers.shape[1]
    assert open_agent("tetris-dqn").network.dense_after("surface") is None


def test_a_dense_step_gives_the_next_layer():
    for name, layer in [("keydoor-ppo", "cells"), ("keydoor-ppo", "hidden_1"), ("cartpole-dqn", "hidden_2"),
                        ("tetris-moves-ppo", "columns"), ("greedy-ppo-tanh-l1", "hidden_3")]:  # fmt: skip
        agent = open_agent(name)
        observations = observed(agent, 50)
        step = agent.network.dense_after(layer)
        held = agent.network.activations(observations, layer).reshape(50, -1)
        sums = held @ step.weights.T + step.bias
        made = {"Tanh": np.tanh, "ReLU": lambda x: np.maximum(x, 0), "": lambda x: x}[step.activation](sums)
        assert np.allclose(made, agent.network.activations(observations, step.layer), atol=1e-4)
