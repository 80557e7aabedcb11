"""The naive program of an integer network: every weight printed, every unit at every place a function of its own.

It stands beside each decompilation as the size that understanding nothing gives. It reads the observation with the same
functions; sums are written out in full, zero weights too, and what stands beyond the walls goes into their constant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from agentscope.contracts import InspectableEnv
from agentscope.decompilation.texts.emitting import function_text, reading_book
from agentscope.decompilation.texts.rounding import half_of
from agentscope.decompilation.texts.sources import Book
from agentscope.integers import PATTERN, IntegerNetwork, Stage, shapes_of
from agentscope.language import Size, vocabulary_of, with_cells
from agentscope.language.printing import COLUMNS
from agentscope.language.sizing import DIGIT_BITS, NAME_BITS, NODE_BITS

Call = tuple[str, tuple[int, ...]]  # a function and its arguments
_MARGIN = 4
_NAMED = NODE_BITS + NAME_BITS


@dataclass(frozen=True)
class NaiveFunction:
    """`total = constant + weight * call + ...`, then the stage's rounding and clamp.

    Attributes:
        best_of: functions of whose values the greatest is a further term (`match`).
    """

    name: str
    constant: int
    terms: Sequence[tuple[int, Call]]
    stage: Stage | None
    best_of: tuple[str, ...] = ()

    @property
    def total(self) -> list[str]:
        """The stretches of the sum, each with the sign before it."""
        best = [f" + max({', '.join(f'{name}()' for name in self.best_of)})"] if self.best_of else []
        terms = [f" {'-' if weight < 0 else '+'} {abs(weight)} * {written(call)}" for weight, call in self.terms]
        return [str(self.constant), *best, *terms]

    @property
    def text(self) -> str:
        """The function."""
        ending = "total"
        if self.stage is not None and "shift" in self.stage.settings:
            shift, low, high = (self.stage.settings[name] for name in ("shift", "low", "high"))
            ending = f"min(max(total // {2**shift}, {low}), {high})"
        return f"def {self.name}():\n    total = {''.join(self.total)}\n    return {ending}\n"


def written(call: Call) -> str:
    """A call as text."""
    return f"{call[0]}({', '.join(map(str, call[1]))})"


def naive_text(network: IntegerNetwork, env: InspectableEnv) -> str:
    """The naive program; only for small networks, since it prints every weight once for every place.

    Raises: as `emitting.emit`.
    """
    book = reading_book(network, vocabulary_of(with_cells(env)))
    functions = "".join(function.text for function in naive_functions(network, book))
    readers = "".join(f"{name} = {value}\n" for made in book.written for name, value in made.tables)
    readers += "".join(function_text(made) for made in book.written)
    chosen = f"({', '.join(map(written, _scores(network)))},)[a]"
    return f"{readers}{functions}def strategy(state) -> action:\n    return argmax(actions, key=lambda a: {chosen})\n"


def naive_size(network: IntegerNetwork, env: InspectableEnv) -> Size:
    """The size of the naive program, counted without writing it; what only reads the observation is left out.

    Raises: as `emitting.emit`.
    """
    book = reading_book(network, vocabulary_of(with_cells(env)))
    concepts = {name for source in book.sources.values() for name in source.functions} - {
        made.part.name for made in book.written
    }
    scores = _scores(network)
    stretches = [f"{written(call)}," for call in scores]
    lines = _lines("return argmax(actions, key=lambda a: ", [f" {text}" for text in stretches])
    bits = 3 * _NAMED + 4 * NODE_BITS + NAME_BITS + _NAMED * len(scores)
    constants = 0
    for function in naive_functions(network, book):
        lines += 2 + _lines("total = (", function.total)
        ending, literals = _ending(function.stage)
        bits += ending + 2 * _NAMED + _number(function.constant)
        constants += literals + 1
        chained = bool(function.terms or function.best_of)
        bits += NODE_BITS * chained + (_NAMED * (1 + len(function.best_of)) if function.best_of else 0)
        for weight, (name, arguments) in function.terms:
            bits += NODE_BITS + _number(abs(weight)) + _NAMED + sum(map(_number, arguments))
            constants += 1 + (0 if name in concepts else len(arguments))
    return Size(lines, 0, constants, bits)


def _scores(network: IntegerNetwork) -> list[Call]:
    last = network.stages[-1].name
    size = int(np.prod(shapes_of(network.stages, network.observation)[last]))
    return [(f"{last}_{flat}", ()) for flat in range(size)]


def _number(value: int) -> int:
    """Bits of a literal; a sign is a node of its own."""
    return NODE_BITS * (1 + (value < 0)) + DIGIT_BITS * len(str(abs(value)))


def _ending(stage: Stage | None) -> tuple[int, int]:
    """Bits and constants of what a function returns of its total."""
    if stage is None or "shift" not in stage.settings:
        return NODE_BITS + _NAMED, 0
    numbers = (2 ** stage.settings["shift"], stage.settings["low"], stage.settings["high"])
    return NODE_BITS + 2 * _NAMED + NODE_BITS + _NAMED + sum(map(_number, numbers)), 3


def _lines(before: str, stretches: Sequence[str]) -> int:
    """Lines of a statement that the canonical print fills up to its width."""
    flat = _MARGIN + len(before) + sum(map(len, stretches)) + 1
    if flat - before.endswith("(") * 2 <= COLUMNS:
        return 1
    lines, line = 1, _MARGIN + len(before) + len(stretches[0])
    for number, stretch in enumerate(stretches[1:], 2):
        width = len(stretch) + (number == len(stretches))  # the closing bracket stays with the last
        if line + width > COLUMNS:
            lines, line = lines + 1, 2 * _MARGIN + width - 1
        else:
            line += width
    return lines


def naive_functions(network: IntegerNetwork, book: Book) -> Iterator[NaiveFunction]:
    """Each unit at each place."""
    shapes = shapes_of(network.stages, network.observation)
    for stage in network.stages:
        if stage.weighs:
            calls = [_calls(book, network, source, shapes[source]) for source in stage.sources]
            yield from _of_stage(network, stage, calls, [shapes[source] for source in stage.sources])


def _calls(book: Book, network: IntegerNetwork, source: str, shape: tuple[int, ...]) -> np.ndarray:
    """The call that gives each number of a stage, in its shape."""
    found = np.empty(int(np.prod(shape)), dtype=object)
    no_arguments: tuple[int, ...] = ()
    known = book.sources.get(source)
    for flat in range(len(found)):
        if known is None:
            found[flat] = (f"{source}_{flat}", no_arguments)
            continue
        place = np.unravel_index(flat, known.lengths)
        inner = [axis for axis in range(len(place)) if axis != known.by]
        arguments = tuple(int(place[axis]) + known.ranges[axis].start for axis in inner)
        found[flat] = (known.function(int(place[known.by]) if known.by is not None else 0), arguments)
    return found.reshape(shape)


def _of_stage(
    network: IntegerNetwork, stage: Stage, calls: Sequence[np.ndarray], shapes: Sequence[tuple[int, ...]]
) -> Iterator[NaiveFunction]:
    arrays, half = network.of(stage.name), half_of(stage)
    weight, bias = arrays["weight"], arrays["bias"]
    if stage.kind == "dense":
        flat = [call for part in calls for call in part.ravel()]
        for unit, row in enumerate(weight):
            yield NaiveFunction(f"{stage.name}_{unit}", int(bias[unit]) + half, _terms(row, flat), stage)
    elif stage.kind == "match":
        yield from _matches(stage, weight, bias + half, calls[0])
    elif stage.kind == "around":
        padded = _bordered(calls[0], 1, axes=(1, 2))
        _, rows, columns = shapes[0]
        for place, (k, r, c) in enumerate(np.ndindex(len(weight), rows, columns)):
            window = padded[:, r : r + 3, c : c + 3].ravel()
            terms = _terms(weight[k].ravel(), window)
            yield NaiveFunction(f"{stage.name}_{place}", int(bias[k]) + half, terms, stage)
    else:
        yield from _slides(stage, arrays, half, calls)


def _bordered(calls: np.ndarray, width: int, axes: tuple[int, ...] = (1,)) -> np.ndarray:
    """The calls with nothing (None) beyond their edges."""
    outer = [length + 2 * width * (axis in axes) for axis, length in enumerate(calls.shape)]
    made = np.full(outer, None, dtype=object)
    inner = (slice(width, width + length) if axis in axes else slice(None) for axis, length in enumerate(calls.shape))
    made[tuple(inner)] = calls
    return made


def _matches(stage: Stage, weight: np.ndarray, bias: np.ndarray, calls: np.ndarray) -> Iterator[NaiveFunction]:
    side = PATTERN - 1
    padded = _bordered(calls[:PATTERN], side)
    for unit, rows in enumerate(weight):
        names = []
        for place in range(padded.shape[1] - side):
            names.append(f"{stage.name}_{unit}_at_{place}")
            window = padded[:, place : place + PATTERN].ravel()
            yield NaiveFunction(names[-1], 0, _terms(rows.ravel(), window), None)
        yield NaiveFunction(f"{stage.name}_{unit}", int(bias[unit]), (), stage, tuple(names))


def _slides(
    stage: Stage, arrays: dict[str, np.ndarray], half: int, calls: Sequence[np.ndarray]
) -> Iterator[NaiveFunction]:
    described = np.concatenate([part for part in calls if part.ndim == 2], axis=0)
    same = [call for part in calls if part.ndim == 1 for call in part]
    kernel, columns = stage.settings["kernel"], described.shape[1]
    reach = kernel // 2
    padded = _bordered(described, reach)
    for flat, (unit, c) in enumerate(np.ndindex(stage.settings["channels"], columns)):
        rows, window = arrays["weight"][unit], padded[:, c : c + kernel]
        missing = np.array([[call is None for call in row] for row in window])
        beyond = int((rows * arrays["outside"][:, None] * missing).sum()) if reach else 0
        terms = list(_terms(rows.ravel(), window.ravel()))
        terms += _terms(arrays["everywhere"][unit], same) if same else []
        yield NaiveFunction(f"{stage.name}_{flat}", int(arrays["bias"][unit]) + half + beyond, terms, stage)


def _terms(weights: np.ndarray, calls: Sequence[Call | None] | np.ndarray) -> list[tuple[int, Call]]:
    """Weights with what they weigh; nothing stands beyond the walls."""
    return [(int(weight), call) for weight, call in zip(weights, calls, strict=True) if call is not None]
