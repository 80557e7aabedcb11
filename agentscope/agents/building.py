"""From a policy's record to SB3's own policy module: sizes are checked before anything large is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import torch
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.qrdqn.policies import QRDQNPolicy
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor, NatureCNN
from stable_baselines3.dqn.policies import DQNPolicy

from agentscope.agents import extractors as ours
from agentscope.agents.boards import BoardExtractor
from agentscope.agents.plain import plain_text
from agentscope.agents.policies import PolicySpec
from agentscope.agents.spaces import Space
from agentscope.agents.tensors import MAX_ELEMENTS
from agentscope.errors import BadOption, RefusedFile

_POLICIES: dict[str, type[BasePolicy]] = {
    "DQN": DQNPolicy,
    "QRDQN": QRDQNPolicy,
    "PPO": ActorCriticPolicy,
    "A2C": ActorCriticPolicy,
    "MaskablePPO": MaskableActorCriticPolicy,
}
EXTRACTOR_CLASSES: dict[str, type[BaseFeaturesExtractor]] = {
    "FlattenExtractor": FlattenExtractor,
    "NatureCNN": NatureCNN,
    "GridExtractor": ours.GridExtractor,
    "GridConvolutions": ours.GridConvolutions,
    "PlacementExtractor": ours.PlacementExtractor,
    "QuantisedExtractor": ours.QuantisedExtractor,
    "BoardExtractor": BoardExtractor,
}

_UNSOUND = (RuntimeError, ValueError, TypeError, AssertionError, OverflowError, BadOption)  # what odd arguments raise


def gymnasium_space(space: Space) -> gymnasium.Space[Any]:
    """The space as SB3 takes it."""
    if space.kind == "Discrete":
        return gymnasium.spaces.Discrete(space.n)
    assert space.low is not None and space.high is not None
    return gymnasium.spaces.Box(space.low, space.high, shape=space.shape, dtype=np.dtype(space.dtype).type)


def extractor_class(spec: PolicySpec, own: Mapping[str, type] | None = None) -> type[BaseFeaturesExtractor]:
    """The class of a record's features extractor: SB3's, ours, or one that the user passed in."""
    return EXTRACTOR_CLASSES.get(spec.extractor) or (own or {})[spec.extractor]


def policy_arguments(spec: PolicySpec, own: Mapping[str, type] | None = None) -> dict[str, Any]:
    """Keyword arguments that make SB3 build this policy (its `policy_kwargs`)."""
    arguments: dict[str, Any] = {
        "net_arch": list(spec.hidden),
        "activation_fn": getattr(torch.nn, spec.activation),
        "features_extractor_class": extractor_class(spec, own),
        "features_extractor_kwargs": dict(spec.extractor_kwargs),
        "normalize_images": spec.normalize_images,
    }
    if spec.algorithm == "QRDQN":
        arguments["n_quantiles"] = spec.quantiles
    if spec.actor_critic:
        arguments["net_arch"] = {"pi": list(spec.hidden), "vf": list(spec.value_hidden)}
        arguments["share_features_extractor"] = spec.share_extractor
        arguments["ortho_init"] = spec.ortho_init
    return arguments


class NoOptimiser:
    """In the place of an optimiser that nobody steps: torch imports its compiler for a real one, over a second long."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter], lr: float = 0.0) -> None: ...


def build_policy(
    spec: PolicySpec, seed: int, own: Mapping[str, type] | None = None, *, trains: bool = True
) -> BasePolicy:
    """A fresh policy with SB3's own initialisation; torch's global random stream is left as it was.

    Args:
        trains: it gets the optimiser that SB3 gives it.
    """
    optimiser: dict[str, Any] = {} if trains else {"optimizer_class": NoOptimiser}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        policy = _POLICIES[spec.algorithm](
            gymnasium_space(spec.observation),
            gymnasium.spaces.Discrete(spec.actions),
            lambda _: 0.0,
            **policy_arguments(spec, own),
            **optimiser,
        )
    policy.set_training_mode(False)
    return policy


def load_policy(
    spec: PolicySpec, tensors: Mapping[str, np.ndarray], own: Mapping[str, type] | None = None
) -> BasePolicy:
    """The policy with a file's parameters.

    Raises: RefusedFile: the parameters do not fit the architecture that the file states.
    """
    _check_extractor(spec, tensors, own)
    try:
        policy = build_policy(replace(spec, ortho_init=False), 0, own, trains=False)  # its weights are replaced at once
    except _UNSOUND as error:
        raise _misfit(error) from None
    state = {name: torch.from_numpy(np.array(tensor)) for name, tensor in tensors.items()}
    if spec.actor_critic and spec.share_extractor:  # SB3 before 1.7 stored a shared extractor under one name only
        for name in [name for name in state if name.startswith("features_extractor.")]:
            for prefix in ("pi_", "vf_"):
                state.setdefault(prefix + name, state[name])
    try:
        policy.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise _misfit(error) from None
    policy.set_training_mode(False)
    return policy


def _misfit(error: Exception) -> RefusedFile:
    return RefusedFile(
        f"policy.pth does not fit the architecture that the zip states ({plain_text(error, 160)}) (docs/loader.md)."
    )


def _check_extractor(spec: PolicySpec, tensors: Mapping[str, np.ndarray], own: Mapping[str, type] | None) -> None:
    """Build a known extractor without memory first, and compare every shape with the file's.

    A stranger's arguments could ask for a layer of any size; a layer on torch's meta device has none.
    """
    if spec.extractor not in EXTRACTOR_CLASSES:
        return
    net = {"DQN": "q_net.", "QRDQN": "quantile_net."}.get(spec.algorithm, "")
    first = {"DQN": "q_net.q_net.0", "QRDQN": "quantile_net.quantile_net.0"}.get(
        spec.algorithm, "mlp_extractor.policy_net.0" if spec.hidden else "action_net"
    )
    try:
        with torch.device("meta"):
            extractor = extractor_class(spec, own)(gymnasium_space(spec.observation), **spec.extractor_kwargs)
        features = extractor.features_dim
    except (*_UNSOUND, IndexError, AttributeError) as error:
        raise _misfit(error) from None
    held = sum(tensor.numel() for tensor in (*extractor.parameters(), *extractor.buffers()))
    if held > MAX_ELEMENTS:
        raise _misfit(ValueError(f"the extractor would hold {held} numbers, {MAX_ELEMENTS} are allowed"))
    prefix = f"{net}features_extractor."
    wanted = {prefix + name: tuple(tensor.shape) for name, tensor in extractor.state_dict().items()}
    found = {name: tensor.shape for name, tensor in tensors.items() if name.startswith(prefix)}
    wanted[f"{first}.weight"] = (-1, features)
    for name, shape in wanted.items():
        actual = tensors[name].shape if name in tensors else None
        if actual is None or actual[-1:] != shape[-1:] or (shape[:1] != (-1,) and actual != shape):
            raise _misfit(ValueError(f"{name} should have shape {shape}, found {actual}"))
    if len(found) > len(wanted):
        raise _misfit(ValueError(f"{len(found)} tensors in the extractor, {len(wanted) - 1} expected"))
