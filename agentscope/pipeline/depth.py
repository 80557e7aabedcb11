"""One concept in depth: pictures of what stands for it in the network, and the groups of units that go with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentscope import probes
from agentscope.drawing import strip_png
from agentscope.pipeline.grouping import KINDS, GroupSample, effort_of, group_row
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.running import Run
from agentscope.probes.bench import testable_layers
from agentscope.probes.candidates import EXPLAINED
from agentscope.probes.picture_rows import picture_row
from agentscope.probes.picture_strips import strip_of
from agentscope.probes.pictures import QUICK_PICTURE, Picture, PictureBudget, picture_of
from agentscope.probes.portraits import Portrait, carrier_portrait, readout_portrait, unit_portrait
from agentscope.records import Primitive, StateSet

NO_STATES = "labels from a file come without states: only observations are known, so nothing can be played or edited"


@dataclass(frozen=True)
class Depth:
    """What is said of one concept beside its scores.

    Attributes:
        groups: of one layer, those that go with the concept first.
        pictures: a row each (`picture_row`), with `concept`, `told` and the `file` that it is drawn in.
        files: those files, as PNG bytes by name.
        why: part that is missing -> reason.
    """

    groups: tuple[Mapping[str, Any], ...] = ()
    pictures: tuple[Mapping[str, Any], ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)

    def details(self) -> dict[str, Any]:
        """As `probe --json` prints it."""
        return {"pictures": list(self.pictures), "groups": list(self.groups), "why": dict(self.why)}


class Deepening:
    """Looks at concepts in depth, on the states that an agent visits; groups of a layer are found once.

    Where a concept is read best from what is still the input, or from the scores, the layer between them that it is
    read best from is looked at instead: pictures of the input's own cells, or groups of scores, would say nothing.
    """

    def __init__(self, agent: OpenAgent, visited: StateSet | None, run: Run) -> None:
        self.agent, self.visited, self.run = agent, visited, run
        self.effort = effort_of(run.budget)
        self.sample = None if visited is None else GroupSample.of(agent, visited, self.effort.states)
        self.known: dict[str, list[dict[str, Any]]] = {}

    def look(self, found: probes.ConceptProbe, primitive: Primitive | None = None) -> Depth:
        """Pictures and groups of one concept.

        Args:
            primitive: its record after the tests for use: of a used concept the first unit that carries it is drawn.
        """
        primitive = primitive or found.primitive
        if primitive.layer is None:
            reason = primitive.why or "the concept could not be scored"
            return Depth(why={"pictures": reason, "groups": reason})
        if self.visited is None or self.sample is None:
            return Depth(why={"pictures": NO_STATES, "groups": NO_STATES})
        layer = self._layer(found)
        if layer is None:
            reason = "the network has no layer between input and scores that the concept could be read from"
            return Depth(why={"pictures": reason, "groups": reason})
        pictures, files = [], {}
        for kind, portrait in self._portraits(found, primitive, layer, self.sample).items():
            picture = self._picture(portrait, self.visited)
            name = file_name(primitive.concept, kind)
            files[name] = strip_png(strip_of(picture, self.agent.env), title=f"{self.agent.name}: {portrait.told}")
            about = {"concept": primitive.concept, "told": portrait.told, "file": name}
            pictures.append(about | picture_row(picture, self.agent.env))
        groups = (_own_first(row, primitive.concept) for row in self._groups(layer, self.sample))
        return Depth(tuple(groups), tuple(pictures), files)

    def _layer(self, found: probes.ConceptProbe) -> str | None:
        """The hidden layer with the highest score."""
        hidden = testable_layers(self.agent.network)
        rows = [row for row in found.primitive.layers if row["layer"] in hidden and row["score"] is not None]
        return max(rows, key=lambda row: row["score"])["layer"] if rows else None

    def _portraits(
        self, found: probes.ConceptProbe, primitive: Primitive, layer: str, sample: GroupSample
    ) -> dict[str, Portrait]:
        """The readout, and a unit: of a used concept the first that carries it, else the one that goes with it best."""
        network, concept = self.agent.network, primitive.concept
        labelled = sample.labelled.only(concept)
        values = found.values if layer == found.primitive.layer else ()  # scores of single values are of its own layer
        portraits = {
            "readout": readout_portrait(
                network, self.agent.env, found.probing.network[layer, concept], labelled.concepts[0],
                labels=labelled.labels[concept], values=values,
            )
        }  # fmt: skip
        carrier = carrier_portrait(primitive.units[0], concept) if primitive.use == "used" and primitive.units else None
        if carrier is not None:
            return {**portraits, "unit": carrier}
        activations = network.activations(labelled.observations, layer)
        unit = unit_portrait(network, layer, activations, sample.columns(network, layer, labelled))
        return portraits if unit is None else {**portraits, "unit": unit}

    def _picture(self, portrait: Portrait, visited: StateSet) -> Picture:
        budget = PictureBudget() if self.run.budget.name == "full" else QUICK_PICTURE
        generator = self.run.streams.generator("pictures")
        return picture_of(
            self.agent.network, self.agent.env, visited, portrait.drive, generator=generator, budget=budget
        )

    def _groups(self, layer: str, sample: GroupSample) -> list[dict[str, Any]]:
        if layer not in self.known:
            generator = self.run.streams.generator("groups")
            network = self.agent.network
            data = sample.data(network, layer)
            self.known[layer] = [group_row(network, data, layer, self.effort.grouping(of), generator) for of in KINDS]
        return self.known[layer]


def file_name(concept: str, kind: str) -> str:
    """The file that a concept's picture is drawn in; a concept of a user's own may have any name."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", concept)[:80]
    return f"picture-{plain}.png" if kind == "readout" else f"picture-{plain}-{kind}.png"


def _own_first(row: Mapping[str, Any], concept: str) -> dict[str, Any]:
    """The groups of a layer, those whose strength goes with this concept first, and marked."""
    groups = [{**group, "goes_with_it": _goes_with(group["concepts"], concept)} for group in row["groups"]]
    return {**row, "groups": sorted(groups, key=lambda group: not group["goes_with_it"])}


def _goes_with(named: Sequence[Mapping[str, Any]], concept: str) -> bool:
    """Whether one of the columns that a group goes with best is of this concept, and better than nothing."""
    return any(
        re.split(r"[=\[(]", each["concept"])[0] == concept and each["score"] >= EXPLAINED[each["metric"].upper()]
        for each in named
    )
