"""Scores of readouts on held-out states, with the weights that a bootstrap over episodes needs."""

from __future__ import annotations

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
    return float(RankedPairs(scores, labels, folds, episode.ravel())(np.ones((1, int(episode.max(initial=-1)) + 1)))[0])


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

    def __call__(self, weights: Float[np.ndarray, "resamples episodes"]) -> Float[np.ndarray, "resamples"]:
        """AUC with each episode counted as often as its weight says; nan where there is no pair."""
        won, pairs = (((weights @ table) * weights).sum(axis=-1) for table in (self.won, self.pairs))
        return ratio(won, pairs)

    def influence(self) -> Float[np.ndarray, "episodes"]:
        """Derivative of the AUC by the weight of each episode, where all weigh 1."""
        total = float(self.pairs.sum())
        moved = [table.sum(axis=0) + table.sum(axis=1) for table in (self.won, self.pairs)]
        return np.asarray((moved[0] - float(self.won.sum()) / total * moved[1]) / total)


def ratio(
    part: Float[np.ndarray, "resamples"], whole: Float[np.ndarray, "resamples"]
) -> Float[np.ndarray, "resamples"]:
    """part / whole; nan where the whole is nothing."""
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)


def macro_f1(confusion: Float[np.ndarray, "true predicted"]) -> float:
    """Mean F1 over the classes that occur; a class that is never found counts 0. nan where no class occurs."""
    return float(macro_f1_of_each(confusion[None])[0])


def macro_f1_of_each(confusions: Float[np.ndarray, "resamples true predicted"]) -> Float[np.ndarray, "resamples"]:
    """The macro-F1 of each of many tables."""
    right = 2 * np.diagonal(confusions, axis1=1, axis2=2)
    counts = confusions.sum(axis=2)
    found = confusions.sum(axis=1) + counts
    each = np.divide(right, found, out=np.zeros_like(found), where=counts > 0)
    return ratio(each.sum(axis=1), (counts > 0).sum(axis=1).astype(np.float64))


def macro_f1_influence(tables: Float[np.ndarray, "episodes true predicted"]) -> Float[np.ndarray, "episodes"]:
    """Derivative of the macro-F1 of all episodes by the weight of each, where all weigh 1."""
    present = tables.sum(axis=(0, 2)) > 0
    right = 2 * np.diagonal(tables, axis1=1, axis2=2)[:, present]
    found = (tables.sum(axis=1) + tables.sum(axis=2))[:, present]
    total = found.sum(axis=0)
    return np.asarray(((right - right.sum(axis=0) / total * found) / total).mean(axis=1))


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


def draw_resamples(episodes: int, generator: np.random.Generator) -> Float[np.ndarray, "resamples episodes"]:
    """How often each episode is drawn in each resample: drawn once, so that all scores meet the same resamples."""
    return generator.multinomial(episodes, np.full(episodes, 1.0 / episodes), size=RESAMPLES).astype(np.float64)


def interval_of(values: Float[np.ndarray, "resamples"]) -> tuple[float, float] | None:
    """The 95 % interval of what resamples gave; None where half of them give no number."""
    values = values[np.isfinite(values)]
    if len(values) < RESAMPLES // 2:
        return None
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
