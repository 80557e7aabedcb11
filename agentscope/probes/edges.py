"""Edges out of a circuit: which of its weights into the next dense layer carry its effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from agentscope.contracts import DenseStep
from agentscope.probes.bench import Bench
from agentscope.probes.swapping import Held

KEPT = 0.95


def find_edges(
    bench: Bench, held: Held, layer: str, units: Int[np.ndarray, "chosen"], effect: float
) -> Mapping[str, Any] | None:
    """The fewest edges from these units into the next dense layer that keep KEPT of the units' effect.

    An edge is ablated by leaving it what it carries in the base while the others carry what they do in the edit: an
    exact resampling from the pair's other side. Edges are taken in the order of the largest change that each makes to
    its reader. None where no dense layer comes next.
    """
    step = bench.network.dense_after(layer)
    if step is None or not len(units):
        return None
    base = held.base[layer].reshape(len(held.rows), -1).astype(np.float64)
    apart = held.edit[layer].reshape(len(held.rows), -1).astype(np.float64)[:, units] - base[:, units]
    before = base @ step.weights.T + step.bias
    weights = step.weights[:, units]
    size = np.abs(weights) * np.abs(apart).mean(axis=0)
    order = np.argsort(-size.ravel(), kind="stable")
    alive = int((size > 0).sum())
    low, high = 1, max(alive, 1)
    while low < high:
        middle = (low + high) // 2
        found = _effect(bench, held, step, before, apart, _masked(weights, order[:middle]))
        low, high = (low, middle) if found >= KEPT * effect else (middle + 1, high)
    readers, senders = np.unravel_index(order[:low], weights.shape)
    names = [f"{layer}[{units[s]}] -> {step.layer}[{r}]" for r, s in zip(readers, senders, strict=True)]
    return {
        "kept": low, "of": alive, "effect": _effect(bench, held, step, before, apart, _masked(weights, order[:low])),
        "strongest": names[:8],
    }  # fmt: skip


def _masked(weights: Float[np.ndarray, "readers units"], kept: Int[np.ndarray, "kept"]) -> np.ndarray:
    mask: Bool[np.ndarray, "edges"] = np.zeros(weights.size, dtype=bool)
    mask[kept] = True
    return np.where(mask.reshape(weights.shape), weights, 0.0)


def _effect(
    bench: Bench, held: Held, step: DenseStep, before: np.ndarray, apart: np.ndarray, weights: np.ndarray
) -> float:
    """Share of pairs that follow when only these edges carry the edit's side."""
    after = before + apart @ weights.T
    if step.activation == "":
        scores = np.where(bench.scene.stage.legal[held.rows], after, -np.inf)
    else:
        values = np.tanh(after) if step.activation == "Tanh" else np.maximum(after, 0.0)
        scores = bench.scene.scores(held.rows, step.layer, values.astype(np.float32))
    return float(bench.scene.follows(held.rows, scores).mean())
