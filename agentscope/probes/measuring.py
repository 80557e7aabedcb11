"""Scores of readouts on held-out states, with the weights that a bootstrap over episodes needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

RESAMPLES = 200


def auc(
    scores: Float[np.ndarray, "states"],
    labels: Bool[np.ndarray, "states"],
    folds: Int[np.ndarray, "states"] | None = None,
) -> float:
    """Share of (positive, negative) pairs of the same fold that the readout ranks rightly; a tie counts half.

    Readouts of different folds differ by more than their scores' order, so pairs across folds are not compared.
    nan where there is no pair.
    """
    return RankedPairs(scores, labels, folds)(np.ones(len(scores)))


class RankedPairs:
    """The AUC of one readout for any weights of the states, after one sort."""

    def __init__(self, scores: np.ndarray, labels: np.ndarray, folds: np.ndarray | None = None) -> None:
        folds = np.zeros(len(scores), dtype=np.int64) if folds is None else folds
        self.order = np.lexsort((scores, folds))
        scores, folds = scores[self.order], folds[self.order]
        self.positive = labels[self.order].astype(np.float64)
        new_fold = np.r_[True, folds[1:] != folds[:-1]] if len(scores) else np.zeros(0, bool)
        new_tie = new_fold | np.r_[True, scores[1:] != scores[:-1]] if len(scores) else new_fold
        self.tie = np.cumsum(new_tie) - 1
        self.tie_start = np.flatnonzero(new_tie)
        self.fold = np.cumsum(new_fold) - 1
        self.fold_start = np.flatnonzero(new_fold)

    def __call__(self, weights: Float[np.ndarray, "states"]) -> float:
        """AUC with each state counted as often as its weight says."""
        weights = weights[self.order]
        negative = weights * (1.0 - self.positive)
        below = np.r_[0.0, np.cumsum(negative)]
        ends = np.r_[self.tie_start[1:], len(weights)]
        tied = below[ends] - below[self.tie_start]
        lower = below[self.tie_start][self.tie] - below[self.fold_start][self.fold]
        fold_ends = np.r_[self.fold_start[1:], len(weights)]
        all_negative = (below[fold_ends] - below[self.fold_start])[self.fold]
        positive = weights * self.positive
        pairs = float(np.sum(positive * all_negative))
        return float(np.sum(positive * (lower + 0.5 * tied[self.tie]))) / pairs if pairs else float("nan")


def macro_f1(confusion: Float[np.ndarray, "true predicted"]) -> float:
    """Mean F1 over the classes that occur; a class that is never found counts 0."""
    right = np.diagonal(confusion)
    found = confusion.sum(axis=0) + confusion.sum(axis=1)
    present = confusion.sum(axis=1) > 0
    return float(np.mean(2 * right[present] / found[present])) if present.any() else float("nan")


def constant_f1(confusion: Float[np.ndarray, "true predicted"]) -> float:
    """Macro-F1 of always naming the most frequent class."""
    counts = confusion.sum(axis=1)
    always = np.zeros_like(confusion)
    always[:, int(np.argmax(counts))] = counts
    return macro_f1(always)


def balanced_accuracy(confusion: Float[np.ndarray, "true predicted"]) -> float:
    """Mean over the classes that occur of the share found."""
    counts = confusion.sum(axis=1)
    present = counts > 0
    return float(np.mean(np.diagonal(confusion)[present] / counts[present])) if present.any() else float("nan")


@dataclass(frozen=True)
class Score:
    """A score with its bootstrap interval over episodes (95 %), the readouts held fixed."""

    value: float
    low: float | None = None
    high: float | None = None


def bootstrap(
    statistic: Callable[[Float[np.ndarray, "episodes"]], float], episodes: int, generator: np.random.Generator
) -> tuple[float, float] | None:
    """The 95 % interval of a statistic of episode weights; None where resamples give no number."""
    draws = generator.multinomial(episodes, np.full(episodes, 1.0 / episodes), size=RESAMPLES).astype(np.float64)
    values = np.array([statistic(weights) for weights in draws])
    values = values[np.isfinite(values)]
    if len(values) < RESAMPLES // 2:
        return None
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
