"""Networks without some of their units, as weights: what an ablation does while it runs, made into a file SB3 loads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from stable_baselines3.common.torch_layers import NatureCNN
from torch import nn

from agentscope.agents.building import load_policy
from agentscope.agents.extractors import PlacementExtractor
from agentscope.agents.networks import SB3Network
from agentscope.errors import BadOption, UnsupportedAgent

Arrays = dict[str, np.ndarray]
_SHARED = ("features_extractor.", "pi_features_extractor.", "vf_features_extractor.")


def without_units(network: SB3Network, layer: str, held: Mapping[int, tuple[float, float]]) -> SB3Network:
    """A network that plays as if these units of a layer were held within bounds, by weights alone.

    A unit that is held still gives its value to the biases of the dense layer that reads it, and its weights become 0;
    a whole channel of a convolution becomes its own bias. A ReLU unit held between low and high is two units:
    max(low, min(y, high)) = low + relu(z - low) - relu(z - high), where y = relu(z) and low >= 0; its layer grows by
    one unit. Equal to the ablation but for rounding; on states where every unit is within its bounds, to the original.

    Args:
        held: least and greatest value by index in the flattened layer; infinite where there is no bound.
    Returns: a network that `save_agent` writes; its sha256 is empty until then.
    Raises: BadOption: no such layer or unit, or a network with patches. UnsupportedAgent: weights cannot say it: bounds
        on units that are not dense ReLU units, or single positions of a convolution that no dense layer reads.
    """
    _check(network, layer, held)
    arrays = {name: tensor.numpy().copy() for name, tensor in network.policy.state_dict().items()}
    still = {unit: low for unit, (low, high) in held.items() if low == high}
    bounded = {unit: bounds for unit, bounds in held.items() if bounds[0] < bounds[1]}
    spec = network.spec
    if still and network.dense_after(layer) is not None:
        _fold(arrays, _names(network, layer)[1], still)
    elif still:
        _still_channels(network, arrays, layer, still)
    if bounded:
        made, read = _names(network, layer)
        if made is None or spec.activation != "ReLU":
            raise UnsupportedAgent(
                f"{layer} of {network.name} is held between two bounds, which weights can say of dense ReLU layers "
                "only: hold its units still (the clean mean), or patch the network as it runs."
            )
        _widen(arrays, made, read, bounded)
        number = int(layer.rsplit("_", 1)[1]) - 1
        hidden = tuple(width + len(bounded) * (at == number) for at, width in enumerate(spec.hidden))
        spec = replace(spec, hidden=hidden)
    own = {spec.extractor: type(network.pathway.extractor)}
    policy = load_policy(spec, _mirrored(network, arrays), own)
    return replace(network, name=f"{network.name}-cut", sha256="", spec=spec, policy=policy)


def _check(network: SB3Network, layer: str, held: Mapping[int, tuple[float, float]]) -> None:
    shapes = {known.name: known.shape for known in network.layers if known.name != "scores"}
    if layer not in shapes:
        raise BadOption(f"The network {network.name} has no layer {layer!r} to cut; it has {', '.join(shapes)}.")
    if network.patches:
        raise BadOption(f"The network {network.name} has patches, which weights do not hold: cut the plain network.")
    wide = int(np.prod(shapes[layer]))
    for unit, (low, high) in held.items():
        if not (0 <= unit < wide and low <= high):
            raise BadOption(
                f"{layer}[{unit}] held from {low} to {high}: {layer} has units 0 to {wide - 1}, low <= high."
            )


def _names(network: SB3Network, layer: str) -> tuple[str | None, str]:
    """Names of the linear map that makes a dense layer (None before the first) and of the one that reads it."""
    root = {"DQN": "q_net.q_net", "QRDQN": "quantile_net.quantile_net"}.get(network.algorithm)
    count = len(network.spec.hidden)
    inner = [f"{root or 'mlp_extractor.policy_net'}.{2 * at}" for at in range(count)]
    maps = [*inner, f"{root}.{2 * count}" if root else "action_net"]
    order = [name for name, _, _ in network.pathway.layers]
    at = order.index(layer) - (len(order) - count - 2)  # 0 for the extractor's last layer, 1 for hidden_1
    return (maps[at - 1] if at > 0 else None), maps[max(at, 0)]


def _fold(arrays: Arrays, read: str, still: Mapping[int, float]) -> None:
    """Constants times their weights go into the reader's biases."""
    units = list(still)
    weights = arrays[f"{read}.weight"]
    arrays[f"{read}.bias"] += (weights[:, units].astype(np.float64) @ np.array(list(still.values()))).astype(np.float32)
    weights[:, units] = 0.0


def _widen(arrays: Arrays, made: str, read: str, bounded: Mapping[int, tuple[float, float]]) -> None:
    """Each bounded unit starts at its least value, and a new unit takes away what lies above its greatest."""
    weights, bias = arrays[f"{made}.weight"], arrays[f"{made}.bias"]
    readers = arrays[f"{read}.weight"]
    units = np.array(list(bounded))
    low, high = (np.array(side, dtype=np.float32) for side in zip(*bounded.values(), strict=True))
    low = np.maximum(low, 0.0)  # a ReLU unit is never below 0
    beyond = np.where(np.isfinite(high), high, 0.0)
    arrays[f"{made}.weight"] = np.concatenate([weights, weights[units] * np.isfinite(high)[:, None]])
    arrays[f"{made}.bias"] = np.concatenate([bias, np.where(np.isfinite(high), bias[units] - beyond, 0.0)])
    arrays[f"{made}.bias"][units] -= low
    arrays[f"{read}.weight"] = np.concatenate([readers, -readers[:, units]], axis=1)
    arrays[f"{read}.bias"] += readers[:, units] @ low


def _still_channels(network: SB3Network, arrays: Arrays, layer: str, still: Mapping[int, float]) -> None:
    """Whole channels of a convolution with ReLU: no weights, and the constant as their bias."""
    shape = next(known.shape for known in network.layers if known.name == layer)
    size = int(np.prod(shape[1:]))
    values: dict[int, set[float]] = {}
    for unit, value in still.items():
        values.setdefault(unit // size, set()).add(value)
    whole = all(channel * size + at in still for channel in values for at in range(size))
    makers = _makers(network, layer)
    if not makers or not whole or any(len(held) > 1 or min(held) < 0 for held in values.values()):
        raise UnsupportedAgent(
            f"Units of {layer} of {network.name} cannot be cut by weights: the same weights serve all positions, so "
            "only whole channels can be held still, each at one value. Patch the network as it runs."
        )
    for rank, module in enumerate(makers):
        name = next(known for known, each in network.policy.named_modules() if each is module)
        for channel, held in values.items():
            arrays[f"{name}.weight"][channel] = 0.0
            arrays[f"{name}.bias"][channel] = min(held) if rank == 0 else 0.0


def _makers(network: SB3Network, layer: str) -> tuple[nn.Module, ...]:
    """The modules with weights whose sum is what the layer's ReLU gets; none where that is not known."""
    extractor = network.pathway.extractor
    module = next(each for name, each, _ in network.pathway.layers if name == layer)
    if isinstance(extractor, PlacementExtractor) and layer == "surface":
        gates = (extractor.piece_gate, extractor.other_gate)
        return (extractor.surface_convolution, *(gate for gate in gates if gate is not None))
    if isinstance(module, nn.Sequential) and len(module) >= 2 and isinstance(module[-1], nn.ReLU):
        return (module[-2],)
    if isinstance(extractor, NatureCNN) and isinstance(module, nn.ReLU):
        stages = list(extractor.cnn)
        return (stages[next(at for at, each in enumerate(stages) if each is module) - 1],)
    return ()


def _mirrored(network: SB3Network, arrays: Arrays) -> Arrays:
    """A DQN's target network repeats the online one, a shared extractor stands under three names."""
    found = dict(arrays)
    for name in arrays:
        online = name.replace("q_net_target.", "q_net.", 1).replace("quantile_net_target.", "quantile_net.", 1)
        found[name] = arrays[online]
        if network.spec.actor_critic and network.spec.share_extractor and name.startswith(_SHARED):
            found[name] = arrays[_SHARED[0] + name.split(".", 1)[1]]
    return found
