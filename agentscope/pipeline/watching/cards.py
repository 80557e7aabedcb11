"""Cards of what a run found: a concept, a unit, a function of the program, each with states of the exam to look at."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from agentscope import language
from agentscope.contracts import Network
from agentscope.errors import AgentScopeError, BadOption, TextError
from agentscope.measures import same_class
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
from agentscope.probes.readouts import Readouts
from agentscope.probes.tables import read_columns
from agentscope.records import StateSet
from agentscope.reports import coloured_lines, plain_text

STATES, RESAMPLED, EVALUATED = 2_000, 1_000, 500  # states of the exam: looked at, a unit resampled, a function run on
_UNIT = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,63})\[(channel )?([0-9]{1,7})\]")


class Cards:
    """The cards of one run; states of the exam and the program's texts are prepared once."""

    def __init__(self, scene: Scene, recording: Recording) -> None:
        self.scene, self.recording = scene, recording
        self._programs: dict[str, Level] = {}

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
        row = next((row for row in self._primitives if row["concept"] == name), None)
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
        named = [{"unit": unit, "also": [other for other in self._named_by(unit) if other != name]} for unit in units]
        return {
            "concept": name, "doc": plain_text(concept.doc), "primitive": None if row is None else dict(row),
            "units": named, "top": shots(agent, self.visited, top), "near": shots(agent, self.visited, near),
            "why": why,
        }  # fmt: skip

    def unit(self, name: str) -> dict[str, Any]:
        """Where one unit is named, the states at both of its ends, and how much depends on it alone.

        Args:
            name: e.g. hidden_1[4], the index into the flattened layer, or conv_1[channel 5] for all its positions.
        Raises: BadOption: the network has no such unit.
        """
        agent = self.scene.agent
        layer, places = unit_places(agent.network, name)
        observed = agent.env.observe(self.visited.states)
        outputs = np.asarray(agent.network.activations(observed, layer))
        flat = outputs.reshape(len(outputs), -1)[:, places].astype(np.float64)
        why: dict[str, str] = {}
        highest, lowest = self._ends(flat.max(axis=1, keepdims=True), why)
        functions = self._functions(layer, places)
        if functions:
            why["functions"] = "they are of the simplified network, which counts its own units where it is smaller"
        count = min(len(self.visited), RESAMPLED)
        return {
            "unit": name, "concepts": self._named_by(name), "groups": self._groups(layer, places),
            "functions": functions, "findings": self._findings(name), "highest": highest, "lowest": lowest,
            "changes": self._changes(layer, places, count), "states": count, "why": why,
        }  # fmt: skip

    def _ends(
        self, value: Float64[np.ndarray, "states 1"], why: dict[str, str]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """States with the highest and with the lowest values of a unit; none where it is the same in all of them."""
        if value.min() == value.max():
            reason = f"it puts out {float(value[0, 0]):.4g} in all {len(value)} states of the exam that were looked at"
            why["highest"] = why["lowest"] = reason
            return [], []
        agent, found = self.scene.agent, []
        for sign in (1, -1):
            rows = [row for row, _ in ranked_rows(sign * value, self.visited.episode)]
            readings = [Reading(row, f"{float(value[row, 0]):.4g}", float(value[row, 0])) for row in rows]
            found.append(shots(agent, self.visited, readings))
        return found[0], found[1]

    def function(self, point: str, name: str) -> dict[str, Any]:
        """One function of a decompiled text: its row, its lines, its units, and the states where it gives most.

        Args:
            point: close or small.
        Raises: BadOption: the report has no such program or function.
        """
        block = (self.scene.report["decompilation"] or {}).get(point) if point in ("close", "small") else None
        row = next((row for row in _function_rows(block) if row.get("name") == name), None)
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
            "point": point, "name": name, "row": dict(row), "start": start + 1,
            "lines": coloured_lines(level.text)[start:end],
            "units": [f"{row.get('stage')}[{unit}]" for unit in row.get("units") or []],
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

    @property
    def _primitives(self) -> list[dict[str, Any]]:
        return list(self.scene.report["primitives"] or [])

    def _named_by(self, unit: str) -> list[str]:
        """Concepts whose evidence names a unit."""
        return [row["concept"] for row in self._primitives if unit in units_of(row)]

    def _groups(self, layer: str, places: Int64[np.ndarray, "places"]) -> list[dict[str, Any]]:
        """Groups of units that hold this one, and the expression that says best what it does alone."""
        groups = self.scene.report.get("groups") or {}
        inside = set(places.tolist())
        found = [
            {"layer": layer, "of": row.get("of"), **group}
            for row in groups.get("layers") or []
            if row.get("layer") == layer
            for group in row.get("groups") or []
            if inside & set(group.get("units") or [])
        ]
        alone = [
            {"layer": layer, "of": "alone", **row}
            for row in groups.get("candidates") or []
            if row.get("layer") == layer and row.get("unit") in inside
        ]
        return [*found, *alone]

    def _functions(self, layer: str, places: Int64[np.ndarray, "places"]) -> list[dict[str, str]]:
        inside, found = set(places.tolist()), []
        for point in ("close", "small"):
            for row in _function_rows((self.scene.report["decompilation"] or {}).get(point)):
                if row.get("stage") == layer and inside & set(row.get("units") or []):
                    found.append({"point": point, "name": row["name"]})
        return found

    def _findings(self, unit: str) -> list[int]:
        """Numbers, from 1, of the findings that name a unit."""
        rows = self.scene.report["findings"] or []
        return [number for number, row in enumerate(rows, 1) if unit in ((row.get("where") or {}).get("units") or [])]

    def _changes(self, layer: str, places: Int64[np.ndarray, "places"], count: int) -> float:
        """Share of states whose choice has another effect once the unit's output is that of another state."""
        agent = self.scene.agent
        rows = np.linspace(0, len(self.visited) - 1, count).astype(np.int64)
        states = self.visited.states[rows]
        observed, here = agent.env.observe(states), agent.decide(states)
        outputs = np.array(agent.network.activations(observed, layer))
        donors = self.scene.streams.generator("cards.resample").permutation(count)
        flat = outputs.reshape(count, -1)
        flat[:, places] = flat[donors][:, places]
        scores = agent.network.scores_with(observed, {layer: flat.reshape(outputs.shape)}, here.legal)
        actions = np.where(here.legal, scores, -np.inf).argmax(axis=1)
        return float((~same_class(here.actions, actions, here.equivalent)).mean())


def _function_rows(block: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Rows of the functions of one point's program."""
    return list(((block or {}).get("program") or {}).get("functions") or [])


def unit_places(network: Network, name: str) -> tuple[str, Int64[np.ndarray, "places"]]:
    """A unit's layer, and its places in the flattened output of that layer.

    Raises: BadOption: the network has no such unit.
    """
    parts = _UNIT.fullmatch(name)
    layer = next((layer for layer in network.layers if parts and layer.name == parts[1]), None)
    if parts is not None and layer is not None:
        index, width = int(parts[3]), math.prod(layer.shape)
        if not parts[2] and index < width:
            return layer.name, np.array([index], dtype=np.int64)
        if parts[2] and index < layer.shape[0]:
            return layer.name, np.arange(width).reshape(layer.shape[0], -1)[index].astype(np.int64)
    known = ", ".join(f"{layer.name}[0 to {math.prod(layer.shape) - 1}]" for layer in network.layers)
    raise BadOption(f"the network has no unit {plain_text(name)[:64]!r}; it has {known}.")


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
