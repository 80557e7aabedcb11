"""Streaming sufficient statistics of a linear readout: a mergeable fitter that counts, then a frozen result.

The design is that of concept-erasure's fitters: whatever the number of states, memory is that of X'X and X'Y.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from agentscope.errors import EmptySample


@dataclass(frozen=True)
class Moments:
    """Counts, sums and products of features and targets, all float64 (frozen: arithmetic gives new ones).

    A shared readout sees each state at several positions: sums are kept for each position, products are pooled, so
    that one set of weights is fitted with an intercept for each position. A readout of a whole layer has one position.

    Attributes:
        count: states.
        x, y: sums of the features and of the targets at each position.
        xx, xy: sums of products over states and positions.
        yy: sum of squares of each target.
        epsilon: relative rounding error of the products: that of the features' precision.
    """

    count: int
    x: Float[np.ndarray, "positions features"]
    y: Float[np.ndarray, "positions targets"]
    xx: Float[np.ndarray, "features features"]
    xy: Float[np.ndarray, "features targets"]
    yy: Float[np.ndarray, "targets"]
    epsilon: float = float(np.finfo(np.float64).eps)

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.count + other.count, self.x + other.x, self.y + other.y, self.xx + other.xx,
                       self.xy + other.xy, self.yy + other.yy, max(self.epsilon, other.epsilon))  # fmt: skip

    def __sub__(self, other: Moments) -> Moments:
        """Moments without the states of `other`; in float32 a feature that varies in `other` alone leaves rounding."""
        return Moments(self.count - other.count, self.x - other.x, self.y - other.y, self.xx - other.xx,
                       self.xy - other.xy, self.yy - other.yy, max(self.epsilon, other.epsilon))  # fmt: skip

    @property
    def rows(self) -> int:
        """States times positions."""
        return self.count * len(self.x)

    def means(self) -> tuple[Float[np.ndarray, "positions features"], Float[np.ndarray, "positions targets"]]:
        """Mean features and targets at each position.

        Raises: EmptySample: there are no states.
        """
        if self.count < 1:
            raise EmptySample("A readout needs states to be fitted on, found none.")
        return self.x / self.count, self.y / self.count

    def centred(
        self, x_mean: Float[np.ndarray, "positions features"], y_mean: Float[np.ndarray, "positions targets"]
    ) -> tuple[
        Float[np.ndarray, "features features"], Float[np.ndarray, "features targets"], Float[np.ndarray, "targets"]
    ]:
        """Products of deviations from these means (X'X, X'Y and the squares of Y)."""
        cross = self.x.T @ x_mean
        xx = self.xx - cross - cross.T + self.count * (x_mean.T @ x_mean)
        xy, yy = self.about(y_mean)
        return xx, xy - x_mean.T @ self.y + self.count * (x_mean.T @ y_mean), yy

    def about(
        self, y_mean: Float[np.ndarray, "positions targets"]
    ) -> tuple[Float[np.ndarray, "features targets"], Float[np.ndarray, "targets"]]:
        """X'Y and the squares of Y, with Y measured from these values and X from 0."""
        yy = self.yy - 2 * np.sum(self.y * y_mean, axis=0) + self.count * np.sum(y_mean**2, axis=0)
        return self.xy - self.x.T @ y_mean, yy


class Fitter:
    """Counts batches into moments; fitters of other batches merge in any order.

    Products are taken in the precision of the features that come in (float32 activations give float32 products of
    one batch) and added up in float64. A `shift` near the mean keeps float32 products free of cancellation; fitters
    that merge share it.

    Args:
        positions: how often a shared readout looks at each state; 1 for a whole layer.
        shift: subtracted from all features; the moments are those of the shifted features.
    """

    def __init__(
        self, features: int, targets: int, *, positions: int = 1, shift: Float[np.ndarray, "features"] | None = None
    ) -> None:
        self.shift = np.zeros(features) if shift is None else np.asarray(shift, dtype=np.float64)
        self.count = 0
        self.epsilon = float(np.finfo(np.float64).eps)
        self.x, self.y = np.zeros((positions, features)), np.zeros((positions, targets))
        self.xx, self.xy, self.yy = np.zeros((features, features)), np.zeros((features, targets)), np.zeros(targets)

    def update(
        self, x: Float[np.ndarray, "states positions features"], y: Float[np.ndarray, "states positions targets"]
    ) -> None:
        """Count a batch of states in."""
        x = x - self.shift.astype(x.dtype)
        y = y.astype(x.dtype, copy=False)
        flat_x, flat_y = x.reshape(-1, x.shape[2]), y.reshape(-1, y.shape[2])
        self.count += len(x)
        self.epsilon = max(self.epsilon, float(np.finfo(x.dtype).eps))
        ones = np.ones(len(x), dtype=x.dtype)  # a product sums faster than a reduction that converts
        self.x += (ones @ x.reshape(len(x), -1)).reshape(self.x.shape)
        self.y += (ones @ y.reshape(len(y), -1)).reshape(self.y.shape)
        self.xx += flat_x.T @ flat_x
        self.xy += flat_x.T @ flat_y
        self.yy += np.einsum("ij,ij->j", flat_y, flat_y)

    def merge(self, other: Fitter) -> None:
        """Add what another fitter has counted.

        Raises: EmptySample: the other fitter measures its features from another origin.
        """
        if not np.array_equal(self.shift, other.shift):
            raise EmptySample("Fitters with different shifts cannot be merged: give them the same shift.")
        self.count += other.count
        self.epsilon = max(self.epsilon, other.epsilon)
        for name in ("x", "y", "xx", "xy", "yy"):
            getattr(self, name).__iadd__(getattr(other, name))

    def moments(self) -> Moments:
        """The frozen result."""
        x, y, xx, xy, yy = (array.copy() for array in (self.x, self.y, self.xx, self.xy, self.yy))
        return Moments(self.count, x, y, xx, xy, yy, self.epsilon)
