"""Agreement of two policies up to equivalent actions, near-ties, regret, and the mass of sampled policies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from agentscope.errors import EmptySample

NEAR = 0.25  # of the mean standard deviation of a state's scores: a smaller gap is a near-tie


@dataclass(frozen=True)
class NearTies:
    """States in which the network hardly prefers its best move to the next that differs in effect.

    Attributes:
        mask: which states are near-ties.
        share: of them.
        spread: mean over the set of the standard deviation of a state's legal scores: the unit of regret.
        threshold: a quarter of it.
    """

    mask: Bool[np.ndarray, "states"]
    share: float
    spread: float
    threshold: float


def agreement(
    network_actions: Int[np.ndarray, "states"],
    strategy_actions: Int[np.ndarray, "states"],
    equivalent: Int[np.ndarray, "states actions"],
) -> float:
    """Share of states in which the text and the network choose equivalent actions.

    Args:
        equivalent: the smallest action with the same successor and reward as action a in state s, e.g. the first of
            the O piece's four rotations. Raw agreement is the same call with 0, 1, 2, ... in each row.
    Returns: a share from 0 to 1, no unit.
    Raises: EmptySample: there are no states, so agreement has no meaning.
    """
    if not len(network_actions):
        raise EmptySample("there are no states, so agreement has no meaning: ask for at least one episode.")
    return float(same_class(network_actions, strategy_actions, equivalent).mean())


def same_class(
    one: Int[np.ndarray, "states"], other: Int[np.ndarray, "states"], equivalent: Int[np.ndarray, "states actions"]
) -> Bool[np.ndarray, "states"]:
    """Whether two choices have the same effect, state by state."""
    rows = np.arange(len(one))
    same: np.ndarray = equivalent[rows, one] == equivalent[rows, other]
    return same


def near_ties(
    scores: Float[np.ndarray, "states actions"],
    equivalent: Int[np.ndarray, "states actions"],
    legal: Bool[np.ndarray, "states actions"],
) -> NearTies:
    """States whose two best non-equivalent legal actions lie closer than a quarter of the set's mean spread.

    The spread of a state is the (population) standard deviation of its legal actions' scores. A state whose legal
    actions are all equivalent offers no choice and is no near-tie.

    Raises: EmptySample: there are no states.
    """
    if not len(scores):
        raise EmptySample("there are no states, so near-ties have no meaning: ask for at least one episode.")
    rows = np.arange(len(scores))
    masked = np.where(legal, scores, -np.inf)
    best = masked.argmax(axis=1)
    rivals = np.where(equivalent != equivalent[rows, best][:, None], masked, -np.inf)
    gap = masked[rows, best] - rivals.max(axis=1)
    spread = float(spreads(scores, legal).mean())
    mask = gap < NEAR * spread
    return NearTies(mask, float(mask.mean()), spread, NEAR * spread)


def spreads(
    scores: Float[np.ndarray, "states actions"], legal: Bool[np.ndarray, "states actions"]
) -> Float64[np.ndarray, "states"]:
    """Standard deviation of the legal actions' scores, state by state."""
    count = legal.sum(axis=1)
    finite = np.where(legal, scores, 0.0).astype(np.float64)
    mean = finite.sum(axis=1) / count
    deviations = np.where(legal, finite - mean[:, None], 0.0)
    spread: np.ndarray = np.sqrt((deviations**2).sum(axis=1) / count)
    return spread


def regrets(
    scores: Float[np.ndarray, "states actions"],
    strategy_actions: Int[np.ndarray, "states"],
    equivalent: Int[np.ndarray, "states actions"],
    legal: Bool[np.ndarray, "states actions"],
) -> Float64[np.ndarray, "states"]:
    """By how many mean spreads the network scores the text's choice below its own, state by state; 0 where they agree.

    The text's choice counts by the best score among its equivalent actions, since those are the same move; a choice
    that is not legal counts like the worst legal one.
    """
    rows = np.arange(len(scores))
    masked = np.where(legal, scores, -np.inf).astype(np.float64)
    mine = equivalent == equivalent[rows, strategy_actions][:, None]
    worst = np.where(legal, scores, np.inf).min(axis=1)
    lost = masked.max(axis=1) - np.maximum(np.where(mine, masked, -np.inf).max(axis=1), worst)
    spread = spreads(scores, legal).mean() if len(scores) else 0.0
    in_units: np.ndarray = lost / spread if spread > 0 else np.zeros(len(scores))
    return in_units


def mean_regret(regret: Float[np.ndarray, "states"], same: Bool[np.ndarray, "states"]) -> float:
    """Mean regret of the disagreements, in mean spreads; 0 when there are none."""
    return float(regret[~same].mean()) if (~same).any() else 0.0


def action_mass(
    probabilities: Float[np.ndarray, "states actions"],
    strategy_actions: Int[np.ndarray, "states"],
    equivalent: Int[np.ndarray, "states actions"],
) -> float:
    """Mean probability that a sampled policy makes the text's move, its equivalent actions summed.

    Raises: EmptySample: there are no states.
    """
    if not len(probabilities):
        raise EmptySample("there are no states, so the mass has no meaning: ask for at least one episode.")
    rows = np.arange(len(probabilities))
    mine = equivalent == equivalent[rows, strategy_actions][:, None]
    share = np.where(mine, probabilities, 0.0).sum(axis=1) / probabilities.sum(axis=1)
    return float(share.mean())
