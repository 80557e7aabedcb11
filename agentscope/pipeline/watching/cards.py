"""Cards of what a run found: a concept, a unit, a function of the program, each with states of the exam to look at."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from agentscope import language
from agentscope.contracts import Network
from agentscope.errors import AgentScopeError, BadOption, TextError
from agentscope.pipeline.watching.concept_shots import concept_of, concept_readings, units_of
from agentscope.pipeline.watching.levels import (
    READOUTS,
    Bound,
    Level,
    function_spans,
    program_level,
)
from agentscope.pipeline.watching.recording import Recording
from agentscope.pipeline.watching.scene import Scene
from agentscope.pipeline.watching.shots import Reading, ranked_rows, shots, visited_states
from agentscope.pipeline.watching.unit_cards import find_unit, function_rows, named_by, simplified_network, unit_card
from agentscope.probes.readouts import Readouts
from agentscope.probes.tables import read_columns
from agentscope.records import StateSet
from agentscope.reports import coloured_lines, plain_text, to_plain

STATES, EVALUATED = 2_000, 500  # states of the exam: looked at, and those that a function is evaluated on


class Cards:
    """The cards of one run; states of the exam and the program's texts are prepared once."""

    def __init__(self, scene: Scene, recording: Recording) -> None:
        self.scene, self.recording = scene, recording
        self._programs: dict[str, Level] = {}
        self._networks: dict[str, Network] = {}

    @cached_property
    def visited(self) -> StateSet:
        """At most STATES states of the exam."""
        return visited_states(self.scene.agent, self.recording, STATES)

    @cached_property
    def readouts(self) -> Mapping[str, np.ndarray]:
        """Arrays of readouts.npz.

        Raises: RefusedFile, BadOption: it is missing or damaged.
        """
        return read_columns(Path(self.scene.folder or "") / READOUTS)

    def concept(self, name: str) -> dict[str, Any]:
        """Verdict, units, top states and near misses of one concept.

        Raises: ConceptsMissing: the environment declares no such concept.
        """
        agent, concept = self.scene.agent, concept_of(self.scene.agent, name)
        why: dict[str, str] = {}
        row = next((row for row in self.scene.report["primitives"] or [] if row["concept"] == name), None)
        if row is None:
            why["primitive"] = "the run did not probe it"
        top: list[Reading] = []
        near: list[Reading] = []
        try:
            arrays = {key: each for key, each in self.readouts.items() if key.rsplit(".", 1)[0] == name}
            if arrays:
                top, near = concept_readings(agent, concept, Readouts.from_arrays(arrays)[name], self.visited)
            else:
                why["top"] = why["near"] = f"{READOUTS} holds no readout of it"
        except (AgentScopeError, ValueError, IndexError, TypeError) as problem:  # the file may be a stranger's
            why["top"] = why["near"] = plain_text(f"its readout cannot be used: {problem}")
        units = [] if row is None else units_of(row)
        named = [
            {"unit": unit, "also": [other for other in named_by(self.scene, unit) if other != name]} for unit in units
        ]
        return {
            "concept": name, "doc": plain_text(concept.doc), "primitive": to_plain(row, "primitive", {}),
            "units": named, "top": shots(agent, self.visited, top), "near": shots(agent, self.visited, near),
            "why": why,
        }  # fmt: skip

    def network(self, point: str) -> Network:
        """A simplified network of the run; see `simplified_network`."""
        if point not in self._networks:
            self._networks[point] = simplified_network(self.scene, point)
        return self._networks[point]

    def unit(self, name: str) -> dict[str, Any]:
        """The card of a unit, by its name as `find_unit` takes it."""
        return unit_card(self.scene, find_unit(self.scene.agent, name, self.network), self.visited)

    def function(self, point: str, name: str) -> dict[str, Any]:
        """One function of a decompiled text: its row, its lines, its units, and the states where it gives most.

        Args:
            point: close or small.
        Raises: BadOption: the report has no such program or function.
        """
        block = (self.scene.report["decompilation"] or {}).get(point) if point in ("close", "small") else None
        row = next((row for row in function_rows(block) if row.get("name") == name), None)
        if block is None or row is None:
            what = f"function {plain_text(name)[:64]!r} of a {plain_text(point)[:16]} program"
            raise BadOption(f"the report has no {what}: `agentscope decompile` makes them.")
        why: dict[str, str] = {}
        level = self._program(point, block)
        span = next((span for span in function_spans(level.text) if span["name"] == name), None)
        if span is None:
            why["lines"] = level.missing or "the text has no such function"
        start, end = (0, 0) if span is None else (span["start"] - 1, span["end"])
        return {
            "point": point, "name": name, "row": to_plain(row, "row", {}), "start": start + 1,
            "lines": coloured_lines(level.text)[start:end],
            "units": self._units_of(point, row, why),
            "highest": self._function_shots(level, name, why), "why": why,
        }  # fmt: skip

    def _program(self, point: str, block: Mapping[str, Any]) -> Level:
        if point not in self._programs:
            report = {**self.scene.report, "decompilation": {point: block}}
            self._programs[point] = program_level(self.scene.agent, report, self.scene.folder)
        return self._programs[point]

    def _function_shots(self, level: Level, name: str, why: dict[str, str]) -> list[dict[str, Any]]:
        bound = level.bound
        if bound is None:
            why["highest"] = level.missing or "the text cannot be read"
            return []
        rows = np.linspace(0, len(self.visited) - 1, min(len(self.visited), EVALUATED)).astype(np.int64)
        try:
            values, told = function_values(bound, name, self.visited, rows)
        except AgentScopeError as problem:
            why["highest"] = plain_text(str(problem))
            return []
        readings = [
            Reading(int(rows[at]), f"{told[place]} = {values[at, place]:.6g}", float(values[at, place]))
            for at, place in ranked_rows(values, self.visited.episode[rows])
        ]
        return shots(self.scene.agent, self.visited, readings)

    def _units_of(self, point: str, row: Mapping[str, Any], why: dict[str, str]) -> list[str]:
        """Names of a function's units, as `unit` takes them."""
        try:
            layers = {layer.name: layer for layer in self.network(point).layers}
        except AgentScopeError as problem:
            why["units"] = plain_text(str(problem))
            return []
        layer = layers.get(str(row.get("stage")))
        if layer is None or layer.coded:
            return []
        place = "channel " if len(layer.shape) > 1 else ""
        return [f"{point}:{layer.name}[{place}{unit}]" for unit in row.get("units") or []]


def function_values(
    bound: Bound, name: str, visited: StateSet, rows: Int64[np.ndarray, "rows"]
) -> tuple[Float64[np.ndarray, "rows arguments"], list[str]]:
    """A function's values in some states for all of its arguments, and how each call is written.

    Raises: TextError: it has no table of its values, so that it is known only where it is called.
    """
    if name not in bound.program.tabulated:
        raise TextError(f"{name} has no table of its values: it is known only where it is called")
    ranges = bound.program.tabulated[name].ranges
    found = language.evaluate_functions(bound.program, bound.binding, visited.states[rows], {name: ranges})[name]
    told = [""]
    for each in ranges:
        told = [f"{before}, {argument}" if before else str(argument) for before in told for argument in each]
    return found.reshape(len(rows), -1).astype(np.float64), [f"{name}({each})" for each in told]
