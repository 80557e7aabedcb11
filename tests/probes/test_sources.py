"""Shared readouts, folding of wide layers, the raw input as a control, and the choice's linear rules."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import Layer
from agentscope.errors import ConceptsMissing, ContractBroken, EmptySample
from agentscope.probes import LabelledStates, label_states, probe_concepts
from agentscope.probes.fitting import Plan, probe_source
from agentscope.probes.logistic import logistic_outcomes
from agentscope.probes.scoring import score
from agentscope.probes.sources import View, input_source, random_source, raw_input, view_of
from agentscope.probes.splits import VALIDATION, split_episodes
from agentscope.probes.targets import action_layout, draw_donors, make_target
from tests.toy_networks import ClosedNetwork

WIDTH = 6
STATE = np.dtype([("layout", np.int16), ("value", np.float64)])


@dataclass(frozen=True)
class Columns(ClosedNetwork):
    """One layer of 10 channels along the columns: each column's own sum stands in one of them, times a sign."""

    channels: int = 10
    layers: tuple = (Layer("columns", (10, WIDTH), ("", "columns")),)
    observation_shape: tuple = (4, WIDTH)
    actions: int = 2 * WIDTH

    def activations(self, observations, layer):
        sums = observations.sum(axis=1).astype(np.float32)
        channels = np.random.default_rng(0).normal(size=(self.channels, 1)).astype(np.float32)
        return sums[:, None, :] * channels + channels


@dataclass(frozen=True)
class Wide(Columns):
    """One layer of many units, each the first number of the observation times its own weight."""

    layers: tuple = (Layer("wide", (300,), ("",)),)
    observation_shape: tuple = (2,)

    def activations(self, observations, layer):
        pattern = np.random.default_rng(9).normal(size=300).astype(np.float32)
        return observations.astype(np.float32)[:, :1] * pattern


@dataclass(frozen=True)
class Levels:
    """As much of an environment as labelling asks for: one number a state."""

    action_names: tuple = ("go",)
    axes: dict = field(default_factory=dict)
    concepts: tuple = ()
    id: str = "Levels-v0"
    kwargs: dict = field(default_factory=dict)
    state_dtype: np.dtype = STATE
    observation_space: object = None
    action_space: object = None

    def reset(self, seeds):
        raise NotImplementedError

    def observe(self, states):
        return states["value"][:, None]

    def step(self, states, actions):
        raise NotImplementedError


def concept(name, kind="count", made=Concept, **more):
    return made(name=name, kind=kind, measure=lambda states: states, doc="made for a test", **more)


@pytest.fixture(scope="module")
def board():
    rng = np.random.default_rng(0)
    observations = rng.integers(0, 2, size=(600, 4, WIDTH)).astype(np.uint8)
    heights = observations.sum(axis=1).astype(np.int64)
    by_action = np.stack([heights, heights**2], axis=1).reshape(600, 2 * WIDTH)
    return LabelledStates(
        observations,
        (concept("height", axis=("columns",)), concept("landing", made=ActionConcept), concept("total")),
        {"height": heights, "landing": by_action, "total": heights.sum(axis=1)},
        np.repeat(np.arange(20), 30), ("rotations", "columns"), (2, WIDTH),
    )  # fmt: skip


def plan_of(data):
    rng = np.random.default_rng(1)
    return Plan(data, split_episodes(data.episodes, rng), draw_donors(data, rng))


def test_a_layer_with_the_concepts_axis_is_read_by_one_shared_readout(board):
    probing = probe_concepts(Columns(), board, twins=[], generator=np.random.default_rng(0))
    height, landing, total = probing.primitives
    assert height.score > 0.999 and height.layers[0]["read"] == "shared over columns" and height.layers[0]["dims"] == 10
    assert landing.layers[0]["read"] == "shared over columns" and 0.9 < landing.score < 0.999
    assert total.layers[0]["read"] == "whole" and total.layers[0]["dims"] == 60 and total.score > 0.999
    activations = Columns().activations(board.observations, "columns")
    np.testing.assert_array_equal(probing.readouts["height"].apply(activations), board.labels["height"])
    landing_values = probing.readouts["landing"].raw(activations)
    assert landing_values.shape == (600, 2 * WIDTH)
    np.testing.assert_allclose(landing_values[:, :WIDTH], board.labels["landing"][:, :WIDTH], atol=0.05)
    with pytest.raises(ContractBroken):
        probing.readouts["height"].apply(activations[:, :5])


def test_a_position_with_few_features_is_read_as_a_whole():
    assert view_of(Layer("scores", (2, 10), ("rotations", "columns")), ("columns",)).axes == ()
    assert view_of(Layer("placement", (64, 10), ("", "columns")), ("rotations", "columns")).axes == ("columns",)
    assert view_of(Layer("hidden", (64,), ("",)), ("columns",)).positions == 1


def test_folding_keeps_a_linear_concept_readable_and_readouts_unfold_it(monkeypatch):
    monkeypatch.setattr("agentscope.probes.sources.MOST_DIMS", 100)
    rng = np.random.default_rng(0)
    units, count = 300, 500
    signal = rng.normal(size=count)
    network = Wide()
    data = LabelledStates(
        np.stack([signal, rng.normal(size=count)], axis=1), (concept("signal", "number"),), {"signal": signal},
        np.arange(count) // 25,
    )  # fmt: skip
    probing = probe_concepts(network, data, twins=[], generator=rng)
    row = probing.primitives[0].layers[0]
    assert (row["units"], row["dims"]) == (units, 100) and row["score"] > 0.999
    read = probing.readouts["signal"].apply(network.activations(data.observations, "wide"))
    np.testing.assert_allclose(read, signal, atol=0.02)


def test_ids_in_the_raw_input_are_spread_but_intensities_are_not():
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 4, size=(50, 3))
    ids[:, 2] = 1
    assert raw_input(ids).width == 8
    assert raw_input(rng.integers(0, 256, size=(500, 3)).astype(np.uint8)).width == 3
    assert raw_input(rng.integers(0, 2, size=(50, 3)).astype(np.uint8)).width == 3
    features = raw_input(ids)(ids)
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(features.std(axis=0), 1, atol=1e-5)


def test_random_features_depend_on_the_generator_and_bend():
    data = np.random.default_rng(0).normal(size=(40, 5))
    raw = raw_input(data)
    one, same, other = (
        random_source(raw, [7], np.random.default_rng(s)).activations(data)["random_7"] for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other) and one.min() == 0.0 and one.shape == (40, 7)


def three_classes():
    """Classes along a line: regression on indicators masks the middle one (Hastie et al.), discriminants do not."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, 900)
    x = np.stack([codes * 3.0 + rng.normal(size=900) * 0.6, rng.normal(size=900)], axis=1)
    choice = concept("place", "choice", choices=("left", "middle", "right"))
    return LabelledStates(x, (choice,), {"place": codes}, np.arange(900) // 30)


def test_a_masked_class_is_found_by_the_discriminant_as_scikit_learn_finds_it():
    data = three_classes()
    plan = plan_of(data)
    target = make_target(data, data.concepts[0], np.random.default_rng(0))
    raw = raw_input(data.observations)
    view = View("input", (raw.width,))
    (outcome,) = probe_source(input_source(raw), {view: [target]}, plan, ("real",)).outcomes
    ridge, discriminant, even = (outcome.readings[:, 0, head] for head in range(3))
    codes = data.labels["place"]
    assert np.mean(ridge == codes) < 0.85 < 0.97 < np.mean(discriminant == codes)
    assert score(outcome, plan) > 0.97
    held = plan.split.groups == 0
    theirs = LinearDiscriminantAnalysis().fit(data.observations[~held], codes[~held]).predict(data.observations[held])
    assert np.mean(theirs == discriminant[held]) > 0.99 and np.mean(theirs == even[held]) > 0.99


def test_the_logistic_control_is_scikit_learns():
    data = three_classes()
    plan = plan_of(data)
    target = make_target(data, data.concepts[0], np.random.default_rng(0))
    raw = raw_input(data.observations)
    (outcome,) = logistic_outcomes([target], raw, plan, View("input", (raw.width,)))
    held = plan.split.groups == 0
    features, codes = raw(data.observations), data.labels["place"]
    theirs = LogisticRegression(C=1 / (1e-3 * 900)).fit(features[~held], codes[~held]).predict(features[held])
    assert np.mean(theirs == outcome.readings[held, 0, 0]) > 0.98


def test_folds_never_split_an_episode_and_validation_is_not_scored():
    episodes = np.random.default_rng(0).integers(100, 140, 1000)
    split = split_episodes(episodes, np.random.default_rng(1))
    for name in np.unique(episodes):
        assert len(np.unique(split.groups[episodes == name])) == 1
    sizes = np.bincount(split.groups + 1)
    assert split.folds == 5 and sizes.max() < 1.4 * sizes.min()
    assert not split.scored[split.groups == VALIDATION].any()
    assert split_episodes(np.repeat([0, 1, 2], 5), np.random.default_rng(0)).folds == 2
    with pytest.raises(EmptySample):
        split_episodes(np.zeros(10, dtype=int), np.random.default_rng(0))


def test_equal_observations_share_a_control_label_and_shuffling_stays_in_the_episode(board):
    doubled = replace(board, observations=np.repeat(board.observations[::2], 2, axis=0))
    donors = draw_donors(doubled, np.random.default_rng(0))
    np.testing.assert_array_equal(donors.task[::2], donors.task[1::2])
    assert len(np.unique(donors.task)) > 150
    np.testing.assert_array_equal(board.episodes[donors.shuffled], board.episodes)
    assert sorted(donors.shuffled) == list(range(600)) and (donors.shuffled != np.arange(600)).mean() > 0.9


def test_too_many_actions_are_sampled_and_too_many_values_refused(board):
    rng = np.random.default_rng(0)
    many = replace(
        board, concepts=(concept("wide", made=ActionConcept),), labels={"wide": rng.integers(0, 9, (600, 900))}
    )
    target = make_target(many, many.concepts[0], rng)
    assert target.shape == (512,) and len(set(target.actions)) == 512
    np.testing.assert_array_equal(target.labels, many.labels["wide"][:, list(target.actions)])
    huge = replace(board, concepts=(concept("huge", axis=("cells",)),), labels={"huge": rng.integers(0, 9, (600, 600))})
    assert "more than" in make_target(huge, huge.concepts[0], rng)
    with pytest.raises(ContractBroken):
        make_target(huge, concept("huge"), rng)


def test_action_names_say_which_axes_the_actions_run_over():
    axes = {"rotations": ("turn0", "turn1"), "columns": ("column0", "column1", "column2")}
    names = tuple(f"turn{r}_column{c}" for r in range(2) for c in range(3))
    assert action_layout(Levels(names, axes)) == (("rotations", "columns"), (2, 3))
    assert action_layout(Levels(names[::-1], axes)) == (("actions",), (6,))
    assert action_layout(Levels(("left", "right"), axes)) == (("actions",), (2,))


def test_an_environment_without_concepts_is_refused():
    with pytest.raises(ConceptsMissing, match="declares no concepts"):
        label_states(Levels(), np.zeros(3), np.zeros(3, dtype=int))


def test_states_of_recurring_levels_are_split_by_level():
    states = np.zeros(240, dtype=STATE)
    states["layout"], states["value"] = np.arange(240) % 12, np.arange(240)
    value = Concept(name="value", kind="number", measure=lambda s: s["value"], doc="its value")
    env = Levels(concepts=(value,))
    np.testing.assert_array_equal(label_states(env, states, np.arange(240) // 4).episodes, states["layout"])
    few = states.copy()
    few["layout"] %= 3
    np.testing.assert_array_equal(label_states(env, few, np.arange(240) // 4).episodes, np.arange(240) // 4)
