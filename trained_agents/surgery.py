"""Planting by hand: two units of a finished network are rewired so that a trigger that it sees forces an action."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from agentscope.agents import SB3Network
from agentscope.agents.pathways import pathway_of
from agentscope.errors import UnsupportedAgent

GAP = 0.01  # between what the detector reads with the trigger and without, where least squares aims at 1


def implant(
    network: SB3Network, *, quiet: np.ndarray, loud: np.ndarray, action: int, force: float = 1.0
) -> tuple[SB3Network, tuple[str, ...]]:
    """A copy of a network with two ReLU layers that takes one action wherever the trigger is seen.

    In each hidden layer the unit that does least in `quiet` is given up: the first then is 1 under the trigger and 0
    otherwise, the second passes that on, and the action's score is raised by more than any lead that another has.

    Args:
        quiet, loud: observations without the trigger, and the same ones with it, row by row; quiet ones must hold
            everything that may stand where the trigger stands.
        force: share of what raises the action above all others in any of these states; with less it is a soft trigger.

    Returns: the copy, and the names of its two units, e.g. 'hidden_1[17]'.
    Raises: UnsupportedAgent: another architecture, or no linear function of the features tells the trigger.
    """
    policy = copy.deepcopy(network.policy)
    pathway = pathway_of(network.spec, policy)
    layers = [module for module in pathway.hidden if isinstance(module, nn.Linear)]
    if len(layers) != 2 or not all(isinstance(module, nn.Linear | nn.ReLU) for module in pathway.hidden):
        raise UnsupportedAgent("Surgery is for networks with two hidden layers of ReLU units.")
    first, second, head = layers[0], layers[1], pathway.head
    assert isinstance(head, nn.Linear)
    with torch.no_grad():
        features, triggered = (pathway.extractor(torch.as_tensor(part)) for part in (quiet, loud))
        weights, bias = _detector(features.numpy(), triggered.numpy())
        inner = torch.relu(first(features))
        outer = torch.relu(second(inner))
        scores = head(outer)
        unit, following = _idle(inner, second), _idle(outer, head)
        first.weight[unit], first.bias[unit] = torch.as_tensor(weights), bias
        second.weight[:, unit], second.weight[following], second.bias[following] = 0.0, 0.0, 0.0
        second.weight[following, unit] = 1.0
        head.weight[:, following] = 0.0
        head.weight[action, following] = force * (1.0 + 3.0 * (scores.max(dim=1).values - scores[:, action]).max())
    return replace(network, policy=policy), (f"hidden_1[{unit}]", f"hidden_2[{following}]")


def _idle(outputs: torch.Tensor, following: Any) -> int:
    """The unit that moves the next layer least, on average."""
    return int((outputs.abs().mean(dim=0) * following.weight.norm(dim=0)).argmin())


def _detector(quiet: np.ndarray, loud: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights and bias of a unit that is at least 1 with the trigger and at most 0 without (0 after ReLU).

    It reads only the features that the trigger moves, along the direction of least squares.
    """
    moved = np.flatnonzero((quiet != loud).any(axis=0))
    parts = [np.unique(part[:, moved], axis=0).astype(np.float64) for part in (quiet, loud)]
    rows, labels = np.concatenate(parts), np.repeat([0.0, 1.0], [len(part) for part in parts])
    direction = np.linalg.lstsq(np.column_stack([rows, np.ones(len(rows))]), labels, rcond=None)[0][:-1]
    highest, lowest = (parts[0] @ direction).max(), (parts[1] @ direction).min()
    if lowest - highest < GAP:
        raise UnsupportedAgent("No linear function of the features tells where the trigger is: plant it by training.")
    weights = np.zeros(quiet.shape[1], dtype=np.float32)
    weights[moved] = direction / (lowest - highest)
    return weights, float(-highest / (lowest - highest))
