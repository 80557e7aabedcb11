"""The sum of one unit as a person writes it: equal weights gathered, runs of places as loops, zero weights left out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from agentscope.decompilation.texts.naming import Names, shifted
from agentscope.decompilation.texts.sources import Source

SHORTEST_RUN = 3  # equal weights in a row that are written as a loop
_LONGEST_BRACKET = 36
_STEPS = {"r": "e", "c": "d", "p": "q"}  # loop variables for places that count from one of these


@dataclass(frozen=True)
class Field:
    """The weights of one unit over one source, in the places that it reads.

    Attributes:
        weights: along each argument of the source's functions.
        bases: for each argument the letter of the variable that its places count from, "" where they are absolute.
        firsts: the first place along each argument, from there.
        low, high: bounds of what is read, place by place.
    """

    source: Source
    weights: Int64[np.ndarray, "..."]
    bases: tuple[str, ...]
    firsts: tuple[int, ...]
    low: Int64[np.ndarray, "..."]
    high: Int64[np.ndarray, "..."]

    def rows(self, most: int) -> int:
        """How many combinations the values take that it reads, or more than `most`."""
        total = 1
        for width in (self.high - self.low + 1)[self.weights != 0]:
            total *= int(width)
            if total > most:
                break
        return total


@dataclass(frozen=True)
class Group:
    """Values with one weight: a call, or the sum of a loop of calls."""

    weight: int
    text: str
    places: int
    flag: bool


def groups_of(field: Field, names: Names) -> Iterator[Group]:
    """The terms of one field; boxes of equal weights become loops."""
    source = field.source
    axes = [axis for axis in range(field.weights.ndim) if axis != source.by]
    slices: Sequence[int] = [0] if source.by is None else range(field.weights.shape[source.by])
    for index in slices:
        weights = field.weights if source.by is None else np.take(field.weights, index, axis=source.by)
        for corner, extent in boxes_of(weights):
            variables: list[tuple[str, int]] = []
            arguments = []
            for axis, start, length in zip(axes, corner, extent, strict=True):
                base, place = field.bases[axis], field.firsts[axis] + start
                counted = names.letter(base) if base else ""
                if length > 1:
                    letter = names.letter(_STEPS[base] if base else source.letters[axis])
                    variables.append((letter, length))
                    arguments.append(shifted(counted, letter, place))
                else:
                    arguments.append(shifted(counted, place))
            call = f"{source.function(index)}({', '.join(arguments)})"
            loops = "".join(f" for {letter} in range({length})" for letter, length in variables)
            flag = source.is_flag(index) and not loops
            places = int(np.prod(extent, dtype=int))
            yield Group(int(weights[corner]), f"sum({call}{loops})" if loops else call, places, flag)


def boxes_of(weights: Int64[np.ndarray, "..."]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Corner and extent of boxes of equal weights that together hold all that are not zero, each once.

    From each corner the largest of the boxes that grow along one axis after the other; boxes of less than SHORTEST_RUN
    places fall into single ones.
    """
    left: Bool[np.ndarray, "..."] = np.asarray(weights != 0)
    for corner in [tuple(map(int, place)) for place in np.argwhere(left)]:
        if not left[corner]:
            continue
        same, best = left & (weights == weights[corner]), (1,) * weights.ndim
        if not any(_grown(same, corner, (axis,))[axis] > 1 for axis in range(weights.ndim)):
            left[corner] = False
            yield corner, best
            continue
        for order in itertools.permutations(range(weights.ndim)):
            extent = _grown(same, corner, order)
            if np.prod(extent, dtype=int) > np.prod(best, dtype=int):
                best = extent
        if np.prod(best, dtype=int) < SHORTEST_RUN:
            best = (1,) * weights.ndim
        left[tuple(slice(start, start + length) for start, length in zip(corner, best, strict=True))] = False
        yield corner, best


def _grown(same: Bool[np.ndarray, "..."], corner: tuple[int, ...], order: Sequence[int]) -> tuple[int, ...]:
    extent = [1] * len(corner)
    for axis in order:
        while corner[axis] + extent[axis] < same.shape[axis]:
            box = [slice(start, start + length) for start, length in zip(corner, extent, strict=True)]
            box[axis] = slice(corner[axis] + extent[axis], corner[axis] + extent[axis] + 1)
            if not same[tuple(box)].all():
                break
            extent[axis] += 1
    return tuple(extent)


def written_sum(groups: Sequence[Group], constant: int) -> str:
    """The sum of terms and a constant: large weights first, terms of one weight behind one bracket.

    >>> written_sum([Group(3, "a()", 1, False), Group(-3, "b()", 1, False), Group(1, "c()", 1, False)], -8)
    '3 * (a() - b()) + c() - 8'
    """
    by_size: dict[int, list[Group]] = {}
    for group in sorted(groups, key=lambda group: -abs(group.weight)):
        by_size.setdefault(abs(group.weight), []).append(group)
    parts: list[tuple[bool, str]] = []  # whether it is taken off, and the term
    for size, members in by_size.items():
        members = [*(one for one in members if one.weight > 0), *(one for one in members if one.weight < 0)]
        if size == 1 or len(members) == 1:
            before = "" if size == 1 else f"{size} * "
            parts.extend((member.weight < 0, f"{before}{member.text}") for member in members)
            continue
        parts.extend(_bracketed(size, members))
    if parts and parts[0][0]:
        parts.sort(key=lambda part: part[0])  # the first term is added, if any is
    if constant or not parts:
        first = bool(parts) and parts[0][0] and constant > 0
        parts.insert(0 if first else len(parts), (constant < 0, str(abs(constant))))
    return _chained(parts)


def _bracketed(size: int, members: Sequence[Group]) -> Iterator[tuple[bool, str]]:
    """Terms of one weight behind brackets, none of them so long that the page would break it."""
    held: list[Group] = []
    for place, member in enumerate(members):
        held.append(member)
        following = members[place + 1 : place + 2]
        if following and sum(len(group.text) + 3 for group in (*held, *following)) <= _LONGEST_BRACKET:
            continue
        negative = held[0].weight < 0
        inner = _chained([((group.weight < 0) != negative, group.text) for group in held])
        yield negative, f"{size} * ({inner})" if len(held) > 1 else f"{size} * {inner}"
        held = []


def _chained(parts: Sequence[tuple[bool, str]]) -> str:
    text = "-" + parts[0][1] if parts[0][0] else parts[0][1]
    return text + "".join(f" {'-' if negative else '+'} {term}" for negative, term in parts[1:])
