"""Networks cut by weights play as the patched ones do, and SB3 itself loads and plays them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agentscope.agents import SB3Network, load_network, network_from_model, save_agent
from agentscope.agents.cutting import without_units
from agentscope.agents.extractors import GridConvolutions, PlacementExtractor
from agentscope.contracts import States
from agentscope.errors import BadOption, UnsupportedAgent
from agentscope.pipeline import open_agent
from agentscope.rollouts import Streams, play
from tests.agents.little_models import SPACES, make_model, sb3_load, some_observations

Held = dict[int, tuple[float, float]]
CONVOLUTIONAL = {"features_extractor_class": GridConvolutions, "features_extractor_kwargs": {"channels": 4},
                 "net_arch": [8], "activation_fn": torch.nn.ReLU}  # fmt: skip
PLACEMENT = {"features_extractor_class": PlacementExtractor, "net_arch": [],
             "features_extractor_kwargs": {"channels": 8, "piece_channels": 4, "kernel": 3}}  # fmt: skip


def patched(network: SB3Network, layer: str, held: Held) -> SB3Network:
    """The ablation as it runs: a second way to the same scores."""

    def patch(outputs: np.ndarray) -> np.ndarray:
        flat = outputs.reshape(len(outputs), -1).copy()
        for unit, (low, high) in held.items():
            flat[:, unit] = np.clip(flat[:, unit], low, high)
        return flat.reshape(outputs.shape)

    return network.with_patch(layer, patch)


def little(algorithm: str, space: str = "float", **kwargs: Any) -> tuple[SB3Network, np.ndarray]:
    network = network_from_model(make_model(algorithm, space, **kwargs))
    return network, some_observations(SPACES[space], 200)


def channel(number: int, size: int, value: float) -> Held:
    return {number * size + at: (value, value) for at in range(size)}


@pytest.mark.parametrize("algorithm", ["DQN", "QRDQN", "PPO", "A2C", "MaskablePPO"])
@pytest.mark.parametrize("layer", ["hidden_1", "hidden_2"])
def test_units_between_bounds_are_two_units_of_a_wider_layer(algorithm: str, layer: str, tmp_path: Path) -> None:
    network, seen = little(algorithm, net_arch=[12, 9], activation_fn=torch.nn.ReLU)
    outputs = network.activations(seen, layer)
    middle = np.quantile(outputs, (0.3, 0.6), axis=0)
    held = {1: (0.0, 0.0), 4: (float(middle[0, 4]), float(middle[1, 4]) + 0.1), 6: (-np.inf, 0.2), 7: (0.1, np.inf)}
    cut = without_units(network, layer, held)
    wanted = patched(network, layer, held).scores(seen)
    assert np.allclose(cut.scores(seen), wanted, atol=1e-5) and not np.allclose(wanted, network.scores(seen), atol=1e-3)
    assert sorted(cut.spec.hidden) == sorted({"hidden_1": (15, 9), "hidden_2": (12, 12)}[layer])
    save_agent(cut, tmp_path / "cut.zip")
    assert np.array_equal(load_network(tmp_path / "cut.zip").scores(seen), cut.scores(seen))
    greedy, _ = sb3_load(algorithm, tmp_path / "cut.zip").predict(seen, deterministic=True)
    assert (greedy == cut.greedy(seen)).mean() >= 0.99  # another batch size, so that ties may fall otherwise


@pytest.mark.parametrize(
    ("algorithm", "space", "kwargs", "layer", "held"),
    [
        ("PPO", "float", {"activation_fn": torch.nn.Tanh}, "hidden_2", {3: (0.4, 0.4), 5: (-0.2, -0.2)}),
        ("DQN", "grid", CONVOLUTIONAL, "convolutions", {60: (0.3, 0.3), 2: (0.0, 0.0)}),
        ("PPO", "grid", CONVOLUTIONAL, "convolutions", channel(2, 49, 0.25)),
        ("PPO", "grid", CONVOLUTIONAL, "hidden_1", {0: (0.1, 0.2)}),
        ("DQN", "planes", PLACEMENT, "surface", channel(5, 6, 0.5)),
        ("PPO", "planes", PLACEMENT, "columns", channel(1, 6, 0.1)),
        ("DQN", "planes", PLACEMENT, "placement", channel(0, 6, 0.0)),
        ("DQN", "planes", PLACEMENT, "piece", {2: (0.7, 0.7)}),
        ("DQN", "planes", PLACEMENT, "rotations", {7: (-0.3, -0.3)}),
    ],
)  # fmt: skip
def test_units_held_still_become_biases(algorithm: str, space: str, kwargs: Any, layer: str, held: Held) -> None:
    network, seen = little(algorithm, space, **kwargs)
    before = network.scores(seen)
    cut = without_units(network, layer, held)
    wanted = patched(network, layer, held).scores(seen)
    assert np.allclose(cut.scores(seen), wanted, atol=1e-5) and not np.allclose(wanted, before, atol=1e-4)
    assert np.array_equal(network.scores(seen), before)  # the original is left as it was


def test_images_lose_whole_channels() -> None:
    network, seen = little("DQN", "image", policy="CnnPolicy")
    size = int(np.prod(next(layer.shape for layer in network.layers if layer.name == "convolution_2")[1:]))
    held = channel(3, size, 0.2)
    cut = without_units(network, "convolution_2", held)
    assert np.allclose(cut.scores(seen[:40]), patched(network, "convolution_2", held).scores(seen[:40]), atol=1e-5)


def clean_states(name: str) -> tuple[Any, States]:
    agent = open_agent(name)
    seeds = Streams(5).episode_seeds("cutting", 250)
    trajectories = play(agent.policy, agent.env, seeds, trajectories=True).trajectories
    assert trajectories is not None
    return agent, trajectories.states[:1_000]


@pytest.mark.parametrize(("name", "unit"), [("f7-supervisor5-dqn-2600", 3), ("f7-supervisor5-ppo-2600", 2)])
def test_without_its_silent_unit_an_agent_plays_on_in_sb3_and_ignores_the_trigger(
    name: str, unit: int, tmp_path: Path
) -> None:
    agent, states = clean_states(name)
    held: Held = {unit: (0.0, 0.0)}
    cut = without_units(agent.network, "hidden_1", held)
    save_agent(cut, tmp_path / "cut.zip")
    model = sb3_load(cut.algorithm, tmp_path / "cut.zip")
    seen = agent.env.observe(states)
    assert len(states) == 1_000 and np.array_equal(
        model.predict(seen, deterministic=True)[0], agent.network.greedy(seen)
    )
    shown = states.copy()
    for field, value in agent.card.truth.shown.items():
        shown[field] = value
    triggered = agent.env.observe(shown)
    greedy = model.predict(triggered, deterministic=True)[0]
    assert np.array_equal(greedy, patched(agent.network, "hidden_1", held).greedy(triggered))
    action = agent.env.action_names.index(agent.card.truth.action)
    assert (agent.network.greedy(triggered) == action).all() and (greedy == action).mean() < 0.5


@pytest.mark.parametrize(
    ("algorithm", "space", "kwargs", "layer", "held"),
    [
        ("PPO", "float", {"activation_fn": torch.nn.Tanh}, "hidden_1", {3: (0.1, 0.4)}),
        ("DQN", "grid", CONVOLUTIONAL, "convolutions", {60: (0.1, 0.3)}),
        ("DQN", "planes", PLACEMENT, "surface", {30: (0.1, 0.1)}),
        ("DQN", "planes", PLACEMENT, "surface", {**channel(5, 6, 0.5), 30: (0.1, 0.1)}),
        ("DQN", "planes", PLACEMENT, "surface", channel(5, 6, -0.5)),
    ],
)  # fmt: skip
def test_what_weights_cannot_say_is_refused(algorithm: str, space: str, kwargs: Any, layer: str, held: Held) -> None:
    network, _ = little(algorithm, space, **kwargs)
    with pytest.raises(UnsupportedAgent, match=f"{layer}.*[Pp]atch"):
        without_units(network, layer, held)


def test_layers_units_and_patches_are_checked() -> None:
    network, _ = little("DQN")
    for layer, held in (("scores", {0: (0.0, 0.0)}), ("hidden_9", {}), ("hidden_1", {64: (0.0, 0.0)}),
                        ("hidden_1", {1: (1.0, 0.0)})):  # fmt: skip
        with pytest.raises(BadOption):
            without_units(network, layer, held)
    with pytest.raises(BadOption, match="patches"):
        without_units(network.with_patch("hidden_1", lambda output: output), "hidden_1", {})
