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
    folds = np.zeros(len(scores), dtype=np.int64) if folds is None else folds
    _, episode = np.unique(folds, return_inverse=True)
    return RankedPairs(scores, labels, folds, episode.ravel())(np.ones(int(episode.max(initial=-1)) + 1))


class RankedPairs:
    """The AUC of one readout for any weights of the episodes, from pairs that were counted once.

    Attributes:
        won: (episodes, episodes) pairs of a positive of one episode and a negative of the other that are ranked
            rightly, ties counting half, where both are of one fold; pairs: all of them.
    """

    def __init__(
        self,
        scores: Float[np.ndarray, "states"],
        labels: Bool[np.ndarray, "states"],
        folds: Int[np.ndarray, "states"],
        episode: Int[np.ndarray, "states"],
    ) -> None:
        count = int(episode.max(initial=-1)) + 1
        self.won, self.pairs = np.zeros((count, count)), np.zeros((count, count))
        for fold in np.unique(folds[labels]):
            here = folds == fold
            positive = np.flatnonzero(here & labels)
            negative = np.flatnonzero(here & ~labels)
            negative = negative[np.lexsort((scores[negative], episode[negative]))]
            names, starts = np.unique(episode[negative], return_index=True)
            ends = np.append(starts, len(negative))[1:]
            for name, start, end in zip(names, starts, ends, strict=True):
                group = scores[negative[start:end]]
                below = np.searchsorted(group, scores[positive]) + np.searchsorted(group, scores[positive], "right")
                self.won[:, name] += np.bincount(episode[positive], below / 2, minlength=count)
                self.pairs[:, name] += np.bincount(episode[positive], minlength=count) * len(group)

    def __call__(self, weights: Float[np.ndarray, "episodes"]) -> float:
        """AUC with each episode counted as often as its weight says; nan where there is no pair."""
        pairs = float(weights @ self.pairs @ weights)
        return float(weights @ self.won @ weights) / pairs if pairs else float("nan")


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
