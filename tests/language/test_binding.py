"""Level 2: the same text, its concepts read from a network's activations."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest

from agentscope.errors import ContractBroken, TextError
from agentscope.language import Batch, bind_network, bind_state, evaluate, parse
from tests.toy_networks import ClosedNetwork

TEXT = "def strategy(state):\n    return argmax(actions, key=lambda a: -after(a, height, west) + total(a))\n"


class Echo(ClosedNetwork):
    """A network whose one layer shows the observation; it counts how often it is asked."""

    name, sha256, algorithm, parameters = "echo", "0" * 64, "DQN", 0
    layers, notices, observation_shape, actions = (), (), (6,), 4
    architecture = MappingProxyType({})

    def __init__(self):
        self.asked = 0

    def scores(self, observations, legal=None):
        raise AssertionError("a text is read from activations")

    def with_patch(self, layer, patch):
        return self

    def weights(self):
        return {}

    def reading_weights(self, layer):
        return None

    def activations_of(self, observations, layers):
        return {layer: self.activations(observations, layer) for layer in layers}

    def scores_with(self, observations, outputs, legal=None):
        raise AssertionError("a text is read from activations")

    def pull_back(self, observations, layer, outputs, cotangents):
        raise AssertionError("a text is read from activations")

    def activations(self, observations, layer):
        assert layer == "trunk"
        self.asked += 1
        return observations


class Readouts:
    """Reads heights (a little off), the piece, the lamp and the drift from the echo."""

    def layer_of(self, concept):
        return "trunk"

    def read(self, concept, activations):
        if concept == "total":
            piece = activations[:, 3:4] + 1
            return activations[:, :3].sum(axis=1, keepdims=True) + np.concatenate([piece] * 3 + [piece * 0], axis=1)
        return {"height": activations[:, :3] + 0.3, "piece": activations[:, 3], "lamp": activations[:, 4],
                "drift": activations[:, 5]}[concept]  # fmt: skip


def keeping_chance(env):
    class Keeping(type(env)):
        def with_chance_of(self, successors, states):
            kept = successors.copy()
            kept["piece"] = states["piece"]
            return kept

    return Keeping()


def test_the_same_text_reads_the_network(env, vocabulary, binding, states):
    network = Echo()
    grounded = bind_network(network, keeping_chance(env), Readouts())
    assert (grounded.level, binding.level) == (2, 1)
    text = "def strategy(state):\n    if lamp() and drift() > 0.5:\n        return wait\n"
    text += "    return (height(0) + piece()) % 4\n"
    program = parse(text, vocabulary)
    assert (evaluate(program, grounded, states).actions == evaluate(program, binding, states).actions).all()
    assert network.asked == 1, "one layer is asked once a chunk, however many concepts are read from it"


def test_readouts_of_counts_are_rounded_and_kept_in_bounds(env, vocabulary, states):
    class Wild(Readouts):
        def read(self, concept, activations):
            return np.full((len(activations), 3), [[-5.0, 4.6, 1e9]])

    text = "def strategy(state):\n    return 1 if height(0) == 0 and height(1) == 5 and height(2) == 20 else 0\n"
    assert set(evaluate(parse(text, vocabulary), bind_network(Echo(), env, Wild()), states).actions) == {1}


def test_afterstates_show_the_network_the_current_chance_values(env, vocabulary, binding, states):
    seen = []

    class Watching(Echo):
        def activations(self, observations, layer):
            seen.append(observations[:, 3].copy())
            return observations

    text = "def strategy(state):\n    return 3 if after(wait, drift) > 0 else 0\n"
    program = parse(text, vocabulary)
    found = evaluate(program, bind_network(Watching(), keeping_chance(env), Readouts()), states)
    assert (found.actions == evaluate(program, binding, states).actions).all()
    rows = np.nonzero(env.legal_actions(states))[0]
    assert (np.concatenate(seen) == states["piece"][rows]).all()


def test_without_a_way_to_keep_chance_afterstates_are_refused(env, vocabulary, states):
    with pytest.raises(TextError, match="with_chance_of"):
        evaluate(parse(TEXT, vocabulary), bind_network(Echo(), env, Readouts()), states)


def test_a_readout_of_the_wrong_shape_breaks_the_contract(env, vocabulary, states):
    class Flat(Readouts):
        def read(self, concept, activations):
            return activations[:, 0]

    with pytest.raises(ContractBroken, match="height has shape"):
        evaluate(parse("def strategy(state):\n    return height(0) % 4\n", vocabulary),
                 bind_network(Echo(), env, Flat()), states)  # fmt: skip


def test_concepts_without_a_readout_are_measured_on_the_state(env, states, vocabulary):
    class NoHeights(Readouts):
        def read(self, concept, activations):
            assert concept != "height"
            return super().read(concept, activations)

    bound = bind_network(Echo(), keeping_chance(env), NoHeights(), from_state=("height",))
    program = parse("def strategy(state):\n    return height(west) if lamp() else 3\n", vocabulary)
    states = states.copy()
    states["heights"][:, 0], states["lamp"] = 2, True
    assert set(evaluate(program, bound, states).actions.tolist()) == {2}


def test_one_primitive_at_a_time_comes_from_the_network(env, states, vocabulary):
    class Opposite(Readouts):
        def read(self, concept, activations):
            values = super().read(concept, activations)
            return 1 - values if concept == "lamp" else values * 0

    program = parse("def strategy(state):\n    return 1 if lamp() and height(west) > 0 else 0\n", vocabulary)
    states = states.copy()
    states["heights"][:, 0], states["lamp"] = 2, False
    network = bind_network(Echo(), keeping_chance(env), Opposite())
    batches = [Batch(binding, states, lane_bytes=program.lane_bytes) for binding in (bind_state(env), network)]
    for batch in batches:
        batch.measure(("lamp", "height"))
    mine, theirs = batches
    found = {}
    for names in ((), ("lamp",), ("height",), ("lamp", "height")):
        found[names] = set(evaluate(program, mine.binding, mine.mixed(theirs, names)).actions.tolist())
    assert found == {(): {0}, ("lamp",): {1}, ("height",): {0}, ("lamp", "height"): {0}}
    assert set(evaluate(program, mine.binding, mine).actions.tolist()) == {0}  # the batch itself stays as it was
