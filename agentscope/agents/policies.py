"""What a zip says about its policy: algorithm, spaces, architecture, as a record that no code was run for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agentscope.agents.pickles import Name, Parsed
from agentscope.agents.plain import plain_text
from agentscope.agents.spaces import Space, read_space, space_differences
from agentscope.agents.suspicion import check_names, code_notices
from agentscope.agents.values import by_value, class_name, python_text, refused
from agentscope.agents.zips import ZipContents
from agentscope.contracts import AgentNotice
from agentscope.errors import RefusedFile, UnsupportedAgent

ALGORITHMS = ("DQN", "QRDQN", "PPO", "A2C", "MaskablePPO")
SUPPORTED = "AgentScope reads " + ", ".join(ALGORITHMS) + " with MlpPolicy or CnnPolicy"
_POLICIES = {
    "stable_baselines3.dqn.policies.DQNPolicy": ("DQN", False),
    "stable_baselines3.dqn.policies.CnnPolicy": ("DQN", True),
    "sb3_contrib.qrdqn.policies.QRDQNPolicy": ("QRDQN", False),
    "sb3_contrib.qrdqn.policies.CnnPolicy": ("QRDQN", True),
    "stable_baselines3.common.policies.ActorCriticPolicy": ("A2C", False),
    "stable_baselines3.common.policies.ActorCriticCnnPolicy": ("A2C", True),
    "sb3_contrib.common.maskable.policies.MaskableActorCriticPolicy": ("MaskablePPO", False),
    "sb3_contrib.common.maskable.policies.MaskableActorCriticCnnPolicy": ("MaskablePPO", True),
}
_LAYERS = "stable_baselines3.common.torch_layers."
_OURS = "agentscope.agents.extractors."
_BOARDS = "agentscope.agents.boards."
EXTRACTORS = {
    _LAYERS + "FlattenExtractor": "FlattenExtractor",
    _LAYERS + "NatureCNN": "NatureCNN",
    **{
        _OURS + name: name for name in ("GridConvolutions", "GridExtractor", "PlacementExtractor", "QuantisedExtractor")
    },
    _BOARDS + "BoardExtractor": "BoardExtractor",
}
ACTIVATIONS = (
    "ReLU", "Tanh", "ELU", "LeakyReLU", "SiLU", "GELU", "Sigmoid", "SELU", "CELU", "Softplus", "Softsign", "Mish",
    "Hardtanh", "ReLU6", "Hardswish", "LogSigmoid",
)  # fmt: skip
_NEEDED = ("policy_class", "policy_kwargs", "observation_space", "action_space")
_IGNORED = {
    "optimizer_class", "optimizer_kwargs", "log_std_init", "full_std", "sde_net_arch", "use_expln", "squash_output",
    "use_sde", "device", "net_arch", "activation_fn", "features_extractor_class", "features_extractor_kwargs",
    "normalize_images", "share_features_extractor", "ortho_init", "n_quantiles",
}  # fmt: skip


@dataclass(frozen=True)
class PolicySpec:
    """All that is needed to build a policy network afresh.

    Attributes:
        hidden: widths of the hidden layers on the way to the scores.
        value_hidden: those on the way to an actor-critic's value.
        extractor: class name; `extractor_kwargs` its arguments.
        quantiles: of QRDQN, else 1.
    """

    algorithm: str
    observation: Space
    actions: int
    hidden: tuple[int, ...]
    activation: str
    value_hidden: tuple[int, ...] = ()
    extractor: str = "FlattenExtractor"
    extractor_kwargs: Mapping[str, Any] = field(default_factory=dict)
    normalize_images: bool = True
    share_extractor: bool = True
    ortho_init: bool = True
    quantiles: int = 1

    @property
    def actor_critic(self) -> bool:
        """Whether the scores are the logits of an actor rather than Q-values."""
        return self.algorithm not in ("DQN", "QRDQN")

    @property
    def has_quantiles(self) -> bool:
        """Whether each score is a mean over quantiles."""
        return self.quantiles > 1 or self.algorithm == "QRDQN"


def read_spec(contents: ZipContents, extractors: Sequence[str] = ()) -> tuple[PolicySpec, tuple[AgentNotice, ...]]:
    """The policy's record and what was odd about it.

    Args:
        extractors: names of classes that the user passes in, beside SB3's and ours.

    Raises: UnsupportedAgent: a sound file of another algorithm, policy, space or class. RefusedFile: damage.
    """
    for key in _NEEDED:
        if not isinstance(contents.data.get(key), dict):
            raise RefusedFile(f"the zip is refused: its JSON has no {key!r}, so it is no SB3 agent (docs/loader.md).")
    blobs = {key: contents.blob(key) for key in _NEEDED if contents.is_blob(key)}
    algorithm, images = _policy_class(blobs, contents.data)
    observation = _space("observation_space", blobs)
    action = _space("action_space", blobs)
    if action.kind != "Discrete":
        raise UnsupportedAgent(f"action_space is {action}; AgentScope reads Discrete actions.")
    kwargs = _kwargs(blobs, contents.data)
    extractor = _extractor(kwargs, images, extractors)
    for key, parsed in blobs.items():
        check_names(parsed, f"data[{key!r}]", own_code=key == "policy_kwargs" and extractor in extractors)
    notices = [*_mismatches(contents.data, blobs, observation, action), *code_notices(contents, _NEEDED)]
    spec = _shaped(algorithm, (observation, action), kwargs, extractor, contents.tensors)
    bad = [
        name for name, tensor in contents.tensors.items() if tensor.dtype.kind == "f" and not np.isfinite(tensor).all()
    ]
    if bad:
        notices.append(AgentNotice("non-finite", "medium", f"{plain_text(bad[0])} holds numbers that are not finite."))
    return spec, tuple(notices)


def _policy_class(blobs: Mapping[str, Parsed], data: Mapping[str, Any]) -> tuple[str, bool]:
    if "policy_class" not in blobs:
        raise refused("policy_class", "it is no serialized class")
    value = blobs["policy_class"].value
    found = class_name(value)
    if found is None:
        raise refused("policy_class", f"it is {type(value).__name__.lower()} where a class is expected")
    if found not in _POLICIES:
        stored = " (stored as code, which is not run)" if by_value(value) else ""
        raise UnsupportedAgent(f"The policy class is {found}{stored}; {SUPPORTED}.")
    algorithm, images = _POLICIES[found]
    if algorithm == "A2C" and "cg_max_steps" in data:
        raise UnsupportedAgent(f"The algorithm is TRPO; {SUPPORTED}.")
    return ("PPO" if algorithm == "A2C" and "n_epochs" in data else algorithm), images


def _space(key: str, blobs: Mapping[str, Parsed]) -> Space:
    if key not in blobs:
        raise refused(key, "it is no serialized space")
    return read_space(blobs[key].value, key)


def _kwargs(blobs: Mapping[str, Parsed], data: Mapping[str, Any]) -> Mapping[str, Any]:
    kwargs = blobs["policy_kwargs"].value if "policy_kwargs" in blobs else data["policy_kwargs"]
    if not isinstance(kwargs, dict) or not all(isinstance(key, str) for key in kwargs):
        raise refused("policy_kwargs", "it is not a table of named arguments")
    unknown = sorted(set(kwargs) - _IGNORED)
    if unknown:
        raise UnsupportedAgent(
            f"policy_kwargs has {plain_text(unknown[0], 40)!r}, which no policy that AgentScope reads takes."
        )
    for key in ("normalize_images", "share_features_extractor", "ortho_init"):
        if not isinstance(kwargs.get(key, True), bool):
            raise refused("policy_kwargs", f"{key} is neither true nor false")
    return kwargs


def _extractor(kwargs: Mapping[str, Any], images: bool, own: Sequence[str]) -> str:
    record = kwargs.get("features_extractor_class")
    if record is None:
        return "NatureCNN" if images else "FlattenExtractor"
    found = class_name(record) or "no class"
    if found in EXTRACTORS:
        return EXTRACTORS[found]
    if found.rsplit(".", 1)[-1] in own:
        return found.rsplit(".", 1)[-1]
    stored = " (stored as code, which is not run)" if by_value(record) else ""
    raise UnsupportedAgent(
        f"The features extractor is {plain_text(found)}{stored}; AgentScope reads {', '.join(EXTRACTORS.values())}. "
        "From Python, pass your class as extractor_classes=[...] (docs/loader.md)."
    )


def _plain_value(value: Any, depth: int = 0) -> bool:
    if isinstance(value, list | tuple):
        return depth < 3 and len(value) <= 64 and all(_plain_value(part, depth + 1) for part in value)
    return value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= 200)


def _extractor_kwargs(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    given = kwargs.get("features_extractor_kwargs") or {}
    if not isinstance(given, dict) or not all(isinstance(k, str) and _plain_value(v) for k, v in given.items()):
        raise UnsupportedAgent("features_extractor_kwargs holds more than plain numbers, texts and lists of them.")
    return given


def _activation(kwargs: Mapping[str, Any], algorithm: str) -> str:
    record = kwargs.get("activation_fn")
    if record is None:
        return "ReLU" if algorithm in ("DQN", "QRDQN") else "Tanh"
    if isinstance(record, Name) and record.module == "torch.nn.modules.activation" and record.name in ACTIVATIONS:
        return record.name
    raise UnsupportedAgent(
        f"The activation is {class_name(record) or 'no class'}; AgentScope reads torch.nn's {', '.join(ACTIVATIONS)}."
    )


def _widths(tensors: Mapping[str, np.ndarray], prefix: str) -> tuple[int, ...]:
    """Rows of the weights prefix.0, prefix.2, ... : the widths of an MLP."""
    found = {}
    for name, tensor in tensors.items():
        match = re.fullmatch(re.escape(prefix) + r"\.(\d{1,3})\.weight", name)
        if match and tensor.ndim == 2:
            found[int(match[1])] = int(tensor.shape[0])
    if sorted(found) != list(range(0, 2 * len(found), 2)):
        raise refused("policy.pth", f"{prefix} is not an MLP that SB3 makes")
    return tuple(found[index] for index in sorted(found))


def _shaped(
    algorithm: str,
    spaces: tuple[Space, Space],
    kwargs: Mapping[str, Any],
    extractor: str,
    tensors: Mapping[str, np.ndarray],
) -> PolicySpec:
    """The policy's record, its widths read from the shapes of its tensors."""
    observation, actions = spaces[0], spaces[1].n
    quantiles: Any = 1
    value_hidden: tuple[int, ...] = ()
    if algorithm in ("DQN", "QRDQN"):
        net = "q_net" if algorithm == "DQN" else "quantile_net"
        *hidden, rows = _widths(tensors, f"{net}.{net}") or (0,)
    else:
        if any(name.startswith("mlp_extractor.shared_net") for name in tensors):
            raise UnsupportedAgent(
                "The policy shares hidden layers between actor and critic, which SB3 gave up in 1.8."
            )
        hidden = list(_widths(tensors, "mlp_extractor.policy_net"))
        value_hidden = _widths(tensors, "mlp_extractor.value_net")
        head = tensors.get("action_net.weight")
        rows = int(head.shape[0]) if head is not None and head.ndim == 2 else 0
    if algorithm == "QRDQN":
        quantiles = kwargs.get("n_quantiles", 200)
    if isinstance(quantiles, bool) or not isinstance(quantiles, int) or quantiles < 1 or rows != actions * quantiles:
        raise refused(
            "policy.pth",
            f"its last layer has {rows} rows, the action space needs {actions} x {plain_text(quantiles, 20)}",
        )
    _check_widths(kwargs, extractor, tuple(hidden))
    return PolicySpec(
        algorithm, observation, actions, tuple(hidden), _activation(kwargs, algorithm), value_hidden,
        extractor, _extractor_kwargs(kwargs), kwargs.get("normalize_images", True),
        kwargs.get("share_features_extractor", True), kwargs.get("ortho_init", True), quantiles,
    )  # fmt: skip


def _check_widths(kwargs: Mapping[str, Any], extractor: str, hidden: tuple[int, ...]) -> None:
    """The stated hidden widths must be those of the tensors, or SB3 could not load the file either."""
    stated = kwargs.get("net_arch")
    if isinstance(stated, list) and len(stated) == 1 and isinstance(stated[0], dict):
        stated = stated[0]  # the form before SB3 1.8
    if isinstance(stated, dict):
        stated = stated.get("pi", [])
    if stated is None:
        stated = [] if extractor == "NatureCNN" else [64, 64]
    if not isinstance(stated, list | tuple) or tuple(stated) != hidden:
        raise refused(
            "policy.pth", f"its hidden widths are {list(hidden)}, net_arch says {plain_text(python_text(stated), 60)}"
        )


def _mismatches(
    data: Mapping[str, Any], blobs: Mapping[str, Parsed], observation: Space, action: Space
) -> list[AgentNotice]:
    """Where the plain text, which people and other tools read, differs from the blob, which SB3 runs."""
    found = [f"observation_space {text}" for text in space_differences(observation, data["observation_space"])]
    found += [f"action_space {text}" for text in space_differences(action, data["action_space"])]
    name = blobs["policy_class"].value
    said = re.match(r"<function (\w{1,80})\.", str(data["policy_class"].get("__init__", ""))[:200])
    if isinstance(name, Name) and said and said[1] != name.name:
        found.append(f"policy_class: text {said[1]!r}, blob {name.name!r}")
    module = data["policy_class"].get("__module__")
    if isinstance(name, Name) and isinstance(module, str) and module != name.module:
        found.append(f"policy_class module: text {plain_text(module, 60)!r}, blob {name.module!r}")
    if "policy_kwargs" in blobs:
        found += _kwargs_differences(data["policy_kwargs"], blobs["policy_kwargs"].value)
    return [
        AgentNotice("text-blob-mismatch", "high", f"Plain text and blob differ, the blob counts: {text}.")
        for text in found
    ]


def _kwargs_differences(text: Mapping[str, Any], kwargs: Mapping[str, Any]) -> list[str]:
    said = {key: value for key, value in text.items() if not key.startswith(":")}
    found = [f"policy_kwargs: only one of them has {plain_text(key, 40)!r}" for key in sorted(set(said) ^ set(kwargs))]
    for key in sorted(set(said) & set(kwargs)):
        blob = python_text(kwargs[key])
        written = said[key] if isinstance(said[key], str) else python_text(said[key])
        if blob is not None and written != blob and str(written).replace("(", "[").replace(")", "]") != blob:
            found.append(
                f"policy_kwargs {plain_text(key, 40)}: text {plain_text(written, 60)!r}, blob {plain_text(blob, 60)!r}"
            )
    return found
