"""Conditions: yes-or-no questions about a state, as text and as a column of truth values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Bool

from agentscope.language.columns import Column, thresholds

NEGATION = {"==": "!=", ">": "<="}


@dataclass(frozen=True)
class Condition:
    """A test on one or two columns: `flag`, `column == label`, `column > number` or `column > column`."""

    left: str
    operator: str = ""
    right: str = ""

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {self.right}" if self.operator else self.left

    @property
    def negated(self) -> str:
        """The opposite question."""
        return f"{self.left} {NEGATION[self.operator]} {self.right}" if self.operator else f"not {self.left}"


@dataclass(frozen=True)
class Conditions:
    """Distinct questions, and the answer of each state: truth[i, t]."""

    tests: tuple[Condition, ...]
    truth: Bool[np.ndarray, "states tests"]


def conditions_of(columns: Sequence[Column], *, comparisons: bool = True) -> Conditions:
    """All questions worth asking of these columns; those that never differ, or ask the same, are left out."""
    tests: list[Condition] = []
    truth: list[np.ndarray] = []
    for column in columns:
        for test, answer in _of_column(column):
            tests.append(test)
            truth.append(answer)
    if comparisons:
        for first, second in combinations([c for c in columns if c.kind in ("count", "number") and c.unit], 2):
            if first.unit == second.unit:
                tests += [Condition(first.text, ">", second.text), Condition(second.text, ">", first.text)]
                truth += [first.values > second.values, second.values > first.values]
    return _distinct(tests, truth)


def answers(tests: Sequence[Condition], columns: Sequence[Column]) -> Bool[np.ndarray, "states tests"]:
    """Answers of other states to the same questions."""
    by_text = {column.text: column for column in columns}
    return np.stack([_answer(test, by_text) for test in tests], axis=1)


def _answer(test: Condition, columns: dict[str, Column]) -> np.ndarray:
    column = columns[test.left]
    if not test.operator:
        return np.asarray(column.values.astype(bool))
    if test.operator == "==":
        return np.asarray(column.values == column.choices.index(test.right))
    other = columns[test.right].values if test.right in columns else float(test.right)
    return np.asarray(column.values > other)


def _of_column(column: Column) -> list[tuple[Condition, np.ndarray]]:
    values = column.values
    if column.kind == "flag":
        return [(Condition(column.text), values.astype(bool))]
    if column.kind == "choice":
        return [(Condition(column.text, "==", label), values == code) for code, label in enumerate(column.choices)]
    return [
        (Condition(column.text, ">", text), values > float(text))
        for text in thresholds(values, whole=column.kind == "count")
    ]


def _distinct(tests: list[Condition], truth: list[np.ndarray]) -> Conditions:
    seen: set[bytes] = set()
    kept: list[int] = []
    for place, answer in enumerate(truth):
        if answer.all() or not answer.any():
            continue
        key = np.packbits(answer if answer[0] else ~answer).tobytes()
        if key not in seen:
            seen.add(key)
            kept.append(place)
    rows = len(truth[0]) if truth else 0
    table = np.stack([truth[place] for place in kept], axis=1) if kept else np.zeros((rows, 0), dtype=bool)
    return Conditions(tuple(tests[place] for place in kept), table)
