"""States to look at: where a readout is surest, and where it errs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agentscope.probes.fitting import Outcome, Plan
from agentscope.probes.scoring import best_head, class_indices, concept_order, truth

SHOWN = 10


@dataclass(frozen=True)
class Examples:
    """Rows of state (index into the probed states), output (index into the concept's values), reading and label.

    Attributes:
        top: the highest readings (for choices: states that are named rightly).
        near_misses: the highest readings of false flags, the largest errors of numbers, wrongly named choices.
    """

    top: tuple[Mapping[str, Any], ...]
    near_misses: tuple[Mapping[str, Any], ...]


def examples_of(outcome: Outcome, plan: Plan) -> Examples:
    """Held-out states at both ends; ties go to the earlier state."""
    rows = np.flatnonzero(plan.split.scored)
    target = outcome.target
    labels = truth(target, rows, outcome.view.axes)
    if target.concept.kind == "choice":
        named = outcome.readings[rows][:, :, best_head(outcome, plan)]
        right = named == class_indices(target, labels)
        readings, order = np.array(target.classes)[named], right.astype(np.float64)
        return Examples(_rows(outcome, rows, readings, labels, _spread(order, labels)),
                        _rows(outcome, rows, readings, labels, _spread(1 - order, labels)))  # fmt: skip
    if target.concept.kind == "flag":
        readings = outcome.readings[rows]
        misses = np.where(labels, -np.inf, readings)
    else:
        assert outcome.values is not None
        readings = outcome.values[rows] * target.scale + target.origin
        misses = np.abs(readings - labels)
    return Examples(_rows(outcome, rows, readings, labels, readings), _rows(outcome, rows, readings, labels, misses))


def _spread(chosen: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Rank the chosen cases so that each class comes up in turn, the rarest label no later than the commonest."""
    rank = np.full(chosen.shape, -np.inf)
    for label in np.unique(labels):
        cases = np.flatnonzero((labels == label).ravel() & (chosen.ravel() > 0))
        rank.ravel()[cases] = -np.arange(len(cases))
    return rank


def _rows(
    outcome: Outcome, rows: np.ndarray, readings: np.ndarray, labels: np.ndarray, order: np.ndarray
) -> tuple[Mapping[str, Any], ...]:
    ranked = np.argsort(-order.ravel(), kind="stable")[:SHOWN]
    ranked = ranked[np.isfinite(order.ravel()[ranked])]
    places = concept_order(outcome)
    width = labels.shape[1]
    return tuple(
        {"state": int(rows[i // width]), "output": int(places[i % width]),
         "reading": readings.ravel()[i].item(), "label": labels.ravel()[i].item()}
        for i in ranked
    )  # fmt: skip
