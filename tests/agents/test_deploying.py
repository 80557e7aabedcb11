"""Integer networks as SB3 agents: what SB3 plays is what int64 computes, number by number."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch

from agentscope.agents import load_network
from agentscope.agents.building import build_policy
from agentscope.agents.deploying import actions_in_sb3, deployed, integers_of
from agentscope.agents.networks import SB3Network
from agentscope.agents.policies import PolicySpec
from agentscope.agents.saving import save_agent
from agentscope.agents.spaces import Space
from agentscope.decompilation.running import run, scores
from agentscope.errors import RefusedFile, UnsupportedAgent
from agentscope.integers import IntegerNetwork
from tests.agents.little_models import make_model
from tests.decompilation.shown_worlds import PLANS, network_of, random_observations


def original(observation: tuple[int, ...], highest: int, actions: int, algorithm: str = "DQN") -> SB3Network:
    """Some agent of these spaces: the integer network takes its algorithm, spaces and nothing else."""
    low, high = np.zeros(observation, np.uint8), np.full(observation, highest, np.uint8)
    space = Space("Box", observation, "uint8", low, high)
    spec = PolicySpec(
        algorithm, space, actions, (4,), "ReLU", () if algorithm == "DQN" else (4,), normalize_images=False
    )
    return SB3Network("original", "", spec, build_policy(spec, 0))


def made(name: str, seed: int, algorithm: str = "DQN") -> tuple[IntegerNetwork, SB3Network, np.ndarray]:
    observation, highest, plan = PLANS[name]
    integers = network_of(plan, observation, seed)
    observations = random_observations(integers, highest, states=300, seed=seed)
    actions = scores(integers, observations).shape[1]
    return integers, deployed(integers, original(observation, highest, actions, algorithm), name="s"), observations


@pytest.mark.parametrize("name", [*PLANS])
@pytest.mark.parametrize("seed", [0, 1])
def test_float32_equals_int64_at_every_stage(name: str, seed: int) -> None:
    integers, network, observations = made(name, seed)
    layers = [layer.name for layer in network.layers]
    plain = run(integers, observations)
    found = network.activations_of(observations, layers)
    for layer in layers:
        assert np.array_equal(found[layer].reshape(len(observations), -1), plain[layer].reshape(len(observations), -1))
    for batch in (1, 7, 256):
        assert np.array_equal(network.scores(observations[:batch]), scores(integers, observations[:batch]))


@pytest.mark.parametrize("algorithm", ["DQN", "PPO", "A2C", "MaskablePPO"])
def test_sb3_itself_plays_the_zip(algorithm: str, tmp_path: Path) -> None:
    integers, network, observations = made("board", 3, algorithm)
    save_agent(network, tmp_path / "s.zip")
    best = scores(integers, observations).argmax(axis=1)
    assert np.array_equal(actions_in_sb3(tmp_path / "s.zip", algorithm, observations), best)


@pytest.mark.parametrize("name", ["board", "lookup", "around", "around scores"])
def test_a_zip_gives_the_whole_numbers_back(name: str, tmp_path: Path) -> None:
    integers, network, _ = made(name, 5, "PPO")
    save_agent(network, tmp_path / "s.zip")
    back = integers_of(load_network(tmp_path / "s.zip"))
    assert back.stages == integers.stages and back.observation == integers.observation
    assert set(back.arrays) == set(integers.arrays)
    assert all(np.array_equal(back.arrays[key], integers.arrays[key]) for key in integers.arrays)


def test_logits_are_scaled_without_a_change_of_the_numbers() -> None:
    integers, network, observations = made("dense", 2, "PPO")
    scaled = deployed(integers, network, name="s", logit_exponent=5)
    assert np.array_equal(scaled.scores(observations) * 32, network.scores(observations))
    assert integers_of(scaled).stages == integers.stages
    assert np.array_equal(integers_of(scaled).arrays["scores.weight"], integers.arrays["scores.weight"])


def test_an_ordinary_agent_is_no_integer_network(tmp_path: Path) -> None:
    make_model("DQN", "float").save(tmp_path / "dqn.zip")
    with pytest.raises(UnsupportedAgent, match="is no simplified network"):
        integers_of(load_network(tmp_path / "dqn.zip"))
    _, network, _ = made("dense", 0)
    with torch.no_grad():
        network.pathway.extractor.get_buffer("hidden__weight")[0, 0] = 0.3
    with pytest.raises(UnsupportedAgent, match="no whole numbers"):
        integers_of(network)


@pytest.mark.parametrize("plan", [["scores dense nowhere units=3"], ["hidden dense seen units=4097"], []])
def test_a_zip_with_an_unsound_plan_is_refused(plan: list[str], tmp_path: Path) -> None:
    """The plan of a stranger's zip is plain text: it is checked before any memory is asked for."""
    _, network, _ = made("dense", 0)
    save_agent(network, tmp_path / "s.zip")
    content = (tmp_path / "s.zip").read_bytes()
    before = b"hidden dense seen units=4 shift=2 low=0 high=9"
    spec = network.spec
    kwargs = {"plan": plan}
    broken = SB3Network("b", "", PolicySpec(**{**spec.__dict__, "extractor_kwargs": kwargs}), network.policy)
    assert before in content
    from agentscope.agents.building import load_policy

    state = {name: tensor.numpy() for name, tensor in network.policy.state_dict().items()}
    with pytest.raises(RefusedFile, match="does not fit the architecture"):
        load_policy(broken.spec, state)


def test_the_spaces_are_those_of_the_original() -> None:
    _, network, _ = made("board", 0)
    assert isinstance(network.policy.observation_space, gymnasium.spaces.Box)
    assert network.policy.observation_space.shape == (2, 4, 3)


def test_stages_that_only_hold_the_input_in_another_code_are_marked() -> None:
    """A swap or an erasure there would be an edit of the input, and codes are no numbers to add to."""
    _, network, _ = made("view", 0)
    assert {layer.name: layer.coded for layer in network.layers} == {"codes": True, "rows": True, "scores": False}
    _, network, _ = made("board", 0)
    coded = {layer.name for layer in network.layers if layer.coded}
    assert coded == {"board", "falling"}
