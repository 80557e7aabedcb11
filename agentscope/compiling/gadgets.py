"""Gadgets: each step of the language over whole numbers as ramps, steps and sums; exact by the line in its docstring.

A flag is a form that is 0 or 1. `x`, `y` are forms; sums, differences, multiples and `not` cost no unit at all.
Nothing here rounds: every weight is a whole number, and so is every value.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentscope.compiling.circuits import Circuit
from agentscope.compiling.forms import Form, add, bounded, choice, constant, negated


def at_least(circuit: Circuit, x: Form, threshold: int) -> Form:
    """Threshold: x >= t. For whole numbers x - t + 1 >= 1 says the same, and that is one step."""
    return circuit.step(add((1, x), offset=1 - threshold))


def equal(circuit: Circuit, x: Form, value: int) -> Form:
    """x == v: it is at least v and not at least v + 1. Of a choice, the case is known already."""
    for known, flag in x.cases:
        if known == value:
            return flag
    if x.cases or not x.low <= value <= x.high:
        return constant(0)
    difference = add((1, at_least(circuit, x, value)), (-1, at_least(circuit, x, value + 1)))
    return bounded(difference, 0, 1)


def all_of(circuit: Circuit, flags: Sequence[Form]) -> Form:
    """`and` of k flags: their sum reaches k only if each is 1, so max(0, sum - (k - 1)) is 1 then and 0 else."""
    open_flags = list(dict.fromkeys(flag for flag in flags if not flag.is_constant))
    if any(flag.high == 0 for flag in flags):
        return constant(0)
    if not open_flags:
        return constant(1)
    if len(open_flags) == 1:
        return open_flags[0]
    total = add(*((1, flag) for flag in open_flags), offset=1 - len(open_flags))
    return circuit.ramp(bounded(total, 1 - len(open_flags), 1))


def any_of(circuit: Circuit, flags: Sequence[Form]) -> Form:
    """`or`: not all of them fail."""
    return negated(all_of(circuit, [negated(flag) for flag in flags]))


def larger(circuit: Circuit, x: Form, y: Form) -> Form:
    """max(x, y) = y + max(0, x - y)."""
    if x.low >= y.high:
        return x
    if y.low >= x.high:
        return y
    return bounded(add((1, y), (1, circuit.ramp(add((1, x), (-1, y))))), max(x.low, y.low), max(x.high, y.high))


def smaller(circuit: Circuit, x: Form, y: Form) -> Form:
    """min(x, y) = -max(-x, -y)."""
    return add((-1, larger(circuit, add((-1, x)), add((-1, y)))))


def magnitude(circuit: Circuit, x: Form) -> Form:
    """|x| = max(x, -x)."""
    return larger(circuit, x, add((-1, x)))


def gate(circuit: Circuit, flag: Form, x: Form) -> Form:
    """flag * x: x moved to start at 0 and, where the flag is 0, pushed below 0, so that the ramp cuts it off."""
    if flag.is_constant:
        return x if flag.low else constant(0)
    if x.is_constant:
        return add((x.low, flag))
    span = x.high - x.low
    moved = circuit.ramp(bounded(add((1, x), (span, flag), offset=-x.low - span), -span, span))
    return bounded(add((1, moved), (x.low, flag)), min(0, x.low), max(0, x.high))


def choose(circuit: Circuit, flag: Form, yes: Form, no: Form) -> Form:
    """`yes if flag else no` = no + flag * (yes - no)."""
    if flag.is_constant:
        return yes if flag.low else no
    if yes.is_constant and no.is_constant:
        return choice([(yes.low, flag), (no.low, negated(flag))])
    chosen = add((1, no), (1, gate(circuit, flag, add((1, yes), (-1, no)))))
    return bounded(chosen, min(yes.low, no.low), max(yes.high, no.high))


def best_of(circuit: Circuit, keys: Sequence[Form]) -> Form:
    """argmax, the first among equals: i wins if it beats all before it and at least ties with all behind it."""
    beaten: list[list[Form]] = [[] for _ in keys]
    for first in range(len(keys)):
        for second in range(first + 1, len(keys)):
            holds = at_least(circuit, add((1, keys[first]), (-1, keys[second])), 0)
            beaten[first].append(holds)
            beaten[second].append(negated(holds))
    return choice((index, all_of(circuit, flags)) for index, flags in enumerate(beaten))


def cases_of(circuit: Circuit, x: Form) -> tuple[tuple[int, Form], ...]:
    """Each value that x can take, with the flag that says it does."""
    if x.cases or x.is_constant:
        return x.cases or ((x.low, constant(1)),)
    return tuple((value, equal(circuit, x, value)) for value in range(x.low, x.high + 1))


def look_up(circuit: Circuit, index: Form, items: Sequence[Form]) -> Form:
    """Table: the sum over rows of (index == row) * item; one row counts, the others are 0."""
    rows = [(flag, items[value]) for value, flag in cases_of(circuit, index) if 0 <= value < len(items)]
    if all(item.is_constant for _, item in rows):
        return choice((item.low, flag) for flag, item in rows)
    total = add(*((1, gate(circuit, flag, item)) for flag, item in rows))
    return bounded(total, min(item.low for _, item in rows), max(item.high for _, item in rows))
