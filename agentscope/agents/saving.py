"""The only writer of SB3 zips: small, without code, machine paths or clock times; same network, same bytes.

SB3's own `save` stores schedules as code, addresses and start times. Here everything but classes and spaces is plain
JSON, the optimiser is a fresh one, and SB3's own `load` takes the result.
"""

from __future__ import annotations

import base64
import io
import json
import os
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import gymnasium
import numpy as np
import stable_baselines3
import torch

from agentscope.agents.building import build_policy, gymnasium_space, policy_arguments
from agentscope.agents.loading import network_from_model
from agentscope.agents.networks import SB3Network
from agentscope.agents.policies import EXTRACTORS, PolicySpec
from agentscope.errors import BadOption, UnsupportedAgent

_SCALARS = (
    "gamma", "learning_rate", "num_timesteps", "_total_timesteps", "seed", "batch_size", "tau", "gradient_steps",
    "learning_starts", "target_update_interval", "exploration_initial_eps", "exploration_final_eps",
    "exploration_fraction", "max_grad_norm", "n_steps", "gae_lambda", "ent_coef", "vf_coef", "n_epochs",
    "normalize_advantage", "target_kl", "_n_updates", "_episode_num",
)  # fmt: skip
_BUFFER = 10_000  # SB3 allocates a DQN's replay buffer on load; who trains on passes buffer_size


def save_agent(agent: SB3Network | Any, path: str | Path) -> None:
    """Write a network, or an SB3 model in memory, as an SB3 zip.

    Raises: as `agent_zip`.
    """
    content = agent_zip(agent)
    part = Path(path).with_name(Path(path).name + ".part")
    part.write_bytes(content)
    os.replace(part, path)  # never half a zip


def agent_zip(agent: SB3Network | Any) -> bytes:
    """What `save_agent` writes.

    Raises: UnsupportedAgent: an extractor class that a zip could only hold as code. BadOption: the network has
        VecNormalize statistics or patches, which no SB3 zip holds.
    """
    model = None if isinstance(agent, SB3Network) else agent
    network = agent if model is None else network_from_model(agent)
    if network.spec.extractor not in EXTRACTORS.values():
        raise UnsupportedAgent(f"{network.spec.extractor} is not importable by others; SB3 would store it as code.")
    if network.patches or (model is None and network.normaliser is not None):
        raise BadOption("An SB3 zip holds neither patches nor VecNormalize statistics: save the plain network.")
    members = {
        "data": json.dumps(_data(network.spec, model), indent=1).encode(),
        "policy.pth": _saved(_state(network)),
        "policy.optimizer.pth": _saved(_optimiser(network, model)),
        "_stable_baselines3_version": stable_baselines3.__version__.encode(),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def _saved(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def _state(network: SB3Network) -> OrderedDict[str, torch.Tensor]:
    """The policy's state; a target network repeats the online one, whose storage it then shares."""
    state = network.policy.state_dict()
    for name in state:
        online = name.replace("q_net_target.", "q_net.", 1).replace("quantile_net_target.", "quantile_net.", 1)
        state[name] = state[online]
    return OrderedDict((name, tensor.detach()) for name, tensor in state.items())


def _optimiser(network: SB3Network, model: Any) -> Any:
    optimiser: Any = build_policy(network.spec, 0).optimizer
    rate = getattr(model, "learning_rate", None)
    for group in optimiser.param_groups:
        group["lr"] = rate if isinstance(rate, float) else 3e-4
    return optimiser.state_dict()


def _blob(value: Any, text: Mapping[str, Any]) -> dict[str, Any]:
    serialized = base64.b64encode(cloudpickle.dumps(value)).decode()
    return {":type:": str(type(value)), ":serialized:": serialized, **text}


def _space_blob(space: gymnasium.Space[Any]) -> dict[str, Any]:
    if isinstance(space, gymnasium.spaces.Discrete):
        return _blob(space, {"n": str(space.n), "start": str(space.start)})
    assert isinstance(space, gymnasium.spaces.Box)
    bounds = {"low": str(space.low), "high": str(space.high)}
    return _blob(space, {"dtype": str(space.dtype), "_shape": list(space.shape), **bounds})


def _data(spec: PolicySpec, model: Any) -> dict[str, Any]:
    policy_class = type(build_policy(spec, 0, trains=False))
    arguments = policy_arguments(spec)
    text = {key: value if _is_json(value) else str(value) for key, value in arguments.items()}
    data: dict[str, Any] = {
        "policy_class": _blob(
            policy_class,
            {"__module__": policy_class.__module__, "__init__": f"<function {policy_class.__name__}.__init__>"},
        ),
        "policy_kwargs": _blob(arguments, text),
        "observation_space": _space_blob(gymnasium_space(spec.observation)),
        "action_space": _space_blob(gymnasium.spaces.Discrete(spec.actions)),
        "n_envs": 1,
        "verbose": 0,
    }
    for key in _SCALARS:
        value = getattr(model, key, None)
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, bool | int | float):
            data[key] = value
    if not spec.actor_critic:
        data["buffer_size"] = _BUFFER
    if spec.algorithm == "PPO":
        data.setdefault("n_epochs", 10)  # what tells PPO from A2C: their policies are one class
    return data


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True
