"""From an SB3 zip, or a model in memory, to a network: read inertly, built from its shapes, loaded strictly."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from agentscope.agents.building import extractor_class, load_policy
from agentscope.agents.networks import SB3Network
from agentscope.agents.normalising import Normaliser, read_normaliser
from agentscope.agents.plain import plain_text
from agentscope.agents.policies import ALGORITHMS, SUPPORTED, PolicySpec, read_spec
from agentscope.agents.spaces import Space
from agentscope.agents.suspicion import code_notices
from agentscope.agents.zips import ZipContents, read_zip
from agentscope.contracts import AgentNotice
from agentscope.errors import RefusedFile, UnsupportedAgent


def load_network(
    path: str | Path | bytes,
    *,
    vecnormalize: str | Path | None = None,
    extractor_classes: Sequence[type] = (),
    trust: bool = False,
    name: str | None = None,
) -> SB3Network:
    """The policy network of an SB3 zip, without running anything that the zip holds.

    Args:
        path: the file, or its bytes.
        vecnormalize: VecNormalize statistics (.pkl read inertly, .npz or .json).
        extractor_classes: your own features extractor classes, where the zip names one.
        trust: let SB3's own loader read the file, which runs code from it; noted in `notices`.
        name: what reports call the agent; by default the file's name.

    Raises: RefusedFile: damage or surprise. UnsupportedAgent: sound, but not an agent that AgentScope reads.
    """
    contents = read_zip(path)
    title = plain_text(name or ("agent" if isinstance(path, bytes) else Path(path).stem), 60)
    if trust:
        network = replace(_trusted(path, contents), name=title, sha256=contents.sha256)
    else:
        own = {cls.__name__: cls for cls in extractor_classes}
        spec, notices = read_spec(contents, tuple(own))
        network = SB3Network(title, contents.sha256, spec, load_policy(spec, contents.tensors, own), notices)
    if vecnormalize is None:
        return network
    return replace(network, normaliser=read_normaliser(vecnormalize, network.observation_shape))


def _algorithm_class(contents: ZipContents) -> Any:
    """The SB3 class whose zip this is, by the names of its tensors and hyperparameters."""
    import sb3_contrib
    import stable_baselines3

    names = "".join(contents.tensors)
    if "quantile_net" in names:
        return sb3_contrib.QRDQN
    if "q_net" in names:
        return stable_baselines3.DQN
    if "maskable" in str(contents.data.get("policy_class")):
        return sb3_contrib.MaskablePPO
    return stable_baselines3.PPO if "n_epochs" in contents.data else stable_baselines3.A2C


def _trusted(path: str | Path | bytes, contents: ZipContents) -> SB3Network:
    """What SB3's own loader makes of the file, code and all."""
    file: Any = io.BytesIO(path) if isinstance(path, bytes) else str(path)
    small = {"buffer_size": 1} if "buffer_size" in contents.data else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SB3 warns about old files; the notice says who read it
            model = _algorithm_class(contents).load(file, device="cpu", custom_objects=small)
    except Exception as error:  # whatever a stranger's code raises
        raise RefusedFile(f"SB3's own loader failed on the zip ({plain_text(error, 200)}).") from error
    read_by = AgentNotice("trusted", "info", "Read by SB3's own loader (--trust), which ran the file's code.")
    return replace(network_from_model(model), notices=(read_by, *code_notices(contents, ())))


def network_from_model(model: Any, *, name: str = "agent") -> SB3Network:
    """The policy network of an SB3 model in memory, copied, with the VecNormalize statistics of its environment.

    Raises: UnsupportedAgent: another algorithm or space than AgentScope reads.
    """
    algorithm = type(model).__name__
    if algorithm not in ALGORITHMS:
        raise UnsupportedAgent(f"The model is {plain_text(algorithm)}; {SUPPORTED}.")
    spec = _spec_of(model, algorithm)
    tensors = {key: value.detach().cpu().numpy() for key, value in model.policy.state_dict().items()}
    own = {spec.extractor: model.policy.features_extractor_class}
    if extractor_class(spec, own) is not own[spec.extractor]:
        raise UnsupportedAgent(
            f"The model's features extractor is called {spec.extractor} like another one: rename it."
        )
    policy = load_policy(spec, tensors, own)
    return SB3Network(name, _digest(spec, tensors), spec, policy, (), _normaliser_of(model))


def _space_of(space: Any, what: str) -> Space:
    import gymnasium

    if isinstance(space, gymnasium.spaces.Discrete) and int(space.start) == 0:
        return Space("Discrete", n=int(space.n))
    if isinstance(space, gymnasium.spaces.Box) and what == "observation_space":
        return Space("Box", tuple(space.shape), space.dtype.name, space.low, space.high)
    raise UnsupportedAgent(
        f"{what} is {plain_text(space)}; AgentScope reads Box and Discrete observations and Discrete actions."
    )


def _spec_of(model: Any, algorithm: str) -> PolicySpec:
    policy = model.policy
    net_arch = policy.net_arch
    widths = net_arch.get("pi", []) if isinstance(net_arch, dict) else net_arch
    values = net_arch.get("vf", []) if isinstance(net_arch, dict) else net_arch
    actor_critic = algorithm not in ("DQN", "QRDQN")
    return PolicySpec(
        algorithm=algorithm,
        observation=_space_of(model.observation_space, "observation_space"),
        actions=_space_of(model.action_space, "action_space").n,
        hidden=tuple(widths),
        activation=policy.activation_fn.__name__,
        value_hidden=tuple(values) if actor_critic else (),
        extractor=policy.features_extractor_class.__name__,
        extractor_kwargs=dict(policy.features_extractor_kwargs or {}),
        normalize_images=bool(policy.normalize_images),
        share_extractor=bool(getattr(policy, "share_features_extractor", True)),
        ortho_init=bool(getattr(policy, "ortho_init", True)),
        quantiles=int(getattr(policy, "n_quantiles", 1)),
    )


def _digest(spec: PolicySpec, tensors: dict[str, np.ndarray]) -> str:
    """A name for a network that no file holds: sha256 of its architecture and parameters."""
    digest = hashlib.sha256(repr((spec.algorithm, str(spec.observation), spec.actions, spec.activation)).encode())
    for key in sorted(tensors):
        digest.update(key.encode())
        digest.update(np.ascontiguousarray(tensors[key]).tobytes())
    return digest.hexdigest()


def _normaliser_of(model: Any) -> Normaliser | None:
    env = model.get_vec_normalize_env()
    if env is None or not env.norm_obs:
        return None
    moments = env.obs_rms
    return Normaliser(np.array(moments.mean), np.array(moments.var), float(env.epsilon), float(env.clip_obs))
