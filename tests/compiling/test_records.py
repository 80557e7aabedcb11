"""The record tells the truth: the units that it names hold the concept, and the action follows them."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agentscope.agents import network_from_model
from agentscope.compiling import SUBJECTS, CarriedConcept, Carrier, encode
from agentscope.language import bind_state, evaluate
from tests.compiling.conftest import Case, case

KINDS = [
    (found.recipe.name, activation, level)
    for found in SUBJECTS
    for activation in found.activations
    for level in ("L0", "L1")
]


def some(known: Case, most: int = 1_500) -> np.ndarray:
    """Rows spread over all states."""
    return np.arange(0, len(known.states), 1 + len(known.states) // most)


def concept_values(known: Case, carried: CarriedConcept, states: np.ndarray) -> np.ndarray:
    declared = next(concept for concept in known.env.concepts if concept.name == carried.concept)
    return declared.measure(states)[(slice(None), *carried.arguments)]


def set_everywhere(env: Any, carried: CarriedConcept, value: int) -> Any:
    """The environment in which one concept, at one place, has one value in every state."""

    def pinned(concept: Any) -> Any:
        def measure(states: np.ndarray) -> np.ndarray:
            values = np.array(concept.measure(states))
            values[(slice(None), *carried.arguments)] = value
            return values

        return replace(concept, measure=measure) if concept.name == carried.concept else concept

    other = copy.copy(env)
    other.concepts = tuple(map(pinned, env.concepts))
    return other


def patched(network: Any, carrier: Carrier, value: int, activation: str) -> Any:
    held = encode(carrier, np.array([value]), activation)[0]

    def patch(output: np.ndarray) -> np.ndarray:
        changed = output.copy()
        changed[:, list(carrier.units), *(() if carrier.place is None else (carrier.place,))] = held
        return changed

    return network.with_patch(carrier.layer, patch)


@pytest.mark.parametrize(("name", "activation", "level"), KINDS)
def test_the_named_units_hold_the_concept_in_every_layer(name: str, activation: str, level: str) -> None:
    known = case(name)
    rows = some(known)
    network = network_from_model(known.model("DQN", activation, level))
    activations = network.activations_of(known.observations[rows], [layer.name for layer in network.layers])
    for carried in known.agent("DQN", activation, level).record.concepts:
        values = concept_values(known, carried, known.states[rows])
        assert values.min() >= carried.low and values.max() <= carried.high
        assert len(carried.carriers) > 0
        for carrier in carried.carriers:
            place = () if carrier.place is None else (carrier.place,)
            held = activations[carrier.layer][:, list(carrier.units), *place]
            assert np.array_equal(held, encode(carrier, values, activation)), (carried.concept, carrier.layer)


@pytest.mark.parametrize(("name", "activation", "level"), KINDS)
def test_setting_the_named_units_is_setting_the_concept(name: str, activation: str, level: str) -> None:
    known = case(name)
    rows = some(known, 300)
    observations, states = known.observations[rows], known.states[rows]
    network = network_from_model(known.model("DQN", activation, level))
    scores = network.scores(observations)
    for carried in known.agent("DQN", activation, level).record.concepts:
        changed = 0
        for value in sorted({carried.low, (carried.low + carried.high) // 2, carried.high}):
            found = patched(network, carried.carriers[0], value, activation).scores(observations)
            if carried.status == "unused":
                assert np.array_equal(found, scores), carried.concept
                continue
            binding = bind_state(set_everywhere(known.env, carried, value))
            said = evaluate(known.program, binding, states).actions
            assert np.array_equal(found.argmax(axis=1), said), (carried.concept, value)
            changed += int((said != known.actions[rows]).sum())
        assert carried.status == "unused" or changed > 0, f"{carried.concept} is said to be used"


def test_used_unused_and_absent_share_out_the_concepts_of_the_world() -> None:
    for found in SUBJECTS:
        record = case(found.recipe.name).agent("DQN", "ReLU", "L0").record
        used = {one.concept for one in record.concepts if one.status == "used"}
        unused = {one.concept for one in record.concepts if one.status == "unused"}
        assert used and not used & unused and set(found.recipe.also) == unused
        assert {*used, *unused, *record.absent} == {concept.name for concept in case(found.recipe.name).env.concepts}


@pytest.mark.parametrize("activation", ["ReLU", "Tanh"])
@pytest.mark.parametrize("name", ["trigger", "greedy"])
def test_dead_units_never_change_and_have_readers(name: str, activation: str) -> None:
    known = case(name)
    agent = known.agent("DQN", activation, "L1")
    network = network_from_model(known.model("DQN", activation, "L1"))
    assert {layer for layer, _ in agent.record.dead} == {f"hidden_{i + 1}" for i in range(len(agent.record.hidden))}
    for layer, units in agent.record.dead:
        output = network.activations(known.observations, layer)[:, list(units)]
        assert (np.ptp(output, axis=0) == 0).all() and len(units) >= 1
        reader = agent.layers[int(layer.removeprefix("hidden_"))]
        assert (np.abs(reader.weight[:, list(units)]) > 0).any(axis=0).all()


def test_a_record_is_plain_json_that_names_its_texts_and_its_learned_twin() -> None:
    record = case("keydoor").agent("PPO", "Tanh", "L1").record
    told = json.loads(record.to_json())
    assert told["schema"] == "agentscope/compiled/1" and told["level"] == "L1" and told["seed"] == 7
    assert told["program"] == case("keydoor").subject.recipe.program and told["learned_twin"] == "keydoor-ppo"
    assert told["reads"][2] == ["channels", ["kind", "key_cell", "door_cell", "locked_cell", "goal_cell"]]
    assert 0 < told["margin"] < 1 and told["largest_sum"] < 2**24
