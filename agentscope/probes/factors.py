"""Non-negative factors of signed columns, at the smallest rank that holds out and comes back."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from sklearn.decomposition import NMF, non_negative_factorization
from sklearn.exceptions import ConvergenceWarning

TOLERANCE = 1e-3  # held-out figures and stability are those of 1e-4 to the second digit, in half the time
SWEEPS = 200
FOLDS = 8  # of units that are foretold: a factor of two units should keep one to be read from
RIDGE = 0.01  # on strengths, beside factors of length 1: a factor that the seen units hardly show must not explode
SILENT = 1e-6  # of the largest unit's size: smaller ones are left out, since scaling would make noise of them


@dataclass(frozen=True)
class Columns:
    """How signed units become the non-negative columns that are factorised.

    NMF needs values >= 0, so every unit gives two columns, its positive and its negative part (tanh units and
    attributions have both; of ReLU units the second is empty and left out), divided by the unit's scale.

    Attributes:
        unit: unit of each column; sign: +1 for its positive part, -1 for its negative part.
        scale: of each unit.
    """

    unit: Int[np.ndarray, "columns"]
    sign: Int[np.ndarray, "columns"]
    scale: Float[np.ndarray, "units"]

    @staticmethod
    def of(values: Float[np.ndarray, "rows units"], *, each: bool) -> Columns:
        """Columns that are not empty on these rows.

        Args:
            each: units are scaled to the same root mean square each, so that a large unit is no better than a small
                one; else all by the same number, where sizes mean something (attributions).
        """
        size = np.sqrt((values.astype(np.float64) ** 2).mean(axis=0))
        largest = float(size.max(initial=0.0))
        scale = np.where(size > SILENT * largest, size, np.inf) if each else np.full(len(size), largest or 1.0)
        parts = np.stack([(np.maximum(s * values, 0) / scale).max(axis=0, initial=0.0) for s in (1, -1)], axis=1)
        unit, side = np.nonzero(parts > SILENT)
        return Columns(unit, 1 - 2 * side, scale)

    def read(self, values: Float[np.ndarray, "rows units"]) -> Float[np.ndarray, "rows columns"]:
        """Signed units as non-negative columns, float32."""
        signed = values[:, self.unit] * (self.sign / self.scale[self.unit])
        return np.maximum(signed, 0).astype(np.float32)


@dataclass(frozen=True)
class RankPoint:
    """One rank: how well its factors foretell units that they did not see, and whether they come back.

    Attributes:
        explained: share of the held-out variance, mean over the seeds (`held_out`); below 0: worse than the mean.
        stability: cosine of the factors between seeds, best matched, mean over factors and pairs of seeds. Random
            non-negative vectors have about .6, so that the bar must be high.
    """

    rank: int
    explained: float
    stability: float


@dataclass(frozen=True)
class Factors:
    """Factors of one rank from several seeds.

    Attributes:
        loadings: (rank, columns), each row of length 1, of the seed that agrees best with the others.
        stability: of each factor: mean cosine with its match in the other seeds.
    """

    loadings: Float[np.ndarray, "rank columns"]
    stability: Float[np.ndarray, "rank"]
    point: RankPoint


@dataclass(frozen=True)
class RankRule:
    """How the rank is chosen: stated before looking.

    Attributes:
        ranks: those that are tried, from 2: one factor groups nothing.
        seeds: fits of each rank, each with its own start on its own half of the training rows.
        rows: rows of a fit at most; half as many are held out.
        within: the smallest stable rank this close to the best stable rank's explained variance is chosen.
        stable: stability from which a rank counts as stable.
        least: explained variance from which it counts at all; untrained twins of keydoor and Tetris agents
            reach .04 to .13 (but those of CartPole .97: four inputs leave little else).
    """

    ranks: Sequence[int] = (2, 3, 4, 5, 6, 8, 10, 12)
    seeds: int = 4
    rows: int = 1_000
    within: float = 0.02
    stable: float = 0.9
    least: float = 0.15

    def choose(self, curve: Sequence[RankPoint]) -> int | None:
        """Index of the chosen rank; None where no rank is stable and explains enough."""
        good = [i for i, point in enumerate(curve) if point.stability >= self.stable and point.explained >= self.least]
        if not good:
            return None
        best = max(curve[i].explained for i in good)
        return min((i for i in good if curve[i].explained >= best - self.within), key=lambda i: curve[i].rank)


def factor_curve(
    train: Float[np.ndarray, "rows columns"],
    held: Float[np.ndarray, "held columns"],
    unit: Int[np.ndarray, "columns"],
    *,
    rule: RankRule,
    generator: np.random.Generator,
) -> list[Factors]:
    """Factors of every rank that the columns allow, with held-out variance and stability.

    Args:
        train: rows to fit on, of the training episodes; held: of others.
        unit: unit of each column: both parts of a unit are held out together.
    """
    units = np.unique(unit)
    samples = [_some(len(train), min(rule.rows, len(train) // 2), generator) for _ in range(rule.seeds)]
    starts = generator.integers(2**31, size=rule.seeds)
    held = held[_some(len(held), rule.rows // 2, generator)]
    folds = [(generator.permutation(len(units)) % FOLDS)[np.searchsorted(units, unit)] for _ in range(rule.seeds)]
    mean = train.mean(axis=0)
    found = []
    for rank in rule.ranks:
        if 2 * rank > len(units):
            continue
        fits = [_fit(train[rows], rank, int(start)) for rows, start in zip(samples, starts, strict=True)]
        explained = [held_out(held, loadings, fold, mean) for loadings, fold in zip(fits, folds, strict=True)]
        found.append(_matched(fits, rank, float(np.mean(explained))))
    return found


def strengths(
    rows: Float[np.ndarray, "rows columns"], loadings: Float[np.ndarray, "rank columns"]
) -> Float[np.ndarray, "rows rank"]:
    """How strongly each factor is present in each row: non-negative least squares with a small ridge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found, _, _ = non_negative_factorization(
            rows, H=loadings.astype(rows.dtype), n_components=len(loadings), update_H=False, tol=TOLERANCE,
            max_iter=SWEEPS, alpha_W=RIDGE / rows.shape[1], alpha_H=0.0,
        )  # fmt: skip
    return np.asarray(found)


def held_out(
    rows: Float[np.ndarray, "rows columns"],
    loadings: Float[np.ndarray, "rank columns"],
    fold: Int[np.ndarray, "columns"],
    mean: Float[np.ndarray, "columns"],
) -> float:
    """Share of the variance of units that the other units foretell through the factors, each fold of units in turn.

    Bi-cross-validation (Owen and Perry 2009): neither the rows nor the units that are foretold were seen, so that the
    figure falls again once factors fit noise.

    Args:
        fold: of each column, both parts of a unit in one; mean: of the training rows, which an answer without factors
            would give.
    """
    wrong = 0.0
    for out in (fold == number for number in np.unique(fold)):
        strength = strengths(np.ascontiguousarray(rows[:, ~out]), np.ascontiguousarray(loadings[:, ~out]))
        wrong += float(((rows[:, out] - strength @ loadings[:, out]) ** 2).sum(dtype=np.float64))
    total = float(((rows - mean) ** 2).sum(dtype=np.float64))
    return 1 - wrong / total if total > 0 else 0.0


def _fit(rows: np.ndarray, rank: int, start: int) -> Float[np.ndarray, "rank columns"]:
    """Loadings of one fit, each factor of length 1."""
    model = NMF(rank, init="random", random_state=start, tol=TOLERANCE, max_iter=SWEEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last sweeps change the third digit
        model.fit(rows)
    length = np.linalg.norm(model.components_, axis=1, keepdims=True)
    return np.asarray(model.components_ / np.where(length > 0, length, 1.0))


def _matched(fits: Sequence[np.ndarray], rank: int, explained: float) -> Factors:
    """Match the factors of every pair of seeds; keep the seed that agrees best with the others."""
    cosine = np.ones((len(fits), len(fits), rank))  # of each factor of the first seed with its match in the second
    for one in range(len(fits)):
        for other in range(len(fits)):
            if one != other:
                between = fits[one] @ fits[other].T
                cosine[one, other] = between[linear_sum_assignment(-between)]
    others = ~np.eye(len(fits), dtype=bool)
    stability = float(cosine[others].mean()) if len(fits) > 1 else 0.0
    best = int(cosine.mean(axis=(1, 2)).argmax())
    each = cosine[best, others[best]].mean(axis=0) if len(fits) > 1 else np.zeros(rank)
    return Factors(fits[best], each, RankPoint(rank, explained, stability))


def _some(count: int, most: int, generator: np.random.Generator) -> Int[np.ndarray, "rows"]:
    """So many rows at most, in their order."""
    return np.sort(generator.permutation(count)[:most])
