"""Drafts compute what their networks do; what is trained behind the rounding is what is finished."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from agentscope.agents import load_network
from agentscope.agents.drafts import Draft, draft_of, fresh_draft
from agentscope.agents.equalising import equalised
from agentscope.agents.extractors import GridConvolutions, GridExtractor, PlacementExtractor
from agentscope.agents.networks import SB3Network
from agentscope.agents.quantising import Precision, TrainedStages, calibrated
from agentscope.agents.stages import rearranged, weighed
from agentscope.decompilation.running import scores
from agentscope.errors import BadOption, UnsupportedAgent
from agentscope.integers import SEEN, read_plan
from agentscope.pipeline import open_agent
from tests.agents.little_models import SPACES, make_model, some_observations

KINDS = {  # a name: space, extractor, its arguments
    "bytes": ("bytes", None, {}),
    "placement": ("planes", PlacementExtractor, {"channels": 6, "piece_channels": 5, "kernel": 3}),
    "one-hot": ("grid", GridExtractor, {"channels": 0}),
    "described": ("grid", GridExtractor, {"channels": 3, "colours": 0}),
    "view": ("grid", GridExtractor, {"channels": 3, "reach": 3}),
    "around": ("grid", GridConvolutions, {"channels": 4, "depth": 2}),
}  # fmt: skip


def network_of(kind: str, tmp_path: Path, algorithm: str = "DQN", **more: object) -> tuple[SB3Network, np.ndarray]:
    space, extractor, kwargs = KINDS[kind]
    arguments: dict = {"net_arch": [9, 7], **more}
    if extractor is not None:
        arguments |= {"features_extractor_class": extractor, "features_extractor_kwargs": kwargs}
    make_model(algorithm, space, **arguments).save(tmp_path / "m.zip")
    observations = some_observations(SPACES[space], 200)
    if space == "grid":
        observations[:, 0] = np.minimum(observations[:, 0], 9)
        observations[np.arange(200), 0, np.arange(200) % 7, np.arange(200) % 5] = 10
    return load_network(tmp_path / "m.zip"), observations


def real_scores(draft: Draft, observations: np.ndarray) -> np.ndarray:
    """What a draft computes with its real weights, in float64."""
    arrays = {name: torch.from_numpy(np.asarray(array, dtype=np.float64)) for name, array in draft.arrays.items()}
    values = {SEEN: torch.from_numpy(observations).double()}
    for stage in draft.stages:
        own = {name.split(".")[1]: array for name, array in arrays.items() if name.startswith(f"{stage.name}.")}
        sources = [values[source].double() for source in stage.sources]
        found = weighed(stage, sources, own) if stage.weighs else rearranged(stage, sources[0], own)
        hidden = stage.weighs and stage is not draft.stages[-1]
        found = found.relu() if hidden and draft.activation == "ReLU" else found.tanh() if hidden else found
        values[stage.name] = found
    return values[draft.stages[-1].name].flatten(1).numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_a_draft_computes_what_its_network_does(kind: str, tmp_path: Path) -> None:
    network, observations = network_of(kind, tmp_path)
    assert np.allclose(real_scores(draft_of(network), observations), network.scores(observations), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_equalising_changes_nothing_that_is_computed(kind: str, tmp_path: Path) -> None:
    network, observations = network_of(kind, tmp_path)
    draft = draft_of(network)
    moved = equalised(draft)
    assert np.allclose(real_scores(moved, observations), real_scores(draft, observations), atol=1e-9)
    name = next(stage.name for stage in draft.stages if stage.weighs) + ".weight"
    assert not np.allclose(moved.arrays[name], draft.arrays[name])


def test_equalising_makes_what_comes_in_as_large_as_what_goes_out(tmp_path: Path) -> None:
    network, _ = network_of("bytes", tmp_path)
    arrays = equalised(draft_of(network)).arrays
    coming, going = arrays["hidden_2.weight"], arrays["scores.weight"]
    assert np.allclose(np.abs(coming).max(axis=1), np.abs(going).max(axis=0), rtol=0.05)


@pytest.mark.parametrize(
    ("kind", "activation"),
    [*((kind, "ReLU") for kind in KINDS), ("bytes", "Tanh"), ("one-hot", "Tanh"), ("view", "Tanh")],
)
def test_what_is_trained_is_what_is_finished(kind: str, activation: str, tmp_path: Path) -> None:
    network, observations = network_of(kind, tmp_path, activation_fn=getattr(torch.nn, activation))
    draft, scales = calibrated(draft_of(network), observations, Precision(7, 6))
    model = TrainedStages(draft, scales)
    with torch.no_grad():
        trained = model(torch.from_numpy(observations)).numpy()
    assert np.array_equal(trained, scores(model.finished(), observations))


def test_more_bits_come_nearer(tmp_path: Path) -> None:
    network, observations = network_of("placement", tmp_path)
    real = network.scores(observations)
    lost = []
    for precision in (Precision(4, 4), Precision(8, 8), Precision(11, 10), Precision(11, 10, widest=16)):
        draft, scales = calibrated(draft_of(network), observations, precision)
        found = scores(TrainedStages(draft, scales).finished(), observations)
        centred = [each - each.mean(axis=1, keepdims=True) for each in (found, real)]
        slope = (centred[0] * centred[1]).sum() / (centred[0] ** 2).sum()
        lost.append(float(((slope * centred[0] - centred[1]) ** 2).mean()))
    assert lost == sorted(lost, reverse=True) and lost[-1] < lost[0] / 1_000


def test_whole_numbers_keep_within_their_bits(tmp_path: Path) -> None:
    network, observations = network_of("described", tmp_path)
    draft, scales = calibrated(draft_of(network), observations, Precision(5, 6))
    finished = TrainedStages(draft, scales).finished()
    weights = [array for name, array in finished.arrays.items() if name.endswith((".weight", ".table"))]
    assert len(weights) == 4 and all(np.abs(array).max() <= 15 for array in weights)
    assert any(np.abs(array).max() > 7 for array in weights)


def test_decimals_get_a_power_of_two_of_their_own(tmp_path: Path) -> None:
    make_model("PPO", "float", net_arch=[8], activation_fn=torch.nn.ReLU).save(tmp_path / "m.zip")
    network = load_network(tmp_path / "m.zip")
    observations = some_observations(SPACES["float"], 300) * np.array([1, 0.01, 1, 10, 1], np.float32)
    draft, scales = calibrated(draft_of(network), observations, Precision(9, 8))
    finished = TrainedStages(draft, scales).finished()
    exponents = finished.arrays["input.exponent"]
    assert exponents[1] > exponents[0] > exponents[3]
    legal = scores(finished, observations).argmax(axis=1) == network.scores(observations).argmax(axis=1)
    assert legal.mean() > 0.9


@pytest.mark.parametrize("bits", [(1, 8), (13, 8), (8, 0), (8, 15)])
def test_precisions_that_make_no_sense_are_refused(bits: tuple[int, int]) -> None:
    with pytest.raises(BadOption, match="Weights take 2 to 12 bits"):
        Precision(*bits)


def test_what_stages_do_not_hold_is_refused(tmp_path: Path) -> None:
    make_model("DQN", "image", policy="CnnPolicy").save(tmp_path / "cnn.zip")
    with pytest.raises(UnsupportedAgent, match="NatureCNN and ReLU; decompiling reads FlattenExtractor"):
        draft_of(load_network(tmp_path / "cnn.zip"))
    network, _ = network_of("bytes", tmp_path, activation_fn=torch.nn.ELU)
    with pytest.raises(UnsupportedAgent, match="ELU"):
        draft_of(network)


def test_quantiles_are_averaged(tmp_path: Path) -> None:
    network, observations = network_of("bytes", tmp_path, algorithm="QRDQN", n_quantiles=5)
    assert np.allclose(real_scores(draft_of(network), observations), network.scores(observations), atol=1e-4)


def test_fresh_drafts_follow_their_seed() -> None:
    stages = read_plan(["hidden dense seen units=5", "scores dense hidden units=3"])
    first, again, other = (fresh_draft(stages, (4,), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.arrays["hidden.weight"], again.arrays["hidden.weight"])
    assert not np.array_equal(first.arrays["hidden.weight"], other.arrays["hidden.weight"])
    assert not first.arrays["hidden.bias"].any()


@pytest.mark.parametrize("name", ["convolution-dqn-relu-l1", "convolution-ppo-relu-l0"])
def test_scores_of_an_extractor_are_folded_into_the_layer_behind_it(name: str) -> None:
    """They are sums without an activation: as a stage of their own they would be clamped like all others."""
    agent = open_agent(name)
    draft = draft_of(agent.network)
    assert [stage.kind for stage in draft.stages][-2:] == ["slide", "dense"]
    observations = np.random.default_rng(0).integers(0, 2, (50, 2, 4, 4)).astype(np.uint8)
    assert np.array_equal(real_scores(draft, observations), agent.network.scores(observations))
