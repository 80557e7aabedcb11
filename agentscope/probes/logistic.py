"""Multinomial logistic regression on the raw input: the strongest linear readout that a choice's control can have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.linalg import cho_factor, cho_solve

from agentscope.probes.fitting import Outcome, Plan
from agentscope.probes.scoring import class_indices
from agentscope.probes.sources import RawInput, View
from agentscope.probes.splits import VALIDATION
from agentscope.probes.targets import Target

STEPS = 30  # macro-F1 of the Tetris piece from raw cells: .395 after 12 steps, .409 after 24, .415 at convergence
SETTLED = 0.01  # relative change of the weights in one step that ends the fit
STRENGTH = 1e-3
MOST_STATES = 20_000  # states that the control is fitted at most


def logistic_outcomes(targets: Sequence[Target], raw: RawInput, plan: Plan, view: View) -> list[Outcome]:
    """Held-out classes of choices of one value a state, by logistic regression on the raw input.

    Quasi-Newton steps with the fixed bound of the Hessian (Boehning 1992), X'X / 2, with Nesterov's momentum: all
    folds share one factor of X'X, so a step costs two products. Labels of a held-out fold have weight 0. Fitted on at
    most MOST_STATES states, evenly spaced; all states are read.
    """
    targets = [target for target in targets if target.classes and target.shape == ()]
    if not targets:
        return []
    count = len(plan.data)
    sample = np.arange(count) if count <= MOST_STATES else np.linspace(0, count - 1, MOST_STATES).astype(np.int64)
    x = _with_one(raw(plan.data.observations[sample]))
    system = _Bound(x)
    outcomes = []
    for target in targets:
        labels = class_indices(target, target.labels)
        groups = np.arange(plan.split.folds)
        train = (plan.split.groups[sample, None] != groups) & (labels[sample, None] >= 0)
        weights = system.fit(labels[sample], train, len(target.classes))
        readings = np.zeros((count, 1, 1), dtype=np.int16)
        for group, rows in plan.chunks():
            if group == VALIDATION:  # never scored, and there is no penalty to choose
                continue
            logits = _with_one(raw(plan.data.observations[rows])) @ weights[:, group]
            readings[rows, 0, 0] = logits.argmax(axis=1)
        outcomes.append(Outcome(view, target, "real", readings, STRENGTH))
    return outcomes


def _with_one(features: np.ndarray) -> Float[np.ndarray, "states features"]:
    return np.concatenate([features, np.ones((len(features), 1), np.float32)], axis=1)


class _Bound:
    """The factored bound of the Hessian, shared by all choices and folds."""

    def __init__(self, x: Float[np.ndarray, "states features"]) -> None:
        self.x = x
        self.penalty = np.full(x.shape[1], STRENGTH * len(x))
        self.penalty[-1] = 0.0
        gram = (x.T @ x).astype(np.float64) / 2
        gram[np.diag_indices(len(gram))] += self.penalty + 1e-6 * len(x)
        self.factor = cho_factor(gram, check_finite=False)

    def fit(
        self, labels: Int[np.ndarray, "states"], train: Bool[np.ndarray, "states groups"], classes: int
    ) -> Float[np.ndarray, "features groups classes"]:
        """Weights for each group, fitted on the states marked for it."""
        x, shape = self.x, (self.x.shape[1], train.shape[1], classes)
        hot = (labels[:, None] == np.arange(classes)).astype(np.float32)
        share = train.astype(np.float32)[:, :, None]
        weights = momentum = np.zeros(shape)
        for step in range(STEPS):
            logits = (x @ momentum.reshape(shape[0], -1).astype(np.float32)).reshape(len(x), *shape[1:])
            logits -= logits.max(axis=2, keepdims=True)
            np.exp(logits, out=logits)
            logits /= logits.sum(axis=2, keepdims=True)
            residual = ((logits - hot[:, None]) * share).reshape(len(x), -1)
            gradient = (x.T @ residual).astype(np.float64) + self.penalty[:, None] * momentum.reshape(shape[0], -1)
            moved = momentum - cho_solve(self.factor, gradient, check_finite=False).reshape(shape)
            momentum = moved + (step / (step + 3)) * (moved - weights)
            change = np.linalg.norm(moved - weights)
            weights = moved
            if change < SETTLED * np.linalg.norm(weights):
                break
        return weights
