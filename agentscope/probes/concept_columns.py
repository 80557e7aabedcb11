"""Concepts as columns that groups can be compared with: one flag for each choice, one column for each place."""

from __future__ import annotations

import numpy as np

from agentscope.concepts import ActionConcept, Concept
from agentscope.probes.targets import LabelledStates
from agentscope.records import Decisions

MOST_PLACES = 100  # values of one concept that become columns each; above, as for every cell of a board, it is left out


def concept_columns(
    data: LabelledStates, decisions: Decisions, *, places: tuple[str, ...] = ()
) -> dict[str, np.ndarray]:
    """Columns by name: `has_key`, `piece=T`, `height[3]`, and for action concepts `lines(chosen)`.

    Args:
        decisions: of the same states: action concepts are taken at the chosen action.
        places: axes over which the layer's units are repeated; a concept over just these is one column of shape
            (n, positions), compared place by place.
    Returns: bool for flags and choices, float64 for counts and numbers; columns that are not finite are left out.
    """
    columns: dict[str, np.ndarray] = {}
    for concept in data.concepts:
        name, values = concept.name, np.asarray(data.labels[concept.name])
        if isinstance(concept, ActionConcept):
            name, values = f"{name}(chosen)", values[np.arange(len(values)), decisions.actions]
        flat = values.reshape(len(values), -1)
        if places and concept.axis == places:
            columns |= _by_kind(concept, name, flat)
        elif not concept.axis:
            columns |= _by_kind(concept, name, flat[:, 0])
        elif flat.shape[1] <= MOST_PLACES:
            for index, place in enumerate(np.ndindex(values.shape[1:])):
                columns |= _by_kind(concept, f"{name}[{','.join(map(str, place))}]", flat[:, index])
    return {name: values for name, values in columns.items() if np.isfinite(values).all()}


def _by_kind(concept: Concept, name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    if concept.kind == "choice":
        return {f"{name}={choice}": values == code for code, choice in enumerate(concept.choices)}
    return {name: values.astype(bool if concept.kind == "flag" else np.float64)}
