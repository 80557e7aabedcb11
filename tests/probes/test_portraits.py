"""What is drawn of a concept: the rarest label that shows, the value that is read best, the unit that follows it."""

from dataclasses import dataclass

import numpy as np
import pytest

from agentscope.concepts import Concept
from agentscope.contracts import Layer
from agentscope.pipeline import open_agent
from agentscope.probes.portraits import carrier_portrait, readout_portrait, unit_portrait
from agentscope.probes.readouts import Readout
from tests.toy_networks import ClosedNetwork


@dataclass(frozen=True)
class Dense(ClosedNetwork):
    """One dense layer of three units, and one of two channels over four columns."""

    observation_shape, actions = (3,), 2
    layers: tuple = (Layer("hidden", (3,), ("",)), Layer("columns", (2, 4), ("", "columns")))


@pytest.fixture(scope="module")
def env():
    return open_agent("tetris-dqn").env  # for the names of its columns and actions


def nothing(states):
    raise AssertionError("labels are given")


def readout(columns, *, classes=(), shape=(), action_dims=0):
    weights = np.arange(3.0 * columns).reshape(3, columns)
    return Readout("thing", "flag", "hidden", weights, np.arange(float(columns))[None], classes, (3,), (), shape, (),
                   action_dims)  # fmt: skip


def test_of_a_choice_the_rarest_label_that_shows_often_enough_is_drawn(env):
    concept = Concept(name="thing", kind="choice", measure=nothing, doc="d", choices=("wall", "key", "lava", "goal"))
    labels = np.repeat([0, 1, 3], [50, 12, 3])  # lava never, the goal too seldom
    found = readout_portrait(Dense(), env, readout(4, classes=(0, 1, 2, 3)), concept, labels=labels)
    assert found.drive.name == "thing=key" and found.told == "the readout of thing=key in hidden"
    assert found.drive.weights == (1.0, 5.0, 9.0) and found.drive.offsets == (1.0,)


def test_of_several_values_the_one_that_is_read_best_is_drawn(env):
    concept = Concept(name="thing", kind="flag", measure=nothing, doc="d", axis=("columns",))
    values = [{"at": (i,), "score": score} for i, score in enumerate((0.5, None, 0.9, 0.7))]
    found = readout_portrait(
        Dense(), env, readout(4, shape=(4,)), concept, labels=np.zeros((9, 4), bool), values=values
    )
    assert found.drive.name == "thing[column2]" and found.drive.weights == (2.0, 6.0, 10.0)


def test_values_of_an_action_concept_are_named_by_the_action(env):
    concept = Concept(name="thing", kind="flag", measure=nothing, doc="d")
    values = [{"at": (0,), "score": 0.1}, {"at": (1,), "score": 0.2}]
    drawn = readout(2, shape=(2,), action_dims=1)
    found = readout_portrait(Dense(), env, drawn, concept, labels=np.zeros((9, 2), bool), values=values)
    assert found.drive.name == f"thing[{env.action_names[1]}]" and found.drive.offsets == (1.0,)


def test_the_unit_that_follows_the_concept_is_found_whatever_its_sign():
    rng = np.random.default_rng(0)
    flag = rng.random(200) < 0.4
    activations = rng.normal(size=(200, 3)).astype(np.float32)
    activations[:, 1] -= 5 * flag
    found = unit_portrait(Dense(), "hidden", activations, {"noise": rng.random(200) < 0.5, "thing": flag})
    assert found is not None and found.drive.units == (1,) and "goes best with thing (R2 0.8" in found.told


def test_a_shared_unit_is_compared_place_by_place_where_the_concept_has_places():
    rng = np.random.default_rng(0)
    here = rng.random((100, 4)) < 0.3
    activations = rng.normal(size=(100, 2, 4)).astype(np.float32)
    activations[:, 1] += 8 * here
    found = unit_portrait(Dense(), "columns", activations, {"here": here})
    assert found is not None and found.drive.units == (1,) and found.drive.axes == ("columns",)
    anywhere = unit_portrait(Dense(), "columns", activations, {"anywhere": here.any(axis=1)})
    assert anywhere is not None and anywhere.drive.units == (1,)


@pytest.mark.parametrize("constant", ["activations", "concept"])
def test_nothing_is_drawn_of_what_does_not_vary(constant):
    activations = (
        np.ones((50, 3), np.float32) if constant == "activations" else np.random.default_rng(0).random((50, 3))
    )
    flag = np.arange(50) % 2 == 0 if constant == "activations" else np.zeros(50, bool)
    assert unit_portrait(Dense(), "hidden", activations, {"thing": flag}) is None


def test_a_carrier_is_drawn_by_its_index_in_the_flattened_layer():
    found = carrier_portrait("columns[7]", "thing")
    assert found is not None and found.told == "columns[7], the first of the units that carry thing"
    activations = np.arange(16.0, dtype=np.float32).reshape(2, 2, 4)
    view = found.drive.view(Dense())
    assert view.arrange(activations)[:, 0, list(found.drive.units)].ravel().tolist() == [7.0, 15.0]
    assert carrier_portrait("columns", "thing") is None
