"""Concepts become columns with names that say which value, place and action they are of."""

from dataclasses import replace

import numpy as np

from agentscope.concepts import ActionConcept, Concept
from agentscope.probes import LabelledStates
from agentscope.probes import concept_columns as module
from agentscope.probes.concept_columns import concept_columns
from agentscope.records import Decisions


def concept(name, kind, made=Concept, **more):
    return made(name=name, kind=kind, measure=lambda states: states, doc="made for a test", **more)


LABELS = {
    "door": np.array([True, False, True]),
    "piece": np.array([2, 0, 1]),
    "height": np.array([[1, 2], [3, 4], [5, 6]]),
    "lines": np.array([[0, 1], [2, 3], [4, 5]]),
    "broken": np.array([0.5, np.nan, 1.0]),
}
DATA = LabelledStates(
    np.zeros((3, 1)),
    (concept("door", "flag"), concept("piece", "choice", choices=("I", "O", "T")),
     concept("height", "count", axis=("columns",)), concept("lines", "count", ActionConcept),
     concept("broken", "number")),
    LABELS, np.arange(3),
)  # fmt: skip
CHOSEN = Decisions(np.zeros((3, 2)), np.array([1, 0, 1]), np.zeros((3, 2), np.int64), np.ones((3, 2), dtype=bool))


def test_every_value_has_a_column_of_its_kind():
    columns = concept_columns(DATA, CHOSEN)
    assert list(columns) == ["door", "piece=I", "piece=O", "piece=T", "height[0]", "height[1]", "lines(chosen)"]
    assert columns["piece=T"].tolist() == [True, False, False] and columns["door"].dtype == np.bool_
    assert columns["height[1]"].tolist() == [2.0, 4.0, 6.0] and columns["height[1]"].dtype == np.float64
    assert columns["lines(chosen)"].tolist() == [1.0, 2.0, 5.0]


def test_a_concept_over_the_layers_own_places_is_one_column_of_positions():
    columns = concept_columns(DATA, CHOSEN, places=("columns",))
    assert columns["height"].tolist() == LABELS["height"].tolist() and "height[0]" not in columns
    assert columns["door"].shape == (3,)


def test_a_concept_of_too_many_places_is_left_out(monkeypatch):
    monkeypatch.setattr(module, "MOST_PLACES", 1)
    assert "height[0]" not in concept_columns(DATA, CHOSEN)
    only = replace(DATA, concepts=DATA.concepts[:1])
    assert list(concept_columns(only, CHOSEN)) == ["door"]
