"""Subspaces of a layer that a concept may live in, and what moving a state within one of them means."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from agentscope.probes.readouts import Readout

RANK = 1e-6  # of the largest singular value: what is smaller is no direction of its own


@dataclass(frozen=True)
class Subspace:
    """An orthonormal basis in the flattened output of one layer.

    Attributes:
        shape: of one state's activation.
        basis: one column a direction.
        kind: "readout", "trained", "units" or "random".
    """

    layer: str
    shape: tuple[int, ...]
    basis: Float[np.ndarray, "units rank"]
    kind: str

    @property
    def rank(self) -> int:
        return self.basis.shape[1]

    def swap(
        self, base: Float[np.ndarray, "states ..."], source: Float[np.ndarray, "states ..."]
    ) -> Float[np.ndarray, "states ..."]:
        """The base's activations with their part in this subspace replaced by the source's, float32.

        An interchange intervention (Geiger et al. 2021; on a rotated basis Geiger et al. 2024).
        """
        apart = (source - base).reshape(len(base), -1).astype(np.float64)
        moved = base.reshape(len(base), -1) + (apart @ self.basis) @ self.basis.T
        return np.asarray(moved.reshape(base.shape), dtype=np.float32)

    def within(self, readers: Float[np.ndarray, "units reading"]) -> Subspace:
        """The part of this subspace that lies in another: its basis projected and made orthonormal again."""
        projected = readers @ (readers.T @ self.basis)
        return replace(self, basis=orthonormal(projected, floor=1e-3))

    def share_within(self, readers: Float[np.ndarray, "units reading"]) -> float:
        """Share of this subspace's squared length that lies in another: 1 if all of it does."""
        return float(((readers.T @ self.basis) ** 2).sum() / self.rank) if self.rank else 0.0


def orthonormal(columns: Float[np.ndarray, "units columns"], *, floor: float = 0.0) -> Float[np.ndarray, "units rank"]:
    """An orthonormal basis of what the columns span; directions shorter than `floor` are left out."""
    if not columns.size:
        return np.zeros((len(columns), 0))
    left, lengths, _ = np.linalg.svd(columns.astype(np.float64), full_matrices=False)
    kept = lengths > max(floor, RANK * float(lengths.max(initial=0.0)), 1e-12)
    basis: np.ndarray = left[:, kept]
    return basis


def readout_subspace(readout: Readout) -> Subspace:
    """What a readout looks at: the span of its weights, at every position where they are shared.

    Of a choice it is the span of the classes' differences: what all classes share says nothing about the choice.
    """
    weights = readout.weights
    if readout.classes:
        split = weights.reshape(len(weights), -1, len(readout.classes))
        weights = (split - split.mean(axis=2, keepdims=True)).reshape(len(weights), -1)
    kernel = orthonormal(weights)
    return Subspace(readout.layer, readout.layer_shape, spread(kernel, readout.layer_shape, readout.places), "readout")


def spread(
    kernel: Float[np.ndarray, "features rank"], shape: tuple[int, ...], places: tuple[int, ...]
) -> Float[np.ndarray, "units directions"]:
    """The directions of a shared kernel at every position, in the flattened layer."""
    units = int(np.prod(shape, dtype=np.int64))
    others = [i for i in range(len(shape)) if i not in places]
    index = np.arange(units).reshape(shape).transpose(*places, *others).reshape(-1, len(kernel))
    basis = np.zeros((units, len(index) * kernel.shape[1]))
    for position, rows in enumerate(index):
        basis[rows, position * kernel.shape[1] : (position + 1) * kernel.shape[1]] = kernel
    return basis


def random_subspace(
    like: Subspace, activations: Float[np.ndarray, "states ..."], generator: np.random.Generator
) -> Subspace:
    """A random subspace of the same rank, drawn evenly among the directions of the units that ever vary."""
    flat = activations.reshape(len(activations), -1)
    drawn = generator.normal(size=(flat.shape[1], like.rank))
    drawn[(flat == flat[:1]).all(axis=0)] = 0.0
    return replace(like, basis=orthonormal(drawn), kind="random")


def unit_subspace(layer: str, shape: tuple[int, ...], units: np.ndarray) -> Subspace:
    """Whole units, by their index in the flattened layer."""
    basis = np.zeros((int(np.prod(shape, dtype=np.int64)), len(units)))
    basis[units, np.arange(len(units))] = 1.0
    return Subspace(layer, shape, basis, "units")
