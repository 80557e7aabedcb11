"""Integer networks as SB3 agents, and back: one saves what the other reads, number by number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import A2C, DQN, PPO

from agentscope.agents.building import build_policy
from agentscope.agents.extractors import QuantisedExtractor
from agentscope.agents.networks import SB3Network
from agentscope.agents.pathways import one_thread
from agentscope.errors import UnsupportedAgent
from agentscope.integers import IntegerNetwork, Stage

_AT_ONCE = 4_096  # observations that SB3 is asked about together
_LARGEST_EXPONENT = 40  # a scale of 2**-40 times a whole number is still an ordinary float32


def deployed(integers: IntegerNetwork, original: SB3Network, *, name: str, logit_exponent: int = 0) -> SB3Network:
    """The integer network as a policy that SB3 itself saves and loads, with the original's algorithm and spaces.

    Args:
        logit_exponent: scores are divided by 2**logit_exponent in the last layer, so that a sampled actor-critic draws
            about as the original did; greedy actions do not depend on it.
    """
    last = integers.stages[-1]
    headed = last.kind == "dense" and len(integers.stages) > 1 and last.sources == (integers.stages[-2].name,)
    stages = integers.stages[:-1] if headed else integers.stages
    spec = replace(
        original.spec, extractor="QuantisedExtractor", extractor_kwargs={"plan": [stage.to_text() for stage in stages]},
        hidden=(), value_hidden=(), quantiles=1, share_extractor=True, normalize_images=False,
        algorithm="DQN" if original.spec.algorithm == "QRDQN" else original.spec.algorithm,
    )  # fmt: skip
    policy = build_policy(spec, 0)
    network = SB3Network(name, "", spec, policy)
    extractor, head = network.pathway.extractor, network.pathway.head
    assert isinstance(extractor, QuantisedExtractor)
    with torch.no_grad():
        for stage in stages:
            for array, values in integers.of(stage.name).items():
                extractor.get_buffer(f"{stage.name}__{array}").copy_(torch.from_numpy(values))
        weight, bias = (integers.of(last.name)[part] for part in ("weight", "bias")) if headed else _identity(head)
        head.get_parameter("weight").copy_(torch.from_numpy(weight / 2.0**logit_exponent))
        head.get_parameter("bias").copy_(torch.from_numpy(bias / 2.0**logit_exponent))
        for parameter_name, parameter in policy.named_parameters():
            if parameter_name.startswith("value_net"):
                parameter.zero_()  # nothing was taught about values
    return network


def _identity(head: torch.nn.Module) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = head.get_parameter("weight").shape
    assert rows == columns, "scores without a layer of their own are one an action"
    return np.eye(rows), np.zeros(rows)


def actions_in_sb3(path: Path, algorithm: str, observations: np.ndarray) -> np.ndarray:
    """What SB3 itself, loading the zip that we have just written, chooses greedily, without any mask.

    SB3's loader runs code from the file: never hand it a stranger's.
    """
    loaders: dict[str, Any] = {"DQN": DQN, "PPO": PPO, "A2C": A2C, "MaskablePPO": MaskablePPO}
    model = loaders[algorithm].load(path, device="cpu")
    with one_thread():
        parts = [model.predict(observations[start : start + _AT_ONCE], deterministic=True)[0]
                 for start in range(0, len(observations), _AT_ONCE)]  # fmt: skip
    return np.concatenate(parts).astype(np.int64)


def integers_of(network: SB3Network) -> IntegerNetwork:
    """The whole numbers of an agent with a QuantisedExtractor.

    Raises: UnsupportedAgent: another extractor, or weights that are not whole numbers times one power of two.
    """
    extractor = network.pathway.extractor
    if not isinstance(extractor, QuantisedExtractor) or network.spec.hidden or network.normaliser is not None:
        raise UnsupportedAgent(f"{network.name} is no simplified network: `agentscope decompile` makes one of it.")
    arrays = {}
    for stage in extractor.stages:
        for name, values in extractor.arrays(stage.name).items():
            arrays[f"{stage.name}.{name}"] = values.numpy().astype(np.float64)
    weight, bias = (network.pathway.head.get_parameter(part).detach().numpy().astype(np.float64)
                    for part in ("weight", "bias"))  # fmt: skip
    exponent = next((e for e in range(_LARGEST_EXPONENT) if _whole(weight * 2.0**e) and _whole(bias * 2.0**e)), None)
    if exponent is None or not all(_whole(values) for values in arrays.values()):
        raise UnsupportedAgent(f"{network.name} has a QuantisedExtractor, but its weights are no whole numbers.")
    stages = extractor.stages
    if not np.array_equal(weight * 2.0**exponent, np.eye(*weight.shape)) or bias.any() or stages[-1].name != "scores":
        stages = (*stages, Stage("scores", "dense", (stages[-1].name,), {"units": len(bias)}))
        arrays |= {"scores.weight": weight * 2.0**exponent, "scores.bias": bias * 2.0**exponent}
    whole = {name: np.rint(values).astype(np.int64) for name, values in arrays.items()}
    return IntegerNetwork(stages, whole, network.observation_shape)


def _whole(values: np.ndarray) -> bool:
    return bool(np.isfinite(values).all() and (values == np.rint(values)).all())
