"""Abstract values: the type of an expression and the interval that its integers lie in.

The interval proves that int64 never overflows and that an integer meets a float only where float64 holds it exactly.
`mixed` marks a float that CPython would hold as an int in some lanes (the two arms of a conditional): it behaves as a
float as long as its magnitude stays below 2^53, so arithmetic among mixed values keeps the integer rules.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from agentscope.language.limits import EXACT_IN_FLOAT, INT64_HIGH, INT64_LOW


class Unsound(Exception):
    """An operation that could leave int64 or lose digits; the checker adds the place."""


@dataclass(frozen=True)
class Scalar:
    """bool, int or float; low and high bound bools, ints and mixed floats."""

    kind: str
    low: int = 0
    high: int = 0
    mixed: bool = False

    @property
    def whole(self) -> bool:
        """Whether CPython may hold an int (or bool) here."""
        return self.kind != "float" or self.mixed


@dataclass(frozen=True, eq=False)
class Items:
    """A tuple; `packed` marks a literal table that evaluates as one array.

    Compared by a hash of its items that is taken once: tables of thousands of numbers are passed to helpers.
    """

    items: tuple[Abstract, ...]
    packed: bool = False
    leaves: int = field(init=False)
    key: int = field(init=False)

    def __post_init__(self) -> None:
        leaves = sum(item.leaves if isinstance(item, Items) else 1 for item in self.items)
        object.__setattr__(self, "leaves", leaves)
        object.__setattr__(self, "key", hash((self.items, self.packed)))

    def __hash__(self) -> int:
        return self.key

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Items) or self.key != other.key:
            return False
        return self.packed == other.packed and self.items == other.items


Abstract = Scalar | Items
BOOL = Scalar("bool", 0, 1)
FLOAT = Scalar("float")


def whole(low: int, high: int) -> Scalar:
    """An int64 within bounds."""
    if low < INT64_LOW or high > INT64_HIGH:
        raise Unsound(
            f"this integer may reach {max(-low, high):.3e}, beyond int64; bound it with min() and max(), "
            "or declare the concept's low and high"
        )
    return Scalar("int", low, high)


def as_float(value: Scalar) -> Scalar:
    """The value where a float is needed: only integers below 2^53 become floats unchanged."""
    if value.whole and (value.low <= -EXACT_IN_FLOAT or value.high >= EXACT_IN_FLOAT):
        raise Unsound(
            f"this integer may reach {max(-value.low, value.high):.3e} and meets a decimal; "
            "only below 2**53 = 9.007e15 is that exact"
        )
    return value


def join(first: Abstract, second: Abstract) -> Abstract:
    """What holds of a value that is one or the other."""
    if first == second:
        return first
    if isinstance(first, Items) and isinstance(second, Items) and len(first.items) == len(second.items):
        return Items(tuple(join(a, b) for a, b in zip(first.items, second.items, strict=True)))
    if isinstance(first, Items) or isinstance(second, Items):
        raise Unsound("a tuple and another shape meet here; every path gives the same shape")
    wholes = [value for value in (first, second) if value.whole]
    low = min((value.low for value in wholes), default=0)
    high = max((value.high for value in wholes), default=0)
    if first.kind == "float" or second.kind == "float":
        as_float(first), as_float(second)
        return Scalar("float", low, high, bool(wholes))
    return Scalar("int" if "int" in (first.kind, second.kind) else "bool", low, high)


def hull(values: Sequence[Abstract]) -> Abstract:
    """What holds of a value that is one of these."""
    result = values[0]
    for value in values[1:]:
        result = join(result, value)
    return result


def hull_of_few(first: tuple[Abstract, ...], second: tuple[Abstract, ...], most: int) -> tuple[Scalar, ...] | None:
    """Bounds that hold of either tuple of arguments, all whole numbers or all flags in each place.

    None where an argument is anything else, or where there are more combinations than `most`.
    """
    found: list[Scalar] = []
    for one, other in zip(first, second, strict=True):
        if not isinstance(one, Scalar) or not isinstance(other, Scalar):
            return None
        if one.kind != other.kind or one.kind == "float":
            return None
        found.append(Scalar(one.kind, min(one.low, other.low), max(one.high, other.high)))
    return tuple(found) if math.prod(value.high - value.low + 1 for value in found) <= most else None


def combine(operator: str, left: Scalar, right: Scalar) -> Scalar:
    """The result of + - * / // % on two numbers (a flag counts as 0 or 1)."""
    if operator == "/":
        as_float(left), as_float(right)
        return FLOAT
    if not (left.whole and right.whole):
        as_float(left), as_float(right)
        return FLOAT
    low, high = _bounds(operator, left, right)
    if left.kind == "float" or right.kind == "float":
        as_float(left), as_float(right)
        return as_float(Scalar("float", low, high, True))
    return whole(low, high)


def _bounds(operator: str, left: Scalar, right: Scalar) -> tuple[int, int]:
    if operator == "+":
        return left.low + right.low, left.high + right.high
    if operator == "-":
        return left.low - right.high, left.high - right.low
    if operator == "*":
        corners = [a * b for a in (left.low, left.high) for b in (right.low, right.high)]
        return min(corners), max(corners)
    if operator == "%":  # the sign of the divisor; zero is refused when it comes
        return min(0, right.low + 1), max(0, right.high - 1)
    divisors = {b for b in (right.low, right.high, -1, 1) if right.low <= b <= right.high and b != 0} or {1}
    corners = [a // b for a in (left.low, left.high) for b in divisors]
    return min(corners), max(corners)


def negate(value: Scalar) -> Scalar:
    """Unary minus."""
    if value.kind == "float":
        return Scalar("float", -value.high, -value.low, value.mixed)
    return whole(-value.high, -value.low)


def magnitude(value: Scalar) -> Scalar:
    """abs()."""
    low = 0 if value.low <= 0 <= value.high else min(abs(value.low), abs(value.high))
    high = max(abs(value.low), abs(value.high))
    if value.kind == "float":
        return Scalar("float", low, high, value.mixed) if value.mixed else FLOAT
    return whole(low, high)


def rounded_down(value: Scalar) -> Scalar:
    """floor(): a decimal lies within 2^53, or is refused when it comes."""
    if value.kind == "float":
        return Scalar("int", -EXACT_IN_FLOAT, EXACT_IN_FLOAT)
    return Scalar("int", value.low, value.high)


def total(element: Scalar, times: int) -> Scalar:
    """sum() of up to this many elements, every partial sum included."""
    if element.kind == "float" and not element.mixed:
        return Scalar("float", 0, 0, True)  # the empty sum is the integer 0
    low, high = min(0, element.low * times), max(0, element.high * times)
    if element.kind == "float":
        return as_float(Scalar("float", low, high, True))
    return whole(low, high)


def extreme(name: str, first: Abstract, second: Abstract) -> Abstract:
    """min() or max() of two numbers, with the tighter bounds where both are whole."""
    joined = join(first, second)
    if isinstance(joined, Items) or isinstance(first, Items) or isinstance(second, Items):
        raise Unsound(f"{name} compares numbers, not tuples")
    if joined.kind == "float":
        return joined
    pick = min if name == "min" else max
    return Scalar(joined.kind, pick(first.low, second.low), pick(first.high, second.high))
