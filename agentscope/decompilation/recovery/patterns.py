"""Patterns: what varies among many members of one kind, said by few parameters, plain sums of them and small tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_STEPS = 4  # differences that may stand in a table of steps (directions) beside another number
MOST_ROWS = 8  # members that may be told apart by a table of all their numbers


@dataclass(frozen=True)
class Say:
    """A number of a member: `constant`, plus a parameter (number of it, -1 for none), plus a row of a table.

    Attributes:
        table: number of the table that `row` (a parameter) looks up, -1 for none.
    """

    constant: int = 0
    parameter: int = -1
    table: int = -1
    row: int = -1


@dataclass(frozen=True)
class Pattern:
    """How the numbers of all members follow from their parameters.

    Attributes:
        members: the parameters of each member. says: of each number.
        tables: of numbers.
    """

    members: tuple[tuple[int, ...], ...]
    says: tuple[Say, ...]
    tables: tuple[tuple[int, ...], ...] = ()

    def numbers(self, member: Sequence[int]) -> tuple[int, ...]:
        """The numbers of any parameters, members or not; a row beyond a table raises IndexError."""
        found = []
        for say in self.says:
            value = say.constant + (member[say.parameter] if say.parameter >= 0 else 0)
            found.append(value + (self.tables[say.table][member[say.row]] if say.table >= 0 else 0))
        return tuple(found)


def pattern_of(numbers: Sequence[Sequence[int]]) -> Pattern:
    """The parameters of members with these numbers; no two members have the same."""
    values = np.array(numbers, dtype=np.int64).reshape(len(numbers), -1)
    says: dict[int, Say] = {}
    same: dict[int, int] = {}
    bases: list[int] = []
    steps: list[tuple[int, int]] = []
    for column in range(values.shape[1]):
        own = values[:, column]
        twin = next((other for other in range(column) if np.array_equal(own, values[:, other])), None)
        if twin is not None:
            same[column] = twin
            continue
        if np.all(own == own[0]):
            says[column] = Say(int(own[0]))
            continue
        moved = next((base for base in bases if np.ptp(own - values[:, base]) == 0), None)
        if moved is not None:
            says[column] = Say(int(own[0] - values[0, moved]), bases.index(moved))
            continue
        near = next(
            (base for base in bases if len(set(own - values[:, base])) <= min(MOST_STEPS, len(set(own)) - 1)), None
        )
        if near is not None:
            steps.append((column, near))
        else:
            bases.append(column)
    if len(bases) > 1 and len(numbers) <= MOST_ROWS and not _is_product(values[:, bases]):
        return _by_rows(values)
    return _assembled(values, says, bases, steps, same)


def _is_product(values: np.ndarray) -> bool:
    return int(np.prod([len(set(column)) for column in values.T])) == len({tuple(row) for row in values})


def _assembled(
    values: np.ndarray, says: dict[int, Say], bases: list[int], steps: list[tuple[int, int]], same: dict[int, int]
) -> Pattern:
    """Parameters are the bases, behind the number of a row of steps where there are any."""
    offset = int(bool(steps))
    rows = [tuple(int(values[i, column] - values[i, base]) for column, base in steps) for i in range(len(values))]
    kinds = sorted(set(rows), key=_turning)
    by_column = {column: place for place, (column, _) in enumerate(steps)}
    found: list[Say] = []
    for column in range(values.shape[1]):
        if column in same:
            found.append(found[same[column]])
        elif column in says:
            say = says[column]
            found.append(Say(say.constant, say.parameter + offset if say.parameter >= 0 else -1))
        elif column in by_column:
            base = steps[by_column[column]][1]
            found.append(Say(0, bases.index(base) + offset, by_column[column], 0))
        else:
            found.append(Say(0, bases.index(column) + offset))
    members = [
        ((kinds.index(rows[i]),) if steps else ()) + tuple(int(values[i, base]) for base in bases)
        for i in range(len(values))
    ]
    tables = tuple(tuple(kind[place] for kind in kinds) for place in range(len(steps)))
    return Pattern(tuple(members), *_distinct(tuple(found), tables))


def _distinct(
    says: tuple[Say, ...], tables: tuple[tuple[int, ...], ...]
) -> tuple[tuple[Say, ...], tuple[tuple[int, ...], ...]]:
    """Equal tables once."""
    kept = tuple(dict.fromkeys(tables))
    moved = tuple(
        Say(say.constant, say.parameter, kept.index(tables[say.table]), say.row) if say.table >= 0 else say
        for say in says
    )
    return moved, kept


def _turning(row: tuple[int, ...]) -> tuple[float, ...]:
    """Steps of two numbers in the order of their angle, clockwise from the right; others by size."""
    if len(row) == 2 and set(map(abs, row)) == {0, 1}:
        return (math.atan2(row[0], row[1]) % (2 * math.pi),)
    return tuple(float(number) for number in row)


def _by_rows(values: np.ndarray) -> Pattern:
    """One parameter, the member's own number, and a table for each number that varies."""
    says: list[Say] = []
    tables: list[tuple[int, ...]] = []
    for column in values.T:
        if np.all(column == column[0]):
            says.append(Say(int(column[0])))
        else:
            says.append(Say(0, -1, len(tables), 0))
            tables.append(tuple(map(int, column)))
    members = tuple((i,) for i in range(len(values)))
    return Pattern(members, *_distinct(tuple(says), tuple(tables)))
