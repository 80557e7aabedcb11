"""Forms: whole numbers that a layer's units add up to, with the bounds between which they surely lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Wire:
    """One whole number that the network computes, or gets as a component of its observation.

    Attributes:
        index: of the node in its circuit that puts it out.
        depth: hidden layers that lie between it and the observation, its own included; 0 for the observation.
        low, high: bounds of its value, both reached or not.
    """

    index: int
    depth: int = field(compare=False)
    low: int = field(compare=False)
    high: int = field(compare=False)


@dataclass(frozen=True)
class Form:
    """A weighted sum of wires plus a constant, all of them whole numbers: what one row of a weight matrix computes.

    Attributes:
        terms: (wire, weight) in the order of the wires; no weight is 0.
        low, high: bounds of its value, at least as tight as those that follow from the wires.
        cases: where the value is a choice, each value it can take with the form that is 1 then and 0 else.
    """

    terms: tuple[tuple[Wire, int], ...]
    constant: int
    low: int
    high: int
    cases: tuple[tuple[int, Form], ...] = field(default=(), compare=False, repr=False)

    @property
    def depth(self) -> int:
        """Hidden layers that must have run before the form can be read."""
        return max((wire.depth for wire, _ in self.terms), default=0)

    @property
    def is_constant(self) -> bool:
        """Whether it is the same number in every state."""
        return self.low == self.high

    @property
    def is_flag(self) -> bool:
        """Whether it is always 0 or 1."""
        return self.low >= 0 and self.high <= 1


def constant(value: int) -> Form:
    """A number that does not depend on the state."""
    return Form((), int(value), int(value), int(value))


def add(*parts: tuple[int, Form], offset: int = 0) -> Form:
    """The sum of weight times form over the parts, plus an offset."""
    weights: dict[Wire, int] = {}
    total, low, high = offset, offset, offset
    for weight, form in parts:
        total += weight * form.constant
        low += min(weight * form.low, weight * form.high)
        high += max(weight * form.low, weight * form.high)
        for wire, inner in form.terms:
            weights[wire] = weights.get(wire, 0) + weight * inner
    return bounded(_form(weights, total), low, high)


def _form(weights: Mapping[Wire, int], offset: int) -> Form:
    terms = tuple(
        sorted(((wire, weight) for wire, weight in weights.items() if weight), key=lambda term: term[0].index)
    )
    low = offset + sum(min(weight * wire.low, weight * wire.high) for wire, weight in terms)
    high = offset + sum(max(weight * wire.low, weight * wire.high) for wire, weight in terms)
    return Form(terms, offset, low, high)


def bounded(form: Form, low: int, high: int) -> Form:
    """The same form, known to lie between these bounds too; a constant once they meet."""
    low, high = max(form.low, low), min(form.high, high)
    assert low <= high, "a form has bounds that exclude each other"
    return constant(low) if low == high else Form(form.terms, form.constant, low, high, form.cases)


def negated(flag: Form) -> Form:
    """1 - flag: `not` costs no unit."""
    return add((-1, flag), offset=1)


def choice(cases: Iterable[tuple[int, Form]]) -> Form:
    """The value whose form is 1, where exactly one of these exclusive forms is; equal values are put together."""
    flags: dict[int, Form] = {}
    for value, flag in cases:
        flags[value] = bounded(add((1, flags[value]), (1, flag)), 0, 1) if value in flags else flag
    possible = tuple((value, flag) for value, flag in sorted(flags.items()) if flag.high == 1)
    if len(possible) == 1:
        return constant(possible[0][0])
    whole = add(*possible)
    tight = bounded(whole, possible[0][0], possible[-1][0])
    return Form(tight.terms, tight.constant, tight.low, tight.high, possible)
