"""A MiniGrid encoding as a text reads it: cell by cell, as it lies or as the agent sees it, ahead upwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from agentscope.decompilation.parts import Part
from agentscope.decompilation.running import AGENT
from agentscope.decompilation.texts.sources import Book, Written, edges
from agentscope.integers import Stage

_KINDS = ("objects", "colours", "states")
_ONE = ("object", "colour", "state")


class Shown(Protocol):
    """What is asked of the concept that shows the observation."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def high(self) -> int: ...
    def whole(self, *places: str | int) -> str: ...


@dataclass(frozen=True)
class Ids:
    """The functions that give the ids of one cell.

    Attributes:
        ids: channel, function and how many ids it gives, for each channel that is read.
        ranges, letters, variables: of their two arguments; where: what these mean, in words.
    """

    ids: tuple[tuple[int, str, int], ...]
    ranges: tuple[range, range]
    letters: tuple[str, str]
    variables: tuple[str, str]
    where: str

    @property
    def lengths(self) -> tuple[int, int]:
        """How many values each argument takes."""
        return len(self.ranges[0]), len(self.ranges[1])

    @property
    def part_ranges(self) -> tuple[tuple[int, int], ...]:
        """The ranges as a Part states them."""
        return tuple((axis.start, axis.stop) for axis in self.ranges)


def code_of(stage: Stage, at: Ids) -> str:
    """The ids of one cell as one number."""
    text, summed = "", False
    for _, function, size in at.ids:
        call = f"{function}({', '.join(at.variables)})"
        before = f"({text})" if summed else text
        text, summed = (f"{before} * {size} + {call}", True) if text else (call, False)
    return text or "0"


def ids_at(book: Book, stage: Stage, eye: Shown) -> Ids:
    """Write the functions that give the ids of one cell."""
    reach = stage.settings.get("reach", 0)
    letters = ("y", "x") if reach else ("r", "c")
    variables = (book.names.letter(letters[0]), book.names.letter(letters[1]))
    where = f"in row {variables[0]}, column {variables[1]}"
    ranges = (range(eye.shape[1]), range(eye.shape[2]))
    view = ""
    if reach:
        where = f"{variables[0]} steps behind the agent (ahead of it: below 0), {variables[1]} to its right"
        ranges = (range(-reach, reach + 1), range(-reach, reach + 1))
        view = _view(book, stage, eye, variables)
    ids = []
    for channel, kind in enumerate(_KINDS):
        size = stage.settings[kind]
        if size:
            seen = f"{view}({channel}, {', '.join(variables)})" if view else eye.whole(channel, *variables)
            value = f"min({seen}, {size - 1})" if eye.high > size - 1 else seen
            name = book.names.free(f"{_ONE[channel]}_at", f"{stage.name}_{_ONE[channel]}")
            part = Part(name, "", (), (), (), 1, high=min(size - 1, eye.high))
            says = f"the {_ONE[channel]} {where}"
            ids.append((channel, book.add(Written(part, variables, (f"return {value}",), says)), size))
    return Ids(tuple(ids), ranges, letters, variables, where)


def _view(book: Book, stage: Stage, eye: Shown, variables: tuple[str, str]) -> str:
    """The grid turned so that the agent looks up, itself in the middle; one function gives a number of it."""
    i, r, c, p = (book.names.letter(letter) for letter in "ircp")
    _, rows, columns = eye.shape
    free = book.names.free

    def helper(name: str, value: str, says: str, high: int) -> str:
        part = Part(free(name, f"{stage.name}_{name}"), "", (), (), (), high=high)
        return book.add(Written(part, (), (f"return {value}",), says))

    cell = eye.whole(0, f"{p} // {columns}", f"{p} % {columns}")
    size = rows * columns
    place = helper("agent_place", f"argmax(range({size}), key=lambda {p}: {cell} == {AGENT})",
                   "the cell of the agent, row by row; the first one where there is no agent", size - 1)  # fmt: skip
    row = helper("agent_row", f"{place}() // {columns}", "the row of the agent", rows - 1)
    column = helper("agent_column", f"{place}() % {columns}", "the column of the agent", columns - 1)
    heading = helper("agent_heading", f"min({eye.whole(2, f'{row}()', f'{column}()')}, 3)",
                     "where the agent looks: 0 right, 1 down, 2 left, 3 up", 3)  # fmt: skip
    down, right = (free(name, f"{name}_STEP") for name in ("DOWN", "RIGHT"))
    y, x = variables
    ahead, side = f"[{heading}()]", f"[({heading}() + 1) % 4]"
    body = (
        f"{r} = {row}() - {y} * {down}{ahead} + {x} * {down}{side}",
        f"{c} = {column}() - {y} * {right}{ahead} + {x} * {right}{side}",
        f"if {edges((r, c), (rows, columns))}:",
        "    return 0",
        f"return {eye.whole(i, r, c)}",
    )
    part = Part(free("view", f"{stage.name}_view"), "", (), (), (), 1, high=eye.high)
    tables = ((down, "(0, 1, 0, -1)"), (right, "(1, 0, -1, 0)"))
    says = f"number {i} of the cell {y} steps behind the agent (ahead: below 0), {x} to its right; 0 outside the grid"
    return book.add(Written(part, (i, y, x), body, says, tables))
