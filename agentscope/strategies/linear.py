"""Linear tests fitted to what they decide, not to a likelihood: exact line searches on the 0-1 loss."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

SWEEPS = 8


def sharpen(table: Float[np.ndarray, "states terms"], prize: Float[np.ndarray, "states"],
            weights: Float[np.ndarray, "terms"], *, sweeps: int = SWEEPS) -> Float[np.ndarray, "terms"]:  # fmt: skip
    """Move one weight at a time to where the test `table @ weights > 0` wins most.

    For one weight the states change sides one after the other, so that sorting them finds the best value exactly.
    A likelihood pulls on states far from the boundary; here only the sides count.

    Args:
        table: one column of ones for the threshold.
        prize: what `true` saves over `false` in each state; negative where it costs.
    """
    units = np.maximum(np.abs(table).max(axis=0), 1e-12)
    scaled, current = table / units, weights * units
    best = _won(scaled, prize, current)
    for _ in range(sweeps):
        before = best
        for term in range(len(current)):
            trial = current.copy()
            trial[term] = _best_value(scaled, prize, current, term)
            now = _won(scaled, prize, trial)
            if now > best + 1e-9:
                best, current = now, trial
        if best <= before + 1e-9:
            break
    return np.asarray(current / units)


def _won(table: np.ndarray, prize: np.ndarray, weights: np.ndarray) -> float:
    return float(prize[table @ weights > 0].sum())


def _best_value(table: np.ndarray, prize: np.ndarray, weights: np.ndarray, term: int) -> float:
    column = table[:, term]
    moved = np.abs(column) > 1e-9
    rest = table[moved] @ weights - column[moved] * weights[term]
    turn = -rest / column[moved]  # at this weight the state changes sides
    order = np.argsort(turn, kind="stable")
    gain = np.where(column[moved] > 0, prize[moved], -prize[moved])[order]
    turn = turn[order]
    won = np.concatenate([[0.0], np.cumsum(gain)])  # relative to a weight below all turns
    real = np.concatenate([[True], np.diff(turn) > 1e-12, [True]]) if len(turn) else np.array([True])
    won = np.where(real, won, -np.inf)
    high = won.max()
    places = np.flatnonzero(won >= high - 1e-9)
    if len(turn) == 0:
        return float(weights[term])
    edges = np.concatenate([[turn[0] - 1.0], turn, [turn[-1] + 1.0]])
    middles = (edges[places] + edges[places + 1]) / 2
    widest = int((edges[places + 1] - edges[places]).argmax()) if len(places) > 1 else 0
    inside = (edges[places] < weights[term]) & (weights[term] < edges[places + 1])
    return float(weights[term]) if inside.any() else float(middles[widest])
