"""The units of a layer that carry a concept to the choice: single units, the smallest set, and its edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from agentscope.probes.bench import Bench
from agentscope.probes.edges import find_edges
from agentscope.probes.subspaces import unit_subspace
from agentscope.probes.swapping import Held, Scene
from agentscope.probes.using import Trial
from agentscope.records import Circuit

KEPT = 0.95  # of the concept's interchange effect that the set must keep
PAIRS = 150  # choosing pairs on which units are ranked and sets are grown
MOST_UNITS = 64  # a larger set is no circuit to look at; it is cut there and said to keep less
RESAMPLED, DRAWN = 3, 5  # resamples of the pairs for stability; random sets of equal size
SHOWN = 8  # strongest units that are told one by one
BATCH = 8_192  # states that are scored at once


def find_circuit(bench: Bench, concept: str, trial: Trial, *, generator: np.random.Generator) -> Circuit | None:
    """The fewest units whose swap keeps KEPT of what swapping the concept's subspace does; None without a subspace.

    Units are ranked by the share of the edit's effect on the scores that each brings about when it alone is swapped
    (exactly, not by a gradient), taken in that order until the pairs follow, and those that can be spared are dropped
    again. Choosing pairs choose; all figures are of judging pairs.
    """
    subspace = trial.subspace
    if subspace is None or trial.evidence.interchange is None:
        return None
    scene, layer = bench.scene, subspace.layer
    choosing, judging = (generator.permutation(rows)[:PAIRS] for rows in scene.effect_pairs(concept))
    held = scene.held(choosing, (layer,))
    allowed = _allowed(bench, trial)
    finder = _Finder(bench, layer, allowed)
    wanted = KEPT * finder.follows(held, subspace.swap(held.base[layer], held.edit[layer])).mean()
    order = finder.ranked(held)
    units = finder.smallest(held, order, wanted)
    test = scene.held(judging, (layer,))
    effect = finder.effect(test, units)
    whole = finder.follows(test, test.edit[layer]).mean()
    others = np.setdiff1d(np.arange(subspace.basis.shape[0]), units)
    spared = [effect - finder.effect(test, np.delete(units, i)) for i in range(len(units))]
    target = float(finder.follows(test, subspace.swap(test.base[layer], test.edit[layer])).mean())
    return Circuit(
        layer, tuple(f"{layer}[{unit}]" for unit in units), float(effect), float(whole), target,
        float(effect / target) if target else None, _random(finder, test, len(units), generator),
        float(1 - finder.effect(test, others) / whole) if whole else None, float(min(spared)) if spared else None,
        _stability(finder, scene, choosing, layer, wanted, units, generator),
        find_edges(bench, test, layer, units, float(effect)), _single(bench, finder, test, units, generator),
    )  # fmt: skip


def _allowed(bench: Bench, trial: Trial) -> Int[np.ndarray, "units"]:
    """Units that may be in the set: the concept's own where it has any, else all that ever vary."""
    assert trial.subspace is not None
    if trial.subspace.kind == "units":
        return np.flatnonzero(trial.subspace.basis.any(axis=1))
    flat = bench.activations(trial.subspace.layer).reshape(len(bench.visited), -1)
    return np.flatnonzero((flat != flat[:1]).any(axis=0))


class _Finder:
    """Swaps of whole units of one layer."""

    def __init__(self, bench: Bench, layer: str, allowed: Int[np.ndarray, "units"]) -> None:
        self.scene, self.layer, self.allowed = bench.scene, layer, allowed
        self.shape = bench.shape(layer)

    def follows(self, held: Held, values: np.ndarray) -> Bool[np.ndarray, "pairs"]:
        """Pairs whose base is decided like its edit with these values in the layer."""
        return self.scene.follows(held.rows, self.scene.scores(held.rows, self.layer, values))

    def effect(self, held: Held, units: Int[np.ndarray, "chosen"]) -> float:
        """Share of pairs that follow when these units alone are swapped."""
        if not len(units):
            return 0.0
        swapped = unit_subspace(self.layer, self.shape, units).swap(held.base[self.layer], held.edit[self.layer])
        return float(self.follows(held, swapped).mean())

    def ranked(self, held: Held) -> Int[np.ndarray, "units"]:
        """Allowed units, that first whose own swap brings about most of the edit's effect on the scores."""
        base = held.base[self.layer].reshape(len(held.rows), -1)
        edit = held.edit[self.layer].reshape(len(held.rows), -1)
        each = max(1, BATCH // len(held.rows))
        shifts = []
        for start in range(0, len(self.allowed), each):
            units = self.allowed[start : start + each]
            values = np.repeat(base[None], len(units), axis=0)
            values[np.arange(len(units)), :, units] = edit[:, units].T
            rows = np.tile(held.rows, len(units))
            scores = self.scene.scores(rows, self.layer, values.reshape(len(rows), *self.shape))
            shifts.append(self.scene.shift(rows, scores).reshape(len(units), -1).mean(axis=1))
        found = np.concatenate(shifts) if shifts else np.zeros(0)
        return self.allowed[np.argsort(-found, kind="stable")]

    def smallest(self, held: Held, order: Int[np.ndarray, "units"], wanted: float) -> Int[np.ndarray, "chosen"]:
        """The shortest head of the order that reaches what is wanted, without the units that can be spared."""
        low, high = 1, min(len(order), MOST_UNITS)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.effect(held, order[:middle]) >= wanted else (middle + 1, high)
        units = order[:low]
        for unit in units[::-1]:
            fewer = units[units != unit]
            if len(fewer) and self.effect(held, fewer) >= wanted:
                units = fewer
        return units


def _random(finder: _Finder, held: Held, size: int, generator: np.random.Generator) -> float | None:
    """Mean effect of random sets of as many units."""
    units = int(np.prod(finder.shape))
    drawn = [np.sort(generator.permutation(units)[:size]) for _ in range(DRAWN)]
    return float(np.mean([finder.effect(held, one) for one in drawn])) if size else None


def _stability(
    finder: _Finder, scene: Scene, rows: Int[np.ndarray, "choosing"], layer: str, wanted: float,
    units: Int[np.ndarray, "chosen"], generator: np.random.Generator,
) -> float | None:  # fmt: skip
    """Mean Jaccard of the set with those found on half of the pairs, drawn anew each time."""
    shared = []
    for _ in range(RESAMPLED):
        half = np.sort(generator.permutation(rows)[: max(len(rows) // 2, 1)])
        held = scene.held(half, (layer,))
        again = finder.smallest(held, finder.ranked(held), wanted)
        shared.append(len(np.intersect1d(units, again)) / max(len(np.union1d(units, again)), 1))
    return float(np.mean(shared)) if shared else None


def _single(
    bench: Bench, finder: _Finder, held: Held, units: Sequence[int] | np.ndarray, generator: np.random.Generator
) -> tuple[dict[str, Any], ...]:
    """The strongest units one by one: resampled in visited states, and swapped alone."""
    states = np.linspace(0, len(bench.visited) - 1, min(len(bench.visited), 512)).astype(np.int64)
    values = bench.activations(finder.layer)[states]
    before = bench.network.scores(bench.visited[states]).argmax(axis=1)
    rows = []
    for unit in list(units)[:SHOWN]:
        flat = values.reshape(len(values), -1).copy()
        flat[:, unit] = flat[generator.permutation(len(flat)), unit]
        scores = bench.network.scores_with(bench.visited[states], {finder.layer: flat.reshape(values.shape)})
        rows.append({
            "unit": f"{finder.layer}[{unit}]", "resampled": float((scores.argmax(axis=1) != before).mean()),
            "swapped": finder.effect(held, np.array([unit])),
        })  # fmt: skip
    return tuple(rows)
