"""Numbers that stand for many at once: a column of rows of a truth table, or an unknown of a solver.

What is known beforehand stays a plain Python number, so that loops, indices and most conditions are simply decided.
"""

from __future__ import annotations

import importlib
import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

LONGEST_CHOICE = 512  # items of a tuple whose index is not known
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
Wide = Any  # a Python number or flag, or what an algebra makes of one


class Unfollowed(Exception):
    """Something that cannot be followed for all inputs at once; says what."""


def is_known(value: Wide) -> bool:
    """Whether it is one plain number or flag."""
    return isinstance(value, int | float)


class Algebra(ABC):
    """The operations of the language on wide numbers; whole numbers, and decimals only as far as they are exact."""

    def choose(self, condition: Wide, yes: Wide, no: Wide) -> Wide:
        """`yes` where the condition holds."""
        if is_known(condition):
            return yes if condition else no
        return yes if yes is no else self._choose(condition, yes, no)

    def every(self, parts: Sequence[Wide]) -> Wide:
        """`and`."""
        return self._logic(parts, neutral=True)

    def some(self, parts: Sequence[Wide]) -> Wide:
        """`or`."""
        return self._logic(parts, neutral=False)

    def opposite(self, value: Wide) -> Wide:
        """`not`."""
        return (not value) if is_known(value) else self._opposite(value)

    def number(self, value: Wide) -> Wide:
        """Flags count as 0 and 1."""
        return int(value) if isinstance(value, bool) else value if is_known(value) else self._number(value)

    def extreme(self, name: str, values: Sequence[Wide]) -> Wide:
        """`min` or `max`."""
        best, *others = map(self.number, values)
        for value in others:
            better = value < best if name == "min" else value > best
            best = self.choose(better, value, best)
        return best

    def arithmetic(self, operator: str, left: Wide, right: Wide) -> Wide:
        """One step of a chain. Raises: Unfollowed: a division by what is not known, decimals that could be rounded."""
        left, right = self.number(left), self.number(right)
        if operator in ("+", "-", "*"):
            self._refuse_rounded(operator, left, right)
            left, right = self._exact(left), self._exact(right)
            return left + right if operator == "+" else left - right if operator == "-" else left * right
        if not is_known(right) or isinstance(right, float) or right <= 0 or operator == "/":
            raise Unfollowed(f"{operator} by what is no positive whole number known beforehand")
        if is_known(left):
            return left // right if operator == "//" else left % right
        quotient = self._floor_divided(left, right)
        return quotient if operator == "//" else left - quotient * right

    def compare(self, operator: str, left: Wide, right: Wide) -> Wide:
        """One link of a chain of comparisons."""
        compared = _COMPARISONS[operator](self._exact(left), self._exact(right))
        return bool(compared) if is_known(left) and is_known(right) else compared

    def picked(self, items: Sequence[Wide], index: Wide) -> Wide:
        """The item of a tuple of numbers at an index that is not known beforehand.

        Raises: Unfollowed: the tuple is too long.
        """
        if len(items) > LONGEST_CHOICE:
            raise Unfollowed(f"a table of {len(items)} rows whose row depends on the inputs")
        found = items[-1]
        for place in range(len(items) - 2, -1, -1):
            found = self.choose(index == place, items[place], found)
        return found

    def floor(self, value: Wide) -> Wide:
        """The greatest whole number that is not above it."""
        return math.floor(value) if is_known(value) else self._floor(value)

    def _logic(self, parts: Sequence[Wide], *, neutral: bool) -> Wide:
        unknown = []
        for part in parts:
            if not is_known(part):
                unknown.append(part)
            elif part is not neutral:
                return part
        if len(unknown) < 2:
            return unknown[0] if unknown else neutral
        return self._joined(unknown, every=neutral)

    def _exact(self, value: Wide) -> Wide:
        return value

    @abstractmethod
    def _choose(self, condition: Wide, yes: Wide, no: Wide) -> Wide: ...
    @abstractmethod
    def _joined(self, parts: Sequence[Wide], *, every: bool) -> Wide: ...
    @abstractmethod
    def _opposite(self, value: Wide) -> Wide: ...
    @abstractmethod
    def _number(self, value: Wide) -> Wide: ...
    @abstractmethod
    def _floor_divided(self, value: Wide, divisor: int) -> Wide: ...
    @abstractmethod
    def _floor(self, value: Wide) -> Wide: ...
    @abstractmethod
    def _refuse_rounded(self, operator: str, left: Wide, right: Wide) -> None: ...


class Columns(Algebra):
    """Numpy columns: one row for each combination of the inputs."""

    def picked(self, items: Sequence[Wide], index: Wide) -> Wide:
        """As a gather: a table may have any length."""
        if all(map(is_known, items)):
            return np.asarray(items)[index]
        return super().picked(items, index)

    def _choose(self, condition: Wide, yes: Wide, no: Wide) -> Wide:
        return np.where(condition, yes, no)

    def _joined(self, parts: Sequence[Wide], *, every: bool) -> Wide:
        return (np.logical_and if every else np.logical_or).reduce(parts)

    def _opposite(self, value: Wide) -> Wide:
        return np.logical_not(value)

    def _number(self, value: Wide) -> Wide:
        return value.astype(np.int64) if value.dtype.kind == "b" else value

    def _floor_divided(self, value: Wide, divisor: int) -> Wide:
        return value // divisor

    def _floor(self, value: Wide) -> Wide:
        return np.floor(value).astype(np.int64)

    def _refuse_rounded(self, operator: str, left: Wide, right: Wide) -> None:
        """Numpy rounds decimals as the language does."""


class Unknowns(Algebra):
    """Terms of z3 over whole numbers; decimals only times powers of two, which rounds nothing.

    Raises: ImportError: z3 is not installed (`pip install agentscope-rl[solver]`).
    """

    def __init__(self) -> None:
        self.z3: Any = importlib.import_module("z3")

    def unknown(self, name: str, *, whole: bool) -> Wide:
        """A fresh unknown."""
        return self.z3.Int(name) if whole else self.z3.Real(name)

    def bounded(self, value: Wide, low: float, high: float) -> list[Wide]:
        """What is known of it."""
        ends = [value >= self._literal(low)] if math.isfinite(low) else []
        return ends + ([value <= self._literal(high)] if math.isfinite(high) else [])

    def difference(
        self, first: Wide, second: Wide, legal: Sequence[Wide], *, effort: int
    ) -> Callable[[Wide], int | float] | None:
        """What any term is for inputs that are legal and for which two terms differ; None where they never do.

        Args:
            effort: the solver's own unit of work, after which it gives up.
        Raises: Unfollowed: it came to no end within its effort.
        """
        solver = self.z3.Solver()
        solver.set("rlimit", effort)
        solver.add(*legal, first != second)
        answer = solver.check()
        if answer == self.z3.unsat:
            return None
        if answer != self.z3.sat:
            raise Unfollowed("a solver that came to no end")
        model = solver.model()

        def number(term: Wide) -> int | float:
            if is_known(term):
                return term
            found = model.eval(term, model_completion=True)
            return found.as_long() if self.z3.is_int_value(found) else float(found.as_fraction())

        return number

    def _exact(self, value: Wide) -> Wide:
        return self._literal(value) if isinstance(value, float) else value

    def _literal(self, value: float) -> Wide:
        exact = Fraction(value)
        return exact.numerator if exact.denominator == 1 else self.z3.RealVal(f"{exact.numerator}/{exact.denominator}")

    def _choose(self, condition: Wide, yes: Wide, no: Wide) -> Wide:
        yes, no = self._exact(yes), self._exact(no)
        if isinstance(yes, bool) and isinstance(no, bool):
            return condition if yes else self.z3.Not(condition)
        flags = [self.z3.is_bool(part) or isinstance(part, bool) for part in (yes, no)]
        if flags[0] != flags[1]:
            yes, no = self.number(yes), self.number(no)
        return self.z3.If(condition, yes, no)

    def _joined(self, parts: Sequence[Wide], *, every: bool) -> Wide:
        return self.z3.And(*parts) if every else self.z3.Or(*parts)

    def _opposite(self, value: Wide) -> Wide:
        return self.z3.Not(value)

    def _number(self, value: Wide) -> Wide:
        return self.z3.If(value, 1, 0) if self.z3.is_bool(value) else value

    def _floor_divided(self, value: Wide, divisor: int) -> Wide:
        if not self.z3.is_int(value):
            raise Unfollowed("// of a decimal")
        return value / divisor  # of whole numbers by a positive one, z3 rounds down

    def _floor(self, value: Wide) -> Wide:
        return value if self.z3.is_int(value) else self.z3.ToInt(value)

    def _refuse_rounded(self, operator: str, left: Wide, right: Wide) -> None:
        decimal = [isinstance(part, float) or self.z3.is_real(part) for part in (left, right)]
        if not any(decimal):
            return
        known = left if is_known(left) else right
        if operator != "*" or not is_known(known) or abs(math.frexp(known)[0]) != 0.5:
            raise Unfollowed("decimals that are not only multiplied by powers of two")
