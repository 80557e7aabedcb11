"""The functions with which a decompiled text reads the observation: stages that only rearrange it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from agentscope.decompilation.parts import Part
from agentscope.decompilation.texts.naming import COLOURS, DOOR_STATES, OBJECTS
from agentscope.decompilation.texts.sources import Book, Source, Written, walled
from agentscope.decompilation.texts.viewing import code_of, ids_at
from agentscope.errors import UnsupportedAgent
from agentscope.integers import SEEN, IntegerNetwork, Stage, kinds_of
from agentscope.language import Vocabulary
from agentscope.language.limits import EXACT_IN_FLOAT

BOARD = "board"  # a plane of this name is asked for as `cell(r, c)`


@dataclass(frozen=True)
class Eye:
    """The concept that shows the observation.

    Attributes:
        concept: seen or obs; kind: flag, count or number; low, high: bounds of each number.
    """

    concept: str
    kind: str
    shape: tuple[int, ...]
    low: int
    high: int

    def at(self, *places: str | int) -> str:
        """One number of the observation, as it is."""
        return f"{self.concept}({', '.join(map(str, places))})"

    def whole(self, *places: str | int) -> str:
        """One number of the observation, as a whole number."""
        return f"floor({self.at(*places)})" if self.kind == "number" else self.at(*places)


def eye_of(vocabulary: Vocabulary, shape: tuple[int, ...]) -> Eye:
    """The concept of an environment that shows observations of this shape.

    Raises: UnsupportedAgent: there is none.
    """
    for name in ("obs", SEEN):
        signature = vocabulary.concepts.get(name)
        if signature and tuple(len(vocabulary.axes[axis]) for axis in signature.axis) == shape:
            low, high = signature.low, signature.high
            known = signature.kind != "number" and low is not None and high is not None
            bounds = (int(low), int(high)) if known else (-EXACT_IN_FLOAT, EXACT_IN_FLOAT)  # type: ignore[arg-type]
            return Eye(name, signature.kind, shape, *bounds)
    raise UnsupportedAgent(
        f"No concept shows observations of shape {shape}, so that no text can read them; seen(...) does, up to 1,024 "
        "cells (language.with_cells)."
    )


def write_reader(book: Book, network: IntegerNetwork, stage: Stage, eye: Eye) -> Source:
    """The functions of one stage without weights."""
    match stage.kind:
        case "whole":
            return _wholes(book, network, stage, eye)
        case "plane":
            index = stage.settings["index"]
            return cells(book, stage.name, eye, (index,), says=f"plane {index} of the observation")
        case "covered":
            return _covered(book, stage, book.sources[stage.sources[0]])
        case "counted":
            return _counted(book, stage, book.sources[stage.sources[0]])
        case "summed":
            return _summed(book, stage, book.sources[stage.sources[0]])
        case "lookup":
            return _lookup(book, network, stage)
        case "codes":
            return _codes(book, stage, eye)
        case "flags":
            return _ids(book, stage, eye, first=False)
    assert stage.kind == "planes"
    return _ids(book, stage, eye, first=True)


def cells(book: Book, stage: str, eye: Eye, before: tuple[int, ...], *, says: str) -> Source:
    """The observation itself, or one plane of it; what stands beyond its walls where somebody reads there."""
    lengths = eye.shape[len(before) :]
    letters = {1: ("i",), 2: ("r", "c"), 3: ("i", "r", "c")}[len(lengths)]
    variables = [book.names.letter(letter) for letter in letters]
    walls = book.walls.get(stage, {})
    flag = (eye.low, eye.high) == (0, 1) and set(walls.values()) <= {0, 1} and eye.kind == "count"
    value = f"{eye.whole(*before, *variables)}{' == 1' if flag else ''}"
    name = book.names.free("cell" if stage in (BOARD, SEEN) else stage, f"{stage}_cell")
    body, tables = walled(book, [f"return {value}"], walls, variables, lengths, flag=flag, name=name)
    own = tuple((0, length) for length in lengths)
    part = Part(name, stage if stage != SEEN else "", tuple(range(lengths[0])), own, (), 1, low=eye.low, high=eye.high)
    book.add(Written(part, tuple(variables), body, says, tables))
    return _source(stage, lengths, letters, name, (eye.low, eye.high), flag=flag)


def _source(stage: str, lengths: tuple[int, ...], letters: tuple[str, ...], name: str, bounds: tuple[int, int],
            *, flag: bool = False) -> Source:  # fmt: skip
    low, high = (np.full(lengths, bound, dtype=np.int64) for bound in bounds)
    return Source(stage, tuple(map(range, lengths)), letters, (name,), (flag,), low, high, whole=name)


def _covered(book: Book, stage: Stage, source: Source) -> Source:
    """1 in and below the topmost filled cell of a column: the greatest of the cells down to this one."""
    r, c, e = (book.names.letter(letter) for letter in "rce")
    name = book.names.free("covered", f"{stage.name}_covered")
    rows, columns = source.lengths
    walls = book.walls.get(stage.name, {})
    flag = source.is_flag(0) and set(walls.values()) <= {0, 1}
    cell = f"{source.function(0)}(min({e}, {r}), {c})"
    value = f"{'any' if flag else 'max'}({cell} for {e} in range({rows}))"
    body, tables = walled(book, [f"return {value}"], walls, [r, c], (rows, columns), flag=flag, name=name)
    low, high = int(source.low.min()), int(source.high.max())
    part = Part(name, stage.name, tuple(range(rows)), ((0, rows), (0, columns)), (), rows, low=low, high=high)
    book.add(Written(part, (r, c), body, f"whether some cell of column {c} down to row {r} is filled", tables))
    return _source(stage.name, (rows, columns), ("r", "c"), name, (low, high), flag=flag)


def _counted(book: Book, stage: Stage, source: Source) -> Source:
    """The number of filled cells in the row of each cell."""
    r, c, d = (book.names.letter(letter) for letter in "rcd")
    name = book.names.free("row_count", f"{stage.name}_count")
    rows, columns = source.lengths
    value = f"sum({source.function(0)}({r}, {d}) for {d} in range({columns}))"
    walls = book.walls.get(stage.name, {})
    body, tables = walled(book, [f"return {value}"], walls, [r, c], (rows, columns), name=name)
    low, high = columns * int(source.low.min()), columns * int(source.high.max())
    part = Part(name, stage.name, tuple(range(rows)), ((0, rows), (0, columns)), (), columns, low=low, high=high)
    says = f"the number of filled cells in row {r}, the same in each column {c} between the walls"
    book.add(Written(part, (r, c), body, says, tables))
    return _source(stage.name, (rows, columns), ("r", "c"), name, (low, high))


def _summed(book: Book, stage: Stage, source: Source) -> Source:
    """The number of filled cells of a column."""
    r, c = book.names.letter("r"), book.names.letter("c")
    name = book.names.free(book.known.get(f"{stage.name}[0]", stage.name), f"{stage.name}_in")
    rows, columns = source.lengths
    value = f"sum({source.function(0)}({r}, {c}) for {r} in range({rows}))"
    body, _ = walled(book, [f"return {value}"], book.walls.get(stage.name, {}), [c], (1, columns), name=name)
    low, high = rows * int(source.low.min()), rows * int(source.high.max())
    part = Part(name, stage.name, (0,), ((0, columns),), (), rows, low=low, high=high)
    book.add(Written(part, (c,), body, f"the sum of column {c} of {stage.sources[0]}"))
    lowest, highest = (np.full((1, columns), bound, dtype=np.int64) for bound in (low, high))
    return Source(stage.name, (range(1), range(columns)), ("j", "c"), (name,), (False,), lowest, highest, by=0)


def _wholes(book: Book, network: IntegerNetwork, stage: Stage, eye: Eye) -> Source:
    """Decimals as whole numbers: times a power of two, rounded down, clamped."""
    arrays = network.of(stage.name)
    low, high = arrays["low"].astype(np.int64), arrays["high"].astype(np.int64)
    if len(eye.shape) != 1:
        return _whole_cells(book, stage, eye, arrays)
    made = []
    for index, exponent in enumerate(arrays["exponent"]):
        scaled = f"floor({eye.at(index)} * {2.0 ** int(exponent)!r})"
        name = book.names.free(book.known.get(f"{stage.name}[{index}]", f"{stage.name}_{index}"))
        body = (f"return min(max({scaled}, {low[index]}), {high[index]})",)
        ends = int(low[index]), int(high[index])
        part = Part(name, stage.name, (index,), (), (), 1, 1, nonlinearities=1, low=ends[0], high=ends[1])
        says = f"{eye.at(index)} in steps of {2.0 ** -int(exponent)!r}"
        made.append(book.add(Written(part, (), body, says)))
    axes = (range(len(made)),)
    return Source(stage.name, axes, ("i",), tuple(made), (False,) * len(made), low, high, by=0)


def _whole_cells(book: Book, stage: Stage, eye: Eye, arrays: Mapping[str, np.ndarray]) -> Source:
    letters = {2: ("r", "c"), 3: ("i", "r", "c")}[len(eye.shape)]
    variables = [book.names.letter(letter) for letter in letters]
    name = book.names.free(stage.name, f"{stage.name}_cell")
    texts, tables = {}, []
    for what, values in (("scale", np.exp2(arrays["exponent"])), ("low", arrays["low"]), ("high", arrays["high"])):
        texts[what] = repr(values.flat[0].item())
        if len(np.unique(values)) > 1:
            tables.append(book.table(f"{name}_{what}", values))
            texts[what] = tables[-1][0] + "".join(f"[{variable}]" for variable in variables)
    value = f"min(max(floor({eye.at(*variables)} * {texts['scale']}), {texts['low']}), {texts['high']})"
    walls = book.walls.get(stage.name, {})
    body, more = walled(book, [f"return {value}"], walls, variables, eye.shape, name=name)
    low, high = arrays["low"].astype(np.int64), arrays["high"].astype(np.int64)
    ranges = tuple((0, length) for length in eye.shape)
    least, most = int(low.min()), int(high.max())
    units = tuple(range(eye.shape[0]))
    part = Part(name, stage.name, units, ranges, (), 1, 1, nonlinearities=1, low=least, high=most)
    book.add(Written(part, tuple(variables), body, "the observation in whole steps", (*tables, *more)))
    return Source(stage.name, tuple(map(range, eye.shape)), letters, (name,), (False,), low, high, whole=name)


def _codes(book: Book, stage: Stage, eye: Eye) -> Source:
    at = ids_at(book, stage, eye)
    value = code_of(stage, at)
    name = book.names.free("code", f"{stage.name}_code")
    units = tuple(range(at.lengths[0] * at.lengths[1]))
    part = Part(name, stage.name, units, at.part_ranges, (), len(at.ids), high=kinds_of(stage) - 1)
    book.add(Written(part, at.variables, (f"return {value}",), f"what stands {at.where}, as one number"))
    low, high = np.zeros(at.lengths, dtype=np.int64), np.full(at.lengths, kinds_of(stage) - 1, dtype=np.int64)
    return Source(stage.name, at.ranges, at.letters, (name,), (False,), low, high, whole=name)


def _lookup(book: Book, network: IntegerNetwork, stage: Stage) -> Source:
    """Each code described by a row of a table: a leaf, whatever its numbers are."""
    codes, rows = book.sources[stage.sources[0]], network.of(stage.name)["table"]
    j = book.names.letter("j")
    variables = tuple(book.names.letter(letter) for letter in codes.letters)
    name = book.names.free(stage.name, f"{stage.name}_row")
    table = book.table(stage.name, rows)
    lengths = (*codes.lengths, rows.shape[1])
    body = (f"return {table[0]}[{codes.function(0)}({', '.join(variables)})][{j}]",)
    ranges = (*((axis.start, axis.stop) for axis in codes.ranges), (0, rows.shape[1]))
    least, most, units = int(rows.min()), int(rows.max()), tuple(range(int(np.prod(lengths))))
    part = Part(name, stage.name, units, ranges, (), 1, rows=len(rows), low=least, high=most)
    says, more = f"number {j} of the row that describes what stands there", legend(network.stage(codes.stage), rows)
    book.add(Written(part, (*variables, j), body, says, (table,), more))
    low, high = (np.broadcast_to(bound, lengths) for bound in (rows.min(axis=0), rows.max(axis=0)))
    axes = (*codes.ranges, range(rows.shape[1]))
    return Source(stage.name, axes, (*codes.letters, "j"), (name,), (False,), low, high, whole=name)


def legend(codes: Stage, rows: np.ndarray) -> str:
    """What stands where a row of a table is read that is not all zero, by MiniGrid's names."""
    sizes = [max(codes.settings[kind], 1) for kind in ("objects", "colours", "states")]
    told = []
    for row in np.flatnonzero(rows.any(axis=1)):
        thing, colour, state = (int(part) for part in np.unravel_index(row, sizes))
        words = [_told(COLOURS, colour, "colour")] if codes.settings["colours"] else []
        words += [_told(OBJECTS, thing, "object")] if codes.settings["objects"] else []
        if codes.settings["states"] and (state or _told(OBJECTS, thing, "") == "door"):
            words.append(_told(DOOR_STATES, state, "state") if words[-1:] == ["door"] else f"in state {state}")
        told.append(f"{row} {' '.join(words) or 'in state 0'}")
    return f"rows that are not all 0: {', '.join(told)}" if told else "all rows are 0"


def _told(names: tuple[str, ...], value: int, kind: str) -> str:
    return names[value] if value < len(names) else f"{kind} {value}"


def _ids(book: Book, stage: Stage, eye: Eye, *, first: bool) -> Source:
    """One function for each id: whether it stands there. They come first (`planes`) or last (`flags`) in the output."""
    at = ids_at(book, stage, eye)
    cells_there = at.lengths[0] * at.lengths[1]
    walls = book.walls.get(stage.name, {})
    made: list[str] = []
    ids = sum(size for _, _, size in at.ids)
    for channel, function, size in at.ids:
        for value in range(size):
            index = len(made)
            known = ((*OBJECTS,), (*COLOURS,), ())[channel]
            told = known[value] if value < len(known) else f"{('object', 'colour', 'state')[channel]}_{value}"
            name = book.names.free(book.known.get(f"{stage.name}[{index}]", f"is_{told}"), f"{stage.name}_{told}")
            inner = [f"return {function}({', '.join(at.variables)}) == {value}"]
            own = {index: walls[index]} if index in walls else {}
            body, _ = walled(book, inner, own, list(at.variables), (1, *at.lengths), flag=True)
            units = (index,) if first else tuple(range(index, cells_there * ids, ids))
            part = Part(name, stage.name, units, at.part_ranges, (), 1, high=1)
            made.append(book.add(Written(part, at.variables, body, f"whether {told} stands {at.where}")))
    lengths = (ids, *at.lengths) if first else (*at.lengths, ids)
    ranges = (range(ids), *at.ranges) if first else (*at.ranges, range(ids))
    letters = ("i", *at.letters) if first else (*at.letters, "i")
    low, high = np.zeros(lengths, dtype=np.int64), np.ones(lengths, dtype=np.int64)
    return Source(stage.name, ranges, letters, tuple(made), (True,) * ids, low, high, by=0 if first else 2)
