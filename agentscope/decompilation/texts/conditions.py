"""Units that weigh flags and take two values, written as the condition that they are.

A sum of weighed flags grows or falls with each of them, and rounding and clamping keep the order of numbers. Such a
condition has one shortest form of each kind (Quine, *The problem of simplifying truth functions*, 1952): the `or` of
its minimal sets of flags that suffice, and the `and` of its minimal sets of which one flag must hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from agentscope.decompilation.texts.naming import Names
from agentscope.decompilation.texts.terms import Field, groups_of
from agentscope.integers import Stage

MOST_FLAGS = 12
MOST_CLAUSES = 24  # more than a reader follows: the sum is shorter


@dataclass(frozen=True)
class Condition:
    """A condition as text.

    Attributes:
        flag: whether the unit is 0 or 1, and the text a flag; else the text chooses between its two values.
    """

    text: str
    flag: bool


def condition_of(stage: Stage, fields: Sequence[Field], bias: int, names: Names) -> Condition | None:
    """What a unit that weighs at most MOST_FLAGS flags and takes two values says, or None where it is anything else.

    Args:
        fields: the unit's weights, source by source.
    """
    inputs = sum(int(np.count_nonzero(field.weights)) for field in fields)
    if not 0 < inputs <= MOST_FLAGS or "shift" not in stage.settings or not all(map(_reads_flags, fields)):
        return None
    terms = [term for field in fields for term in _single_terms(field, names)]
    weights = np.array([weight for weight, _, _ in terms], dtype=np.int64)
    rows = (np.arange(2**inputs)[:, None] >> np.arange(inputs)) & 1
    shift, low, high = (stage.settings[name] for name in ("shift", "low", "high"))
    values = np.clip((rows @ weights + bias + ((1 << shift) >> 1)) >> shift, low, high)
    found = np.unique(values)
    if len(found) != 2:
        return None
    holds = values == found[1]
    positive, negative = _literals([(text, flag) for _, text, flag in terms])
    forms = []
    for joined, inner, wanted in ((" or ", " and ", True), (" and ", " or ", False)):
        sets = minimal_sets(holds, weights > 0, suffices=wanted)
        if len(sets) <= MOST_CLAUSES:
            clauses = [[positive[i] if weights[i] > 0 else negative[i] for i in members] for members in sets]
            forms.append(_joined(clauses, joined, inner))
    if not forms:
        return None
    text, first, last = min(forms, key=len), int(found[0]), int(found[1])
    return Condition(text, True) if (first, last) == (0, 1) else Condition(f"{last} if {text} else {first}", False)


def minimal_sets(
    holds: Bool[np.ndarray, "rows"], rising: Bool[np.ndarray, "flags"], *, suffices: bool
) -> list[tuple[int, ...]]:
    """Minimal sets of flags that suffice for a monotone condition, or (`suffices=False`) of which one must help.

    Args:
        holds: the condition in each of the 2**flags rows, flag i being bit i of the row's number.
        rising: whether the condition can only gain by this flag.
    """
    flags = len(rising)
    turned = np.arange(2**flags) ^ int((~rising * (1 << np.arange(flags))).sum())
    table = holds[turned]  # of flags that all help
    if not suffices:
        table = ~table[::-1]  # sets that, missing, prevent it: the dual
    minimal = table.copy()
    for flag in range(flags):
        with_it = (np.arange(2**flags) >> flag) & 1 == 1
        without = np.arange(2**flags) & ~(1 << flag)
        minimal &= ~(with_it & table[without])
    sets = [tuple(flag for flag in range(flags) if row >> flag & 1) for row in np.flatnonzero(minimal)]
    return sorted(sets, key=lambda members: (len(members), members))


def _reads_flags(field: Field) -> bool:
    read = field.weights != 0
    return bool((field.low[read] >= 0).all() and (field.high[read] <= 1).all())


def _single_terms(field: Field, names: Names) -> list[tuple[int, str, bool]]:
    """Weight, call and whether it gives a flag, of each value that is read; loops are taken apart."""
    found: list[tuple[int, str, bool]] = []
    for place in np.argwhere(field.weights != 0):
        alone = np.zeros_like(field.weights)
        alone[tuple(place)] = field.weights[tuple(place)]
        single = Field(field.source, alone, field.bases, field.firsts, field.low, field.high)
        found.extend((group.weight, group.text, group.flag) for group in groups_of(single, names))
    return found


def _literals(terms: Sequence[tuple[str, bool]]) -> tuple[list[str], list[str]]:
    """Each flag as a condition, and its opposite."""
    positive = [text if flag else f"{text} == 1" for text, flag in terms]
    return positive, [f"not {text}" if flag else f"{text} == 0" for text, flag in terms]


def _joined(clauses: Sequence[Sequence[str]], outer: str, inner: str) -> str:
    written = [inner.join(clause) for clause in clauses]
    if inner == " or " and len(clauses) > 1:
        written = [f"({text})" if len(clause) > 1 else text for text, clause in zip(written, clauses, strict=True)]
    return outer.join(written)
