"""Why a text acts so, in a corridor where the answer can be told by hand."""

import numpy as np
import pytest

from agentscope import language
from agentscope.concepts import Concept
from agentscope.rollouts import decide
from agentscope.verification import explain_choice

CONCEPTS = (
    Concept(name="lamp", kind="flag", measure=lambda states: states["lamp"], doc="The lamp is on."),
    Concept(name="cell", kind="count", measure=lambda states: states["position"], doc="Where the walker is."),
)
COPY = "def strategy(state):\n    if lamp():\n        return hop\n    return right\n"


@pytest.fixture
def explain(corridor, walker):
    """The explanation of a text in the corridor's state with this cell and lamp."""
    corridor.concepts = CONCEPTS

    def ask(text, *, cell, lamp):
        state = np.array([(0, 0, 0, cell, lamp)], dtype=corridor.state_dtype)
        program = language.parse(text, language.vocabulary_of(corridor))
        return explain_choice(program, corridor, state, decide(walker, corridor, state))

    return ask


def test_the_deciding_line_the_values_and_the_change_that_flips_it(explain):
    assert explain(COPY, cell=2, lamp=True) == {
        "action": "hop",
        "network_action": "hop",
        "agree": True,
        "line": 3,
        "line_text": "return hop",
        "values": {"lamp()": True},
        "nearest_change": {"feature": "lamp", "to": 2, "action": "right"},  # the corridor tells the cell as the value
    }


def test_a_disagreement_is_told(explain):
    found = explain("def strategy(state):\n    return left\n", cell=2, lamp=False)
    assert (found["action"], found["network_action"], found["agree"]) == ("left", "right", False)
    assert found["values"] == {} and found["nearest_change"] is None


def test_an_equivalent_action_is_no_change(explain):
    text = "def strategy(state):\n    if lamp():\n        return stay\n    return wait\n"
    assert explain(text, cell=2, lamp=True)["nearest_change"] is None


def test_the_smaller_of_two_changes_is_named(explain):
    text = "def strategy(state):\n    if lamp() or cell() == 3:\n        return hop\n    return right\n"
    found = explain(text, cell=2, lamp=False)  # the cell changes two numbers of the observation, the lamp one
    assert found["nearest_change"]["feature"] == "lamp"
    assert found["values"] == {"lamp()": False, "cell()": 2}


def test_an_illegal_change_does_not_count(explain, corridor, monkeypatch):
    made = corridor.edits

    def only_cells_are_legal(states):
        edits = made(states)
        edits.legal[::2] = False
        return edits

    monkeypatch.setattr(corridor, "edits", only_cells_are_legal)
    assert explain(COPY, cell=2, lamp=True)["nearest_change"] is None


def test_where_no_edit_is_known_to_be_legal_all_count(explain, corridor, monkeypatch):
    made = corridor.edits

    def unknown(states):
        edits = made(states)
        edits.legal[:] = False
        return edits

    monkeypatch.setattr(corridor, "edits", unknown)
    assert explain(COPY, cell=2, lamp=True)["nearest_change"]["feature"] == "lamp"
