"""Stages with weights as functions of a text: a function for each unit, or one for the stage with tables of weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64

from agentscope.decompilation.parts import MOST_ROWS, Part
from agentscope.decompilation.ranges import Ranges
from agentscope.decompilation.texts.conditions import condition_of
from agentscope.decompilation.texts.naming import shifted
from agentscope.decompilation.texts.rounding import LONG, half_of, halvings, rounded, settled
from agentscope.decompilation.texts.sources import Book, Source, Written, walled
from agentscope.decompilation.texts.terms import Field, Group, groups_of, written_sum
from agentscope.integers import PATTERN, IntegerNetwork, Stage

MANY_TERMS = 24  # a stage whose units have more terms than this on average is far above the budget
SPARSE = 0.2  # below this share of weights that are not zero, writing out the others is shorter than a table
Shapes = Mapping[str, tuple[int, ...]]
_LETTERS = {"dense": (), "match": (), "slide": ("c",), "around": ("r", "c")}  # parameters of a unit's function
_AXES = {"dense": ("j",), "match": ("j",), "slide": ("j", "c"), "around": ("j", "r", "c")}


@dataclass(frozen=True)
class Layer:
    """One stage with weights, and what it reads.

    Attributes:
        readings: for each source: how its places are counted, and the weights of all units, unit first.
    """

    stage: Stage
    readings: tuple[Field, ...]
    bias: Int64[np.ndarray, "units"]
    lengths: tuple[int, ...]

    @property
    def letters(self) -> tuple[str, ...]:
        """Letters of the parameters of one unit's function."""
        return _LETTERS[self.stage.kind]


def is_tabled(network: IntegerNetwork, stage: Stage) -> bool:
    """Whether one function with tables of weights says a stage shorter than a function for each unit."""
    weights = [array for name, array in network.of(stage.name).items() if name in ("weight", "everywhere")]
    terms = sum(int(np.count_nonzero(array)) for array in weights)
    return terms > MANY_TERMS * len(weights[0]) and terms > SPARSE * sum(array.size for array in weights)


def layer_of(network: IntegerNetwork, stage: Stage, sources: Sequence[Source], shapes: Shapes) -> Layer:
    """A stage with its weights laid along the arguments of the functions that it reads.

    Args:
        shapes: of what each stage puts out.
    """
    arrays, lengths = network.of(stage.name), shapes[stage.name]
    weight, reach = arrays["weight"], stage.settings.get("kernel", 1) // 2
    readings, start, start_same = [], 0, 0
    for source in sources:
        firsts = tuple(axis.start for axis in source.ranges)
        absolute = ("",) * len(firsts)
        match stage.kind:
            case "slide" if len(shapes[source.stage]) == 2:
                own = weight[:, start : start + source.lengths[0]]
                wall = arrays["outside"][start : start + source.lengths[0]] if reach else None
                readings.append(_reading(source, own, ("", "c"), (0, -reach), wall))
                start += source.lengths[0]
            case "around":
                readings.append(_reading(source, weight, ("", "r", "c"), (0, -1, -1), np.zeros(len(weight[0]), int)))
            case "match":
                readings.append(_reading(source, weight, ("", "p"), (0, 1 - PATTERN), np.zeros(PATTERN, int)))
            case _:
                flat = arrays["everywhere"] if stage.kind == "slide" else weight
                size = int(np.prod(source.lengths))
                own = flat[:, start_same : start_same + size].reshape(-1, *source.lengths)
                readings.append(Field(source, own, absolute, firsts, source.low, source.high))
                start_same += size
    return Layer(stage, tuple(readings), arrays["bias"], lengths)


def _reading(source: Source, weights: np.ndarray, bases: tuple[str, ...], firsts: tuple[int, ...],
             wall: np.ndarray | None) -> Field:  # fmt: skip
    """Weights along places that count from a variable, with the bounds of what any of these places may hold."""
    places = tuple(range(1, len(source.ranges)))
    low, high = source.low.min(axis=places), source.high.max(axis=places)
    low, high = low[: weights.shape[1]], high[: weights.shape[1]]
    if wall is not None:
        low, high = np.minimum(low, wall), np.maximum(high, wall)
    spread = (slice(None), *[None] * len(places))
    shape = weights.shape[1:]
    return Field(
        source, weights, bases, firsts, np.broadcast_to(low[spread], shape), np.broadcast_to(high[spread], shape)
    )


def of_unit(reading: Field, unit: int) -> Field:
    """The weights of one unit."""
    return replace(reading, weights=reading.weights[unit])


def write_units(book: Book, layer: Layer, ranges: Ranges) -> Source:
    """A function for each unit, its terms written out, zero weights left out."""
    stage, made, flags = layer.stage, [], []
    variables = tuple(book.names.letter(letter) for letter in layer.letters)
    for unit in range(len(layer.bias)):
        fields = [of_unit(reading, unit) for reading in layer.readings]
        lines, flag, size = _unit(book, layer, unit, fields, ranges)
        wanted = book.known.get(f"{stage.name}[{unit}]", f"{stage.name}_{unit}")
        name = book.names.free(wanted, f"{stage.name}_unit_{unit}")
        walls = book.walls.get(stage.name, {})
        own = {unit: walls[unit]} if unit in walls else {}
        flag = flag and set(own.values()) <= {0, 1}
        body, _ = walled(book, lines, own, list(variables), layer.lengths, flag=flag, name=name)
        part = replace(size, name=name, units=(unit,))
        told = f"{stage.name}[{unit}] of the network{_each(layer)}"
        made.append(book.add(Written(part, variables, body, told)))
        flags.append(flag)
    low, high = ranges.low[stage.name].reshape(layer.lengths), ranges.high[stage.name].reshape(layer.lengths)
    axes = tuple(map(range, layer.lengths))
    return Source(stage.name, axes, _AXES[stage.kind], tuple(made), tuple(flags), low, high, by=0)


def _each(layer: Layer) -> str:
    return {"slide": " in column c", "around": " in row r, column c"}.get(layer.stage.kind, "")


def _unit(book: Book, layer: Layer, unit: int, fields: Sequence[Field], ranges: Ranges) -> tuple[list[str], bool, Part]:
    """The lines that give one unit's value, whether it is a flag, and its size."""
    stage = layer.stage
    groups = [group for field in fields for group in groups_of(field, book.names)]
    bias = int(layer.bias[unit])
    lines = _body(book, layer, groups, bias, _bounds(ranges, stage, unit))
    flag = False
    if stage.kind != "match":
        short = condition_of(stage, fields, bias, book.names)
        if short is not None and len(short.text) < sum(map(len, lines)):
            lines, flag = [f"return {short.text}"], short.flag
    halved = halvings(stage, groups)
    return lines, flag, _size(layer, unit, fields, ranges, [group.weight >> halved for group in groups])


def _size(layer: Layer, unit: int, fields: Sequence[Field], ranges: Ranges, weights: Sequence[int]) -> Part:
    """The size of one unit, of which these weights are written."""
    stage, rows = layer.stage, 1
    for field in fields:
        rows *= field.rows(MOST_ROWS)
    low, high = ranges.low[stage.name][unit], ranges.high[stage.name][unit]
    return Part(
        name="", stage=stage.name, units=(), ranges=tuple((0, length) for length in layer.lengths[1:]), calls=(),
        inputs=sum(int(np.count_nonzero(field.weights)) for field in fields), weights=len(weights),
        largest_weight=max(map(abs, weights), default=0),
        nonlinearities=("shift" in stage.settings) + (stage.kind == "match"), rows=rows if rows <= MOST_ROWS else 0,
        low=int(low.min()), high=int(high.max()),
    )  # fmt: skip


def _bounds(ranges: Ranges, stage: Stage, unit: int | None) -> tuple[int, int]:
    low, high = ranges.sum_low[stage.name], ranges.sum_high[stage.name]
    return (int(low.min()), int(high.max())) if unit is None else (int(low[unit].min()), int(high[unit].max()))


def _body(book: Book, layer: Layer, groups: Sequence[Group], bias: int, bounds: tuple[int, int]) -> list[str]:
    """The lines that give one unit's value: its sum on a line of its own where it is long."""
    stage = layer.stage
    if not groups:
        return [f"return {settled(stage, bias)}"]
    halved = halvings(stage, groups)
    groups = [replace(group, weight=group.weight >> halved) for group in groups]
    constant = (bias + half_of(stage)) >> halved
    if stage.kind == "match":
        p, places = book.names.letter("p"), layer.readings[0].source.lengths[1] + PATTERN - 1
        best = f"max({written_sum(groups, 0)} for {p} in range({places}))"
        name = book.names.letter("total") if len(best) > LONG else best
        total = written_sum([Group(1, name, places, False)], constant)
        rest = rounded(book.names, stage, total, bounds, halved=halved, single=constant == 0)
        return rest if name == best else [f"{name} = {best}", *rest]
    total = written_sum(groups, constant)
    single = len(groups) + bool(constant) <= 1 and all(group.weight == 1 for group in groups)
    return rounded(book.names, stage, total, bounds, halved=halved, single=single)


def write_table(book: Book, layer: Layer, ranges: Ranges) -> Source:
    """One function for the stage, its weights in tables."""
    stage = layer.stage
    k = book.names.letter("k")
    variables = (k, *(book.names.letter(letter) for letter in layer.letters))
    name = book.names.free(stage.name, f"{stage.name}_unit")
    tables, terms = [], []
    for reading in layer.readings:
        if not reading.weights.any():
            continue
        alone = tuple(axis for axis in range(1, reading.weights.ndim) if reading.weights.shape[axis] == 1)
        tables.append(book.table(f"{stage.name}_of_{reading.source.stage}", reading.weights.squeeze(alone)))
        terms.append(_contraction(book, reading, tables[-1][0]))
    tables.append(book.table(f"{stage.name}_bias", layer.bias + (0 if stage.kind == "match" else half_of(stage))))
    constant = f"{tables[-1][0]}[{k}]"
    if stage.kind == "match":
        p, places = book.names.letter("p"), layer.readings[0].source.lengths[1] + PATTERN - 1
        terms = [f"max({term} for {p} in range({places}))" for term in terms]
        constant += f" + {half_of(stage)}" if half_of(stage) else ""
    total = " + ".join([*terms, constant])
    lines = rounded(book.names, stage, total, _bounds(ranges, stage, None), halved=0, single=False)
    walls = book.walls.get(stage.name, {})
    body, more = walled(book, lines, walls, list(variables), layer.lengths, name=name)
    part = _largest([_size_in_table(layer, unit, ranges) for unit in range(len(layer.bias))], name, layer)
    says = f"unit {k} of {stage.name} of the network{_each(layer)}"
    book.add(Written(part, variables, body, says, (*tables, *more)))
    low, high = ranges.low[stage.name].reshape(layer.lengths), ranges.high[stage.name].reshape(layer.lengths)
    return Source(
        stage.name, tuple(map(range, layer.lengths)), _AXES[stage.kind], (name,), (False,), low, high, whole=name
    )


def _size_in_table(layer: Layer, unit: int, ranges: Ranges) -> Part:
    fields = [of_unit(reading, unit) for reading in layer.readings]
    written = [field.weights[field.weights != 0].tolist() for field in fields]
    return _size(layer, unit, fields, ranges, [weight for weights in written for weight in weights])


def _largest(sizes: Sequence[Part], name: str, layer: Layer) -> Part:
    """The size of the largest unit stands for all."""
    worst = max(sizes, key=lambda size: (size.inputs, size.weights))
    rows = 0 if any(not size.rows for size in sizes) else worst.rows
    return replace(
        worst, name=name, units=tuple(range(len(sizes))), rows=rows,
        ranges=tuple((0, length) for length in layer.lengths), largest_weight=max(s.largest_weight for s in sizes),
        low=min(size.low for size in sizes), high=max(size.high for size in sizes),
    )  # fmt: skip


def _contraction(book: Book, reading: Field, table: str) -> str:
    """`sum(TABLE[k][i][d] * f(i, c + d - 1) for i in range(48) for d in range(3))`."""
    source = reading.source
    steps = {"r": "e", "c": "d", "p": "q"}
    indices, arguments, loops = [book.names.letter("k")], [], []
    for axis, (base, first) in enumerate(zip(reading.bases, reading.firsts, strict=True)):
        if reading.weights.shape[axis + 1] == 1:
            arguments.append(shifted(book.names.letter(base) if base else "", first))
            continue
        letter = book.names.letter(steps[base] if base else source.letters[axis])
        indices.append(letter)
        arguments.append(shifted(book.names.letter(base) if base else "", letter, first))
        loops.append(f"for {letter} in range({reading.weights.shape[axis + 1]})")
    called = f"{gathered(book, source)}({', '.join(arguments)})"
    weight = table + "".join(f"[{index}]" for index in indices)
    return f"sum({weight} * {called} {' '.join(loops)})" if loops else f"{weight} * {called}"


def gathered(book: Book, source: Source) -> str:
    """The function that gives any number of a stage; written where the stage has a function for each unit."""
    if source.whole:
        return source.whole
    known = book.sources[source.stage]
    if known.whole:
        return known.whole
    variables = [book.names.letter(letter) for letter in source.letters]
    inner = ", ".join(variable for axis, variable in enumerate(variables) if axis != source.by)
    calls = ", ".join(f"{function}({inner})" for function in source.functions)
    name = book.names.free(f"any_{source.stage}")
    assert source.by is not None
    comma = "," if len(source.functions) == 1 else ""
    body = (f"return ({calls}{comma})[{variables[source.by]}]",)
    part = Part(name, "", (), (), (), len(source.functions), low=int(source.low.min()), high=int(source.high.max()))
    book.add(Written(part, tuple(variables), body, f"unit {variables[source.by]} of {source.stage}"))
    book.sources[source.stage] = replace(known, whole=name)
    return name
