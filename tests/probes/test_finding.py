"""Probing finds what a compiled network is known to hold, and where; controls tell it from what was there anyway."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import Layer
from agentscope.errors import BadOption, ConceptsMissing, EmptySample
from agentscope.probes import LabelledStates, Readouts, find_primitives, probe_concept, probe_concepts
from tests.toy_networks import ClosedNetwork

BITS = 12


@dataclass(frozen=True)
class Compiled(ClosedNetwork):
    """A network of two layers given as functions of the observation."""

    first: object
    second: object
    layers: tuple = (Layer("first", (8,), ("",)), Layer("second", (9,), ("",)))
    observation_shape: tuple = (BITS,)
    actions: int = 2

    def activations(self, observations, layer):
        return (self.first if layer == "first" else self.second)(observations).astype(np.float32)


def dense(seed, inputs, width):
    rng = np.random.default_rng(seed)
    weights, bias = rng.normal(size=(inputs, width)) / np.sqrt(inputs), rng.normal(size=width)
    return lambda x: np.maximum(x.reshape(len(x), -1) @ weights + bias, 0)


def twins(count=5):
    made = []
    for seed in range(count):
        first = dense(100 + seed, BITS, 8)
        made.append(Compiled(first, lambda x, f=first, s=seed: dense(200 + s, 8, 9)(f(x))))
    return made


def xor(observations):
    return (observations[:, 0] ^ observations[:, 1] ^ observations[:, 2]).astype(bool)


def compiled():
    """Parity of three bits is computed in the second layer and nowhere before it."""
    first = dense(7, BITS, 8)
    return Compiled(first, lambda x: np.concatenate([dense(8, 8, 8)(first(x)), xor(x)[:, None]], axis=1))


def concept(name, kind="flag", made=Concept, **more):
    return made(name=name, kind=kind, measure=lambda states: states, doc="made for a test", **more)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    observations = rng.integers(0, 2, size=(1500, BITS)).astype(np.uint8)
    episodes = np.repeat(np.arange(30), 50)
    by_episode = rng.normal(size=30)[episodes]
    labels = {
        "parity": xor(observations),
        "first_bit": observations[:, 3].astype(bool),
        "bits_set": observations.sum(axis=1).astype(np.int64),
        "episode_number": by_episode,
        "always": np.ones(1500, dtype=bool),
        "constant": np.full(1500, 2.5),
        "rare": np.arange(1500) < 4,
        "holey": np.where(np.arange(1500) == 7, np.nan, by_episode),
        "corner": (observations[:, 0] * 2 + observations[:, 1]).astype(np.int64),
        "agrees": observations[:, :2] == xor(observations)[:, None],
    }
    concepts = (
        concept("parity"), concept("first_bit"), concept("bits_set", "count"), concept("episode_number", "number"),
        concept("always"), concept("constant", "number"), concept("rare"), concept("holey", "number"),
        concept("corner", "choice", choices=("a", "b", "c", "d")), concept("agrees", made=ActionConcept),
    )  # fmt: skip
    return LabelledStates(observations, concepts, labels, episodes, action_shape=(2,))


@pytest.fixture(scope="module")
def probing(data):
    return probe_concepts(compiled(), data, twins=twins(), generator=np.random.default_rng(1))


@pytest.fixture(scope="module")
def found(probing):
    return {primitive.concept: primitive for primitive in probing.primitives}


def test_a_compiled_concept_is_found_in_its_layer_with_gain_over_every_control(found):
    parity = found["parity"]
    assert (parity.where, parity.layer, parity.use, parity.metric) == ("computed", "second", "untested", "AUC")
    assert parity.score > 0.99 and parity.gain > 0.2 and parity.selectivity > 0.3
    first, second = parity.layers
    assert first["score"] < 0.8 and second["score"] == parity.score and second["balanced_accuracy"] > 0.99
    for control in ("input", "untrained", "random"):
        assert second[f"gain_over_{control}"] == pytest.approx(second["score"] - second[control])
        assert second[f"gain_over_{control}"] >= parity.gain
    assert second["low"] <= parity.score <= second["high"] and second["untrained_mean"] <= second["untrained"]


def test_gain_and_selectivity_have_paired_intervals_and_the_discovery_a_rate(found, data):
    parity = found["parity"]
    assert parity.gain_low < parity.gain < parity.gain_high and parity.gain_low > 0.1
    assert parity.selectivity_low < parity.selectivity < parity.selectivity_high
    assert parity.significant and parity.q < 1e-6 and parity.learned
    scored = [primitive for primitive in found.values() if primitive.score is not None]
    assert parity.tests == 2 * len(scored) == sum(len(primitive.layers) for primitive in scored)
    assert not found["first_bit"].significant and found["first_bit"].q > 0.5
    rows = sorted((row for primitive in scored for row in primitive.layers), key=lambda row: row["p"])
    assert all(row["q"] >= row["p"] for row in rows) and [row["q"] for row in rows] == sorted(row["q"] for row in rows)
    alone = probe_concept(compiled(), data, "parity", twins=twins(1), generator=np.random.default_rng(1)).primitive
    assert alone.tests == 2 and all(row["gain_low"] is not None for row in alone.layers)


def test_depth_adds_a_non_linear_readout_and_code_lengths(data, found):
    alone = probe_concept(compiled(), data, "parity", twins=twins(2), generator=np.random.default_rng(1)).primitive
    first, second = alone.layers
    assert second["nonlinear"] > 0.99 and alone.nonlinear == second["nonlinear"]
    assert second["code_length"] == alone.code_length < 0.4 < first["code_length"]
    assert second["code_length_low"] < second["code_length"] < second["code_length_high"]
    assert found["parity"].nonlinear is None and found["parity"].code_length is None


def test_what_is_linear_in_the_raw_input_is_input(found):
    assert found["first_bit"].controls.input > 0.99 and found["bits_set"].controls.input > 0.99
    assert found["corner"].controls.input > 0.99
    assert {found[name].where for name in ("first_bit", "bits_set")} <= {"input", "absent"}
    assert found["bits_set"].where == "input"


def test_a_label_random_per_episode_scores_no_better_than_chance(found):
    row = found["episode_number"]
    assert row.score <= 0.02 and row.where == "absent"


def test_a_split_by_rows_would_have_leaked_the_episode(data):
    """The same label is read off a feature of the episode once episodes are split across folds."""
    rng = np.random.default_rng(2)
    marks = rng.integers(0, 2, size=(30, BITS)).astype(np.uint8)[data.episodes]
    leaky = replace(data.only("episode_number"), observations=marks)
    by_episode = find_primitives(compiled(), leaky, twins=twins(1), generator=np.random.default_rng(1))[0]
    by_row = find_primitives(
        compiled(), replace(leaky, episodes=np.arange(1500)), twins=twins(1), generator=np.random.default_rng(1)
    )[0]
    assert by_episode.score < 0.05 < 0.2 < by_row.score


def test_what_an_untrained_twin_separates_too_has_no_gain(data):
    same = compiled()
    result = find_primitives(same, data.only("parity"), twins=[same], generator=np.random.default_rng(1))[0]
    assert result.score > 0.99 and abs(result.gain) < 0.01 and result.layers[1]["gain_over_untrained"] == 0.0


def test_the_control_task_is_chance_where_inputs_do_not_repeat_and_learnt_by_heart_where_they_do(data):
    hot = np.eye(BITS, dtype=np.uint8)[np.random.default_rng(4).integers(0, BITS, 1500)]
    few = replace(data, observations=hot).only("bits_set")
    labels = {"bits_set": np.random.default_rng(5).integers(0, 9, 1500)}
    identity = Compiled(lambda x: x[:, :8], lambda x: x[:, :9])
    repeated = find_primitives(identity, replace(few, labels=labels), twins=[], generator=np.random.default_rng(1))[0]
    assert repeated.layers[1]["task"] > 0.5 and repeated.where == "absent"
    fresh = find_primitives(compiled(), data.only("parity"), twins=[], generator=np.random.default_rng(1))[0]
    assert abs(fresh.layers[1]["task"] - 0.5) < 0.08 and abs(fresh.layers[1]["shuffled"] - 0.5) < 0.08
    assert fresh.controls.untrained is None


def test_what_cannot_be_scored_says_why(found):
    for name, reason in {
        "always": "too few", "constant": "same value", "rare": "too few", "holey": "not a finite number",
    }.items():  # fmt: skip
        assert found[name].score is None and found[name].layer is None and reason in found[name].why
    assert found["parity"].why == ""


def test_action_concepts_are_probed_for_all_actions_at_once(found, probing, data):
    assert found["agrees"].kind == "flag" and found["agrees"].score > 0.5
    readout = probing.readouts["agrees"]
    found_values = readout.apply(compiled().activations(data.observations, readout.layer))
    assert found_values.shape == (1500, 2) and found_values.dtype == bool


def test_readouts_give_the_concept_back_and_survive_as_plain_arrays(probing, data):
    kept = Readouts.from_arrays(probing.readouts.to_arrays())
    network = compiled()
    for name in ("parity", "corner", "bits_set"):
        readout = kept[name]
        values = readout.apply(network.activations(data.observations, readout.layer))
        same = probing.readouts[name].apply(network.activations(data.observations, readout.layer))
        np.testing.assert_array_equal(values, same)
    parity = kept["parity"].apply(network.activations(data.observations, "second"))
    np.testing.assert_array_equal(parity, data.labels["parity"])
    assert all(array.dtype.kind in "iufU" for array in probing.readouts.to_arrays().values())
    assert "always" not in list(kept)
    with pytest.raises(ConceptsMissing):
        kept["always"]


def test_same_seed_same_bytes_and_another_seed_others(data):
    one, two, other = (
        probe_concepts(compiled(), data.only("parity"), twins=twins(1), generator=np.random.default_rng(seed))
        for seed in (3, 3, 4)
    )
    assert one.primitives == two.primitives and one.primitives != other.primitives
    assert one.readouts["parity"].weights.tobytes() == two.readouts["parity"].weights.tobytes()


@pytest.mark.parametrize("name", ["parity", "bits_set", "corner"])
def test_one_concept_in_depth_shows_states_and_every_interval(data, name):
    probe = probe_concept(compiled(), data, name, twins=twins(1), generator=np.random.default_rng(1))
    assert all(row["low"] is not None for row in probe.primitive.layers)
    assert probe.primitive.episodes == 25 and probe.primitive.states == 1250
    for row in probe.examples.top:
        assert row["label"] == data.labels[name][row["state"]]
    if name == "parity":
        assert all(row["label"] for row in probe.examples.top)
        assert not any(row["label"] for row in probe.examples.near_misses)
    if name == "bits_set":
        misses = [abs(row["reading"] - row["label"]) for row in probe.examples.near_misses]
        assert misses == sorted(misses, reverse=True) and misses[0] > 0


def test_wrong_input_is_refused(data):
    with pytest.raises(ConceptsMissing):
        probe_concept(compiled(), data, "nothing", twins=[], generator=np.random.default_rng(0))
    with pytest.raises(EmptySample):
        find_primitives(
            compiled(), replace(data, episodes=np.arange(1500) % 2), twins=[], generator=np.random.default_rng(0)
        )
    wide = replace(twins(1)[0], layers=(Layer("first", (99,), ("",)),))
    with pytest.raises(BadOption):
        find_primitives(compiled(), data, twins=[wide], generator=np.random.default_rng(0))


def test_states_beyond_the_cache_are_run_twice_with_the_same_result(data, monkeypatch):
    kept = find_primitives(compiled(), data, twins=[], generator=np.random.default_rng(1))
    monkeypatch.setattr("agentscope.probes.fitting.CACHE", 0)
    assert find_primitives(compiled(), data, twins=[], generator=np.random.default_rng(1)) == kept


def test_progress_is_told_once_for_each_source(data):
    told = []
    find_primitives(
        compiled(), data.only("parity"), twins=twins(2), generator=np.random.default_rng(1),
        progress=lambda stage, done, total: told.append((stage, done, total)),
    )  # fmt: skip
    assert told == [("probes", done, 5) for done in range(1, 6)]


def test_a_flag_whose_true_states_fill_whole_folds_is_not_scored(data):
    """Three long episodes make two folds and validation; the flag is true in all of one and false in the others."""
    episodes = np.arange(1500) % 4
    labels = {"parity": episodes == 0}
    apart = replace(data.only("parity"), labels=labels, episodes=episodes)
    result = find_primitives(compiled(), apart, twins=twins(1), generator=np.random.default_rng(1))[0]
    assert result.score is None and result.why and result.where == "absent"
    spread = replace(data.only("bits_set"), labels={"bits_set": (episodes == 0).astype(np.int64)}, episodes=episodes)
    assert find_primitives(compiled(), spread, twins=[], generator=np.random.default_rng(1))[0].score is not None
