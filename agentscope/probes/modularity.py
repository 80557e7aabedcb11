"""Clusterability: do a network's weights fall into parts that hardly speak to each other, beside shuffled weights?

Filan, Casper, Hod, Wild, Critch and Russell (2021), "Clusterability in Neural Networks": units are nodes, absolute
weights are edges, and the n-cut of a spectral clustering is compared with that of the same weights shuffled within
their layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import eigh, qr, svd

from agentscope.errors import BadOption
from agentscope.probes.wiring import Bipartite

SIGNIFICANT = 0.05  # shared by the numbers of parts that are tried (Bonferroni)
CLEAR = 0.05  # share by which the n-cut is below the shuffles': a thousand of them make less than that significant
ROUNDS = 6  # of spherical k-means at most: n-cuts are those of 20 rounds to half a standard deviation of the shuffles
SWEEPS = 10  # of rescaling rows and columns: sums then fit to about 1 % on trained weights


@dataclass(frozen=True)
class Cut:
    """The network divided into so many parts, beside its shuffles.

    Attributes:
        clusters: how many parts.
        n_cut: sum over the parts of the share of a part's weight that leads out of it: 0 for parts that are not
            connected, up to the number of parts (Shi and Malik 2000). An empty part counts 1.
        shuffled, deviation: mean and standard deviation of the n-cuts of the shuffles.
        z: deviations from their mean (below 0: more modular); None where the shuffles do not vary.
        p: (1 + shuffles with an n-cut at most as high) / (1 + shuffles).
        labels: part of each unit, by layer; "input" are the inputs of the first.
    """

    clusters: int
    n_cut: float
    shuffled: float
    deviation: float
    z: float | None
    p: float
    labels: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Clusterability:
    """Whether the network's weights are more modular than the same weights in another order.

    Attributes:
        layers: the weights that make up the graph; units: its nodes.
        shuffles: how many; keep_strengths: whether they keep each unit's strength (see `clusterability`).
        cuts: one for each number of parts, all fixed in advance.
        why: why it does not apply; empty where it does.
    """

    layers: tuple[str, ...]
    units: int
    shuffles: int
    keep_strengths: bool
    cuts: tuple[Cut, ...] = ()
    why: str = ""

    @property
    def verdict(self) -> str:
        """In words: modular where some n-cut is below the shuffles', at .05 shared by all, and by 5 % at least."""
        if self.why:
            return f"does not apply: {self.why}"
        below = [cut for cut in self.cuts if cut.p <= SIGNIFICANT / len(self.cuts)]
        if any(cut.n_cut <= (1 - CLEAR) * cut.shuffled for cut in below):
            return "modular structure"
        return "hardly more modular than its weights in random order" if below else "no modular structure"

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row for each number of parts, for tables."""
        return [
            {"clusters": cut.clusters, "n_cut": cut.n_cut, "shuffled": cut.shuffled, "deviation": cut.deviation,
             "z": cut.z, "p": cut.p}
            for cut in self.cuts
        ]  # fmt: skip


def clusterability(
    weights_by_layer: Mapping[str, Float[np.ndarray, "outputs inputs"]],
    *,
    shuffles: int = 1_000,
    clusters: Sequence[int] = (2, 4, 12),
    keep_strengths: bool = False,
    generator: np.random.Generator,
) -> Clusterability:
    """Divide the graph of absolute weights into parts, and the graphs of shuffled weights in the same way.

    A graph of layers has two sides (even and odd layers), so that its eigenvectors are the singular vectors of one
    matrix with as many columns as the smaller side: exact, and a thousand shuffles take seconds. Parts are found by
    pivoted QR and spherical k-means, without chance. The scale that ReLU units may trade between layers is not
    removed, as in the paper.

    Args:
        weights_by_layer: successive layers (see `weight_chain`), each (outputs, inputs).
        clusters: numbers of parts, fixed before looking; those that the graph is too small for are left out.
        keep_strengths: the paper's control puts each layer's weights in random order, which also evens out how strong
            units are. True also rescales the shuffled weights so that every unit keeps its own sum of weights in
            each layer (Sinkhorn): what is then left is who speaks to whom.
        generator: of the shuffles.
    Raises: BadOption: layers that do not follow each other, no shuffles, or fewer than 2 parts.
    """
    weights = {name: np.abs(np.asarray(values, dtype=np.float64)) for name, values in weights_by_layer.items()}
    _check(weights, shuffles, clusters)
    chain = list(weights.values())
    nodes = sum(len(layer) for layer in chain) + (chain[0].shape[1] if chain else 0)
    about = (tuple(weights), nodes, shuffles, keep_strengths)
    if len(chain) < 2:
        return Clusterability(*about, why="fewer than two layers of weights follow each other")
    graph = Bipartite.of(chain)
    fitting = [count for count in clusters if count <= min(graph.edges.shape)]
    if not fitting or not graph.edges.any():
        return Clusterability(*about, why=f"too few units are connected for {min(clusters, default=2)} parts")
    own, labels = _n_cuts(graph, fitting)
    shuffled = np.empty((shuffles, len(fitting)))
    for index in range(shuffles):
        mixed = [generator.permutation(layer.ravel()).reshape(layer.shape) for layer in chain]
        if keep_strengths:
            mixed = [_with_strengths(new, old) for new, old in zip(mixed, chain, strict=True)]
        shuffled[index] = _n_cuts(Bipartite.of(mixed), fitting)[0]
    cuts = [
        _cut(count, float(own[i]), shuffled[:, i], _by_layer(weights, graph.by_layer(labels[i])))
        for i, count in enumerate(fitting)
    ]
    return Clusterability(*about, tuple(cuts))


def _check(weights: Mapping[str, np.ndarray], shuffles: int, clusters: Sequence[int]) -> None:
    if shuffles < 1 or any(count < 2 for count in clusters):
        raise BadOption(f"{shuffles} shuffles for {tuple(clusters)} parts: give at least 1 shuffle, and parts from 2.")
    before: int | None = None
    for name, layer in weights.items():
        if layer.ndim != 2 or before not in (None, layer.shape[1]):
            raise BadOption(f"{name} has shape {layer.shape}, and the layer before it puts out {before}: give matrices "
                            "(outputs, inputs) that follow each other, e.g. from weight_chain.")  # fmt: skip
        before = layer.shape[0]


def _cut(count: int, own: float, shuffled: Float[np.ndarray, "shuffles"], labels: Mapping[str, tuple[int, ...]]) -> Cut:
    mean, deviation = float(shuffled.mean()), float(shuffled.std())
    z = (own - mean) / deviation if deviation > 1e-9 else None
    # Rounding must not decide between equal cuts: shuffles within it count as at most as high.
    p = (1 + int((shuffled <= own + 1e-9).sum())) / (1 + len(shuffled))
    return Cut(count, own, mean, deviation, z, p, labels)


def _by_layer(weights: Mapping[str, np.ndarray], parts: Sequence[np.ndarray]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(part.tolist()) for name, part in zip(("input", *weights), parts, strict=True)}


def _n_cuts(graph: Bipartite, clusters: Sequence[int]) -> tuple[Float[np.ndarray, "counts"], list[np.ndarray]]:
    """The n-cut for each number of parts, and the parts."""
    vectors = _spectrum(graph, max(clusters))
    labels = [_divide(vectors[:, :count]) for count in clusters]
    return np.array([n_cut(graph, parts, count) for parts, count in zip(labels, clusters, strict=True)]), labels


def n_cut(graph: Bipartite, labels: Int[np.ndarray, "units"], clusters: int) -> float:
    """Sum over the parts of the share of a part's weight that leads out of it; an empty part counts 1."""
    member = np.equal.outer(labels, np.arange(clusters)).astype(np.float64)
    even, odd = member[: len(graph.edges)], member[len(graph.edges) :]
    volume = graph.strengths @ member
    inside = 2 * ((graph.edges.T @ even) * odd).sum(axis=0)
    return float(clusters - (inside / np.where(volume > 0, volume, 1.0)).sum())


def _spectrum(graph: Bipartite, count: int) -> Float[np.ndarray, "units vectors"]:
    """The first eigenvectors of the normalised graph, strongest first, each unit's scaled to length 1 later."""
    scale = np.sqrt(np.where(graph.strengths > 0, graph.strengths, np.inf))
    even = len(graph.edges)
    normal = graph.edges / scale[:even, None] / scale[even:]
    turned = normal.shape[0] < normal.shape[1]
    tall = normal.T if turned else normal
    width = tall.shape[1]
    values, right = eigh(tall.T @ tall, subset_by_index=[width - count, width - 1])
    singular = np.sqrt(np.maximum(values[::-1], 0.0))
    right = right[:, ::-1]
    left = (tall @ right) / np.where(singular > 1e-6, singular, np.inf)
    return np.concatenate([right, left] if turned else [left, right])


def _divide(vectors: Float[np.ndarray, "units vectors"]) -> Int[np.ndarray, "units"]:
    """Parts from eigenvectors: pivoted QR (Damle, Minden and Ying 2019), then spherical k-means from there.

    On networks of this size this cuts as low as sklearn's k-means with 10 starts, in a tenth of the time.
    """
    count = vectors.shape[1]
    pivots = qr(vectors.T, mode="economic", pivoting=True)[2][:count]
    left, _, right = svd(vectors[pivots].T)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    points = vectors / np.where(length > 1e-12, length, np.inf)
    labels = np.abs(vectors @ (left @ right)).argmax(axis=1)
    for _ in range(ROUNDS):
        member = np.equal.outer(labels, np.arange(count)).astype(np.float64)
        centres = member.T @ points
        norms = np.linalg.norm(centres, axis=1, keepdims=True)
        moved = (points @ (centres / np.where(norms > 1e-12, norms, np.inf)).T).argmax(axis=1)
        if (moved == labels).all():
            break
        labels = moved
    return labels


def _with_strengths(
    shuffled: Float[np.ndarray, "outputs inputs"], own: Float[np.ndarray, "outputs inputs"]
) -> Float[np.ndarray, "outputs inputs"]:
    """Shuffled weights with the row and column sums of the layer's own (Sinkhorn and Knopp 1967)."""
    for _ in range(SWEEPS):
        for axis in (1, 0):
            sums = shuffled.sum(axis=axis, keepdims=True)
            shuffled = shuffled * (own.sum(axis=axis, keepdims=True) / np.where(sums > 0, sums, 1.0))
    return shuffled
