"""Conditional logit: weights of a score whose argmax is the action that was chosen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize

STEPS = 200  # L-BFGS iterations
RIDGE = 1e-5  # keeps weights finite where the choices separate


@dataclass(frozen=True)
class Choices:
    """Choices among actions, described by features of the state and of each action.

    Attributes:
        of_action: features of each (state, action): they get one weight each.
        of_state: features of the state: they get one weight an action each.
        chosen: actions that count as right; several where they are equivalent.
        possible: actions to choose among: one a class of equivalent ones.
        weight: of each state.
    """

    of_action: Float[np.ndarray, "states actions features"]
    of_state: Float[np.ndarray, "states terms"]
    chosen: Bool[np.ndarray, "states actions"]
    possible: Bool[np.ndarray, "states actions"]
    weight: Float[np.ndarray, "states"]


@dataclass(frozen=True)
class Weights:
    """A weight for each action feature, and one an action for each state feature."""

    of_action: Float[np.ndarray, "features"]
    of_state: Float[np.ndarray, "terms actions"]


def scores(choices: Choices, weights: Weights) -> Float[np.ndarray, "states actions"]:
    """Score of each action, -inf where it is not possible."""
    total = choices.of_action @ weights.of_action + choices.of_state @ weights.of_state
    return np.asarray(np.where(choices.possible, total, -np.inf))


def hit_rate(choices: Choices, weights: Weights) -> float:
    """Weighted share of the states whose best-scored action counts as right; ties go to the lowest index."""
    best = scores(choices, weights).argmax(axis=1)
    right = choices.chosen[np.arange(len(best)), best]
    return float(np.average(right, weights=choices.weight))


def loss(choices: Choices, weights: Weights) -> float:
    """Weighted mean of the negative log-likelihood of the choices."""
    return _loss_and_pull(choices, weights)[0] / float(choices.weight.sum())


def fit_weights(choices: Choices, start: Weights | None = None, *, steps: int = STEPS) -> Weights:
    """Weights of greatest likelihood (McFadden 1974), with a light ridge on standardised features."""
    unit_action = spread_of(choices)
    unit_state = np.maximum(choices.of_state.std(axis=0), 1e-12)
    unit_state[choices.of_state.std(axis=0) < 1e-12] = 1.0
    features, (terms, actions) = choices.of_action.shape[2], (choices.of_state.shape[1], choices.chosen.shape[1])
    scaled = Choices(choices.of_action / unit_action, choices.of_state / unit_state, choices.chosen,
                     choices.possible, choices.weight / choices.weight.sum())  # fmt: skip
    first = np.zeros(features + terms * actions)
    if start is not None:
        first = np.concatenate([start.of_action * unit_action, (start.of_state * unit_state[:, None]).ravel()])

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = Weights(flat[:features], flat[features:].reshape(terms, actions))
        value, pull = _loss_and_pull(scaled, weights)
        by_action = np.tensordot(pull, scaled.of_action, axes=([0, 1], [0, 1]))
        slope = np.concatenate([by_action, (scaled.of_state.T @ pull).ravel()])
        return value + RIDGE * float(flat @ flat), slope + 2 * RIDGE * flat

    flat = minimize(objective, first, jac=True, method="L-BFGS-B", options={"maxiter": steps}).x
    return Weights(flat[:features] / unit_action, flat[features:].reshape(terms, actions) / unit_state[:, None])


def _loss_and_pull(choices: Choices, weights: Weights) -> tuple[float, np.ndarray]:
    """Mean negative log-likelihood of the choices, and its slope by each score."""
    total = scores(choices, weights)
    every, right = _log_sum(total), _log_sum(np.where(choices.chosen, total, -np.inf))
    sure = np.isfinite(right[:, 0])
    right = np.where(sure[:, None], right, every)
    given = np.exp(total - every)
    wanted = np.where(choices.chosen & choices.possible, np.exp(np.where(choices.chosen, total, -np.inf) - right), 0.0)
    wanted = np.where(sure[:, None], wanted, given)
    return float(((every - right)[:, 0] * choices.weight).sum()), (given - wanted) * choices.weight[:, None]


def _log_sum(total: np.ndarray) -> np.ndarray:
    top = reduce(np.maximum, total.T)[:, None]  # action by action: several times faster than over a short axis
    floor = np.where(np.isfinite(top), top, 0.0)
    kept = np.exp(total - floor).sum(axis=1, keepdims=True)
    return np.asarray(floor + np.log(kept, out=np.full_like(kept, -np.inf), where=kept > 0))


def spread_of(choices: Choices) -> np.ndarray:
    """How much each action feature differs among the possible actions of one state, on average."""
    counts = choices.possible.sum(axis=1)[:, None]
    kept = np.where(choices.possible[:, :, None], choices.of_action, 0.0)
    mean = kept.sum(axis=1) / np.maximum(counts, 1)
    inner = np.where(choices.possible[:, :, None], choices.of_action - mean[:, None, :], 0.0)
    spread = np.sqrt((inner**2).sum(axis=(0, 1)) / max(1, int(counts.sum())))
    spread[spread < 1e-12] = 1.0
    return np.asarray(spread)


def next_feature(choices: Choices, weights: Weights, candidates: Choices, taken: set[int]) -> int | None:
    """The action feature (of `candidates`) along which the likelihood rises fastest, by the score test."""
    _, pull = _loss_and_pull(choices, weights)
    slope = np.abs(np.tensordot(pull, candidates.of_action, axes=([0, 1], [0, 1]))) / spread_of(candidates)
    slope[sorted(taken)] = -1.0
    return int(slope.argmax()) if len(slope) and slope.max() > 1e-9 else None
