"""Beam search for a short expression: columns, thresholds, two or three of them joined, best first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from agentscope.language.columns import thresholds
from agentscope.probes.affine import Rows, Sums
from agentscope.probes.bank import Bank
from agentscope.probes.gating import Gate, best_gates
from agentscope.probes.terms import (
    Term,
    both,
    comparison,
    larger,
    magnitude,
    minus,
    number_term,
    plus,
    smaller,
)

BEAM = 32  # expressions of each size that are built upon
GATES = 6  # pairs of a number and a flag that are built upon
CUTS = 12  # constants that are tried beside one expression
MOST_NUMBERS = 400  # of a bank, the best by themselves, that are joined with others


@dataclass(frozen=True)
class Scored:
    """An expression and its score on the states of the search."""

    term: Term
    score: float


class Growth:
    """One search for one unit.

    Attributes:
        tried: how many expressions were scored.
    """

    def __init__(self, bank: Bank, rows: Rows) -> None:
        self.bank, self.rows = bank, rows
        self.tried = 0

    def found(self) -> tuple[Scored, ...]:
        """The best expressions of every size and kind, in the order in which they were found."""
        numbers = self._singles(self.bank.numbers)
        pool = [scored.term for scored in numbers if not scored.term.code][:MOST_NUMBERS]
        flags = self._singles(self.bank.flags)
        kept = [numbers[:BEAM], flags[:BEAM]]
        beam, asked = numbers[:BEAM], [scored.term for scored in flags]
        more: list[Term] = []
        for size in (1, 2, 3):
            if size > 1:
                beam = self._joined_numbers(beam, pool)
            clipped, tests = self._with_constants(beam)
            kept += [beam, clipped, tests] if size > 1 else [clipped]
            more += [scored.term for scored in tests] if size == 2 else []
            beam = _best([*beam, *clipped])
        asked += more
        first = _best([*flags[:BEAM], *self._singles(more)])
        for _ in (2, 3):
            first = self._joined_flags(first, asked)
            kept.append(first)
        kept += [self._gated(pool, asked), self._gated(pool, [scored.term for scored in first])]
        return tuple(scored for level in kept for scored in level)

    def _singles(self, terms: Sequence[Term]) -> list[Scored]:
        """Terms by themselves, best first."""
        return self._sorted(terms, self.rows.scores(self.rows.sums(terms))) if terms else []

    def _sorted(self, terms: Sequence[Term], scores: np.ndarray) -> list[Scored]:
        self.tried += len(terms)
        order = np.argsort(-scores, kind="stable")
        return [Scored(terms[at], float(scores[at])) for at in order if np.isfinite(scores[at])]

    def _joined_numbers(self, beam: Sequence[Scored], pool: Sequence[Term]) -> list[Scored]:
        """Sums, differences, larger and smaller of an expression of the beam and a column."""
        firsts = [scored.term for scored in beam if not scored.term.code]
        if not firsts or not pool:
            return []
        one, other = self.rows.sums(firsts), self.rows.sums(pool)
        values = [(self.rows.stacked(firsts, part), self.rows.stacked(pool, part)) for part in (0, 1)]
        product = np.stack([first.T @ second for first, second in values])
        tables: list[np.ndarray] = []
        for sign in (1, -1):
            x = one.x[:, :, None] + sign * other.x[:, None]
            xx = one.xx[:, :, None] + other.xx[:, None] + 2 * sign * product
            xy = one.xy[:, :, None] + sign * other.xy[:, None]
            tables.append(self.rows.scores(Sums(x, xx, xy)))
        for pick in (np.maximum, np.minimum):
            rows = [
                self.rows.scores(self.rows.sums_of([pick(first[:, [at]], second) for first, second in values]))
                for at in range(len(firsts))
            ]
            tables.append(np.stack(rows))
        makers = (plus, minus, larger, smaller)
        same = np.array([[first is second for second in pool] for first in firsts])
        table = np.where(same, -np.inf, np.stack(tables))

        def made(kind: int, at: int, to: int) -> Term:
            return _turned_up(makers[kind], firsts[at], pool[to], self.rows)

        return self._materialised(table, made)

    def _joined_flags(self, beam: Sequence[Scored], pool: Sequence[Term]) -> list[Scored]:
        """`and` of an expression of the beam and a question, each as it is or negated; the rest are their negations."""
        if not beam or not pool:
            return []
        firsts = [scored.term for scored in beam]
        one, other = self.rows.sums(firsts), self.rows.sums(pool)
        count, shared = [], []
        for part, unit in enumerate(self.rows.unit):
            first, second = self.rows.stacked(firsts, part), self.rows.stacked(pool, part)
            count.append(first.T @ second)
            shared.append((first * unit[:, None]).T @ second)
        number, joint = np.stack(count), np.stack(shared)
        all_, every = (np.array([f(unit) for unit in self.rows.unit])[:, None, None] for f in (len, np.sum))
        a, b, ay, by = one.x[:, :, None], other.x[:, None], one.xy[:, :, None], other.xy[:, None]
        corners = [(number, joint), (a - number, ay - joint), (b - number, by - joint),
                   (all_ - a - b + number, every - ay - by + joint)]  # fmt: skip
        scores = np.stack([self.rows.scores(Sums(x + 0.0, x + 0.0, xy)) for x, xy in corners])

        def made(kind: int, at: int, to: int) -> Term:
            first, second = firsts[at], pool[to]
            return both(first if kind in (0, 1) else first.turned(), second if kind in (0, 2) else second.turned())

        return self._materialised(scores, made)

    def _gated(self, pool: Sequence[Term], flags: Sequence[Term]) -> list[Scored]:
        """Numbers that are let through while a flag holds: columns, then what the best of them join to."""
        alone = best_gates(self.rows, pool, flags, BEAM)
        self.tried += 2 * len(pool) * len(flags)
        gates = list(alone)
        for gate in _of_each_flag(alone)[:GATES]:
            joined = [make(gate.number, column) for make in (plus, minus, larger, smaller) for column in pool]
            pairs = best_gates(self.rows, joined, [gate.flag], GATES)
            cut = [term for found in (gate, *pairs[:GATES]) for term in self._clipped(found.number, gate.flag)]
            gates += pairs + best_gates(self.rows, cut, [gate.flag], GATES)
            self.tried += 2 * (len(joined) + len(cut))
        return _best(self._singles([gate.term(self.rows) for gate in gates]))

    def _clipped(self, term: Term, flag: Term | None = None) -> list[Term]:
        """A number cut off above or below at each of a few constants, and without its sign."""
        rows = self.rows.parts[0]
        values = term.values[rows if flag is None else rows[flag.values[rows]]]
        made: list[Term] = []
        for text in _constants(values, whole=term.whole):
            constant = number_term(text, np.array(float(text)), whole=term.whole)
            made += [larger(constant, term), smaller(constant, term)]
        return [*made, magnitude(term)] if len(values) and values.min() < 0 < values.max() else made

    def _with_constants(self, beam: Sequence[Scored]) -> tuple[list[Scored], list[Scored]]:
        """Numbers of the beam cut off above or below or without their sign, and compared with constants."""
        clipped: list[Term] = []
        tests: list[Term] = []
        for term in (scored.term for scored in beam):
            clipped += self._clipped(term)
            if term.code:
                continue
            for text in _constants(term.values[self.rows.parts[0]], whole=term.whole):
                tests.append(comparison(term.text, ">", text, term.values > float(text), term.columns))
        return _best(self._singles(clipped)), _best(self._singles(tests))

    def _materialised(self, scores: np.ndarray, make: Callable[[int, int, int], Term]) -> list[Scored]:
        """The best of a table of scores as expressions, each set of values once."""
        self.tried += scores.size
        order = np.argsort(-scores, axis=None, kind="stable")[: 8 * BEAM]
        made = (
            Scored(make(*map(int, np.unravel_index(at, scores.shape))), float(scores.flat[at]))
            for at in order
            if np.isfinite(scores.flat[at])
        )
        return _best(made)


def _of_each_flag(gates: Sequence[Gate]) -> list[Gate]:
    """The best gate of each flag."""
    kept: dict[str, Gate] = {}
    for gate in gates:
        kept.setdefault(gate.flag.text, gate)
    return list(kept.values())


def _turned_up(make: Callable[[Term, Term], Term], first: Term, second: Term, rows: Rows) -> Term:
    """A difference is written the way round that rises with the unit."""
    term = make(first, second)
    if make is minus:
        values, unit = term.values[rows.parts[0]], rows.unit[0]
        if (values - values.mean()) @ unit < 0:
            return minus(second, first)
    return term


def _best(found: Sequence[Scored] | Iterator[Scored]) -> list[Scored]:
    """The BEAM best; of those that take the same values (up to sign and origin) the shortest."""
    kept: list[Scored] = []
    seen: set[bytes] = set()
    for scored in sorted(found, key=lambda scored: (-round(scored.score, 9), len(scored.term.text))):
        values = scored.term.values.astype(np.float64)
        apart = values - values[0]
        first = apart[np.flatnonzero(apart)[:1]]
        key = (apart * np.sign(first) if len(first) else apart).tobytes()
        if key not in seen:
            seen.add(key)
            kept.append(scored)
        if len(kept) == BEAM:
            break
    return kept


def _constants(values: np.ndarray, *, whole: bool) -> list[str]:
    """At most CUTS constants that part the values evenly, and 0 where they have both signs."""
    texts = thresholds(values, whole=whole)
    if len(texts) > CUTS:
        texts = [texts[at] for at in np.linspace(0, len(texts) - 1, CUTS).astype(int)]
    zero = "0" if whole else "0.0"
    return [*texts, zero] if len(values) and values.min() < 0 < values.max() and zero not in texts else texts
