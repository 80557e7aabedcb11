"""The text of an integer network: functions for its units and for what they read, equal to it number by number."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from agentscope.contracts import InspectableEnv
from agentscope.decompilation.budgets import sized
from agentscope.decompilation.parts import Decompilation, Part
from agentscope.decompilation.ranges import bounds
from agentscope.decompilation.texts.layers import is_tabled, layer_of, write_table, write_units
from agentscope.decompilation.texts.naming import Names
from agentscope.decompilation.texts.observing import Eye, cells, eye_of, write_reader
from agentscope.decompilation.texts.sources import Book, Source, Written, beside
from agentscope.decompilation.texts.walls import Walls, walls_of
from agentscope.errors import SpaceMismatch
from agentscope.integers import SEEN, IntegerNetwork, Stage, shapes_of
from agentscope.language import (
    DECOMPILATION_LIMITS,
    Header,
    Program,
    Vocabulary,
    parse,
    print_program,
    vocabulary_of,
    with_cells,
)
from agentscope.language.printing import lines_of_returns

READING = "to be read from the bottom up: each function stands below those that it calls"
_WIDTH = 98  # of a comment without its mark
_NAMES = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def emit(
    network: IntegerNetwork, env: InspectableEnv, *, header: Header, names: Mapping[str, str] | None = None,
    effects: Mapping[str, float] | None = None, why: Mapping[str, str] | None = None,
) -> Decompilation:  # fmt: skip
    """The text of a program with exactly the network's scores, which takes the first greatest legal one.

    What nobody reads is left out: units whose readers weigh them with zero have no function.

    Args:
        names: by unit, e.g. "hidden_1[3]", names that evidence speaks for; other units have their stage's and number.
        why: by unit, what evidence speaks for its name ("carries height: ..."), or what describes it best.
        effects: by function, "hidden_1[3]" or stage: the share of decisions that change without it.
    Raises:
        UnsupportedAgent: no concept of the environment shows what the network observes.
        SpaceMismatch: the network has not as many scores as the environment has actions.
    """
    vocabulary = vocabulary_of(with_cells(env))
    names, why = names or {}, why or {}
    last = network.stages[-1]
    lengths = shapes_of(network.stages, network.observation)[last.name]
    if math.prod(lengths) != vocabulary.actions:
        raise SpaceMismatch(
            f"The integer network gives {math.prod(lengths)} scores, but {env.id} has {vocabulary.actions} actions."
        )
    book = _written(network, vocabulary, names)
    strategy = _strategy(book, last, vocabulary, lengths)
    kept = _reached(book.written, strategy)
    program = parse(_text(kept, strategy), vocabulary, DECOMPILATION_LIMITS)
    if any(_only_outside(made, program) for made in kept):
        book.written = [_outside(made) if _only_outside(made, program) else made for made in book.written]
        kept = _reached(book.written, strategy)
        program = parse(_text(kept, strategy), vocabulary, DECOMPILATION_LIMITS)
    parts = tuple(
        replace(part, note=_note(part, made, why=_why(part, names, why)))
        for part, made in zip(sized([made.part for made in kept], program, named=names), kept, strict=True)
    )
    if READING not in header.notes:
        header = replace(header, notes=(*header.notes, READING))
    return annotated(Decompilation("", replace(program, header=header), parts, dict(why)), effects or {})


def _only_outside(made: Written, program: Program) -> bool:
    """Whether a function is asked beyond its edges only: what it computes inside is then never computed."""
    asked = program.tabulated.get(made.part.name)
    walled = len(made.body) > 2 and made.body[0].startswith("if ") and made.body[1].startswith("    return ")
    if asked is None or not walled or len(asked.ranges) != len(made.part.ranges):
        return False
    return any(
        each.stop <= start or each.start >= stop
        for each, (start, stop) in zip(asked.ranges, made.part.ranges, strict=True)
    )


def _outside(made: Written) -> Written:
    """The function without what it computes inside."""
    body = made.body[1].strip()
    part = replace(made.part, stage="", units=(), ranges=())
    return replace(made, part=part, body=(body,), tables=tuple(one for one in made.tables if one[0] in body))


def annotated(decompilation: Decompilation, effects: Mapping[str, float]) -> Decompilation:
    """The same program, with shares of decisions in its comments.

    Args:
        effects: as of `emit`.
    """
    parts = {part.name: part for part in decompilation.parts}
    functions = tuple(
        replace(function, notes=_comment(parts[function.name], effects) if function.name in parts else ())
        for function in decompilation.program.functions
    )
    program = replace(decompilation.program, functions=functions)
    program = replace(program, return_lines=lines_of_returns(program))
    return replace(decompilation, text=print_program(program), program=program)


def _why(part: Part, names: Mapping[str, str], why: Mapping[str, str]) -> str:
    """What evidence says of the units of a function, a line each: why they are called so, or what describes them."""
    told = []
    for unit in part.units:
        key = f"{part.stage}[{unit}]"
        which = f"unit {unit}: " if len(part.units) > 1 else ""
        if key in names and len(part.units) > 1:
            which = f"unit {unit} is {names[key]}: "
        if key in why:
            told.append(which + (f"called so because it {why[key]}" if key in names else why[key]))
        elif key in names and which:
            told.append(which.rstrip(": "))
    return "\n".join(told)


def _written(network: IntegerNetwork, vocabulary: Vocabulary, names: Mapping[str, str]) -> Book:
    """All functions but the strategy, sources first."""
    eye = eye_of(vocabulary, network.observation)
    unbounded = eye.kind == "number"
    ranges = bounds(network, np.array(-np.inf if unbounded else eye.low), np.array(np.inf if unbounded else eye.high))
    shapes = shapes_of(network.stages, network.observation)
    tabled = frozenset(stage.name for stage in network.stages if stage.weighs and is_tabled(network, stage))
    walls = walls_of(network, tabled)
    book = Book(Names(vocabulary), names, walls.own)
    last = network.stages[-1]
    labels = enumerate(_labels(vocabulary, shapes[last.name]))
    book.known = {**{f"{last.name}[{unit}]": f"score_{label}" for unit, label in labels if label}, **names}
    for stage in network.stages:
        if SEEN in stage.sources and (stage.weighs or stage.kind in ("covered", "counted")):
            book.sources.setdefault(SEEN, _seen(book, eye))
        if not stage.weighs:
            book.sources[stage.name] = write_reader(book, network, stage, eye)
            continue
        sources = [_as_read(book, walls, source, stage.name) for source in stage.sources]
        layer = layer_of(network, stage, sources, shapes)
        write = write_table if stage.name in tabled else write_units
        book.sources[stage.name] = write(book, layer, ranges)
    return book


def reading_book(network: IntegerNetwork, vocabulary: Vocabulary) -> Book:
    """Only the functions that read the observation, without walls.

    Raises: UnsupportedAgent: no concept of the environment shows what the network observes.
    """
    eye, book = eye_of(vocabulary, network.observation), Book(Names(vocabulary))
    for stage in network.stages:
        if SEEN in stage.sources and (stage.weighs or stage.kind in ("covered", "counted")):
            book.sources.setdefault(SEEN, _seen(book, eye))
        if not stage.weighs:
            book.sources[stage.name] = write_reader(book, network, stage, eye)
    return book


def _seen(book: Book, eye: Eye) -> Source:
    """The observation read directly: by the concept itself, or by a function where it has walls or decimals."""
    if eye.kind == "number" or book.walls.get(SEEN):
        return cells(book, SEEN, eye, (), says="the observation")
    low, high = (np.full(eye.shape, bound, dtype=np.int64) for bound in (eye.low, eye.high))
    letters = {1: ("i",), 2: ("r", "c"), 3: ("i", "r", "c")}[len(eye.shape)]
    flags = (eye.kind == "flag",)
    return Source(SEEN, tuple(map(range, eye.shape)), letters, (eye.concept,), flags, low, high, whole=eye.concept)


def _as_read(book: Book, walls: Walls, source: str, reader: str) -> Source:
    """A source as this reader sees it, beyond its edges too."""
    known, wall = book.sources[source], walls.by_reader.get((source, reader))
    if wall is None:
        return known
    return beside(book, known, wall, reader)


def _strategy(book: Book, last: Stage, vocabulary: Vocabulary, lengths: tuple[int, ...]) -> str:
    """The first of the legal actions with the greatest score."""
    a = book.names.letter("a")
    places, beyond = [], 1
    for length in reversed(lengths):
        whole = a if beyond == 1 else f"{a} // {beyond}"
        outermost = beyond * length == math.prod(lengths)
        places.append(whole if outermost else f"{whole} % {length}")
        beyond *= length
    score = _any_score(book, last, vocabulary, lengths)
    return f"    return argmax(actions, key=lambda {a}: {score}({', '.join(reversed(places))}))"


def _any_score(book: Book, last: Stage, vocabulary: Vocabulary, lengths: tuple[int, ...]) -> str:
    """The function that gives the score of any action; it may have to be written."""
    source = book.sources[last.name]
    if source.whole:
        return source.whole
    a = book.names.letter("a")
    inner = [book.names.letter(letter) for letter in source.letters[1:]]
    body, labels = [], _labels(vocabulary, lengths)
    for index, function in enumerate(source.functions):
        label = labels[index] if vocabulary.constants.get(labels[index]) == index else str(index)
        call = f"return {function}({', '.join(inner)})"
        body.extend([call] if index == len(source.functions) - 1 else [f"if {a} == {label}:", f"    {call}"])
    part = Part(
        book.names.free("score", "score_of"), "", (), (), (), low=int(source.low.min()), high=int(source.high.max())
    )
    says = (
        "the score of an action" if not inner else f"the score of an action: its number {a} of {last.name}, and where"
    )
    return book.add(Written(part, (a, *inner), tuple(body), says))


def _labels(vocabulary: Vocabulary, lengths: tuple[int, ...]) -> list[str]:
    """What the actions of each unit of the scores have in common: `turn1` of turn1_column0, turn1_column1, ..."""
    places = math.prod(lengths[1:])
    groups = [vocabulary.action_names[unit * places : (unit + 1) * places] for unit in range(lengths[0])]
    starts = [set(group) if len(group) == 1 else {name.rpartition("_")[0] for name in group} for group in groups]
    found = [start.pop() if len(start) == 1 else "" for start in starts]
    return found if all(found) and len(set(found)) == len(found) else [""] * len(found)


def _reached(written: Sequence[Written], strategy: str) -> tuple[Written, ...]:
    """The functions that the strategy calls, directly or not, in their order."""
    by_name = {function.part.name: function for function in written}
    found: set[str] = set()
    left = [name for name in _NAMES.findall(strategy) if name in by_name]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left.extend(other for line in by_name[name].body for other in _NAMES.findall(line) if other in by_name)
    return tuple(function for function in written if function.part.name in found)


def _text(written: Sequence[Written], strategy: str) -> str:
    """Tables, functions, strategy."""
    lines = [f"{name} = {value}" for function in written for name, value in function.tables]
    functions = "".join(map(function_text, written))
    return "".join(f"{line}\n" for line in lines) + functions + f"def strategy(state) -> action:\n{strategy}\n"


def function_text(written: Written) -> str:
    """One function, without its comment."""
    body = "".join(f"    {line}\n" for line in written.body)
    return f"def {written.part.name}({', '.join(written.parameters)}):\n{body}"


def _comment(part: Part, effects: Mapping[str, float]) -> tuple[str, ...]:
    """The lines above a function, each as long as the page is wide."""
    first, *others = part.note.splitlines()
    keys = [part.name, *(f"{part.stage}[{unit}]" for unit in part.units[:1] if len(part.units) == 1), part.stage]
    effect = next((effects[key] for key in keys if key in effects), None)
    touches = "" if effect is None else f"; touches {f'{effect:.3f}'.removeprefix('0')} of the decisions"
    paragraphs = [first + touches, *others]
    return tuple(line for paragraph in paragraphs for line in textwrap.wrap(paragraph, _WIDTH))


def _note(part: Part, made: Written, *, why: str) -> str:
    """What a function is, what it reads, its range, and whether anybody understands it."""
    kind = "a flag" if (part.low, part.high) == (0, 1) else f"{part.low:,} to {part.high:,}"
    reads = f", of {part.inputs} input{'s' * (part.inputs != 1)}" if part.weights else ""
    lines = [f"{made.says}{reads}; {kind}", *(line for line in (made.more, why) if line)]
    if part.opaque:
        sums = f"{part.weights} weights up to {part.largest_weight}, {part.operations} operations"
        lines.append(f"OPAQUE: {sums}; no evidence names it")
    return "\n".join(lines)
