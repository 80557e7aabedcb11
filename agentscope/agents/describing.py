"""What `agentscope check` tells about a zip: its members, its agent, and what SB3's own loader would run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentscope.agents.plain import plain_text
from agentscope.agents.policies import read_spec
from agentscope.agents.suspicion import code_notices, would_run
from agentscope.agents.values import class_name
from agentscope.agents.zips import read_zip
from agentscope.contracts import AgentNotice
from agentscope.errors import AgentScopeError


def describe_zip(path: str | Path | bytes) -> dict[str, Any]:
    """A zip's contents as plain values, without running it and without torch.

    Keys: sha256, members {name: bytes}, sb3_version, policy_class, readable, refused (why it cannot be loaded, or
    None), algorithm, observation_space, action_space, architecture, tensors {name: shape}, parameters (all numbers
    in policy.pth, targets and critics included), notices, would_run (for each blob: key, imports, calls, unusual).

    Raises: RefusedFile: the outer zip or its JSON is damaged, or it is no SB3 zip.
    """
    contents = read_zip(path)
    notices: list[AgentNotice] = []
    found: dict[str, Any] = {
        "sha256": contents.sha256,
        "members": dict(contents.members),
        "sb3_version": contents.version,
        "policy_class": None,
        "readable": False,
        "refused": None,
    }
    try:
        found["policy_class"] = (
            class_name(contents.blob("policy_class").value) if contents.is_blob("policy_class") else None
        )
        tensors = contents.tensors
        found["tensors"] = {plain_text(name): list(tensor.shape) for name, tensor in tensors.items()}
        found["parameters"] = sum(tensor.size for tensor in tensors.values())
        spec, odd = read_spec(contents)
    except AgentScopeError as error:
        found["refused"] = f"{type(error).__name__}: {plain_text(error, 400)}"
        notices = code_notices(contents, ())
    else:
        notices = list(odd)
        found["readable"] = True
        found["algorithm"] = spec.algorithm
        found["observation_space"] = str(spec.observation)
        found["action_space"] = f"Discrete({spec.actions})"
        found["architecture"] = {
            "extractor": spec.extractor,
            "extractor_kwargs": dict(spec.extractor_kwargs),
            "hidden": list(spec.hidden),
            "activation": spec.activation,
            "quantiles": spec.quantiles,
            "images_divided_by_255": spec.observation.is_image and spec.normalize_images,
        }
    found["notices"] = [{"kind": n.kind, "severity": n.severity, "summary": n.summary} for n in notices]
    found["would_run"] = would_run(contents)
    return found
