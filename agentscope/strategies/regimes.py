"""Regimes: a few thresholds part the states, and in each part one linear test decides between two actions."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from agentscope.strategies.linear import sharpen
from agentscope.strategies.rounding import to_digits

QUANTILES = np.linspace(0.1, 0.9, 9)
SAMPLE = 3_000  # states on which a split is chosen; tests are fitted on all
SMALLEST = 20  # states on each side of a split


@dataclass(frozen=True)
class Test:
    """`table @ weights > 0`, the last column of the table being ones."""

    weights: Float[np.ndarray, "terms"]


@dataclass(frozen=True)
class Split:
    """Above a threshold one regime, else another."""

    column: int
    threshold: float
    above: Test | Split
    below: Test | Split


Regime = Test | Split


@dataclass(frozen=True)
class Sides:
    """States to be parted between two actions.

    Attributes:
        table: terms of the linear tests, and a last column of ones.
        prize: what the second action saves over the first; negative where it costs.
    """

    table: Float[np.ndarray, "states terms"]
    prize: Float[np.ndarray, "states"]

    @cached_property
    def units(self) -> Float[np.ndarray, "terms"]:
        """Spread of each term, so that the ridge weighs them alike; 1 for the ones."""
        return np.asarray(np.append(np.maximum(self.table[:, :-1].std(axis=0), 1e-12), 1.0))

    def fitted(self, rows: np.ndarray) -> Float[np.ndarray, "terms"]:
        """Weights of the likeliest linear test of these states."""
        prize = self.prize[rows]
        return np.asarray(logistic(self.table[rows] / self.units, prize > 0, np.abs(prize)) / self.units)

    def lost(self, rows: np.ndarray) -> float:
        """What that test still loses."""
        prize = self.prize[rows]
        return float(np.abs(prize[(self.table[rows] @ self.fitted(rows) > 0) != (prize > 0)]).sum())


def logistic(table: np.ndarray, second: np.ndarray, weight: np.ndarray, *, steps: int = 12) -> np.ndarray:
    """Newton's method for a ridge logistic regression; stops where the sides separate."""
    weights = np.zeros(table.shape[1])
    ridge = 1e-3 * np.eye(table.shape[1])
    for _ in range(steps):
        chance = 1 / (1 + np.exp(-np.clip(table @ weights, -30, 30)))
        slope = table.T @ (weight * (chance - second)) + ridge @ weights
        bend = (table * (weight * chance * (1 - chance))[:, None]).T @ table + ridge
        step = np.linalg.solve(bend, slope)
        weights = weights - step
        if np.abs(step).max() < 1e-6 or np.abs(weights).max() > 1e4:
            break
    return weights


def grow_regimes(sides: Sides, sizes: Sequence[int], generator: np.random.Generator) -> list[Regime]:
    """Regimes with so many tests, one for each size: the split that saves most is made first."""
    parts: dict[int, np.ndarray] = {0: np.arange(len(sides.prize))}
    splits: dict[int, tuple[int, float, int, int]] = {}
    queue: list[tuple[float, int, int, float]] = []
    _offer(queue, 0, parts[0], (sides, generator))
    grown: list[Regime] = []
    for size in sizes:
        while queue and len(splits) + 1 < size:
            _, node, column, threshold = heapq.heappop(queue)
            above = sides.table[parts[node], column] > threshold
            first = 2 * len(splits) + 1
            splits[node] = (column, threshold, first, first + 1)
            parts[first], parts[first + 1] = parts[node][above], parts[node][~above]
            for child in (first, first + 1):
                _offer(queue, child, parts[child], (sides, generator))
        grown.append(_assemble(0, splits, parts, sides))
    return grown


def _offer(queue: list[tuple[float, int, int, float]], node: int, part: np.ndarray,
           how: tuple[Sides, np.random.Generator]) -> None:  # fmt: skip
    """The best split of a part, by what two linear tests save over one."""
    sides, generator = how
    rows = part if len(part) <= SAMPLE else np.sort(generator.permutation(part)[:SAMPLE])
    now = sides.lost(rows) if len(rows) else 0.0
    best: tuple[float, int, float] | None = None
    for column in range(sides.table.shape[1] - 1):
        values = sides.table[rows, column]
        for threshold in np.unique(to_digits(np.quantile(values, QUANTILES), 2)) if now > 0 else ():
            above = values > threshold
            if min(above.sum(), (~above).sum()) < SMALLEST:
                continue
            loss = sides.lost(rows[above]) + sides.lost(rows[~above])
            if best is None or loss < best[0]:
                best = (loss, column, float(threshold))
    if best is not None and best[0] < now:
        heapq.heappush(queue, ((best[0] - now) * len(part) / len(rows), node, best[1], best[2]))


def _assemble(node: int, splits: dict[int, tuple[int, float, int, int]], parts: dict[int, np.ndarray],
              sides: Sides) -> Regime:  # fmt: skip
    if node in splits:
        column, threshold, above, below = splits[node]
        return Split(column, threshold, _assemble(above, splits, parts, sides), _assemble(below, splits, parts, sides))
    rows = parts[node]
    return Test(sharpen(sides.table[rows], sides.prize[rows], sides.fitted(rows)))
