"""The form of one linear test: two actions, parted by a weighted sum of numbers; more actions, a sum for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agentscope.language import vocabulary_of
from agentscope.language.columns import Column
from agentscope.strategies.linear import sharpen
from agentscope.strategies.logit import Choices, Weights, fit_weights, hit_rate
from agentscope.strategies.naming import free_name
from agentscope.strategies.rounding import fewest_digits, summed, written
from agentscope.strategies.study import Study

MOST_ACTIONS = 8
MOST_TERMS = 30  # more columns than this make no sum that anybody reads
SCOUT = 3_000  # states on which terms are ranked
MOST_STATES = 12_000  # states on which the sums of more than two actions are fitted


@dataclass(frozen=True)
class Term:
    """A number a state, and its expression."""

    text: str
    values: np.ndarray


def terms_of(columns: Sequence[Column]) -> tuple[Term, ...]:
    """Columns as numbers: flags and choices count 1 where they hold."""
    terms: list[Term] = []
    for column in columns:
        if column.kind == "flag":
            terms.append(Term(f"(1 if {column.text} else 0)", column.values.astype(np.float64)))
        elif column.kind == "choice":
            terms += [
                Term(f"(1 if {column.text} == {label} else 0)", (column.values == code).astype(np.float64))
                for code, label in enumerate(column.choices)
            ]
        else:
            terms.append(Term(column.text, column.values.astype(np.float64)))
    return tuple(term for term in terms if term.values.min() < term.values.max())


@dataclass(frozen=True)
class LinearTest:
    """`return 0.5 * x() + 2 * y() > 0.1` where there are two actions, else the largest of one sum an action."""

    name: str = "linear test"
    sizes: tuple[int, ...] = (1, 2, 3, 4, 6, 8)

    def applies(self, study: Study) -> str | None:
        """It needs concepts with values, few actions, and where there are two, both legal."""
        if len(study.actions) > MOST_ACTIONS:
            return f"with more than {MOST_ACTIONS} actions a weight for each is a table"
        if not terms_of(study.columns):
            return "no concept differs from one lesson state to another"
        if len(study.actions) == 2 and not study.lessons.decisions.legal.all():
            return "actions are not always legal: a score must choose among them"
        return None

    def fit(self, study: Study, sizes: Sequence[int], generator: np.random.Generator) -> tuple[str, ...]:
        """One text a size: so many terms, dropped one by one from all, the least important first."""
        rows = generator.permutation(len(study.lessons))
        ranked = ranked_terms(study, np.sort(rows[:SCOUT]))
        rows = np.sort(rows if len(study.actions) == 2 else rows[:MOST_STATES])
        write = _two_actions if len(study.actions) == 2 else _many_actions
        return tuple(write(study, ranked[: min(size, len(ranked))], rows) for size in sizes)


def ranked_terms(study: Study, rows: np.ndarray) -> tuple[Term, ...]:
    """Terms from the most to the least important, judged on these rows."""
    terms = terms_of(study.columns)
    if len(terms) > MOST_TERMS:
        best = np.argsort([-_relevance(term, study) for term in terms], kind="stable")[:MOST_TERMS]
        terms = tuple(terms[at] for at in np.sort(best))
    return _ranked(terms, study, rows) if terms else ()


def prize_of(study: Study) -> np.ndarray:
    """What the second of two actions saves over the first: every state counts, near-tie or not."""
    same = study.lessons.same
    return np.asarray(same[:, 1].astype(np.float64) - same[:, 0])


def _relevance(term: Term, study: Study) -> float:
    values = (term.values - term.values.mean()) / max(float(term.values.std()), 1e-12)
    return float(np.abs(values @ (study.cost - study.cost.mean(axis=0))).max())


def _choices(study: Study, terms: Sequence[Term], rows: np.ndarray) -> Choices:
    """The actions as choices among sums over these terms and a constant."""
    lessons = study.lessons
    table = np.stack([*(term.values[rows] for term in terms), np.ones(len(rows))], axis=1)
    empty = np.zeros((len(rows), len(study.actions), 0))
    return Choices(empty, table, lessons.same[rows], lessons.decisions.legal[rows], study.weight[rows])


def _ranked(terms: Sequence[Term], study: Study, rows: np.ndarray) -> tuple[Term, ...]:
    """Terms from the most to the least important: backward elimination by standardised weight, a tenth at a time."""
    left, dropped = list(terms), []
    start: Weights | None = None
    while len(left) > 1:
        choices = _choices(study, left, rows)
        weights = fit_weights(choices, start, steps=25)
        size = (weights.of_state[:-1] - weights.of_state[:-1].mean(axis=1, keepdims=True)).std(axis=1)
        least = np.argsort(size * choices.of_state[:, :-1].std(axis=0), kind="stable")[: max(1, len(left) // 10)]
        dropped += [left[at] for at in least]
        left = [term for at, term in enumerate(left) if at not in least]
        start = Weights(weights.of_action, np.delete(weights.of_state, least, axis=0))
    return (*left, *reversed(dropped))


def _two_actions(study: Study, terms: Sequence[Term], rows: np.ndarray) -> str:
    choices = _choices(study, terms, rows)
    weights = fit_weights(choices)
    gap = weights.of_state[:, 1] - weights.of_state[:, 0]
    prize = prize_of(study)[rows]
    gap = sharpen(choices.of_state, prize, gap)

    def judge(values: np.ndarray) -> float:
        right = (choices.of_state @ values > 0) == (prize > 0)
        return float(np.abs(prize[right]).sum() / np.abs(prize).sum())

    numbers = fewest_digits(gap, judge)
    names = [(float(value), term.text) for value, term in zip(numbers[:-1], terms, strict=True)]
    threshold = 0.0 if numbers[-1] == 0 else -float(numbers[-1])
    return f"def strategy(state):\n    return {summed(names)} > {written(threshold)}\n"


def _many_actions(study: Study, terms: Sequence[Term], rows: np.ndarray) -> str:
    choices = _choices(study, terms, rows)
    weights = fit_weights(choices, steps=80)
    table = weights.of_state - weights.of_state.mean(axis=1, keepdims=True)

    def judge(values: np.ndarray) -> float:
        return hit_rate(choices, Weights(weights.of_action, values.reshape(table.shape)))

    table = fewest_digits(table.ravel(), judge).reshape(table.shape)
    written_rows = [f"({', '.join(written(value) for value in row)})[a]" for row in table]
    parts = [f"{row} * {term.text}" for row, term in zip(written_rows[:-1], terms, strict=True)]
    vocabulary = vocabulary_of(study.env)
    total, score = free_name(vocabulary, "total"), free_name(vocabulary, "score")
    sums = [f"    {total} = {written_rows[-1]}", *(f"    {total} = {total} + {part}" for part in parts)]
    head, tail = f"def {score}(a):", f"def strategy(state):\n    return argmax(actions, key=lambda a: {score}(a))"
    return "\n".join([head, *sums, f"    return {total}", tail]) + "\n"
