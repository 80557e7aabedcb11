"""Erase a concept from a layer, so that no linear readout finds it (LEACE), beside random erasures of equal rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

ALIVE = 1e-5  # of the largest standard deviation: directions that vary less are left alone


@dataclass(frozen=True)
class Eraser:
    """An affine map of a layer's activations: x - lift @ (drop' (x - mean)).

    Attributes:
        lift, drop: (units, rank).
    """

    mean: Float[np.ndarray, "units"]
    lift: Float[np.ndarray, "units rank"]
    drop: Float[np.ndarray, "units rank"]

    @property
    def rank(self) -> int:
        return self.lift.shape[1]

    def __call__(self, activations: Shaped[np.ndarray, "states ..."]) -> Float[np.ndarray, "states ..."]:
        """The activations without what is erased, float32, in their own shape."""
        flat = activations.reshape(len(activations), -1).astype(np.float64)
        kept = flat - ((flat - self.mean) @ self.drop) @ self.lift.T
        return np.asarray(kept.reshape(activations.shape), dtype=np.float32)


class Whitening:
    """The covariance of a layer's activations as whitening and its inverse, computed once for many concepts."""

    def __init__(self, activations: Shaped[np.ndarray, "states ..."]) -> None:
        flat = activations.reshape(len(activations), -1).astype(np.float64)
        self.mean = flat.mean(axis=0)
        centred = flat - self.mean
        values, vectors = np.linalg.eigh(centred.T @ centred / len(flat))
        deviations = np.sqrt(np.maximum(values, 0.0))
        alive = deviations > ALIVE * float(deviations.max(initial=0.0))
        self.vectors, self.deviations = vectors[:, alive], np.maximum(deviations[alive], 1e-300)
        self.white = (centred @ self.vectors) / self.deviations

    def eraser(self, labels: Float[np.ndarray, "states columns"]) -> Eraser:
        """The least change after which no affine readout of these columns beats a constant (LEACE).

        With W the whitening, P the projection onto the columns of W Cov(x, z): x - W+ P W (x - mean), theorem 4.2 of
        Belrose et al. 2023 (concept-erasure). Choices come one-hot: as numbers only their order would be erased.
        """
        centred = labels - labels.mean(axis=0)
        directions, lengths, _ = np.linalg.svd(self.white.T @ centred / len(centred), full_matrices=False)
        kept = lengths > 1e-6 * np.maximum(centred.std(axis=0).max(initial=0.0), 1e-12)
        return self._eraser(directions[:, kept])

    def random_eraser(self, rank: int, generator: np.random.Generator) -> Eraser:
        """The same for random directions of the whitened activations."""
        drawn = generator.normal(size=(len(self.deviations), rank))
        return self._eraser(np.linalg.qr(drawn)[0])

    def _eraser(self, directions: np.ndarray) -> Eraser:
        drop = (self.vectors / self.deviations) @ directions
        lift = (self.vectors * self.deviations) @ directions
        return Eraser(self.mean, lift, drop)


def label_columns(values: np.ndarray, kind: str) -> Float[np.ndarray, "states columns"]:
    """A concept's values as columns to erase: one for each value, one-hot for choices, constant ones left out."""
    flat = values.reshape(len(values), -1)
    if kind == "choice":
        columns = [flat == code for code in np.unique(flat)]
        flat = np.concatenate(columns, axis=1)
    flat = flat.astype(np.float64)
    varying: np.ndarray = flat[:, flat.std(axis=0) > 0]
    return varying
