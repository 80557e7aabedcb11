"""Names of units of a simplified network: a concept's where swaps and erasure agree, else a description."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from agentscope import probes
from agentscope.integers import IntegerNetwork, shapes_of
from agentscope.pipeline.naming import name_units
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.running import Run
from agentscope.pipeline.using import UseTests
from agentscope.records import Primitive, StateSet

ERASED = 0.10  # erasure must change so many more choices than random erasures of equal rank
DESCRIBED = 12  # units without a name that are described, those that matter most
_UNIT = re.compile(r"([a-z][a-z0-9_]*)\[(\d+)\]")


@dataclass(frozen=True)
class Christened:
    """What is known of single units.

    Attributes:
        names: by unit, e.g. "hidden_1[3]": what evidence calls it.
        why: by unit: the evidence, or the best description of a unit that has no name.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)


def christen(
    agent: OpenAgent, network: Any, integers: IntegerNetwork, exam: StateSet, effects: Mapping[str, float], run: Run
) -> Christened:
    """Test the simplified network's concepts for use, and name the units that carry those that are used.

    Args:
        network: the simplified one, as it is deployed.
        effects: by unit, the share of decisions that it touches.
    """
    simplified = replace(agent, name=network.name, network=network)
    labelled = probes.label_states(agent.env, exam.states, exam.episode)
    probing = probes.probe_concepts(
        network, labelled, twins=(), generator=run.streams.generator("names.probes"), progress=run.progress
    )
    tested = UseTests(simplified, exam, (), run).test(probing.primitives)
    shapes = shapes_of(integers.stages, integers.observation)
    found: dict[str, list[tuple[float, str, str]]] = {}
    for one in tested:
        if agreed(one.primitive):
            for unit in one.primitive.units:
                place = _place(unit, shapes)
                if place is not None:
                    strength = float(one.primitive.evidence.interchange or 0.0)
                    found.setdefault(place, []).append((strength, one.primitive.concept, _told(one.primitive)))
    names, why = {}, {}
    for place, candidates in sorted(found.items()):
        _, concept, told = max(candidates)
        stage, unit = _UNIT.fullmatch(place).groups()  # type: ignore[union-attr]
        names[place], why[place] = f"{concept}_{stage}_{unit}", told
    return Christened(names, {**_descriptions(simplified, exam, effects, shapes, run), **why})


def agreed(primitive: Primitive) -> bool:
    """Whether swapping and erasing the concept both say that its units are used."""
    evidence = primitive.evidence
    if primitive.use != "used" or evidence.erasure is None or evidence.erasure_control is None:
        return False
    return evidence.erasure - evidence.erasure_control >= ERASED


def _told(primitive: Primitive) -> str:
    evidence = primitive.evidence
    return (
        f"carries {primitive.concept}: {evidence.interchange:.2f} of choices follow a swap of its units, erasing it "
        f"changes {evidence.erasure:.2f} (random {evidence.erasure_control:.2f})"
    )


def _place(unit: str, shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """A unit of a flattened layer as a unit of the stage, which is the same at all its places."""
    found = _UNIT.fullmatch(unit)
    if found is None or found[1] not in shapes:
        return None
    places = int(np.prod(shapes[found[1]][1:]))
    return f"{found[1]}[{int(found[2]) // places}]"


def _descriptions(
    simplified: OpenAgent,
    exam: StateSet,
    effects: Mapping[str, float],
    shapes: Mapping[str, tuple[int, ...]],
    run: Run,
) -> dict[str, str]:
    """The short expression that predicts a unit best, in the middle column where it has columns."""
    importance: dict[str, np.ndarray] = {}
    for place, effect in effects.items():
        found = _UNIT.fullmatch(place)
        if found is None:
            continue
        stage, unit = found[1], int(found[2])
        places = int(np.prod(shapes[stage][1:]))
        importance.setdefault(stage, np.zeros(shapes[stage][0] * places))[unit * places + places // 2] = effect
    rows = name_units(
        simplified, exam, importance, generator=run.streams.generator("names.described"), most=DESCRIBED,
        in_all=DESCRIBED, most_edits=run.budget.lesson_states // 2,
    )  # fmt: skip
    described = {}
    for row in rows:
        where = _place(f"{row['layer']}[{row['unit']}]", shapes)
        if where is not None:
            described[where] = str(row["told"])
    return described
