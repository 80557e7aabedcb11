"""The loader against SB3's own load: the same bits at the same batch shape, and the same actions."""

from __future__ import annotations

import os
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch

from agentscope.agents import load_network, network_from_model
from agentscope.agents.extractors import GridConvolutions, GridExtractor, PlacementExtractor
from agentscope.contracts import Network
from agentscope.errors import BadOption, SpaceMismatch, UnsupportedAgent
from tests.agents.little_models import SPACES, make_model, sb3_load, sb3_scores, some_observations

ALGORITHMS = ("DQN", "QRDQN", "PPO", "A2C", "MaskablePPO")
KINDS = {
    "relu": ("float", "MlpPolicy", {"activation_fn": torch.nn.ReLU}),
    "tanh": ("float", "MlpPolicy", {"activation_fn": torch.nn.Tanh, "net_arch": [24]}),
    "wide": ("bytes", "MlpPolicy", {"net_arch": [16, 8, 12]}),
    "empty": ("planes", "MlpPolicy", {"net_arch": []}),
    "default": ("float", "MlpPolicy", {}),
    "flat-image": ("image", "MlpPolicy", {"net_arch": [8]}),
    "image": ("image", "CnnPolicy", {}),
    "image-head": ("image", "CnnPolicy", {"net_arch": [10], "features_extractor_kwargs": {"features_dim": 32}}),
    "unscaled": ("image", "CnnPolicy", {"normalize_images": False, "features_extractor_kwargs": {"features_dim": 16,
                 "normalized_image": True}}),
    "discrete": ("discrete", "MlpPolicy", {}),
    "grid": ("grid", "MlpPolicy", {"features_extractor_class": GridExtractor,
             "features_extractor_kwargs": {"channels": 4}}),
    "centred": ("grid", "MlpPolicy", {"features_extractor_class": GridExtractor,
                "features_extractor_kwargs": {"channels": 3, "reach": 4}}),
    "convolutions": ("grid", "MlpPolicy", {"features_extractor_class": GridConvolutions, "net_arch": [8],
                     "features_extractor_kwargs": {"channels": 5, "depth": 2}}),
    "placement": ("planes", "MlpPolicy", {"features_extractor_class": PlacementExtractor,
                  "features_extractor_kwargs": {"channels": 6, "piece_channels": 5}, "net_arch": []}),
    "more-pieces": ("more-planes", "MlpPolicy", {"features_extractor_class": PlacementExtractor,
                    "features_extractor_kwargs": {"channels": 6, "piece_channels": 5, "others": 2}, "net_arch": []}),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_scores_equal_sb3s_bit_by_bit(algorithm: str, kind: str, tmp_path: Path) -> None:
    space, policy, kwargs = KINDS[kind]
    path = tmp_path / "agent.zip"
    make_model(algorithm, space, policy, **kwargs).save(path)
    network = load_network(path)
    model = sb3_load(algorithm, path)
    observations = some_observations(SPACES[space], network.chunk)
    assert network.algorithm == algorithm
    assert not [notice for notice in network.notices if notice.severity != "info"]
    assert np.array_equal(network.scores(observations), sb3_scores(model, observations))
    assert np.array_equal(network.greedy(observations), model.predict(observations, deterministic=True)[0])


def third_party() -> list[Path]:
    folder = os.environ.get("AGENTSCOPE_THIRD_PARTY")
    return sorted(Path(folder).glob("**/*.zip")) if folder else []


ENVS = {"CartPole-v1": "CartPole-v1", "Acrobot-v1": "Acrobot-v1", "MountainCar-v0": "MountainCar-v0"}


def sb3_third_party(algorithm: str, path: Path) -> object:
    env = gymnasium.make(ENVS[path.stem])
    small = {"buffer_size": 1} if algorithm in ("DQN", "QRDQN") else {}
    return sb3_load(
        algorithm, path, observation_space=env.observation_space, action_space=env.action_space,
        lr_schedule=lambda _: 0.0, learning_rate=0.0, clip_range=lambda _: 0.2, exploration_schedule=lambda _: 0.0,
        **small,
    )  # fmt: skip


@pytest.mark.skipif(not third_party(), reason="AGENTSCOPE_THIRD_PARTY names no folder with SB3 zips")
@pytest.mark.parametrize("path", third_party(), ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_third_party_scores_equal_sb3s_bit_by_bit(path: Path) -> None:
    network = load_network(path)
    assert network.algorithm.lower() == path.parent.parent.name
    model = sb3_third_party(network.algorithm, path)
    scale = np.random.default_rng(5).normal(size=(network.chunk, *network.observation_shape))
    observations = scale.astype(np.float32)
    assert np.array_equal(network.scores(observations), sb3_scores(model, observations))
    assert np.array_equal(network.greedy(observations), model.predict(observations, deterministic=True)[0])  # type: ignore[attr-defined]


def mountain_car_return(network: Network, episodes: int = 3) -> float:
    env = gymnasium.make("MountainCar-v0")
    total = 0.0
    for seed in range(episodes):
        observation, _ = env.reset(seed=seed)
        over = False
        while not over:
            action = int(network.scores(observation[None]).argmax())
            observation, reward, terminated, truncated, _ = env.step(action)
            total += float(reward)
            over = terminated or truncated
    return total / episodes


@pytest.mark.skipif(not third_party(), reason="AGENTSCOPE_THIRD_PARTY names no folder with SB3 zips")
def test_vecnormalize_statistics_are_read_inertly_and_change_the_policy(tmp_path: Path) -> None:
    path = next(path for path in third_party() if path.stem == "MountainCar-v0")
    statistics = path.parent / path.stem / "vecnormalize.pkl"
    network = load_network(path, vecnormalize=statistics)
    assert network.architecture["normalisation"]["kind"] == "VecNormalize"
    assert mountain_car_return(network) > -130
    assert mountain_car_return(load_network(path)) == -200


def test_network_keeps_its_contract(dqn_zip: Path) -> None:
    network = load_network(dqn_zip)
    assert isinstance(network, Network)
    assert network.name == "dqn"
    assert [layer.name for layer in network.layers] == ["hidden_1", "hidden_2", "scores"]
    assert network.parameters == 5 * 64 + 64 + 64 * 64 + 64 + 64 * 4 + 4
    assert sum(w.size for w in network.weights().values()) == network.parameters
    assert network.architecture["hidden"] == [64, 64]


def test_a_state_has_the_same_scores_in_any_company(dqn_zip: Path) -> None:
    network = load_network(dqn_zip)
    observations = some_observations(SPACES["float"], 600)
    scores = network.scores(observations)
    for rows in (slice(0, 1), slice(7, 12), slice(100, 599), slice(None, None, -1)):
        assert np.array_equal(network.scores(observations[rows]), scores[rows])
    assert network.scores(observations[:0]).shape == (0, 4)


def test_illegal_actions_get_minus_infinity(dqn_zip: Path) -> None:
    network = load_network(dqn_zip)
    observations = some_observations(SPACES["float"], 9)
    legal = np.zeros((9, 4), dtype=bool)
    legal[:, 2] = True
    assert (network.greedy(observations, legal) == 2).all()
    assert np.isneginf(network.scores(observations, legal)[~legal]).all()


def test_activations_give_the_scores_when_carried_on_by_hand(ppo_zip: Path) -> None:
    network = load_network(ppo_zip)
    observations = some_observations(SPACES["float"], 300)
    weights = network.weights()
    last = network.activations(observations, "hidden_2")
    by_hand = last @ weights["action_net.weight"].T + weights["action_net.bias"]
    assert last.min() >= 0  # ReLU, read from the blob; PPO's default would be Tanh
    assert np.allclose(by_hand, network.scores(observations), atol=1e-5)
    assert np.allclose(network.probabilities(observations).sum(axis=1), 1)


def test_a_patch_replaces_a_layer_for_all_states_at_once(dqn_zip: Path) -> None:
    network = load_network(dqn_zip)
    observations = some_observations(SPACES["float"], 300)
    hidden = network.activations(observations, "hidden_1")
    swapped = network.with_patch("hidden_1", lambda output: output[::-1])
    assert np.array_equal(swapped.scores(observations), network.scores(observations)[::-1])
    assert np.array_equal(swapped.activations(observations, "hidden_1"), hidden[::-1])
    same = network.with_patch("hidden_1", lambda output: output)
    assert np.array_equal(same.scores(observations), network.scores(observations))
    twice = swapped.with_patch("hidden_2", lambda output: output[::-1])
    assert np.array_equal(twice.scores(observations), network.scores(observations))
    with pytest.raises(BadOption, match="hidden_1, hidden_2, scores"):
        network.with_patch("hidden_9", lambda output: output)


def test_images_are_taken_with_channels_last_too(tmp_path: Path) -> None:
    path = tmp_path / "image.zip"
    make_model("PPO", "image", "CnnPolicy").save(path)
    network = load_network(path)
    observations = some_observations(SPACES["image"], 3)
    assert network.observation_shape == (3, 36, 36)
    first = np.moveaxis(observations, 3, 1)
    assert np.array_equal(network.scores(observations), network.scores(first))
    assert np.allclose(network.scores(observations), network.scores(np.ascontiguousarray(first)), atol=1e-5)
    same = network.with_patch("convolution_2", lambda output: output)
    assert np.array_equal(same.scores(observations), network.scores(observations))
    assert [layer.name for layer in network.layers][:4] == [
        "convolution_1",
        "convolution_2",
        "convolution_3",
        "features",
    ]


def test_another_environments_observations_are_refused(dqn_zip: Path) -> None:
    with pytest.raises(SpaceMismatch, match=r"\(5,\)"):
        load_network(dqn_zip).scores(np.zeros((2, 4), dtype=np.float32))


def test_a_named_layer_of_an_extractor_has_axes(tmp_path: Path) -> None:
    path = tmp_path / "placement.zip"
    make_model("DQN", "planes", features_extractor_class=PlacementExtractor, net_arch=[]).save(path)
    network = load_network(path)
    columns = next(layer for layer in network.layers if layer.name == "columns")
    assert columns.axis == ("", "columns")
    assert columns.shape == (64, 6)
    assert network.activations(some_observations(SPACES["planes"], 5), "columns").shape == (5, 64, 6)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_model_in_memory_is_the_network_of_its_zip(algorithm: str, tmp_path: Path) -> None:
    model = make_model(algorithm, "float", net_arch=[12])
    model.save(tmp_path / "agent.zip")
    observations = some_observations(SPACES["float"], 40)
    network = network_from_model(model)
    assert np.array_equal(network.scores(observations), load_network(tmp_path / "agent.zip").scores(observations))
    assert len(network.sha256) == 64


def test_trust_reads_the_same_network_and_says_so(dqn_zip: Path) -> None:
    observations = some_observations(SPACES["float"], 40)
    trusted = load_network(dqn_zip, trust=True)
    assert np.array_equal(trusted.scores(observations), load_network(dqn_zip).scores(observations))
    assert "trusted" in {notice.kind for notice in trusted.notices}


@pytest.mark.parametrize(
    ("actions", "found"),
    [(gymnasium.spaces.MultiDiscrete([2, 3]), "MultiDiscrete"), (gymnasium.spaces.Box(-1, 1, (2,)), "Box")],
)
def test_other_action_spaces_are_named_in_the_refusal(actions: gymnasium.Space, found: str, tmp_path: Path) -> None:
    make_model("PPO", "float", actions=actions).save(tmp_path / "agent.zip")
    with pytest.raises(UnsupportedAgent, match=found):
        load_network(tmp_path / "agent.zip")


def own_extractor() -> type:
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

    class OwnExtractor(BaseFeaturesExtractor):
        def __init__(self, observation_space: gymnasium.spaces.Box, width: int = 3) -> None:
            super().__init__(observation_space, width)
            self.linear = torch.nn.Linear(observation_space.shape[0], width)

        def forward(self, observations: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.linear(observations))

    return OwnExtractor


def test_a_custom_extractor_is_refused_by_name_and_allowed_when_passed_in(tmp_path: Path) -> None:
    own = own_extractor()
    path = tmp_path / "own.zip"
    model = make_model("PPO", "float", features_extractor_class=own, features_extractor_kwargs={"width": 4})
    model.save(path)
    with pytest.raises(UnsupportedAgent, match=r"OwnExtractor.*stored as code"):
        load_network(path)
    network = load_network(path, extractor_classes=[own])
    observations = some_observations(SPACES["float"], network.chunk)
    assert np.array_equal(network.scores(observations), sb3_scores(model, observations))
    assert network.layers[0].name == "features"
    trusted = load_network(path, trust=True)
    assert np.array_equal(trusted.scores(observations), network.scores(observations))
