"""The texts of a run as the page shows them: level by level, bound to what their primitives are read from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any, Literal

from agentscope import language
from agentscope.contracts import States
from agentscope.errors import AgentScopeError, ContractBroken, TextError
from agentscope.language.files import read_capped
from agentscope.pipeline.examining import parse_for
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.readings import (
    PREFIX,
    ChosenReadouts,
    LayerActivations,
    content_hash,
    grounded_readouts,
)  # fmt: skip
from agentscope.probes.tables import read_columns
from agentscope.reports import POINT_FILES, coloured_lines, plain_text
from agentscope.reports.watch_section import MOST_COLOURED

Key = Literal["strategy", "grounded", "program"]
TITLES: Mapping[str, str] = {
    "gist": "gist", "strategy": "strategy", "grounded": "grounded", "program": "decompilation",
}  # fmt: skip
READOUTS = "readouts.npz"
LONGEST_TEXT = 8 * 2**20
_DEFINED = re.compile(r"def ([A-Za-z_][A-Za-z0-9_]{0,127})\(")


@dataclass(frozen=True)
class Bound:
    """A text, parsed and bound: what `language.evaluate` takes."""

    program: language.Program
    binding: language.Binding


@dataclass(frozen=True)
class Level:
    """One text at one level of zoom.

    Attributes:
        key: strategy (concepts of the state), grounded (read from the network's activations) or program (arithmetic of
            the simplified network).
        text: as it is printed; empty where the level is missing.
        why: the reason where it is missing, else None.
        agreement: with the network, as the report gives it.
        opaque: names of functions of the program that no named primitive explains.
        bind: parses and binds the text, which takes seconds for long programs: `bound` does it once, when asked.
    """

    key: Key
    text: str = ""
    why: str | None = None
    agreement: float | None = None
    opaque: frozenset[str] = frozenset()
    bind: Callable[[], Bound] | None = field(default=None, compare=False, repr=False)

    @cached_property
    def bound(self) -> Bound | None:
        """The text ready to be evaluated; None where the level is missing, or the text turns out to be damaged."""
        return self._opened[0]

    @property
    def missing(self) -> str | None:
        """Why the level cannot be evaluated; None where it can. Asking parses the text."""
        return self.why or self._opened[1]

    @cached_property
    def _opened(self) -> tuple[Bound | None, str | None]:
        if self.why is not None or self.bind is None:
            return None, self.why
        try:
            return self.bind(), None
        except AgentScopeError as problem:
            return None, plain_text(str(problem))

    def evaluate(self, states: States, *, trace: bool = False) -> language.Evaluation | None:
        """What the text does in these states; None where the level is missing.

        Raises: TextError: as `language.evaluate`; or a state breaks what the environment declares of its concepts, as
            one that somebody edited may.
        """
        bound = self.bound
        try:
            return None if bound is None else language.evaluate(bound.program, bound.binding, states, trace=trace)
        except ContractBroken as problem:
            raise TextError(str(problem)) from problem

    def to_json(self) -> dict[str, Any]:
        """The level's part of the run document: coloured lines, and where functions begin and end."""
        return {
            "key": self.key, "title": TITLES[self.key], "lines": shown_lines(self.text),
            "functions": function_spans(self.text, self.opaque), "why": self.why, "agreement": self.agreement,
        }  # fmt: skip


def strategy_level(agent: OpenAgent, report: Mapping[str, Any]) -> Level:
    """The text of the report, bound to concepts of the state."""
    strategy = report["strategy"]
    if not strategy:
        return Level("strategy", why=_reason(report, "strategy", "no strategy was extracted: run `agentscope inspect`"))
    text = plain_text(str(strategy["text"]), multiline=True)

    def bind() -> Bound:
        return Bound(parse_for(agent.env, text), language.bind_state(agent.env))

    return Level("strategy", text, agreement=_agreement(report, 1), bind=bind)


def grounded_level(
    agent: OpenAgent, report: Mapping[str, Any], folder: Path | None, readouts: Mapping[str, Any] | None = None
) -> Level:
    """The same text, its primitives read from the network's activations.

    Args:
        folder: holds readouts.npz; readouts: its arrays, where they are at hand.
    """
    strategy = report["strategy"]
    row = next((row for row in report["levels"] or [] if row["level"] == 2), None)
    if not strategy or row is None:
        return Level(
            "grounded", why=_reason(report, "levels.2", "the text was not read from the network's activations")
        )
    text = plain_text(str(strategy["text"]), multiline=True)
    wanted = row.get("readouts_sha256")
    arrays: dict[str, Any] = {}
    if wanted is not None:
        try:
            found = readouts if readouts is not None else read_columns(Path(folder or "") / READOUTS)
        except AgentScopeError as problem:
            return Level("grounded", why=f"{READOUTS} cannot be read: {plain_text(str(problem))}")
        arrays = {name: values for name, values in found.items() if name.startswith(PREFIX)}
        if content_hash(arrays) != wanted:
            return Level("grounded", why=f"{READOUTS} is not the file that the report speaks of: inspect once more")

    def bind() -> Bound:
        program = parse_for(agent.env, text)
        chosen = grounded_readouts(arrays, agent.network)
        missing = set(language.called_concepts(program)) - set(chosen)
        layers = tuple(dict.fromkeys(readout.layer for readout in chosen.values()))
        read = LayerActivations(agent.network, layers, batches=2)
        binding = language.bind_network(
            agent.network, agent.env, ChosenReadouts(chosen), from_state=missing, read_layer=read
        )
        return Bound(program, binding)

    return Level("grounded", text, agreement=_agreement(report, 2), bind=bind)


def program_level(agent: OpenAgent, report: Mapping[str, Any], folder: Path | None) -> Level:
    """The decompilation: the program of the close point, else of the small one, as it lies in the run folder."""
    block = report["decompilation"]
    name = next((name for name in POINT_FILES if block and isinstance(block.get(name), Mapping)), None)
    if name is None or folder is None:
        return Level("program", why=_reason(report, "decompilation", "not decompiled: run `agentscope decompile`"))
    point, file = block[name], POINT_FILES[name][1]
    try:
        text = plain_text(read_capped(Path(folder) / file, LONGEST_TEXT).decode("utf-8"), multiline=True)
        header = language.read_header(text)
    except (AgentScopeError, UnicodeDecodeError) as problem:
        return Level("program", why=f"{file} cannot be read: {plain_text(str(problem))}")
    if header is None or header.network != point.get("sha256"):
        return Level("program", why=f"{file} was written for another simplified network: decompile once more")

    def bind() -> Bound:
        seeing = language.with_cells(agent.env)
        program = language.parse(text, language.vocabulary_of(seeing), language.DECOMPILATION_LIMITS)
        return Bound(program, language.bind_state(seeing))

    measured = _within(_within(point, "agreement"), "network").get("agreement")
    rows = _within(point, "program").get("opaque")
    listed = rows if isinstance(rows, list) else []
    opaque = frozenset(str(row.get("function")) for row in listed if isinstance(row, Mapping))
    return Level("program", text, agreement=_share(measured), opaque=opaque, bind=bind)


def shown_lines(text: str) -> list[str]:
    """HTML of each line; one longer than MOST_COLOURED lines, as decompilations are, stays without colours.

    Spans around every token make ten times as many bytes, and take seconds.
    """
    if not text:
        return []
    lines = text.rstrip("\n").split("\n")
    return coloured_lines("\n".join(lines)) if len(lines) <= MOST_COLOURED else [escape(line) for line in lines]


def function_spans(text: str, opaque: frozenset[str] = frozenset()) -> list[dict[str, Any]]:
    """First and last line, from 1, of each function of a text, the strategy itself among them."""
    spans: list[dict[str, Any]] = []
    for number, line in enumerate(text.rstrip("\n").split("\n"), 1):
        named = _DEFINED.match(line)
        if named is not None:
            spans.append({"name": named[1], "start": number, "end": number, "opaque": named[1] in opaque})
        elif spans and line.startswith(" "):
            spans[-1]["end"] = number
    return spans


def _agreement(report: Mapping[str, Any], level: int) -> float | None:
    return _share(next((row["agreement"] for row in report["levels"] or [] if row["level"] == level), None))


def _within(block: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A block of a block; an empty one where a stranger's report has something else there."""
    found = block.get(key)
    return found if isinstance(found, Mapping) else {}


def _share(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _reason(report: Mapping[str, Any], path: str, otherwise: str) -> str:
    return plain_text(str(report["why"].get(path) or otherwise))
