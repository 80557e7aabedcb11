"""Names: what an environment gives to texts, and what is refused."""

from __future__ import annotations

import pickle

import pytest

from agentscope.concepts import Concept
from agentscope.errors import ContractBroken, TextError
from agentscope.language import parse_expression, vocabulary_of
from agentscope.language.kinds import value_of


def test_constants_are_action_names_axis_labels_and_choices(vocabulary):
    constants = vocabulary.constants
    assert constants["put_left"] == 0 and constants["wait"] == 3
    assert constants["west"] == 0 and constants["east"] == 2
    assert constants["O"] == 1 and constants["flat"] == 0
    assert "0" not in constants, "a label that is no identifier is no constant"


def test_one_name_with_two_indices_is_ambiguous_only_when_used(vocabulary):
    assert "T" not in vocabulary.constants
    with pytest.raises(TextError, match=r"T is ambiguous: 0 in axis pieces and choice of piece, 1 in choice of ground"):
        parse_expression("piece() == T", vocabulary)
    assert parse_expression("piece() == O", vocabulary).kind == "bool"


def test_the_same_index_from_two_owners_is_no_ambiguity(vocabulary):
    assert vocabulary.meanings["O"] == {1: ["axis pieces", "choice of piece"]}


def test_signatures_say_how_a_concept_is_called(vocabulary):
    lifted = vocabulary.signature("lifted")
    assert lifted.of_action and lifted.axis == ("columns",) and lifted.kind == "count"
    assert vocabulary.signature("piece").chance and not vocabulary.signature("lamp").should_matter
    assert vocabulary.signature("nothing") is None


def with_concept(env, concept):
    return type("Other", (type(env),), {"concepts": (concept,), "action_concepts": ()})()


def test_bounds_come_from_the_declaration_or_a_documented_default(env, vocabulary):
    assert value_of(vocabulary.signature("height")).high == 20
    plain = Concept(name="n", kind="count", measure=len, doc="")
    assert value_of(vocabulary_of(with_concept(env, plain)).signature("n")).high == 2**31


@pytest.mark.parametrize("change", [{"name": "for"}, {"name": "two words"}, {"name": "sum"}, {"axis": ("nowhere",)}])
def test_a_concept_that_no_text_can_name_breaks_the_contract(env, change):
    parts = {"name": "fine", "kind": "flag", "measure": len, "doc": ""} | change
    with pytest.raises(ContractBroken):
        vocabulary_of(with_concept(env, Concept(**parts)))


def test_vocabularies_compare_by_value_and_travel_to_workers(env, vocabulary):
    assert vocabulary_of(env) == vocabulary
    assert pickle.loads(pickle.dumps(vocabulary)) == vocabulary
