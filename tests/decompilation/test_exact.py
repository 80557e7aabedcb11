"""Compiled networks in whole numbers: the same scores, twins once, and refusals of what is no program in disguise."""

import numpy as np
import pytest

from agentscope.agents.drafts import draft_of
from agentscope.compiling import subject
from agentscope.decompilation.recovery.exact import exact_integers
from agentscope.decompilation.recovery.trimming import without_unread
from agentscope.decompilation.running import scores
from agentscope.errors import BadOption
from agentscope.integers import EXACT, IntegerNetwork, Stage
from agentscope.pipeline import open_agent


def exact_of(name, highest=1):
    agent = open_agent(name)
    draft = draft_of(agent.network)
    found = exact_integers(
        draft.stages, draft.arrays, activation=draft.activation, observation=draft.observation, highest=highest
    )
    env = subject(name.split("-")[0]).world()
    return agent, found, env.observe(subject(name.split("-")[0]).states(env))


@pytest.mark.parametrize("name", ["trigger-dqn-relu-l0", "trigger-dqn-relu-l1", "greedy-dqn-relu-l1",
                                  "columns-dqn-relu-l1", "convolution-ppo-relu-l1"])  # fmt: skip
def test_relu_scores_are_the_same_times_a_power_of_two_in_all_states(name):
    agent, found, observations = exact_of(name)
    assert np.log2(found.scale) % 1 == 0
    assert np.array_equal(scores(found.network, observations), agent.network.scores(observations) * found.scale)
    assert found.largest_sum < EXACT


@pytest.mark.parametrize("name", ["trigger-ppo-tanh-l1", "follower-ppo-tanh-l1", "greedy-ppo-tanh-l0"])
def test_tanh_units_are_proved_to_be_thresholds_and_act_alike(name):
    agent, found, observations = exact_of(name)
    assert found.unproven == ()
    wanted = agent.network.scores(observations)
    got = scores(found.network, observations)
    assert np.array_equal(got.argmax(axis=1), wanted.argmax(axis=1))
    assert np.allclose(got, wanted * found.scale, atol=1e-3)


def test_a_disguised_network_has_the_units_of_the_plain_one():
    _, plain, _ = exact_of("follower-dqn-relu-l0")
    _, disguised, _ = exact_of("follower-dqn-relu-l1")
    assert [stage.settings["units"] for stage in plain.network.stages] == [
        stage.settings["units"] for stage in disguised.network.stages
    ]
    assert len(disguised.merged) >= 32 and len(disguised.constant) >= 32  # the record names as many


def test_a_learned_network_is_refused():
    with pytest.raises(BadOption, match="no power of two makes whole"):
        exact_of("trigger-learned")


def small(weight, bias, activation="ReLU"):
    stages = (
        Stage("hidden_1", "dense", ("seen",), {"units": len(bias)}),
        Stage("scores", "dense", ("hidden_1",), {"units": 1}),
    )
    arrays = {"hidden_1.weight": np.array(weight, dtype=float), "hidden_1.bias": np.array(bias, dtype=float),
              "scores.weight": np.ones((1, len(bias))), "scores.bias": np.zeros(1)}  # fmt: skip
    return exact_integers(stages, arrays, activation=activation, observation=(2,), highest=3)


def test_twins_of_another_scale_are_merged_by_hand():
    found = small([[1, 2], [0.5, 1], [-1, -1]], [-1, -0.5, -1])
    assert found.merged == (("hidden_1", 1, 0),)
    assert found.constant == (("hidden_1", 2),)
    assert found.network.of("hidden_1")["weight"].tolist() == [[1, 2]]
    assert found.network.of("scores")["weight"].tolist() == [[3]] and found.scale == 2.0  # 1 + 1/2, times 2


def test_a_tanh_that_rises_slowly_is_no_threshold():
    with pytest.raises(BadOption, match="rises slowly"):
        small([[1, 2]], [-1.5], "Tanh")


def test_a_tanh_that_may_read_zero_is_not_proved():
    assert small([[64, 64], [64, 0]], [-64, -32], "Tanh").unproven == (("hidden_1", 0),)


def test_sums_beyond_float32_are_refused():
    with pytest.raises(BadOption, match=r"below 16777216"):
        small([[2**23 + 1, 2**23]], [0])


def test_units_that_nobody_weighs_go_with_all_that_only_they_read():
    stages = (Stage("a", "dense", ("seen",), {"units": 3, "shift": 0, "low": 0, "high": 9}),
              Stage("b", "dense", ("a",), {"units": 2, "shift": 0, "low": 0, "high": 9}),
              Stage("scores", "dense", ("b",), {"units": 1}))  # fmt: skip
    arrays = {"a.weight": np.eye(3, dtype=int), "a.bias": np.zeros(3, dtype=int),
              "b.weight": np.array([[1, 0, 2], [0, 5, 0]]), "b.bias": np.zeros(2, dtype=int),
              "scores.weight": np.array([[1, 0]]), "scores.bias": np.zeros(1, dtype=int)}  # fmt: skip
    network = IntegerNetwork(stages, arrays, (3,))
    found = without_unread(network)
    assert [stage.settings["units"] for stage in found.stages] == [2, 1, 1]
    observations = np.arange(12).reshape(4, 3) % 4
    assert np.array_equal(scores(found, observations), scores(network, observations))
