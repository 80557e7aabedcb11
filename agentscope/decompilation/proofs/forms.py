"""A normal form of what a function computes: two functions with one form are equal, whatever their inputs are.

Sums of whole multiples of atoms, terms in no order; an atom is an input, or a rounding, choice or look-up of such sums.
What the bounds of the inputs decide is decided: a clamp that never acts leaves no trace. Forms may differ though the
functions are equal; that is for a solver.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from agentscope.decompilation.proofs.wide import Algebra, Unfollowed, Wide, is_known


@dataclass(frozen=True, eq=False)
class Form:
    """A whole number: `constant` and whole multiples of atoms; `low` and `high` bound it."""

    constant: int
    terms: Mapping[Hashable, int] = field(repr=False)
    low: int
    high: int

    @cached_property
    def key(self) -> Hashable:
        """Equal forms have equal keys."""
        return self.constant, frozenset(self.terms.items())

    def __add__(self, other: Form | int) -> Form | int:
        if isinstance(other, int):
            return Form(self.constant + other, self.terms, self.low + other, self.high + other)
        terms = dict(self.terms)
        for atom, weight in other.terms.items():
            terms[atom] = terms.get(atom, 0) + weight
            if not terms[atom]:
                del terms[atom]
        if not terms:
            return self.constant + other.constant
        return Form(self.constant + other.constant, terms, self.low + other.low, self.high + other.high)

    __radd__ = __add__

    def __mul__(self, factor: int) -> Form | int:
        if not factor:
            return 0
        ends = sorted((self.low * factor, self.high * factor))
        return Form(self.constant * factor, {atom: weight * factor for atom, weight in self.terms.items()}, *ends)

    __rmul__ = __mul__

    def __neg__(self) -> Form | int:
        return self * -1

    def __sub__(self, other: Form | int) -> Form | int:
        return self + -other

    def __rsub__(self, other: int) -> Form | int:
        return -self + other


def atom(name: Hashable, low: int, high: int) -> Form | int:
    """One atom; where its bounds leave one number, that."""
    return low if low == high else Form(0, {name: 1}, low, high)


def key_of(value: Wide) -> Hashable:
    """Of a form or a plain number: equal ones have equal keys."""
    return value.key if isinstance(value, Form) else (int(value), frozenset())


def _ends(value: Wide) -> tuple[int, int]:
    return (value.low, value.high) if isinstance(value, Form) else (int(value), int(value))


class Forms(Algebra):
    """Forms of whole numbers and flags; a flag is a form between 0 and 1.

    Raises: Unfollowed: from its operations, where a number is no sum of multiples, or no whole number.
    """

    def compare(self, operator: str, left: Wide, right: Wide) -> Wide:
        if is_known(left) and is_known(right):
            return super().compare(operator, left, right)
        if operator in (">", ">="):
            return self.compare("<" if operator == ">" else "<=", right, left)
        if operator == "!=":
            return self.opposite(self.compare("==", left, right))
        if operator == "<=":
            return self.compare("<", left, self.arithmetic("+", right, 1))
        gap = self.arithmetic("-", left, right)
        low, high = _ends(gap)
        if operator == "<":
            if high < 0 or low >= 0:
                return high < 0
            return -gap if low == -1 and high <= 0 else atom(("<0", key_of(gap)), 0, 1)
        if low > 0 or high < 0 or low == high:
            return low == high == 0
        if high - low == 1:
            return 1 - gap if high else 1 + gap
        return atom(("==0", frozenset((key_of(gap), key_of(-gap)))), 0, 1)

    def picked(self, items: Sequence[Wide], index: Wide) -> Wide:
        if not all(map(is_known, items)):
            return super().picked(items, index)
        return atom(("item", tuple(map(int, items)), key_of(index)), int(min(items)), int(max(items)))

    def extreme(self, name: str, values: Sequence[Wide]) -> Wide:
        """The order of what is compared makes no difference; what bounds rule out is left out."""
        numbers = [self.number(value) for value in values]
        kept = {key_of(numbers[place]): numbers[place] for place in _undecided(name, [_ends(one) for one in numbers])}
        if len(kept) == 1:
            return next(iter(kept.values()))
        pick = min if name == "min" else max
        low, high = (pick(ends) for ends in zip(*map(_ends, kept.values()), strict=True))
        return atom((name, frozenset(kept)), low, high)

    def _choose(self, condition: Wide, yes: Wide, no: Wide) -> Wide:
        if key_of(yes) == key_of(no):
            return yes
        if (key_of(yes), key_of(no)) == (key_of(1), key_of(0)):
            return condition
        low, high = zip(_ends(yes), _ends(no), strict=True)
        return atom(("if", key_of(condition), key_of(yes), key_of(no)), min(low), max(high))

    def _joined(self, parts: Sequence[Wide], *, every: bool) -> Wide:
        return atom(("and" if every else "or", frozenset(map(key_of, parts))), 0, 1)

    def _opposite(self, value: Wide) -> Wide:
        return 1 - value

    def _number(self, value: Wide) -> Wide:
        return value

    def _floor_divided(self, value: Wide, divisor: int) -> Wide:
        if divisor == 1:
            return value
        low, high = (end // divisor for end in _ends(value))
        return low if low == high else atom(("//", key_of(value), divisor), low, high)

    def _floor(self, value: Wide) -> Wide:
        raise Unfollowed("floor of a decimal")

    def _refuse_rounded(self, operator: str, left: Wide, right: Wide) -> None:
        if isinstance(left, float) or isinstance(right, float):
            raise Unfollowed("decimals")
        if operator == "*" and not is_known(left) and not is_known(right):
            raise Unfollowed("a product of inputs")


def _undecided(name: str, ends: Sequence[tuple[int, int]]) -> list[int]:
    """Which of several numbers can be the least (greatest): not those that another is never above (below)."""
    bounds = list(ends) if name == "min" else [(-high, -low) for low, high in ends]
    return [
        place for place, (low, high) in enumerate(bounds)
        if not any(other != place and above <= low and (other < place or high > below)
                   for other, (below, above) in enumerate(bounds))
    ]  # fmt: skip
