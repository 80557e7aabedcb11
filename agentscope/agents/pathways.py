"""The modules that a policy passes on the way from observation to scores, and the layers among them that have names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.torch_layers import FlattenExtractor, NatureCNN
from torch import nn

from agentscope.agents.policies import PolicySpec


@dataclass(frozen=True)
class Pathway:
    """The modules between observation and scores, with the layers that probes may address, from the input on."""

    extractor: nn.Module
    hidden: nn.Module
    head: nn.Module
    layers: tuple[tuple[str, nn.Module, tuple[str, ...]], ...]

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """Scores (for QRDQN all quantiles) of preprocessed observations."""
        scores: torch.Tensor = self.head(self.hidden(self.extractor(features)))
        return scores


def pathway_of(spec: PolicySpec, policy: BasePolicy) -> Pathway:
    """The way from observation to scores in one of the five policies."""
    module: Any = policy
    if spec.actor_critic:
        extractor, hidden, head = module.pi_features_extractor, module.mlp_extractor.policy_net, module.action_net
    else:
        net = module.q_net if spec.algorithm == "DQN" else module.quantile_net
        sequence = net.q_net if spec.algorithm == "DQN" else net.quantile_net
        extractor, hidden, head = net.features_extractor, sequence[:-1], sequence[-1]
    layers = _extractor_layers(extractor)
    layers += [(f"hidden_{i // 2 + 1}", hidden[i], ("",)) for i in range(1, len(hidden), 2)]
    return Pathway(extractor, hidden, head, (*layers, ("scores", head, ("",))))


def _extractor_layers(extractor: nn.Module) -> list[tuple[str, nn.Module, tuple[str, ...]]]:
    named = getattr(extractor, "named_layers", None)
    if named is not None:
        return list(named())
    if isinstance(extractor, FlattenExtractor):
        return []
    layers: list[tuple[str, nn.Module, tuple[str, ...]]] = []
    if isinstance(extractor, NatureCNN):
        layers = [(f"convolution_{i // 2 + 1}", extractor.cnn[i], ("", "", "")) for i in (1, 3, 5)]
    return [*layers, ("features", extractor, ("",))]


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread, so that sums are taken in one order."""
    before = torch.get_num_threads()
    if before != 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if before != 1:
            torch.set_num_threads(before)
