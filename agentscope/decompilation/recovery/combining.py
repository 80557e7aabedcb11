"""Every combination of what a network's decision rests on: the rules that come out hold for states never met, too.

The scores are followed down to flags and numbers that are made of what is seen; above them is nothing but logic. That
logic is run on each combination of the flags and of the intervals that it tells apart of each number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Bool, Int

from agentscope.decompilation.recovery.circuits import Circuit
from agentscope.decompilation.recovery.families import is_formula

MOST_COMBINATIONS = 20_000
MOST_VALUES = 32  # that a number which is read whole may take


@dataclass(frozen=True)
class Question:
    """A flag of one base: whether its value lies in one of these ranges (first, last).

    Attributes:
        atom: the base. holds: in each combination.
    """

    atom: int
    ranges: tuple[tuple[int, int], ...]
    holds: Bool[np.ndarray, "combinations"]


@dataclass(frozen=True)
class Combined:
    """What the network does in each combination of its bases' values, and what can be asked about them.

    Attributes:
        bases: the number of each base's interval.
    """

    questions: tuple[Question, ...]
    actions: Int[np.ndarray, "combinations"]
    bases: Int[np.ndarray, "combinations bases"]


def combined(circuit: Circuit) -> Combined | None:
    """The lowest bases that have few enough combinations; None where no bases have."""
    needed = circuit.needed()
    depth = _depths(circuit, needed)
    for limit in sorted({depth[atom] for atom in needed if circuit.atoms[atom].kind == "step"}):
        bases, above = _cut(circuit, needed, depth, limit)
        options = {base: _options(circuit, base, above) for base in sorted(bases)}
        if all(options.values()) and np.prod([float(len(each)) for each in options.values()]) <= MOST_COMBINATIONS:
            return _combined(circuit, options, sorted(above))
    return None


def _depths(circuit: Circuit, needed: set[int]) -> dict[int, int]:
    """How many steps or ramps lie between each atom and what is seen."""
    depth: dict[int, int] = {}
    for atom in sorted(needed):  # an atom is made after all that it is made of
        one = circuit.atoms[atom]
        inner = [depth[i] for i, _ in one.terms] + ([depth[one.of]] if one.of >= 0 else [])
        depth[atom] = max(inner, default=0) + (one.kind in ("step", "ramp"))
    return depth


def _cut(circuit: Circuit, needed: set[int], depth: Mapping[int, int], limit: int) -> tuple[set[int], set[int]]:
    """(bases, atoms above them) of the scores."""
    bases, above = set(), set()
    stack = [atom for form in circuit.scores for atom in form.terms]
    while stack:
        atom = stack.pop()
        one = circuit.atoms[atom]
        if atom in bases or atom in above:
            continue
        if one.kind == "cell" or (one.kind == "sum" and depth[atom] == 0):
            bases.add(atom)
        elif one.kind == "sum":
            above.add(atom)
            stack += [inner for inner, _ in one.terms]
        elif depth[atom] <= limit and is_formula(circuit, atom):
            bases.add(atom)
        else:
            above.add(atom)
            if depth[atom] <= limit:
                bases.add(one.of)
            else:
                stack.append(one.of)
    return bases, above - bases


def _options(circuit: Circuit, base: int, above: set[int]) -> tuple[int, ...]:
    """The least value of each interval of a base that the atoms above tell apart; none where there are too many."""
    low, high = circuit.low[base], circuit.high[base]
    whole = any(inner == base for atom in above for inner, _ in circuit.atoms[atom].terms)
    whole = whole or any(base in form.terms for form in circuit.scores) or circuit.is_flag(base)
    if whole:
        return tuple(range(low, high + 1)) if high - low < MOST_VALUES else ()
    thresholds = {circuit.atoms[atom].threshold for atom in above if circuit.atoms[atom].of == base}
    return (low, *sorted(one for one in thresholds if low < one <= high))


def _combined(circuit: Circuit, options: Mapping[int, Sequence[int]], above: Sequence[int]) -> Combined:
    rows = np.array(list(product(*options.values())), dtype=np.int64).reshape(-1, len(options))
    values = {base: rows[:, place] for place, base in enumerate(options)}
    for atom in above:
        one = circuit.atoms[atom]
        if one.kind == "sum":
            values[atom] = sum(
                (weight * values[inner] for inner, weight in one.terms), np.zeros(len(rows), dtype=np.int64)
            )
        else:
            excess = values[one.of] - one.threshold
            values[atom] = (excess >= 0).astype(np.int64) if one.kind == "step" else np.maximum(excess, 0)
    scores = [
        sum((weight * values[atom] for atom, weight in form.terms.items()), np.full(len(rows), form.constant))
        for form in circuit.scores
    ]
    questions = [question for base in options for question in _questions(circuit, base, options[base], values, above)]
    numbers = np.array(list(product(*(range(len(each)) for each in options.values())))).reshape(len(rows), -1)
    return Combined(tuple(questions), np.stack(scores, axis=1).argmax(axis=1), numbers)


def _questions(
    circuit: Circuit, base: int, options: Sequence[int], values: Mapping[int, np.ndarray], above: Sequence[int]
) -> list[Question]:
    """Whether the base reaches an option, equals one, or has one of those values that an atom above sets apart."""
    high = circuit.high[base]
    ends = [*(option - 1 for option in options[1:]), high]
    wanted: dict[tuple[tuple[int, int], ...], None] = {((option, high),): None for option in options[1:]}
    wanted |= {((first, last),): None for first, last in list(zip(options, ends, strict=True))[1:-1]}
    for atom in above:
        pairs = {(int(a), int(b)) for a, b in np.unique(np.stack([values[base], values[atom]], axis=1), axis=0)}
        if len(pairs) == len(options) and len({b for _, b in pairs}) == 2:
            top = max(b for _, b in pairs)
            chosen = [(a, ends[options.index(a)]) for a, b in sorted(pairs) if b == top]
            wanted[tuple(_joined(chosen))] = None
    return [Question(base, ranges, np.any([(values[base] >= a) & (values[base] <= b) for a, b in ranges], axis=0))
            for ranges in wanted]  # fmt: skip


def _joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for first, last in ranges:
        if found and found[-1][1] == first - 1:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found
