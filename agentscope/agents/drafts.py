"""A policy network as stages with real weights: what is to be rounded, pruned, or taught to a smaller copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64

from agentscope.agents.networks import SB3Network
from agentscope.errors import UnsupportedAgent
from agentscope.integers import SEEN, Stage, arrays_of

Reals = dict[str, Float64[np.ndarray, "..."]]
_BESIDE_COUNTS = 16.0  # what is added to counts shares their scale: fresh units must reach beyond 0, 1 and 2
READABLE = ("FlattenExtractor", "GridExtractor", "GridConvolutions", "PlacementExtractor")


@dataclass(frozen=True)
class Draft:
    """Stages without scales, with real weights.

    Attributes:
        stages: as of an IntegerNetwork, without shift, low and high.
        arrays: real weights by "stage.array".
        activation: ReLU or Tanh, of every weighing stage but the last, which gives the scores.
        observation: shape of one observation, channels first.
    """

    stages: tuple[Stage, ...]
    arrays: Mapping[str, Float64[np.ndarray, "..."]]
    activation: str
    observation: tuple[int, ...]


def draft_of(network: SB3Network) -> Draft:
    """The network itself as a draft: the same function, its preprocessing folded in.

    Raises: UnsupportedAgent: an extractor, activation or observation that integer stages do not hold.
    """
    spec = network.spec
    if spec.extractor not in READABLE or spec.activation not in ("ReLU", "Tanh"):
        raise UnsupportedAgent(
            f"{network.name} has {spec.extractor} and {spec.activation}; decompiling reads {', '.join(READABLE)} with "
            "ReLU or Tanh."
        )
    if spec.observation.is_image and spec.normalize_images:
        raise UnsupportedAgent(f"{network.name} divides images by 255, which no power-of-two scale holds exactly.")
    state = network.policy.state_dict()
    weights = {name: state[name].numpy().astype(np.float64) for name in network.weights()}
    stages, arrays = _extractor(network, weights)
    layers = _dense_layers(network, weights)
    if spec.extractor == "PlacementExtractor" and _is_identity(layers):
        return Draft(tuple(stages), arrays, "ReLU", network.observation_shape)
    if spec.extractor == "PlacementExtractor":
        if spec.activation != "ReLU" and len(layers) > 1:
            raise UnsupportedAgent(f"{network.name} mixes ReLU convolutions and {spec.activation} layers.")
        layers[0] = _folded(arrays.pop("scores.weight"), arrays.pop("scores.bias"), *layers[0])
        stages.pop()
    source = stages[-1].name if stages else SEEN
    if stages and stages[-1].kind == "whole":
        layers[0] = _unnormalised(network, *layers[0])
    for index, (weight, bias) in enumerate(layers, 1):
        name = "scores" if index == len(layers) else f"hidden_{index}"
        stages.append(Stage(name, "dense", (source,), {"units": len(bias)}))
        arrays |= {f"{name}.weight": weight, f"{name}.bias": bias}
        source = name
    return Draft(tuple(stages), arrays, spec.activation, network.observation_shape)


def _dense_layers(network: SB3Network, weights: Mapping[str, np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """(weight, bias) of each layer behind the extractor; of quantiles their mean."""
    spec = network.spec
    prefix = {"DQN": "q_net.q_net", "QRDQN": "quantile_net.quantile_net"}.get(
        spec.algorithm, "mlp_extractor.policy_net"
    )
    names = [f"{prefix}.{2 * i}" for i in range(len(spec.hidden) + (not spec.actor_critic))]
    names += ["action_net"] if spec.actor_critic else []
    layers = [(weights[f"{name}.weight"], weights[f"{name}.bias"]) for name in names]
    if spec.has_quantiles:
        weight, bias = layers[-1]
        layers[-1] = (
            weight.reshape(spec.quantiles, spec.actions, -1).mean(axis=0),
            bias.reshape(spec.quantiles, spec.actions).mean(axis=0),
        )
    return layers


def _is_identity(layers: Sequence[tuple[np.ndarray, np.ndarray]]) -> bool:
    """One layer that hands on what it gets: greedy actions are then those of the extractor's own scores."""
    weight, bias = layers[0]
    return len(layers) == 1 and np.array_equal(weight, np.eye(len(weight), weight.shape[1])) and not bias.any()


def _folded(
    rotations: np.ndarray, added: np.ndarray, weight: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A layer on scores by rotation and column as a layer on the channels that these are sums of."""
    by_place = weight.reshape(len(weight), len(rotations), -1)
    folded = np.einsum("hrc,rk->hkc", by_place, rotations[:, :, 0])
    return folded.reshape(len(weight), -1), bias + np.einsum("hrc,r->h", by_place, added)


def _unnormalised(network: SB3Network, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first layer with VecNormalize's mean and scale in its weights."""
    if network.normaliser is None:
        return weight, bias
    scale = np.sqrt(network.normaliser.variance + network.normaliser.epsilon).ravel()
    return weight / scale, bias - weight @ (network.normaliser.mean.ravel() / scale)


def _extractor(network: SB3Network, weights: Mapping[str, np.ndarray]) -> tuple[list[Stage], Reals]:
    spec = network.spec
    prefix = {"DQN": "q_net.", "QRDQN": "quantile_net."}.get(spec.algorithm, "")
    own = {name.removeprefix(f"{prefix}features_extractor."): value for name, value in weights.items()
           if name.startswith(f"{prefix}features_extractor.")}  # fmt: skip
    match spec.extractor:
        case "PlacementExtractor":
            return placement_stages(spec.extractor_kwargs, network.observation_shape, own)
        case "GridExtractor":
            return _grid(spec.extractor_kwargs, own)
        case "GridConvolutions":
            return _convolutions(spec.extractor_kwargs, own)
    kind = spec.observation
    if kind.kind == "Box" and np.dtype(kind.dtype).kind in "biu" and network.normaliser is None:
        return [], {}
    if kind.kind != "Box":
        raise UnsupportedAgent(f"{network.name} observes {kind}; decompiling reads Box observations.")
    return [Stage("input", "whole", (SEEN,))], {}


_GRID = ("objects", "colours", "states")


def _ids(kwargs: Mapping[str, int]) -> dict[str, int]:
    defaults = {"objects": 11, "colours": 6, "states": 4}
    return {kind: int(kwargs.get(kind, defaults[kind])) for kind in _GRID}


def _grid(kwargs: Mapping[str, int], own: Mapping[str, np.ndarray]) -> tuple[list[Stage], Reals]:
    reach = {"reach": int(kwargs["reach"])} if kwargs.get("reach") else {}
    if not kwargs.get("channels"):
        return [Stage("cells", "flags", (SEEN,), {**_ids(kwargs), **reach})], {}
    codes = Stage("codes", "codes", (SEEN,), {**_ids(kwargs), **reach})
    cells = Stage("cells", "lookup", ("codes",), {"channels": int(kwargs["channels"])})
    return [codes, cells], {"cells.table": own["cells.weight"]}


def _convolutions(kwargs: Mapping[str, int], own: Mapping[str, np.ndarray]) -> tuple[list[Stage], Reals]:
    stages, arrays = [Stage("planes", "planes", (SEEN,), _ids(kwargs))], Reals()
    channels, depth = int(kwargs.get("channels", 16)), int(kwargs.get("depth", 1))
    for index in range(depth):
        name = f"around_{index + 1}" if depth > 1 else "around"
        stages.append(Stage(name, "around", (stages[-1].name,), {"channels": channels}))
        arrays |= {f"{name}.{what}": own[f"convolutions.{2 * index}.{what}"] for what in ("weight", "bias")}
    return stages, arrays


def placement_stages(
    kwargs: Mapping[str, int], observation: tuple[int, ...], own: Mapping[str, np.ndarray]
) -> tuple[list[Stage], Reals]:
    """The stages of a PlacementExtractor without further planes, its weights renamed."""
    if kwargs.get("others"):
        raise UnsupportedAgent("PlacementExtractor with further planes is not decompiled: others=0 is.")
    width, patterns, kernel = (
        int(kwargs.get(k, d)) for k, d in (("channels", 64), ("piece_channels", 32), ("kernel", 5))
    )
    stages = [
        Stage("board", "plane", (SEEN,), {"index": 0}),
        Stage("falling", "plane", (SEEN,), {"index": 1}),
        Stage("row_counts", "counted", ("board",)),
        Stage("columns", "slide", ("board", "row_counts"), {"channels": width, "kernel": 3}),
        Stage("patterns", "match", ("falling",), {"channels": patterns}),
        Stage("piece", "dense", ("patterns",), {"units": patterns}),
        Stage("surface", "slide", ("columns", "piece"), {"channels": width, "kernel": kernel}),
        Stage("placement", "slide", ("surface",), {"channels": width, "kernel": kernel}),
        Stage("scores", "slide", ("placement",), {"channels": 4, "kernel": 1}),
    ]
    rows = observation[1]
    columns = own["columns.0.weight"].copy()
    columns[:, rows:] /= observation[2]  # the extractor reads shares of filled cells, the stage counts
    arrays = {
        "columns.weight": columns, "columns.bias": own["columns.0.bias"], "columns.outside": np.zeros(2 * rows),
        "patterns.weight": own["piece_filters.0.weight"][:, 0], "patterns.bias": own["piece_filters.0.bias"],
        "piece.weight": own["piece.0.weight"], "piece.bias": own["piece.0.bias"],
        "surface.weight": own["surface_convolution.weight"], "surface.everywhere": own["piece_gate.weight"],
        "surface.bias": own["surface_convolution.bias"] + own["piece_gate.bias"], "surface.outside": own["wall"][0],
        "placement.weight": own["placement.0.weight"], "placement.bias": own["placement.0.bias"],
        "placement.outside": own["wall"][1],
        "scores.weight": own["rotations.weight"], "scores.bias": own["rotations.bias"],
    }  # fmt: skip
    return stages, arrays


def fresh_draft(
    stages: Sequence[Stage], observation: tuple[int, ...], generator: torch.Generator, activation: str = "ReLU"
) -> Draft:
    """Stages with small random weights (He), to be taught by a network."""
    arrays: Reals = {}
    for name, shape in arrays_of(stages, observation).items():
        fan_in = int(np.prod(shape[1:])) if name.endswith((".weight", ".everywhere")) else 0
        spread = (2.0 / fan_in) ** 0.5 if fan_in else 0.3 if name.endswith(".table") else 0.0
        arrays[name] = (torch.randn(shape, generator=generator) * spread).numpy().astype(np.float64)
    for stage in stages:
        made = [source for source in stage.sources if f"{source}.weight" in arrays]
        if 0 < len(made) < len(stage.sources):
            for source in made:
                arrays[f"{source}.weight"] *= _BESIDE_COUNTS
            arrays[f"{stage.name}.everywhere"] /= _BESIDE_COUNTS
    return Draft(tuple(stages), arrays, activation, observation)
