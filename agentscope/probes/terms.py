"""Terms: short expressions of the language beside their values, and the ways in which one is made of others."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

ATOM, SUM, TEST, AND, OR, CHOICE = range(6)  # how tightly a text binds: what binds less stands in brackets
FLIPPED = {">": "<=", "<=": ">", "==": "!=", "!=": "=="}
Values = Float[np.ndarray, "*states"] | Bool[np.ndarray, "*states"]  # a constant has no axis


@dataclass(frozen=True, eq=False)
class Term:
    """An expression and its values on all states of a bank.

    Attributes:
        opposite: the text of its negation; empty for numbers.
        whole: whether its values are whole numbers, so that constants beside it are written without a point.
        columns: how many columns it is made of.
        code: whether it is the code of a choice: neither compared nor joined, since labels have no order.
        binds, opposite_binds: how tightly the two texts bind.
    """

    text: str
    values: Values
    whole: bool = False
    columns: int = 1
    code: bool = False
    binds: int = ATOM
    opposite: str = ""
    opposite_binds: int = ATOM

    @property
    def flag(self) -> bool:
        """Whether it is true or false, not a number."""
        return bool(self.opposite)

    def turned(self) -> Term:
        """The negation of a flag."""
        return replace(self, text=self.opposite, values=~self.values, binds=self.opposite_binds, opposite=self.text,
                       opposite_binds=self.binds)  # fmt: skip


def flag_term(text: str, values: Bool[np.ndarray, "states"]) -> Term:
    """A concept that is a flag."""
    return Term(text, values, opposite=f"not {text}", opposite_binds=TEST)


def comparison(text: str, operator: str, right: str, values: Bool[np.ndarray, "states"], columns: int = 1) -> Term:
    """A comparison of an expression with a number or label."""
    return Term(
        f"{text} {operator} {right}", values, columns=columns, binds=TEST,
        opposite=f"{text} {FLIPPED[operator]} {right}", opposite_binds=TEST,
    )  # fmt: skip


def both(first: Term, second: Term) -> Term:
    """`first and second`."""
    return Term(
        f"{_within(first.text, first.binds, AND)} and {_within(second.text, second.binds, AND)}",
        first.values & second.values,
        columns=first.columns + second.columns,
        binds=AND,
        opposite=f"{first.opposite} or {second.opposite}",
        opposite_binds=OR,
    )


def plus(first: Term, second: Term) -> Term:
    """`first + second`."""
    return _number(f"{first.text} + {second.text}", first.values + second.values, (first, second), SUM)


def minus(first: Term, second: Term) -> Term:
    """`first - second`."""
    right = _within(second.text, second.binds, ATOM)
    return _number(f"{first.text} - {right}", first.values - second.values, (first, second), SUM)


def larger(first: Term, second: Term) -> Term:
    """`max(first, second)`."""
    return _number(
        f"max({first.text}, {second.text})", np.maximum(first.values, second.values), (first, second), ATOM
    )  # fmt: skip


def smaller(first: Term, second: Term) -> Term:
    """`min(first, second)`."""
    return _number(
        f"min({first.text}, {second.text})", np.minimum(first.values, second.values), (first, second), ATOM
    )  # fmt: skip


def chosen(number: Term, flag: Term, other: Term) -> Term:
    """`number if flag else other`."""
    values = np.where(flag.values, number.values, other.values)
    return _number(f"{number.text} if {flag.text} else {other.text}", values, (number, flag, other), CHOICE)


def number_term(
    text: str, values: Float[np.ndarray, "*states"], *, whole: bool, columns: int = 0, code: bool = False
) -> Term:
    """A constant, or a concept that is a number."""
    return Term(text, values, whole, columns, code)


def magnitude(term: Term) -> Term:
    """`abs(term)`."""
    return _number(f"abs({term.text})", np.abs(term.values), (term,), ATOM)


def _number(text: str, values: np.ndarray, parts: tuple[Term, ...], binds: int) -> Term:
    whole, columns = all(part.whole for part in parts), sum(part.columns for part in parts)
    return Term(text, values, whole, columns, any(part.code for part in parts), binds)


def _within(text: str, binds: int, outer: int) -> str:
    return f"({text})" if binds > outer else text
