"""How a linear readout becomes an answer: thresholds of flags, and three linear rules for choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from agentscope.probes.ridge import RidgeSystem, Solution
from agentscope.probes.targets import Target

HEADS = ("ridge", "discriminant", "even discriminant")


@dataclass(frozen=True)
class Block:
    """The target columns of one concept in one variant of its labels.

    Attributes:
        columns: among the targets; extra: among the columns that discriminants add behind them.
    """

    target: Target
    variant: str
    columns: slice
    extra: slice | None = None

    @property
    def classes(self) -> int:
        return len(self.target.classes)


@dataclass(frozen=True)
class Readings:
    """A fitted view: one linear map whose columns serve all concepts, and what the choices need besides.

    Attributes:
        log_priors: of each discriminant column; subtracting them treats the classes as equally frequent.
    """

    solution: Solution
    log_priors: Float[np.ndarray, "extra"]

    def predict(
        self, x: Float[np.ndarray, "states positions features"], shift: Float[np.ndarray, "features"]
    ) -> Float[np.ndarray, "states positions columns"]:
        """All columns on a batch of states, float32."""
        flat = (x - shift.astype(x.dtype)).reshape(-1, x.shape[2])
        found = (flat @ self.solution.weights.astype(x.dtype)).reshape(*x.shape[:2], -1)
        return np.asarray(found + self.solution.bias.astype(x.dtype))


def fit_readings(system: RidgeSystem, strengths: Float[np.ndarray, "targets"], blocks: Sequence[Block]) -> Readings:
    """Ridge for every column; flags are moved so that 0 is their threshold, choices get discriminants."""
    weights = np.zeros_like(system.cross)
    for strength in np.unique(strengths):
        chosen = np.flatnonzero(strengths == strength)
        weights[:, chosen] = system.standardised(float(strength), chosen)
    level = system.y_mean.copy()
    extras, levels, priors = [weights], [level], []
    for block in blocks:
        if block.target.concept.kind == "flag":
            level[:, block.columns] = -_middle(system, weights, block.columns)
        for start in _choices(block):
            columns = slice(start, start + block.classes)
            found, base, log_prior = _discriminant(system, weights[:, columns], columns)
            extras.append(found)
            levels.append(np.broadcast_to(base, (len(level), block.classes)))
            priors.append(log_prior)
    joined = system.in_units(np.concatenate(extras, axis=1), np.concatenate(levels, axis=1))
    return Readings(joined, np.concatenate(priors) if priors else np.zeros(0))


def _choices(block: Block) -> range:
    return range(block.columns.start, block.columns.stop, block.classes) if block.classes else range(0)


def _middle(system: RidgeSystem, weights: np.ndarray, columns: slice) -> Float[np.ndarray, "flags"]:
    """Half way between the mean readings of the two classes, measured from the reading at the mean features."""
    positive = np.clip(system.y_mean[:, columns].mean(axis=0) * system.rows, 1e-9, system.rows - 1e-9)
    along = np.sum(weights[:, columns] * system.cross[:, columns], axis=0)
    middle: np.ndarray = along * (1 / positive - 1 / (system.rows - positive)) / 2
    return middle


def _discriminant(
    system: RidgeSystem, weights: np.ndarray, columns: slice
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Regularised linear discriminants from the ridge solution, by Woodbury's identity, without another inverse.

    With T the penalised total scatter and M the scaled class means, within-class scatter is T - MM', and its inverse
    times M is T^-1 M (I - M'T^-1 M)^-1 (Hastie, Buja and Tibshirani 1995 relate the two in general).
    """
    rows = system.rows
    counts = np.maximum(system.y_mean[:, columns].mean(axis=0) * rows, 1e-9)
    root = np.sqrt(counts)
    cross = system.cross[:, columns]
    overlap = (cross.T @ weights) / root[:, None] / root
    inverse = np.linalg.inv((1 + 1e-6) * np.eye(len(root)) - (overlap + overlap.T) / 2)
    directions = rows * ((weights / root) @ inverse) / root
    distance = np.sum(cross / counts * directions, axis=0)
    log_prior = np.log(counts / counts.sum())
    return directions, log_prior - distance / 2, log_prior


def named_classes(
    block: Block,
    columns: Float[np.ndarray, "states positions columns"],
    log_priors: Float[np.ndarray, "extra"],
    width: int,
) -> Int[np.ndarray, "states outputs heads"]:
    """Index of the class that each of HEADS names; `width` is the number of target columns before the extras."""
    assert block.extra is not None
    ridge = columns[:, :, block.columns]
    found = columns[:, :, width + block.extra.start : width + block.extra.stop]
    even = found - log_priors[block.extra].astype(found.dtype)
    named = [scores.reshape(len(columns), -1, block.classes).argmax(axis=2) for scores in (ridge, found, even)]
    return np.stack(named, axis=2).astype(np.int16)
