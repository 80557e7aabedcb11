"""A concept's readout on states of the exam: where it reads most, and where it is nearest to being wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Shaped

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import action_concepts_of, concepts_of
from agentscope.errors import ConceptsMissing
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.watching.shots import Reading, ranked_rows
from agentscope.probes.readouts import Readout
from agentscope.records import StateSet


def concept_of(agent: OpenAgent, name: str) -> Concept:
    """The declared concept of this name, of states or of actions.

    Raises: ConceptsMissing: there is none.
    """
    for concept in (*concepts_of(agent.env), *action_concepts_of(agent.env)):
        if concept.name == name:
            return concept
    raise ConceptsMissing(
        f"{agent.env.id} declares no concept {name[:64]!r}: `agentscope concepts` lists those it has."
    )


def concept_readings(
    agent: OpenAgent, concept: Concept, readout: Readout, visited: StateSet
) -> tuple[list[Reading], list[Reading]]:
    """Top states and near misses.

    Of flags the highest readings, and the highest of those where it is false; of numbers the highest readings and the
    largest errors; of choices those that are named rightly, one of each label in turn, and those named wrongly.
    """
    labels = np.asarray(concept.measure(visited.states))
    of_actions = isinstance(concept, ActionConcept)
    if of_actions and readout.actions:
        labels = labels[:, list(readout.actions)]
    seen = agent.network.activations(agent.env.observe(visited.states), readout.layer)
    raw, read = readout.raw(seen), readout.apply(seen)
    flat = labels.reshape(len(labels), -1)
    names = _places(agent, concept, readout if of_actions else None)
    if concept.kind == "choice":
        right = (read == labels).reshape(len(labels), -1)
        codes = read.reshape(len(labels), -1)
        said: list[list[Any]] = [[concept.choices[int(code)] for code in row] for row in codes]
        kinds = [_in_turn(right, flat), _in_turn(~right, flat)]
    else:
        numbers = raw.reshape(len(labels), -1).astype(np.float64)
        said = numbers.tolist()
        misses = np.where(flat, -np.inf, numbers) if concept.kind == "flag" else np.abs(numbers - flat)
        kinds = [numbers, misses]
    top, near = (
        [
            Reading(row, f"{names[place]}: {_value(concept, flat[row, place])}", said[row][place])
            for row, place in ranked_rows(order, visited.episode, spread=concept.kind != "choice")
        ]
        for order in kinds
    )
    return top, near


def _in_turn(chosen: Shaped[np.ndarray, "states outputs"], labels: Shaped[np.ndarray, "states outputs"]) -> np.ndarray:
    """An order of the chosen cases in which each label comes up in turn."""
    order = np.full(chosen.shape, -np.inf)
    for label in np.unique(labels):
        cases = np.flatnonzero(((labels == label) & chosen).ravel())
        order.ravel()[cases] = -np.arange(len(cases))
    return order


def _places(agent: OpenAgent, concept: Concept, of_actions: Readout | None) -> list[str]:
    """What each value of a concept is called, in the order of its flattened values: `height(column3)`."""
    axes: list[Sequence[str]] = []
    if of_actions is not None:
        names = agent.env.action_names
        axes.append([names[action] for action in of_actions.actions] if of_actions.actions else names)
    axes += [agent.env.axes[axis] for axis in concept.axis]
    told = [""]
    for labels in axes:
        told = [f"{before}, {label}" if before else label for before in told for label in labels]
    return [f"{concept.name}({each})" if each else concept.name for each in told]


def _value(concept: Concept, value: np.generic) -> str:
    if concept.kind == "choice":
        return concept.choices[int(value)]  # type: ignore[call-overload,no-any-return]
    if concept.kind == "flag":
        return "yes" if value else "no"
    return f"{float(value):.4g}"  # type: ignore[arg-type]


def units_of(row: Mapping[str, object]) -> list[str]:
    """Names of the units that a primitive's evidence names, the most important first."""
    circuit = row.get("circuit")
    inside = circuit.get("units") if isinstance(circuit, Mapping) else None
    found = [*_names(row.get("units")), *_names(inside)]
    return list(dict.fromkeys(found))


def _names(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else []
