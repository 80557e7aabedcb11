"""How well `slope * x + intercept` gives a unit, for thousands of x at once, on visited and on edited states."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata

from agentscope.probes.bank import Bank
from agentscope.probes.terms import Term

TWO_LEVELS = 0.95  # share of a unit's variance that two values leave for it to be called near-binary
RESAMPLES = 200
Scores = Float[np.ndarray, "*terms"]


@dataclass(frozen=True)
class Sums:
    """Sums over visited states (index 0) and over edited ones (1): of x, of x squared, of x times the unit."""

    x: Float[np.ndarray, "2 *terms"]
    xx: Float[np.ndarray, "2 *terms"]
    xy: Float[np.ndarray, "2 *terms"]


@dataclass(frozen=True)
class Rows:
    """The states that a search may look at, and the unit's values there.

    Attributes:
        parts: rows of the bank, visited ones and edited ones; unit: the values on each.
    """

    parts: tuple[Int[np.ndarray, "visited"], Int[np.ndarray, "edited"]]
    unit: tuple[Float[np.ndarray, "visited"], Float[np.ndarray, "edited"]]

    def sums(self, terms: Sequence[Term]) -> Sums:
        """Sums of many terms."""
        return self.sums_of([self.stacked(terms, part) for part in (0, 1)])

    def stacked(self, terms: Sequence[Term], part: int) -> Float[np.ndarray, "states terms"]:
        """Values of terms as columns, in the search's visited (0) or edited (1) states."""
        rows = self.parts[part]
        made = np.empty((len(rows), len(terms)))
        for at, term in enumerate(terms):
            made[:, at] = term.values[rows]
        return made

    def sums_of(self, values: Sequence[np.ndarray]) -> Sums:
        """Sums of columns that lie ready, (states, *terms) in visited and in edited states."""
        x, xx, xy = (np.zeros((2, *values[0].shape[1:])) for _ in range(3))
        for part, (columns, unit) in enumerate(zip(values, self.unit, strict=True)):
            x[part], xx[part] = columns.sum(axis=0), np.einsum("i...,i...->...", columns, columns)
            xy[part] = np.tensordot(unit, columns, axes=(0, 0))
        return Sums(x, xx, xy)

    def scores(self, sums: Sums) -> Scores:
        """The lower of both R2, the line fitted on the visited states; -inf where x does not vary there."""
        count, edits = (len(unit) for unit in self.unit)
        slope, intercept, visited = self._line(sums)
        if not edits or not self._spread(1) > 0:
            return visited
        y, yy = self.unit[1].sum(), float(self.unit[1] @ self.unit[1])
        x, xx, xy = sums.x[1], sums.xx[1], sums.xy[1]
        errors = (
            yy - 2 * intercept * y - 2 * slope * xy + edits * intercept**2 + 2 * slope * intercept * x + slope**2 * xx
        )
        assert count
        return np.asarray(np.minimum(visited, 1 - errors / self._spread(1)))

    def _line(self, sums: Sums) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        count, unit = len(self.unit[0]), self.unit[0]
        variance = sums.xx[0] - sums.x[0] ** 2 / count
        covariance = sums.xy[0] - sums.x[0] * unit.sum() / count
        flat = variance <= 1e-9 * np.maximum(sums.xx[0], 1e-300)
        slope = covariance / np.where(flat, 1, variance)
        shared = np.where(flat, -np.inf, slope * covariance / self._spread(0))
        return slope, (unit.sum() - slope * sums.x[0]) / count, shared

    def _spread(self, part: int) -> float:
        unit = self.unit[part]
        return float(((unit - unit.mean()) ** 2).sum()) if len(unit) else 0.0


def line_of(x: np.ndarray, unit: np.ndarray) -> tuple[float, float]:
    """Slope and intercept of least squares; slope 0 where x does not vary."""
    apart = x.astype(np.float64) - x.mean(dtype=np.float64)
    spread = float(apart @ apart)
    slope = float(apart @ unit) / spread if spread > 0 else 0.0
    return slope, float(unit.mean() - slope * x.mean(dtype=np.float64))


def r_squared(predicted: np.ndarray, unit: np.ndarray) -> float:
    """1 - errors / spread; nan where the unit does not vary."""
    spread = float(((unit - unit.mean()) ** 2).sum()) if len(unit) else 0.0
    return 1 - float(((unit - predicted) ** 2).sum()) / spread if spread > 0 else float("nan")


def area(readings: np.ndarray, truth: Bool[np.ndarray, "states"]) -> float:
    """Area under the ROC curve: the share of (true, false) pairs that are ranked rightly, a tie counts half."""
    positive, negative = int(truth.sum()), int((~truth).sum())
    if not positive or not negative:
        return float("nan")
    ranks = rankdata(readings)
    return float((ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * negative))


@dataclass(frozen=True)
class Measure:
    """Scores of an expression on some episodes, its line fitted on others.

    Attributes:
        unit: its values on the states of the bank; cut: where it parts two values, None where it has more.
        fitted: rows that the line is fitted on; chosen: which states are scored.
    """

    bank: Bank
    unit: Float[np.ndarray, "states"]
    cut: float | None
    fitted: Int[np.ndarray, "fitted"]
    chosen: Bool[np.ndarray, "states"]

    @cached_property
    def rows(self) -> tuple[Int[np.ndarray, "visited"], Int[np.ndarray, "edited"]]:
        """The states that are scored."""
        return np.flatnonzero(self.chosen & ~self.bank.edited), np.flatnonzero(self.chosen & self.bank.edited)

    def line(self, term: Term) -> tuple[float, float]:
        """Slope and intercept."""
        return line_of(term.values[self.fitted], self.unit[self.fitted])

    def risen(self, term: Term) -> Term:
        """A flag the way round that is true where the unit is high."""
        return term.turned() if term.flag and self.line(term)[0] < 0 else term

    def score(self, term: Term, rows: Int[np.ndarray, "rows"]) -> float:
        """R2, or AUC for a unit of two values; nan where the unit does not vary."""
        slope, intercept = self.line(term)
        predicted = slope * term.values[rows].astype(np.float64) + intercept
        if self.cut is None:
            return r_squared(predicted, self.unit[rows])
        return area(predicted, self.unit[rows] > self.cut)

    def scores(self, term: Term) -> tuple[float | None, float | None]:
        """On visited and on edited states; None where the unit does not vary there."""
        visited, edited = (self.score(term, rows) for rows in self.rows)
        return visited if math.isfinite(visited) else None, edited if math.isfinite(edited) else None


def lower_of(scores: Sequence[float | None]) -> float:
    """The lower of the scores that are known; -inf where none is."""
    return min((score for score in scores if score is not None), default=-math.inf)


def cut_of(unit: Float[np.ndarray, "states"]) -> float | None:
    """Where a unit that has nearly two values parts them; None for a unit that has more."""
    ordered = np.sort(unit)
    count = len(ordered)
    spread = float(((ordered - ordered.mean()) ** 2).sum())
    if count < 2 or spread <= 0:
        return None
    lower = np.arange(1, count)
    left, whole = np.cumsum(ordered)[:-1], ordered.sum()
    between = left**2 / lower + (whole - left) ** 2 / (count - lower) - whole**2 / count
    between[ordered[1:] <= ordered[:-1]] = 0.0  # a cut lies between two values
    best = int(between.argmax())
    return float((ordered[best] + ordered[best + 1]) / 2) if between[best] >= TWO_LEVELS * spread else None


def resampled(
    measure: Callable[[Int[np.ndarray, "rows"]], float], episodes: Int[np.ndarray, "rows"],
    generator: np.random.Generator,
) -> tuple[float, float] | None:  # fmt: skip
    """The 95 % interval of a measure of rows when whole episodes are drawn; None for fewer than two episodes."""
    names, index = np.unique(episodes, return_inverse=True)
    if len(names) < 2:
        return None
    order = np.argsort(index, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(index))[:-1])
    drawn = generator.integers(len(names), size=(RESAMPLES, len(names)))
    values = np.array([measure(np.concatenate([groups[at] for at in row])) for row in drawn])
    values = values[np.isfinite(values)]
    return (float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975))) if len(values) else None
