"""A small non-linear readout beside the linear one: is a concept present in a layer, but not linearly?

Ridge on the layer's units and on WIDTH fixed random ReLU features of them (Rahimi and Recht 2008): it is
fitted from the same mergeable moments, in one pass, and its width is fixed in advance. Its matched control is the same
on the raw input, which `random_source` gives, and on untrained twins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from agentscope.probes.fitting import ViewFit
from agentscope.probes.sources import Source, View
from agentscope.probes.targets import Target

WIDTH = 256  # random features a position


@dataclass(frozen=True)
class Widened:
    """One view of a layer with random ReLU features of its standardised units beside them.

    Attributes:
        mean, scale: of the units; scale 0 where a unit does not vary.
    """

    view: View
    mean: Float[np.ndarray, "dims"]
    scale: Float[np.ndarray, "dims"]
    weights: Float[np.ndarray, "dims width"]
    bias: Float[np.ndarray, "width"]

    @property
    def widened(self) -> View:
        """How the widened layer is read: at the same positions."""
        features = self.view.dims + len(self.bias)
        places, shape = ((0,), (self.view.positions, features)) if self.view.axes else ((), (features,))
        return View(self.view.layer, shape, places, self.view.axes, most=features)

    def __call__(self, activations: np.ndarray) -> np.ndarray:
        """Units and random features, of the widened view's shape."""
        units = self.view.read(activations)
        hidden = np.maximum(((units - self.mean) * self.scale) @ self.weights + self.bias, 0.0)
        both = np.concatenate([units, hidden.astype(units.dtype)], axis=2)
        return both.reshape(len(both), *self.widened.shape)


def widen(fit: ViewFit) -> Widened:
    """Random features of one view, standardised by what its linear fit has counted.

    The features depend on the number of units alone, so that twins get the same.
    """
    moments = fit.without(None)
    mean = moments.x.sum(axis=0) / moments.rows
    variance = np.diagonal(moments.xx) / moments.rows - mean**2
    alive = variance > 1e-6 * np.maximum(np.diagonal(moments.xx) / moments.rows, 1e-12)
    scale = np.where(alive, 1.0 / np.sqrt(np.where(alive, variance, 1.0)), 0.0)
    rng = np.random.default_rng([WIDTH, fit.view.dims])
    weights = rng.normal(size=(fit.view.dims, WIDTH)) / np.sqrt(max(int(alive.sum()), 1))
    parts = (fit.shift + mean, scale, weights, rng.normal(size=WIDTH))
    return Widened(fit.view, *(part.astype(np.float32) for part in parts))


def widened_source(source: Source, fits: Sequence[ViewFit]) -> tuple[Source, Mapping[View, Sequence[Target]]]:
    """The layers of a source with their random features, and how each is read; one view a layer.

    Args:
        fits: linear fits of the same source.
    """
    made = {fit.view.layer: widen(fit) for fit in fits}
    assert len(made) == len(fits), "a layer that is read in two ways cannot be widened under one name"
    work = {made[fit.view.layer].widened: fit.targets for fit in fits}

    def activations(observations: np.ndarray) -> Mapping[str, np.ndarray]:
        found = source.activations(observations)
        return {name: each(found[name]) for name, each in made.items()}

    return Source(f"{source.name}, widened", activations), work
