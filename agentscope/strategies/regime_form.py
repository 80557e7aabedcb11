"""The form of regimes: thresholds first, then one linear test between two actions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agentscope.language import vocabulary_of
from agentscope.strategies.conditions import Condition
from agentscope.strategies.layout import Ask, Decision, Give, When, block
from agentscope.strategies.linear_form import Term, prize_of, ranked_terms
from agentscope.strategies.naming import short_names
from agentscope.strategies.regimes import Regime, Sides, Split, Test, grow_regimes
from agentscope.strategies.rounding import fewest_digits, summed, written
from agentscope.strategies.study import Study

MOST_TERMS = 6  # a longer sum is not read
SCOUT = 3_000  # states on which terms are ranked


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
        sides = Sides(np.concatenate([table, np.ones((len(table), 1))], axis=1), prize_of(study))
        names = short_names(vocabulary_of(study.env), [term.text for term in terms])
        grown = grow_regimes(sides, sizes, generator)
        return tuple(_text(terms, names, _Page(sides, names), regime) for regime in grown)


@dataclass(frozen=True)
class _Page:
    """What writing needs: the states to be parted, and the name of each term."""

    sides: Sides
    names: tuple[str, ...]

    def decision(self, regime: Regime, rows: np.ndarray) -> Decision:
        """The regime in words, every number with the fewest digits that decide alike on its rows."""
        if isinstance(regime, Split):
            above = self.sides.table[rows, regime.column] > regime.threshold
            question = Ask(Condition(self.names[regime.column], ">", written(regime.threshold)))
            return When(question, self.decision(regime.above, rows[above]), self.decision(regime.below, rows[~above]))
        return Give(self._test(regime, rows))

    def _test(self, test: Test, rows: np.ndarray) -> str:
        table, prize = self.sides.table[rows], self.sides.prize[rows]
        whole = max(float(np.abs(prize).sum()), 1e-12)

        def judge(values: np.ndarray) -> float:
            return float(np.abs(prize[(table @ values > 0) == (prize > 0)]).sum()) / whole

        second = prize[prize > 0].sum() / whole
        if max(second, 1 - second) >= judge(test.weights):
            return "True" if second > 0.5 else "False"
        numbers = fewest_digits(test.weights, judge)
        total = summed([(float(value), name) for value, name in zip(numbers[:-1], self.names, strict=True)])
        return f"{total} > {written(-float(numbers[-1]) if numbers[-1] else 0.0)}"


def _text(terms: Sequence[Term], names: Sequence[str], page: _Page, regime: Regime) -> str:
    body = block(page.decision(regime, np.arange(len(page.sides.prize))))
    used = [at for at, name in enumerate(names) if any(re.search(rf"\b{name}\b", line) for line in body)]
    named = [f"    {names[at]} = {terms[at].text}" for at in used]
    return "\n".join(["def strategy(state):", *named, *body]) + "\n"
