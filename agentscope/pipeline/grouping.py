"""Groups of units: what varies together, what decides together, beside an untrained network; and what has no name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from agentscope import probes
from agentscope.contracts import Network
from agentscope.errors import EmptySample
from agentscope.pipeline.naming import name_units
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.running import Run
from agentscope.probes.bench import testable_layers
from agentscope.probes.factors import RankRule
from agentscope.probes.groups import GroupData, Grouping, Groups, find_groups
from agentscope.probes.importance import unit_importance
from agentscope.probes.modularity import Clusterability, clusterability
from agentscope.probes.wiring import weight_chain
from agentscope.records import Budget, Decisions, StateSet

KINDS: tuple[Literal["activations", "attributions"], ...] = ("activations", "attributions")


@dataclass(frozen=True)
class Effort:
    """How much work groups are: all of it counts, fixed before looking.

    Attributes:
        states: visited states that groups are found on; described, effect_states: as in `Grouping`.
        importance_states: that single units are resampled in; importance_units: of a layer, those that are.
        shuffles: of the weights.
        named_states, named_edits: that expressions are searched on; named: units a layer that get one,
            named_in_all: of all layers.
    """

    states: int = 3_000
    rule: RankRule = field(default_factory=RankRule)
    described: int = 1_000
    effect_states: int = 512
    importance_states: int = 512
    importance_units: int = 256
    shuffles: int = 1_000
    named_states: int = 2_000
    named_edits: int = 8_000
    named: int = 3
    named_in_all: int | None = None

    def grouping(self, of: Literal["activations", "attributions"], *, random_groups: int = 20) -> Grouping:
        """What `find_groups` is asked for."""
        return Grouping(of, self.rule, states=self.described, effect_states=self.effect_states,
                        random_groups=random_groups)  # fmt: skip


QUICK_RULE = RankRule(ranks=(2, 3, 4, 6, 8, 12), seeds=3, rows=400)
QUICK = Effort(1_500, QUICK_RULE, 600, 256, 256, 64, 200, 800, 2_000, 1, 2)
FULL = Effort()


def effort_of(budget: Budget) -> Effort:
    """The work that goes with a budget."""
    return FULL if budget.name == "full" else QUICK


@dataclass(frozen=True)
class GroupSample:
    """Some of the visited states, labelled and decided: the same ones for every layer."""

    labelled: probes.LabelledStates
    decisions: Decisions

    @staticmethod
    def of(agent: OpenAgent, visited: StateSet, most: int) -> GroupSample:
        """So many of the states at most, evenly spread."""
        rows = evenly(len(visited), most)
        states = visited.states[rows]
        return GroupSample(probes.label_states(agent.env, states, visited.episode[rows]), agent.decide(states))

    def columns(self, network: Network, layer: str, labelled: probes.LabelledStates) -> dict[str, np.ndarray]:
        """Concepts as columns, place by place where the layer's units are repeated over the same places."""
        from agentscope.probes.concept_columns import concept_columns

        axes = next(each.axis for each in network.layers if each.name == layer)
        named = tuple(axis for axis in axes if axis)
        return concept_columns(labelled, self.decisions, places=named if len(named) < len(axes) else ())

    def data(self, network: Network, layer: str) -> GroupData:
        """What groups of this layer are found in and compared with."""
        columns = self.columns(network, layer, self.labelled)
        return GroupData(self.labelled.observations, self.decisions, self.labelled.episodes, columns)


def describe_groups(agent: OpenAgent, lessons: StateSet, run: Run) -> dict[str, Any]:
    """The `groups` block: groups of every hidden layer, the weights' clusterability, candidates for unnamed units.

    Beside each layer stand the groups of an untrained network in the same states: its own activations and
    attributions fall into groups too.
    """
    effort = effort_of(run.budget)
    groups, cuts, single, naming = run.streams.generator("groups").spawn(4)
    sample = GroupSample.of(agent, lessons, effort.states)
    layers = testable_layers(agent.network)
    few = evenly(len(sample.labelled), effort.importance_states)
    importance = {
        layer: unit_importance(
            agent.network, layer, sample.data(agent.network, layer).take(few), generator=single,
            most=effort.importance_units,
        )
        for layer in layers
    }  # fmt: skip
    return {
        "layers": _layer_rows(agent, sample, run, generator=groups),
        "clusterability": _cut_row(_clustered(agent.network, effort, cuts)),
        "units": [
            {"layer": layer, "states": len(few), "measured": min(len(found), effort.importance_units), **_strong(found)}
            for layer, found in importance.items()
        ],
        "candidates": _candidates(agent, lessons, importance, effort, generator=naming),
    }


def _layer_rows(
    agent: OpenAgent, sample: GroupSample, run: Run, *, generator: np.random.Generator
) -> list[dict[str, Any]]:
    """Each hidden layer by both kinds, with what is found in an untrained network."""
    from agentscope.agents import untrained_twins

    effort = effort_of(run.budget)
    own, of_twin = generator.spawn(2)
    (twin,) = untrained_twins(agent.network, 1, seed=run.number("groups.twin"))
    twin_sample = GroupSample(sample.labelled, _decided(twin, sample))
    rows = []
    for layer in testable_layers(agent.network):
        data, control_data = sample.data(agent.network, layer), twin_sample.data(twin, layer)
        for of in KINDS:
            found = group_row(agent.network, data, layer, effort.grouping(of), own)
            control = group_row(twin, control_data, layer, effort.grouping(of, random_groups=1), of_twin)
            rows.append({**found, "untrained": {key: control[key] for key in ("rank", "explained", "verdict")}})
    return rows


def _candidates(
    agent: OpenAgent,
    lessons: StateSet,
    importance: Mapping[str, np.ndarray],
    effort: Effort,
    *,
    generator: np.random.Generator,
) -> list[dict[str, Any]]:
    """Expressions for strong units without a name."""
    rows = evenly(len(lessons), effort.named_states)
    visited = StateSet(lessons.name, lessons.states[rows], lessons.episode[rows], lessons.step[rows])
    return name_units(
        agent, visited, importance, generator=generator, most=effort.named, in_all=effort.named_in_all,
        most_edits=effort.named_edits,
    )  # fmt: skip


def group_row(
    network: Network, data: GroupData, layer: str, grouping: Grouping, generator: np.random.Generator
) -> dict[str, Any]:
    """The groups of one layer in plain values; where there are too few episodes the verdict says so."""
    try:
        found = find_groups(network, layer, data, grouping=grouping, generator=generator)
    except EmptySample as error:
        width = int(np.prod(next(each.shape for each in network.layers if each.name == layer)))
        found = Groups(layer, grouping.of, width, 0, 0, 0, grouping.rule, why=str(error))
    explained = next((point.explained for point in found.curve if point.rank == found.rank), None)
    return {
        "layer": layer, "of": grouping.of, "units": found.units, "width": found.width, "states": found.states,
        "episodes": found.episodes, "rank": found.rank, "explained": explained, "verdict": found.verdict,
        "groups": [
            {key: value for key, value in row.items() if key not in ("layer", "of")} | {"matters": group.matters}
            for row, group in zip(found.rows, found.groups, strict=True)
        ],
    }  # fmt: skip


def evenly(count: int, most: int) -> np.ndarray:
    """So many rows at most, evenly spread."""
    return np.linspace(0, count - 1, min(count, most)).astype(np.int64)


def _decided(network: Network, sample: GroupSample) -> Decisions:
    """What another network thinks of the same states; which actions are legal and equivalent stays."""
    known = sample.decisions
    scores = np.where(known.legal, network.scores(sample.labelled.observations), -np.inf)
    return Decisions(scores, scores.argmax(axis=1), known.equivalent, known.legal)


def _clustered(network: Network, effort: Effort, generator: np.random.Generator) -> Clusterability:
    """Of the weights behind the first layer: those of the inputs outnumber all others, and say what is looked at."""
    chain = dict(list(weight_chain(network.weights()).items())[1:])
    return clusterability(chain, shuffles=effort.shuffles, generator=generator)


def _cut_row(found: Clusterability) -> dict[str, Any]:
    return {"layers": list(found.layers), "units": found.units, "shuffles": found.shuffles, "verdict": found.verdict,
            "cuts": found.rows}  # fmt: skip


def _strong(importance: np.ndarray) -> Mapping[str, Any]:
    """The units that matter most by themselves, and how many matter at all."""
    order = np.argsort(-importance, kind="stable")[:5]
    strongest = [{"unit": int(unit), "importance": float(importance[unit])} for unit in order if importance[unit] > 0]
    return {"matter": int((importance > 0).sum()), "strongest": strongest}
