"""From arrays to a Stable-Baselines3 model: the one page of this room that knows torch."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import stable_baselines3
import torch
from jaxtyping import Float32, Shaped
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from agentscope.compiling.records import CompiledAgent
from agentscope.errors import UnsupportedAgent

_SMALL = {"DQN": {"buffer_size": 1}, "PPO": {"n_steps": 2, "batch_size": 2}}
_HIDDEN = {"DQN": "q_net.q_net", "PPO": "mlp_extractor.policy_net"}
_FEATURES = {"DQN": ("q_net.features_extractor",), "PPO": ("features_extractor",)}


class _Spaces(gymnasium.Env[Any, Any]):
    """Nothing but the two spaces: a model asks its environment for them."""

    def __init__(self, agent: CompiledAgent) -> None:
        self.observation_space = agent.observation_space
        self.action_space = gymnasium.spaces.Discrete(agent.actions)


def build_model(agent: CompiledAgent, extractors: Mapping[str, type[BaseFeaturesExtractor]] | None = None) -> Any:
    """The agent as an SB3 model (DQN or PPO) that predicts, saves and trains on like any other.

    Args:
        extractors: features extractor classes by name, for agents that read through one.

    Raises: UnsupportedAgent: the agent reads through an extractor that was not handed in.
    """
    record = agent.record
    hidden = list(record.hidden)
    arguments: dict[str, Any] = {
        "net_arch": hidden if record.algorithm == "DQN" else {"pi": hidden, "vf": []},
        "activation_fn": getattr(torch.nn, record.activation),
    }
    if record.algorithm == "PPO":
        arguments["ortho_init"] = record.level == "random"  # costly, and in vain where the weights are written anyway
    if record.extractor != "FlattenExtractor":
        if record.extractor not in (extractors or {}):
            raise UnsupportedAgent(f"{agent.name} reads through {record.extractor}: pass the class in `extractors`.")
        arguments["features_extractor_class"] = (extractors or {})[record.extractor]
        arguments["features_extractor_kwargs"] = dict(record.extractor_kwargs)
    settings: dict[str, Any] = {"seed": record.seed or 0, "device": "cpu", "policy_kwargs": arguments}
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SB3 warns about batches that are too small to train with
        model = getattr(stable_baselines3, record.algorithm)(
            "MlpPolicy", _Spaces(agent), **settings, **_SMALL[record.algorithm]
        )
    if record.level != "random":
        _set(model.policy, _parameters(agent))
    model.policy.set_training_mode(False)
    return model


def scores_of(model: Any, observations: Shaped[np.ndarray, "states ..."]) -> Float32[np.ndarray, "states actions"]:
    """Q-values, or the output of `action_net`, of a DQN or PPO model, in one batch."""
    policy = model.policy
    with torch.no_grad():
        tensor, _ = policy.obs_to_tensor(observations)
        if hasattr(policy, "q_net"):
            scores = policy.q_net(tensor)
        else:
            features = policy.extract_features(tensor, policy.pi_features_extractor)
            scores = policy.action_net(policy.mlp_extractor.forward_actor(features))
    found: np.ndarray = scores.numpy()
    return found


def _parameters(agent: CompiledAgent) -> dict[str, np.ndarray]:
    """Every parameter on the way to the scores, by SB3's name."""
    algorithm = agent.record.algorithm
    found: dict[str, np.ndarray] = {}
    for index, layer in enumerate(agent.layers):
        last = index == len(agent.layers) - 1
        name = "action_net" if last and algorithm == "PPO" else f"{_HIDDEN[algorithm]}.{2 * index}"
        found[f"{name}.weight"], found[f"{name}.bias"] = layer.weight, layer.bias
    for prefix in _FEATURES[algorithm]:
        found |= {f"{prefix}.{name}": tensor for name, tensor in agent.sensor.tensors.items()}
    return found


def _set(policy: Any, parameters: Mapping[str, np.ndarray]) -> None:
    """Put the parameters in; a target network repeats the online one, and a critic is left at 0."""
    state = policy.state_dict()
    for name, tensor in state.items():
        source = name.replace("q_net_target.", "q_net.", 1)
        source = source.replace("pi_features_extractor.", "features_extractor.", 1)
        source = source.replace("vf_features_extractor.", "features_extractor.", 1)
        if source in parameters:
            value = torch.from_numpy(np.ascontiguousarray(parameters[source], dtype=np.float32))
        else:
            value = torch.zeros_like(tensor)
        assert value.shape == tensor.shape, f"{name} has shape {tuple(tensor.shape)}, compiled {tuple(value.shape)}"
        tensor.copy_(value)
    policy.load_state_dict(state)
