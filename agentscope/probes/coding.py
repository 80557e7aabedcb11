"""Codes for labels: log-probabilities of a block's labels, by all earlier blocks alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int
from scipy.special import log_softmax, ndtr

from agentscope.probes.scoring import class_indices
from agentscope.probes.targets import Target

FINEST = 64  # parts of a standard deviation that a number is told to at most; counts are told exactly
LEAST = 1e-300  # probability
NEWTON, RIDGE = 25, 1e-3  # steps of the calibration, and its penalty
Labels = Mapping[int, np.ndarray]  # (states, outputs) by block
Columns = Mapping[tuple[int, float], np.ndarray]  # (states, positions, columns) by block and penalty


class NumberCode:
    """Numbers by a Gaussian, told to a fixed precision.

    The variance is that of the errors on earlier blocks, each read by the blocks before it: the errors on the states
    that a readout was fitted on are too small where it has many features.
    """

    def __init__(self, target: Target, labels: Labels, columns: Columns) -> None:
        self.labels = {g: (each.astype(np.float64) - target.origin) / target.scale for g, each in labels.items()}
        self.columns = {key: found.reshape(len(found), -1).astype(np.float64) for key, found in columns.items()}
        every = np.unique(np.concatenate([each.ravel() for each in labels.values()]).astype(np.float64))
        gap = 1.0 if target.concept.kind == "count" else float(np.diff(every).min(initial=np.inf))
        self.step = max(gap / target.scale, 1.0 / FINEST) if target.concept.kind != "count" else gap / target.scale

    def constant(self, group: int) -> Float[np.ndarray, "states outputs"]:
        """Log-probabilities by mean and variance of all earlier labels."""
        earlier = np.concatenate([each for before, each in self.labels.items() if before < group])
        return self._gaussian(self.labels[group] - earlier.mean(axis=0), earlier.var(axis=0))

    def read(self, group: int, strength: float) -> Float[np.ndarray, "states outputs"]:
        """Log-probabilities by the readings of this block and the variance of earlier errors."""
        errors = [self.columns[before, used] - self.labels[before]
                  for before, used in self.columns if used == strength and before < group]  # fmt: skip
        variance = np.mean(np.concatenate(errors) ** 2, axis=0)
        return self._gaussian(self.labels[group] - self.columns[group, strength], variance)

    def _gaussian(self, apart: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Of a cell one step wide; the variance of the rounding itself is a twelfth of its square."""
        spread = np.sqrt(variance + self.step**2 / 12)
        near = np.abs(apart)  # the upper tail is told by the lower one, which does not cancel
        cell = ndtr((self.step / 2 - near) / spread) - ndtr((-self.step / 2 - near) / spread)
        return np.asarray(np.log(np.maximum(cell, LEAST)))


class ClassCode:
    """Flags and choices by probabilities that are calibrated on earlier blocks.

    A conditional logit of the reading and of the earlier frequencies: with weight 0 on the reading it is the constant.
    """

    def __init__(self, target: Target, labels: Labels, columns: Columns) -> None:
        flag = target.concept.kind == "flag"
        self.classes = 2 if flag else len(target.classes)
        self.labels = {group: each.astype(np.int64) if flag else class_indices(target, each)
                       for group, each in labels.items()}  # fmt: skip
        self.columns = {}
        for key, found in columns.items():
            split = found.reshape(len(found), -1, 1 if flag else self.classes).astype(np.float64)
            self.columns[key] = np.concatenate([np.zeros_like(split), split], axis=2) if flag else split

    def constant(self, group: int) -> Float[np.ndarray, "states outputs"]:
        """Log-probabilities by earlier frequencies, half a case added to each (Krichevsky and Trofimov 1981)."""
        frequencies = np.broadcast_to(self._frequencies(group), (*self.labels[group].shape, self.classes))
        return _chosen(frequencies, self.labels[group])

    def _frequencies(self, group: int) -> Float[np.ndarray, "outputs classes"]:
        earlier = np.concatenate([each for before, each in self.labels.items() if before < group])
        counts = (earlier[:, :, None] == np.arange(self.classes)).sum(axis=0) + 0.5
        return np.asarray(np.log(counts / counts.sum(axis=1, keepdims=True)))

    def read(self, group: int, strength: float) -> Float[np.ndarray, "states outputs"]:
        """Log-probabilities by the readings of this block, calibrated on those of earlier blocks."""
        before = [block for block, used in self.columns if used == strength and block < group]
        unit = max(float(np.concatenate([self.columns[b, strength].ravel() for b in before]).std()), 1e-9)
        frequencies = self._frequencies(group)
        features = np.concatenate([self._features(b, strength, unit, frequencies) for b in before])
        weights = fit_logit(features, np.concatenate([self.labels[b].ravel() for b in before]))
        found = log_softmax(self._features(group, strength, unit, frequencies) @ weights, axis=1)
        return _chosen(found.reshape(*self.labels[group].shape, self.classes), self.labels[group])

    def _features(
        self, group: int, strength: float, unit: float, frequencies: np.ndarray
    ) -> Float[np.ndarray, "cases classes features"]:
        read = self.columns[group, strength] / unit
        offset = np.broadcast_to(np.arange(self.classes) == 1, read.shape) if self.classes == 2 else np.zeros_like(read)
        parts = (read, np.broadcast_to(frequencies, read.shape), offset)
        return np.stack(parts, axis=3).reshape(-1, self.classes, 3)


def _chosen(found: np.ndarray, labels: np.ndarray) -> Float[np.ndarray, "states outputs"]:
    """The log-probability of each label; 0 for a class too rare to be scored, which costs nobody anything."""
    chosen = np.take_along_axis(found, np.maximum(labels, 0)[..., None], axis=-1)[..., 0]
    return np.where(labels >= 0, chosen, 0.0)


def fit_logit(
    features: Float[np.ndarray, "cases classes features"], labels: Int[np.ndarray, "cases"]
) -> Float[np.ndarray, "features"]:
    """Weights of a conditional logit (McFadden 1974) by Newton's method, with a little ridge about (0, 1, 0).

    Half a case of each class at the mean features is added, as to the frequencies: a class that did not occur is not
    ruled out. Cases with label -1 do not count.
    """
    features, labels = features[labels >= 0], labels[labels >= 0]
    prior = np.array([0.0, 1.0, 0.0])
    weights = prior.copy()
    if not len(labels):
        return weights
    classes = features.shape[1]
    counts = np.concatenate([np.ones(len(labels)), np.full(classes, 0.5)])
    features = np.concatenate([features, np.broadcast_to(features.mean(axis=0), (classes, *features.shape[1:]))])
    shown = features[np.arange(len(features)), np.concatenate([labels, np.arange(classes)])]
    for _ in range(NEWTON):
        shares = np.exp(log_softmax(features @ weights, axis=1))
        mean = np.einsum("nc,ncf->nf", shares, features)
        gradient = counts @ (mean - shown) + RIDGE * len(labels) * (weights - prior)
        spread = np.einsum("n,nc,ncf,ncg->fg", counts, shares, features, features) - mean.T @ (counts[:, None] * mean)
        spread[np.diag_indices(3)] += RIDGE * len(labels)
        step = np.linalg.solve(spread, gradient)
        weights = weights - step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-6:
            break
    return weights
