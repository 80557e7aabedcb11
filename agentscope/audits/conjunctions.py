"""Beam search for a short conjunction of literals, or for an `or` of two, that tells two sets of states apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from agentscope.audits.literals import Literals

BEAM = 48  # conjunctions kept of each length
PRICE = 0.01  # F1 that a further literal has to earn
SMALL_PRICE = 0.0002  # F1 by which a plain literal beats one that takes more thought
LETTER_PRICE = 1e-6  # F1 by which the shorter of two that are alike otherwise wins
EITHER_GAIN = 0.05  # F1 that the second half of an `or` has to earn
HALVES = 4  # first halves of an `or` that are tried
SHARE = 0.1  # of the positives that a literal has to hold in


@dataclass(frozen=True)
class _Found:
    """A conjunction: its literals, where it holds, and how good it is."""

    literals: tuple[int, ...]
    holds: Bool[np.ndarray, "states"]
    score: float


@dataclass(frozen=True)
class _Given:
    """What holds already: weighted hits and false alarms of the first half of an `or`, and where it holds."""

    hits: float = 0.0
    false: float = 0.0
    holds: Bool[np.ndarray, "states"] | None = None


class ConjunctionSearch:
    """Beam search over the literals of one set of states, the positives first."""

    def __init__(self, literals: Literals, positives: int, positive_weight: float, negative_weight: float) -> None:
        truth, price = literals.truth, literals.price
        kept = truth[:positives].mean(axis=0) >= SHARE
        self.texts = [text for text, keep in zip(literals.texts, kept, strict=True) if keep]
        letters = np.array([len(text) for text in self.texts])
        self.truth, self.price = truth[:, kept], PRICE + price[kept] * SMALL_PRICE + letters * LETTER_PRICE
        self.weights = np.full(len(truth), negative_weight, dtype=np.float32)
        self.weights[:positives] = positive_weight
        self.positive = np.arange(len(truth)) < positives
        self.total = positives * positive_weight
        self.columns = self.truth.astype(np.float32)

    def best(self, most: int) -> str | None:
        """The best conjunction, or the best `or` of two where that is clearly better; None where there is neither."""
        ranked = self._conjunctions(most, _Given())
        if not ranked:
            return None
        chosen: tuple[_Found, ...] = (ranked[0],)
        score = ranked[0].score + EITHER_GAIN
        for first in self._precise(ranked):
            again = self._conjunctions(most, self._given(first))
            if again and again[0].score - self._cost(first.literals) > score:
                chosen, score = (first, again[0]), again[0].score - self._cost(first.literals)
        return " or ".join(self._text(half) for half in chosen)

    def _text(self, found: _Found) -> str:
        return " and ".join(self.texts[literal] for literal in sorted(found.literals))

    def _cost(self, literals: Sequence[int]) -> float:
        return float(self.price[list(literals)].sum())

    def _given(self, found: _Found) -> _Given:
        held = self.weights * found.holds
        return _Given(float(held[self.positive].sum()), float(held[~self.positive].sum()), found.holds)

    def _precise(self, ranked: list[_Found]) -> list[_Found]:
        """First halves of an `or` worth trying: they leave positives over and hold in few negatives."""
        halves = []
        for found in ranked:
            given = self._given(found)
            if given.hits < 0.98 * self.total and given.hits >= 9 * given.false:
                halves.append(found)
        return sorted(halves, key=lambda found: -float(found.holds[self.positive].mean()))[:HALVES]

    def _conjunctions(self, most: int, given: _Given) -> list[_Found]:
        """The best conjunctions of every length, best first."""
        rest = np.ones(len(self.truth), dtype=bool) if given.holds is None else ~given.holds
        beam, every = [_Found((), rest, 0.0)], list[_Found]()
        for _ in range(most):
            beam = self._longer(beam, given)
            every += beam
        return sorted(every, key=lambda found: (-found.score, len(found.literals), found.literals))

    def _longer(self, beam: list[_Found], given: _Given) -> list[_Found]:
        """The best conjunctions with one more literal; of those that hold in the same states, one."""
        if not beam or not self.texts:
            return []
        masks = np.stack([found.holds for found in beam]) * self.weights
        hits = masks[:, self.positive] @ self.columns[self.positive] + given.hits
        false = masks[:, ~self.positive] @ self.columns[~self.positive] + given.false
        scores = _f1(hits, false, self.total)
        scores -= np.array([self._cost(found.literals) for found in beam])[:, None] + self.price
        grown: list[_Found] = []
        seen: set[bytes] = set()
        for place in np.argsort(-scores, axis=None, kind="stable")[: 8 * BEAM]:
            row, literal = divmod(int(place), len(self.texts))
            holds = beam[row].holds & self.truth[:, literal]
            key = holds.tobytes()
            if literal in beam[row].literals or key in seen or (holds == beam[row].holds).all() or not holds.any():
                continue
            seen.add(key)
            grown.append(_Found((*beam[row].literals, literal), holds, float(scores[row, literal])))
            if len(grown) == BEAM:
                break
        return grown


def _f1(
    hits: Float[np.ndarray, "beam literals"], false: Float[np.ndarray, "beam literals"], positives: float
) -> Float[np.ndarray, "beam literals"]:
    return 2.0 * hits.astype(np.float64) / (hits.astype(np.float64) + false + positives)
