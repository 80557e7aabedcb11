"""Readouts that ground a text: what a line cannot read, random features read; counts are choices among their values."""

from types import MappingProxyType

import numpy as np

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import Layer
from agentscope.probes.grounding import fit_grounded
from agentscope.probes.targets import LabelledStates
from tests.toy_networks import ClosedNetwork

FORMS = ("linear", "linear, by class")


class Two(ClosedNetwork):
    """Two layers: the input as it is, and only its first unit."""

    name, sha256, algorithm, parameters = "two", "0" * 64, "DQN", 0
    layers = (Layer("wide", (2,), ("",)), Layer("narrow", (1,), ("",)))
    notices, observation_shape, actions = (), (2,), 3
    architecture = MappingProxyType({})

    def activations_of(self, observations, layers):
        known = {"wide": observations, "narrow": observations[:, :1]}
        return {name: known[name].astype(np.float32) for name in layers}


def labelled(kind, values, observations):
    concept = Concept(
        name="asked", kind=kind, measure=lambda s: s, doc="?", choices=("a", "b") if kind == "choice" else ()
    )
    return LabelledStates(observations, (concept,), {"asked": values}, np.repeat(np.arange(20), len(values) // 20))


def found_for(data):
    found = fit_grounded(Two(), data, ("wide", "narrow"), generator=np.random.default_rng(0))
    return {(each.layer, each.form): each for each in found}


def test_random_features_read_what_no_line_can():
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(2000, 2))
    xor = signs[:, 0] * signs[:, 1] > 0
    found = found_for(labelled("flag", xor, signs))
    assert found["wide", "linear"].score < 0.6 < 0.95 < found["wide", "non-linear"].score
    assert found["narrow", "non-linear"].score < 0.6  # it is not there
    read = found["wide", "non-linear"].read(signs.astype(np.float32))
    assert read.dtype == bool and (read == xor).mean() > 0.97
    assert set(found["wide", "non-linear"].to_arrays()) == {"lift_mean", "lift_scale", "lift_weights", "lift_bias"}
    assert found["wide", "linear"].to_arrays() == {}


def test_a_count_is_read_as_a_choice_among_its_values_too():
    generator = np.random.default_rng(1)
    angle = generator.integers(5, size=2000)
    values = np.array([0, 7, 1, 9, 4])[angle]  # on a circle in no order: no line gives them
    shown = np.stack([np.cos(angle * 1.2566), np.sin(angle * 1.2566)], axis=1)
    found = found_for(labelled("count", values, shown))
    assert found["wide", "linear"].score < 0.7
    by_class = found["wide", "linear, by class"]
    assert by_class.concept == "asked" and by_class.score > 0.99
    read = by_class.read(shown.astype(np.float32))
    assert read.dtype == np.int64 and (read == values).all()


def test_a_number_of_few_values_is_read_as_exactly_one_of_them():
    generator = np.random.default_rng(5)
    values = np.array([-1.5, 0.0, 2.0])[generator.integers(3, size=2000)]
    shown = np.stack([values, values], axis=1) + generator.normal(size=(2000, 2)) * 0.05
    found = found_for(labelled("number", values, shown))
    plain, by_class = (found["narrow", form].read(shown[:, :1].astype(np.float32)) for form in FORMS)
    assert (plain <= 0).mean() < (values <= 0).mean() - 0.1  # half of the zeros are read as a little more
    assert by_class.dtype == np.float64 and (by_class == values).all()
    assert found["narrow", FORMS[1]].to_arrays()["values"].tolist() == [-1.5, 0.0, 2.0]


def test_what_does_not_vary_has_no_readout():
    shown = np.random.default_rng(2).normal(size=(400, 2))
    assert found_for(labelled("flag", np.zeros(400, dtype=bool), shown)) == {}


def test_same_seed_same_readouts():
    shown = np.random.default_rng(3).normal(size=(600, 2))
    one, two = (found_for(labelled("number", shown[:, 0] * shown[:, 1], shown)) for _ in range(2))
    assert {key: each.score for key, each in one.items()} == {key: each.score for key, each in two.items()}
    key = ("wide", "non-linear")
    assert np.array_equal(one[key].readout.weights, two[key].readout.weights)


def test_concepts_of_actions_are_read_for_every_action():
    shown = np.random.default_rng(4).normal(size=(600, 2))
    values = shown[:, :1] * np.array([1.0, 2.0, -1.0])
    concept = ActionConcept(name="asked", kind="number", measure=lambda s: s, doc="?")
    data = LabelledStates(shown, (concept,), {"asked": values}, np.repeat(np.arange(20), 30), ("actions",), (3,))
    found = found_for(data)
    read = found["narrow", "linear"].read(shown[:, :1].astype(np.float32))
    assert read.shape == (600, 3) and np.abs(read - values).max() < 0.01
