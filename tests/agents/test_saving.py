"""Our zips: small, the same bytes each time, read by SB3's own load and by our reader without a notice."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from agentscope.agents import load_network, save_agent
from agentscope.agents.extractors import GridExtractor, PlacementExtractor
from agentscope.errors import BadOption
from tests.agents.little_models import SPACES, make_model, sb3_load, sb3_scores, some_observations

KINDS = {
    "mlp": ("float", "MlpPolicy", {"net_arch": [12, 9]}),
    "tanh": ("float", "MlpPolicy", {"activation_fn": torch.nn.Tanh}),
    "image": ("image", "CnnPolicy", {}),
    "discrete": ("discrete", "MlpPolicy", {}),
    "grid": ("grid", "MlpPolicy", {"features_extractor_class": GridExtractor,
             "features_extractor_kwargs": {"states": 0}}),
    "placement": ("planes", "MlpPolicy", {"features_extractor_class": PlacementExtractor, "net_arch": []}),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("algorithm", ["DQN", "QRDQN", "PPO", "A2C", "MaskablePPO"])
def test_saved_agents_come_back_bit_by_bit(algorithm: str, kind: str, tmp_path: Path) -> None:
    space, policy, kwargs = KINDS[kind]
    model = make_model(algorithm, space, policy, **kwargs)
    path = tmp_path / "agent.zip"
    save_agent(model, path)
    network = load_network(path)
    observations = some_observations(SPACES[space], network.chunk)
    assert network.algorithm == algorithm and network.notices == ()
    assert np.array_equal(network.scores(observations), sb3_scores(model, observations))
    again = sb3_load(algorithm, path)
    assert np.array_equal(sb3_scores(again, observations), sb3_scores(model, observations))
    assert again.gamma == model.gamma


def test_the_same_agent_gives_the_same_bytes_without_addresses_or_paths(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_agent(make_model("PPO", "float"), tmp_path / f"{name}.zip")
    first = (tmp_path / "a.zip").read_bytes()
    assert first == (tmp_path / "b.zip").read_bytes()
    assert b" at 0x" not in first and b"/home" not in first and b"site-packages" not in first
    save_agent(load_network(tmp_path / "a.zip"), tmp_path / "c.zip")
    observations = some_observations(SPACES["float"], 30)
    assert np.array_equal(
        load_network(tmp_path / "c.zip").scores(observations), load_network(tmp_path / "a.zip").scores(observations)
    )


def test_a_zip_is_smaller_than_sb3s_and_keeps_its_hyperparameters(tmp_path: Path) -> None:
    model = make_model("DQN", "float")
    model.save(tmp_path / "theirs.zip")
    save_agent(model, tmp_path / "ours.zip")
    assert (tmp_path / "ours.zip").stat().st_size < 0.6 * (tmp_path / "theirs.zip").stat().st_size
    with zipfile.ZipFile(tmp_path / "ours.zip") as archive:
        data = json.loads(archive.read("data"))
    assert data["gamma"] == 0.99 and data["seed"] == 3 and data["learning_rate"] == 1e-4


def test_patches_do_not_fit_into_a_zip(dqn_zip: Path, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="patches"):
        save_agent(load_network(dqn_zip).with_patch("hidden_1", lambda output: output), tmp_path / "x.zip")
