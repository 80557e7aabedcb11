"""Equally good: how disagreements split where the optimal values are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from agentscope.errors import EmptySample
from agentscope.measures.agreement import same_class

TIE = 1e-6  # optimal values closer than this are equal


@dataclass(frozen=True)
class Goodness:
    """States by what the text's choice is worth beside the network's; masks of one set, `shares` sum to 1.

    Attributes:
        equal: equivalent actions.
        equally_good: another action of the same optimal value.
        better: another action of a higher value: no copy of the network, but no cost either.
        costly: another action of a lower value.
        network_optimal: the network's action is one of the best.
        strategy_optimal: the text's is.
    """

    equal: Bool[np.ndarray, "states"]
    equally_good: Bool[np.ndarray, "states"]
    better: Bool[np.ndarray, "states"]
    costly: Bool[np.ndarray, "states"]
    network_optimal: Bool[np.ndarray, "states"]
    strategy_optimal: Bool[np.ndarray, "states"]


def compare_values(
    network_actions: Int[np.ndarray, "states"],
    strategy_actions: Int[np.ndarray, "states"],
    equivalent: Int[np.ndarray, "states actions"],
    optimal_values: Float[np.ndarray, "states actions"],
    legal: Bool[np.ndarray, "states actions"],
) -> Goodness:
    """Split states into equal, different but equally good, better, and costly; ties at 1e-6.

    Raises: EmptySample: there are no states.
    """
    if not len(network_actions):
        raise EmptySample("there are no states to compare by value: ask for at least one episode.")
    rows = np.arange(len(network_actions))
    equal = same_class(network_actions, strategy_actions, equivalent)
    network_value = optimal_values[rows, network_actions]
    strategy_value = optimal_values[rows, strategy_actions]
    best = np.where(legal, optimal_values, -np.inf).max(axis=1)
    tied = np.abs(strategy_value - network_value) <= TIE
    return Goodness(
        equal=equal,
        equally_good=~equal & tied,
        better=~equal & ~tied & (strategy_value > network_value),
        costly=~equal & ~tied & (strategy_value < network_value),
        network_optimal=network_value >= best - TIE,
        strategy_optimal=strategy_value >= best - TIE,
    )


def equally_good(goodness: Goodness) -> float:
    """Share of states in which the text's choice is equal or equally good."""
    return float((goodness.equal | goodness.equally_good).mean())


def good_where_optimal(goodness: Goodness) -> float | None:
    """Among the states in which the network acts optimally: the share where the text is equal or optimal too."""
    among = goodness.network_optimal
    if not among.any():
        return None
    return float((goodness.equal | goodness.strategy_optimal)[among].mean())
