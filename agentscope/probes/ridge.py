"""Ridge regression in closed form from moments, on standardised features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import solve_triangular

from agentscope.probes.statistics import Moments

STRENGTHS = (1e-4, 1e-2, 1e-1, 1.0)  # penalties relative to the number of rows
ROUNDING = 10.0  # safety factor on the products' rounding error
FAR = 5.0  # the same where the features lie far from the shift: .0033 was found where 5 times the bound is .0048
DEAD = 1e4  # times the products' rounding error: a feature that varies less about its mean carries mostly rounding


@dataclass(frozen=True)
class Solution:
    """A linear readout: prediction = (features - shift) @ weights + bias[position]."""

    weights: Float[np.ndarray, "features targets"]
    bias: Float[np.ndarray, "positions targets"]


class RidgeSystem:
    """The normal equations of one training set: solved for any penalty and targets.

    Minimises |Y - XW|^2 + strength * rows * |W|^2 with the features scaled to unit variance: the `alpha` of
    scikit-learn's Ridge on standardised features is strength * rows.
    """

    def __init__(self, moments: Moments) -> None:
        self.rows = moments.rows
        self.x_mean, self.y_mean = moments.means()
        xx, xy, _ = moments.centred(self.x_mean, self.y_mean)
        variance = np.maximum(np.diagonal(xx), 0.0) / self.rows
        alive = np.diagonal(xx) > DEAD * moments.epsilon * np.maximum(np.diagonal(moments.xx), 1e-300)
        self.scale = np.where(alive, 1.0 / np.sqrt(np.where(alive, variance, 1.0)), 0.0)
        self.gram = xx * self.scale[:, None] * self.scale
        self.cross = xy * self.scale[:, None]
        # Rounding moves the eigenvalues of the products by up to this share, more where the features lie far from the
        # shift that they were counted from; less penalty could leave them negative.
        far = np.diagonal(moments.xx) * self.scale**2 / self.rows
        self.least_strength = moments.epsilon * max(ROUNDING * len(far), FAR * float(far.sum()))
        self.factors: dict[float, np.ndarray] = {}

    def standardised(self, strength: float, targets: slice | Int[np.ndarray, "chosen"]) -> np.ndarray:
        """Weights of standardised features for some of the targets."""
        factor = self._factor(max(strength, self.least_strength))
        half = solve_triangular(factor, self.cross[:, targets], lower=True, check_finite=False)
        return np.asarray(solve_triangular(factor, half, lower=True, trans=1, check_finite=False))

    def _factor(self, strength: float) -> Float[np.ndarray, "features features"]:
        """The Cholesky factor, made once for each penalty: it costs more than all that is solved with it.

        Where rounding leaves an eigenvalue below the penalty after all, ten times the penalty is tried, and so on.
        """
        used = strength
        while strength not in self.factors:
            penalised = self.gram.copy()
            penalised[np.diag_indices(len(penalised))] += used * self.rows
            try:
                self.factors[strength] = np.linalg.cholesky(penalised)
            except np.linalg.LinAlgError:
                used *= 10.0
        return self.factors[strength]

    def solve(self, strengths: Float[np.ndarray, "targets"]) -> Solution:
        """The readout of every target with its own penalty."""
        weights = np.zeros_like(self.cross)
        for strength in np.unique(strengths):
            chosen = np.flatnonzero(strengths == strength)
            weights[:, chosen] = self.standardised(float(strength), chosen)
        return self.in_units(weights, self.y_mean)

    def in_units(
        self, standardised: Float[np.ndarray, "features targets"], level: Float[np.ndarray, "positions targets"]
    ) -> Solution:
        """A readout with these weights of standardised features that gives `level` at the mean of the features."""
        weights = standardised * self.scale[:, None]
        return Solution(weights, level - self.x_mean @ weights)


def squared_errors(solution: Solution, moments: Moments) -> Float[np.ndarray, "targets"]:
    """Sum of squared errors of a readout on the states of these moments, without seeing them again."""
    xy, yy = moments.about(np.broadcast_to(solution.bias, moments.y.shape))
    weights = solution.weights
    errors = yy - 2 * np.sum(weights * xy, axis=0) + np.sum(weights * (moments.xx @ weights), axis=0)
    return np.maximum(errors, 0.0)


def choose_strengths(system: RidgeSystem, validation: Moments, groups: Sequence[slice]) -> Float[np.ndarray, "targets"]:
    """The penalty with the least squared error on validation states, one for each group of targets."""
    errors = np.stack([squared_errors(system.solve(np.full(system.cross.shape[1], s)), validation) for s in STRENGTHS])
    chosen = np.empty(errors.shape[1])
    for group in groups:
        chosen[group] = STRENGTHS[int(np.argmin(errors[:, group].sum(axis=1)))]
    return chosen
