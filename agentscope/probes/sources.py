"""Where features come from: a network's layers, the raw input, random features of the raw input."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped
from scipy.sparse import csr_matrix

from agentscope.contracts import Layer, Network

MOST_DIMS = 1536  # wider layers are folded into this many sums
SHARED_FROM = 8  # features a position that make a shared readout worth its while
MOST_CODES = 32  # integer observations with at most this many values are ids, not intensities


@dataclass(frozen=True)
class View:
    """One way to read a layer: as a whole, or position by position with shared weights.

    Attributes:
        layer: name of the layer, or of the control.
        shape: of one state's activation.
        places: dimensions of the activation that are positions; () reads the layer as a whole.
        axes: their names.
        features: read at each position; dims: columns that are fitted, fewer where the layer is folded.
        most: dims that are fitted at most; 0: MOST_DIMS.
    """

    layer: str
    shape: tuple[int, ...]
    places: tuple[int, ...] = ()
    axes: tuple[str, ...] = ()
    most: int = 0

    @property
    def positions(self) -> int:
        return int(np.prod([self.shape[i] for i in self.places], dtype=np.int64))

    @property
    def units(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def features(self) -> int:
        return self.units // self.positions

    @property
    def dims(self) -> int:
        return min(self.features, self.most or MOST_DIMS)

    @property
    def random_width(self) -> int:
        """Random features as many as the layer has units, bounded like the layers themselves."""
        return min(self.units, MOST_DIMS)

    def arrange(self, activations: Shaped[np.ndarray, "states ..."]) -> Shaped[np.ndarray, "states positions features"]:
        """Activations as (states, positions, features), not folded."""
        others = [i for i in range(len(self.shape)) if i not in self.places]
        moved = activations.transpose(0, *(1 + i for i in (*self.places, *others)))
        return moved.reshape(len(activations), self.positions, self.features)

    def read(self, activations: Shaped[np.ndarray, "states ..."]) -> Float[np.ndarray, "states positions dims"]:
        """What is fitted: arranged activations, folded where they are wide."""
        arranged = self.arrange(activations)
        if self.features == self.dims:
            return arranged if arranged.dtype.kind == "f" else arranged.astype(np.float32)
        flat = arranged.reshape(-1, self.features)
        return np.asarray((folding(self.features).T @ flat.T).T).reshape(len(arranged), self.positions, MOST_DIMS)


def folding(features: int) -> csr_matrix:
    """The fixed sketch of a wide layer: each unit is added to one of MOST_DIMS sums with a random sign.

    A count sketch (Charikar, Chen and Farach-Colton 2002) keeps inner products in expectation and costs one addition
    a unit. It depends on the width alone, so that twins are folded alike; a score through it is a lower bound.
    """
    rng = np.random.default_rng(features)
    sums, signs = rng.integers(MOST_DIMS, size=features), rng.choice(np.array([-1.0, 1.0], np.float32), size=features)
    return csr_matrix((signs, (np.arange(features), sums)), shape=(features, MOST_DIMS))


def view_of(layer: Layer, axes: Sequence[str]) -> View:
    """How a concept over these axes is read from a layer: shared over the axes they have in common, else as a whole."""
    names = layer.axis if len(layer.axis) == len(layer.shape) else ("",) * len(layer.shape)
    common = tuple(axis for axis in axes if axis and axis in names)
    view = View(layer.name, layer.shape, tuple(names.index(axis) for axis in common), common)
    return view if common and view.features >= SHARED_FROM else View(layer.name, layer.shape)


@dataclass(frozen=True)
class Source:
    """Named activations of any batch of observations."""

    name: str
    activations: Callable[[np.ndarray], Mapping[str, np.ndarray]]


def network_source(network: Network, name: str) -> Source:
    """All layers of a network, in one pass."""
    layers = tuple(layer.name for layer in network.layers)
    return Source(name, lambda observations: network.activations_of(observations, layers))


@dataclass(frozen=True)
class RawInput:
    """The flattened observation, ids one-hot, constant components left out, scaled to unit variance.

    Ids are spread to one column a value, since a linear readout of an id as a number would be a straw man.
    """

    components: np.ndarray
    codes: np.ndarray | None
    mean: np.ndarray
    scale: np.ndarray

    @property
    def width(self) -> int:
        return len(self.mean)

    def __call__(self, observations: Shaped[np.ndarray, "states ..."]) -> Float[np.ndarray, "states features"]:
        flat = observations.reshape(len(observations), -1)[:, self.components]
        columns = flat.astype(np.float32) if self.codes is None else (flat == self.codes).astype(np.float32)
        return np.asarray((columns - self.mean) * self.scale, dtype=np.float32)


def raw_input(observations: Shaped[np.ndarray, "states ..."]) -> RawInput:
    """Learn from all states which components vary, and how much."""
    flat = observations.reshape(len(observations), -1)
    codes: np.ndarray | None = None
    components = np.flatnonzero((flat != flat[:1]).any(axis=0))
    if flat.dtype.kind in "iub" and flat[:, components].size:
        values = np.unique(flat[:, components])
        if 2 < len(values) <= MOST_CODES:
            pairs = [(c, v) for c in components for v in np.unique(flat[:, c])]
            components, codes = np.array([c for c, _ in pairs]), np.array([v for _, v in pairs])
    if not len(components):
        components = np.zeros(1, dtype=np.int64)
    total, squares = np.zeros(len(components)), np.zeros(len(components))
    for start in range(0, len(flat), 4096):
        chosen = flat[start : start + 4096][:, components]
        block = (chosen if codes is None else chosen == codes).astype(np.float64)
        total += block.sum(axis=0)
        squares += np.einsum("ij,ij->j", block, block)
    mean = total / len(flat)
    variance = squares / len(flat) - mean**2
    scale = np.where(variance > 1e-12, 1.0 / np.sqrt(np.maximum(variance, 1e-12)), 0.0)
    return RawInput(components, codes, mean.astype(np.float32), scale.astype(np.float32))


def input_source(raw: RawInput) -> Source:
    """The raw input as one layer."""
    return Source("input", lambda observations: {"input": raw(observations)})


def random_source(raw: RawInput, widths: Sequence[int], generator: np.random.Generator) -> Source:
    """Random ReLU features of the raw input, one layer of each width: what width and nonlinearity give for nothing."""
    drawn = {}
    for width in widths:
        weights = generator.normal(size=(raw.width, width)).astype(np.float32) / np.float32(np.sqrt(raw.width))
        drawn[f"random_{width}"] = (weights, generator.normal(size=width).astype(np.float32))

    def activations(observations: np.ndarray) -> Mapping[str, np.ndarray]:
        features = raw(observations)
        return {name: np.maximum(features @ weights + bias, 0) for name, (weights, bias) in drawn.items()}

    return Source("random", activations)
