"""The form of regimes: thresholds first, then one linear test between two actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agentscope.language import vocabulary_of
from agentscope.strategies.conditions import Condition, between
from agentscope.strategies.layout import Ask, Decision, Give, When, block
from agentscope.strategies.linear_form import Term, prize_of, ranked_terms
from agentscope.strategies.naming import short_names
from agentscope.strategies.regimes import Regime, Sides, Split, Test, grow_regimes
from agentscope.strategies.rounding import fewest_digits, summed, written
from agentscope.strategies.study import Study

MOST_TERMS = 6


@dataclass(frozen=True)
class LinearRegimes:
    """A tree whose leaves are linear tests; the numbers that they weigh are named once, at the top."""

    name: str = "tree of linear tests"
    sizes: tuple[int, ...] = (2, 3, 4, 5, 6, 8, 10, 12)

    def applies(self, study: Study) -> str | None:
        """It needs two actions, both legal, and numbers to weigh."""
        if len(study.actions) != 2:
            return f"a linear test parts two actions, here are {len(study.actions)}"
        if not study.lessons.decisions.legal.all():
            return "actions are not always legal: a score must choose among them"
        return None if ranked_terms(study, np.arange(min(len(study.lessons), 500))) else "no concept differs"

    def fit(self, study: Study, sizes: Sequence[int], generator: np.random.Generator) -> tuple[str, ...]:
        """One text a size (in linear tests)."""
        rows = np.sort(generator.permutation(len(study.lessons))[:SCOUT])
        terms = ranked_terms(study, rows)[:MOST_TERMS]
        table = np.stack([term.values for term in terms], axis=1)
        units = table.std(axis=0)
        sides = Sides(np.concatenate([table / units, np.ones((len(table), 1))], axis=1), prize_of(study))
        names = short_names(vocabulary_of(study.env), [term.text for term in terms])
        grown = grow_regimes(sides, sizes, generator)
        return tuple(_text(terms, names, _Page(table, units, sides.prize, names), regime) for regime in grown)


SCOUT = 3_000


@dataclass(frozen=True)
class _Page:
    """What writing needs: the terms' values as the language sees them, their units, what each side saves, names."""

    table: np.ndarray
    units: np.ndarray
    prize: np.ndarray
    names: tuple[str, ...]

    def decision(self, regime: Regime, rows: np.ndarray) -> Decision:
        """The regime in words, every number with the fewest digits that decide alike on its rows."""
        if isinstance(regime, Split):
            values = self.table[:, regime.column]
            cut = regime.threshold * self.units[regime.column]
            above = values[rows] > cut
            text = between(float(values[rows][~above].max()), float(values[rows][above].min()))
            question = Ask(Condition(self.names[regime.column], ">", text))
            return When(question, self.decision(regime.above, rows[above]), self.decision(regime.below, rows[~above]))
        return Give(self._test(regime, rows))

    def _test(self, test: Test, rows: np.ndarray) -> str:
        table = np.concatenate([self.table[rows], np.ones((len(rows), 1))], axis=1)
        prize = self.prize[rows]
        whole = max(float(np.abs(prize).sum()), 1e-12)

        def judge(values: np.ndarray) -> float:
            return float(np.abs(prize[(table @ values > 0) == (prize > 0)]).sum()) / whole

        second = prize[prize > 0].sum() / whole
        if max(second, 1 - second) >= judge(test.weights / np.append(self.units, 1.0)):
            return "True" if second > 0.5 else "False"
        numbers = fewest_digits(test.weights / np.append(self.units, 1.0), judge)
        total = summed([(float(value), name) for value, name in zip(numbers[:-1], self.names, strict=True)])
        return f"{total} > {written(-float(numbers[-1]) if numbers[-1] else 0.0)}"


def _text(terms: Sequence[Term], names: Sequence[str], page: _Page, regime: Regime) -> str:
    body = block(page.decision(regime, np.arange(len(page.prize))))
    used = [at for at, name in enumerate(names) if any(name in line.split() or f" {name}:" in line for line in body)]
    named = [f"    {names[at]} = {terms[at].text}" for at in used]
    return "\n".join(["def strategy(state):", *named, *body]) + "\n"
