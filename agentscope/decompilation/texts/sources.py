"""How a text asks for the numbers of one stage, and what it knows of their bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Int64

from agentscope.decompilation.parts import Part
from agentscope.decompilation.texts.naming import Names


@dataclass(frozen=True)
class Written:
    """One function as text.

    Attributes:
        part: what it stands for; its calls, operations and note are filled in once the whole text is parsed.
        body: lines, not indented; a block's lines are indented by four spaces.
        says: first line of its comment: what it gives; more: further lines.
        tables: that it reads: (name, literal).
    """

    part: Part
    parameters: tuple[str, ...]
    body: tuple[str, ...]
    says: str
    tables: tuple[tuple[str, str], ...] = ()
    more: str = ""


@dataclass(frozen=True)
class Source:
    """The functions that give the numbers of one stage.

    Attributes:
        ranges: of each of their arguments; the values over all of them are, in this order, the stage's output.
        letters: names of the loop variables that run over them.
        functions: the name of one that takes all arguments, or of one for each value of the argument `by`.
        flags: for each function, whether what it gives is a flag.
        whole: the name of a function that takes all arguments, also where there are others; "" where there is none.
        low, high: bounds of each number, in the shape of the ranges.
    """

    stage: str
    ranges: tuple[range, ...]
    letters: tuple[str, ...]
    functions: tuple[str, ...]
    flags: tuple[bool, ...]
    low: Int64[np.ndarray, "..."]
    high: Int64[np.ndarray, "..."]
    by: int | None = None
    whole: str = ""

    @property
    def lengths(self) -> tuple[int, ...]:
        """How many values each argument takes."""
        return tuple(map(len, self.ranges))

    def function(self, index: int) -> str:
        """The function for this value of the argument `by`."""
        return self.functions[0 if self.by is None else index]

    def is_flag(self, index: int) -> bool:
        """Whether that function gives a flag."""
        return self.flags[0 if self.by is None else index]


@dataclass
class Book:
    """What has been written so far.

    Attributes:
        known: names by unit ("hidden_1[3]"), where there is evidence for them.
        walls: for each stage, what stands beyond its edges where somebody reads there, by its first axis.
    """

    names: Names
    known: Mapping[str, str] = field(default_factory=dict)
    walls: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    written: list[Written] = field(default_factory=list)

    def add(self, written: Written) -> str:
        """Write one function down; gives its name."""
        self.written.append(written)
        return written.part.name

    def table(self, wanted: str, values: np.ndarray) -> tuple[str, str]:
        """A table with a free name."""
        return self.names.free(wanted.upper(), f"{wanted.upper()}_TABLE"), literal(values)


def literal(values: np.ndarray | Sequence[int]) -> str:
    """Numbers as a nested tuple."""
    array = np.asarray(values)
    if array.ndim == 0:
        return repr(array.item())
    inner = ", ".join(literal(row) for row in array)
    return f"({inner},)" if len(array) == 1 else f"({inner})"


def edges(variables: Sequence[str], lengths: Sequence[int]) -> str:
    """The condition that a place lies outside."""
    return " or ".join(f"{name} < 0 or {name} > {length - 1}" for name, length in zip(variables, lengths, strict=True))


def around(body: Sequence[str], outside: str, condition: str) -> tuple[str, ...]:
    """A body that gives something else outside."""
    return (f"if {condition}:", f"    return {outside}", *body)


def beside(book: Book, source: Source, wall: Mapping[int, int], reader: str) -> Source:
    """The source as one reader sees it, who finds other values beyond its edges: functions of their own."""
    inner = [book.names.letter(letter) for axis, letter in enumerate(source.letters) if axis != source.by]
    made = []
    for index, name in enumerate(source.functions):
        own = dict(wall) if source.by is None else {index: wall[index]} if index in wall else {}
        as_read = book.names.free(f"{name}_for_{reader}")
        body, tables = walled(book, [f"return {name}({', '.join(inner)})"], own, inner, source.lengths, name=as_read)
        low, high = min([int(source.low.min()), *own.values()]), max([int(source.high.max()), *own.values()])
        part = Part(as_read, "", (), (), (), 1, low=low, high=high)
        made.append(
            book.add(Written(part, tuple(inner), body, f"{name} as {reader} finds it beyond the edges", tables))
        )
    whole = made[0] if source.by is None else ""
    return replace(source, functions=tuple(made), flags=(False,) * len(made), whole=whole)


def walled(
    book: Book, body: Sequence[str], walls: Mapping[int, int], variables: Sequence[str], lengths: Sequence[int], *,
    flag: bool = False, name: str = "",
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:  # fmt: skip
    """A body that gives what stands outside where its last arguments lie outside, and the table that it takes.

    Args:
        walls: by index along the stage's first axis; several values need a function that takes that index.
        lengths: of the stage's output: only columns have walls where it has two axes, rows too where it has three.
    """
    if not walls:
        return tuple(body), ()
    count = len(lengths) - 1
    values = set(walls.values())
    tables: tuple[tuple[str, str], ...] = ()
    if len(values) == 1:
        value = values.pop()
        outside = str(bool(value)) if flag else str(value)
    else:
        tables = (book.table(f"{name}_wall", np.array([walls.get(row, 0) for row in range(lengths[0])])),)
        outside = f"{tables[0][0]}[{variables[0]}]{' == 1' if flag else ''}"
    return around(body, outside, edges(variables[-count:], lengths[-count:])), tables
