"""States that come in chunks and are forgotten give the readouts of all states at once, in memory that stays flat."""

import tracemalloc
from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import Layer
from agentscope.errors import BadOption, ContractBroken, EmptySample
from agentscope.probes import LabelledStates, StreamedProbe
from tests.toy_networks import ClosedNetwork

WIDTH, UNITS = 5, 12


@dataclass(frozen=True)
class Small(ClosedNetwork):
    """A layer of random features, and one that keeps the columns apart: each cell and its square."""

    layers: tuple = (Layer("mixed", (UNITS,), ("",)), Layer("columns", (8, WIDTH), ("", "columns")))
    observation_shape: tuple = (4, WIDTH)
    actions: int = 2 * WIDTH

    def activations(self, observations, layer):
        rng = np.random.default_rng(0)
        flat = observations.reshape(len(observations), -1).astype(np.float32)
        if layer == "mixed":
            return np.maximum(flat @ rng.normal(size=(4 * WIDTH, UNITS)).astype(np.float32), 0)
        return np.concatenate([observations, observations**2], axis=1).astype(np.float32)


def concept(name, kind="count", made=Concept, **more):
    return made(name=name, kind=kind, measure=lambda states: states, doc="made for a test", **more)


CONCEPTS = (
    concept("total"), concept("tall", "flag"), concept("place", "choice", choices=("left", "middle", "right")),
    concept("height", axis=("columns",)), concept("landing", made=ActionConcept), concept("always", "flag"),
)  # fmt: skip


def labelled(count, seed, first_episode=0):
    rng = np.random.default_rng(seed)
    observations = rng.integers(0, 3, size=(count, 4, WIDTH)).astype(np.uint8)
    heights = observations.sum(axis=1).astype(np.int64)
    total = heights.sum(axis=1)
    labels = {
        "total": total, "tall": total > 20, "place": np.digitize(heights[:, 0], [3, 5]), "height": heights,
        "landing": np.stack([heights, heights**2], axis=1).reshape(count, 2 * WIDTH), "always": np.ones(count, bool),
    }  # fmt: skip
    episodes = first_episode + np.arange(count) // 20
    return LabelledStates(observations, CONCEPTS, labels, episodes, ("rotations", "columns"), (2, WIDTH))


def part(data, rows):
    labels = {name: values[rows] for name, values in data.labels.items()}
    return replace(data, observations=data.observations[rows], labels=labels, episodes=data.episodes[rows])


HELD_OUT = labelled(400, seed=1, first_episode=10_000)


def probe_of(*chunks):
    probe = StreamedProbe(Small(), HELD_OUT, generator=np.random.default_rng(5))
    for chunk in chunks:
        probe.count(chunk)
    return probe


@pytest.fixture(scope="module")
def data():
    return labelled(1_500, seed=0)


def weights_of(probe):
    return {key: found.readout.weights for key, found in probe.readouts().items()}


def test_merged_probes_are_one_probe_bit_for_bit(data):
    one, two = part(data, np.arange(700)), part(data, np.arange(700, 1_500))
    merged, other = probe_of(one), probe_of(two)
    merged.merge(other)
    together, separate = probe_of(one, two).readouts(), merged.readouts()
    assert merged.states == 1_500 and together.keys() == separate.keys() and len(together) == 10
    for key, found in together.items():
        np.testing.assert_array_equal(found.readout.weights, separate[key].readout.weights)
        np.testing.assert_array_equal(found.readout.bias, separate[key].readout.bias)
        assert found.score == separate[key].score and found.strength == separate[key].strength
    merged.merge(probe_of())  # a probe that has counted nothing changes nothing
    np.testing.assert_array_equal(weights_of(merged)["mixed", "total"], together["mixed", "total"].readout.weights)
    np.testing.assert_array_equal(weights_of(other)["mixed", "total"], weights_of(probe_of(two))["mixed", "total"])


def test_any_chunks_in_any_order_give_one_pass_over_all_states(data):
    """Products of a chunk are float32: the weights agree to 1e-3 of the largest, the scores to 1e-5."""
    whole = probe_of(data).readouts()
    pieces = np.array_split(np.random.default_rng(2).permutation(1_500), 11)
    for order in (pieces, pieces[::-1]):
        for key, found in probe_of(*(part(data, rows) for rows in order)).readouts().items():
            size = np.abs(whole[key].readout.weights).max()
            np.testing.assert_allclose(found.readout.weights, whole[key].readout.weights, atol=1e-3 * size)
            assert found.score == pytest.approx(whole[key].score, abs=1e-5)


def test_readouts_and_scores_are_scikit_learns_on_all_states_at_once(data):
    found = probe_of(*(part(data, rows) for rows in np.array_split(np.arange(1_500), 4)))
    scored = found.plan.split.scored
    network = Small()
    features = network.activations(data.observations, "mixed").astype(np.float64)
    held = network.activations(HELD_OUT.observations, "mixed").astype(np.float64)
    scaler = StandardScaler().fit(features)
    for name, metric, judge in (("total", "R2", r2_score), ("tall", "AUC", roc_auc_score)):
        ours = found.readouts()["mixed", name]
        theirs = Ridge(alpha=ours.strength * 1_500).fit(scaler.transform(features), data.labels[name].astype(float))
        expected = judge(HELD_OUT.labels[name][scored], theirs.predict(scaler.transform(held))[scored])
        assert ours.metric == metric and ours.score == pytest.approx(expected, abs=1e-4)
        assert ours.states == scored.sum()


def test_shared_columns_actions_and_choices_are_read(data):
    found = probe_of(data).readouts()
    assert found["columns", "height"].read == found["columns", "landing"].read == ("columns",)
    assert found["columns", "height"].score > 0.95 and found["mixed", "height"].read == ()
    assert found["columns", "place"].metric == "macro-F1" and found["columns", "place"].score > 0.8
    read = found["columns", "landing"].readout.raw(Small().activations(data.observations, "columns"))
    assert np.corrcoef(read[:, WIDTH:].ravel(), data.labels["landing"][:, WIDTH:].ravel())[0, 1] > 0.9


def test_memory_does_not_grow_with_the_number_of_states(data):
    chunk = part(data, np.arange(100))
    peaks = []
    for count in (3, 30):
        probe = probe_of(chunk)
        tracemalloc.start()
        for _ in range(count):
            probe.count(chunk)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert probe.states == 100 * (count + 1)
    assert peaks[1] < 1.1 * peaks[0]


def test_what_cannot_be_scored_is_said(data):
    probe = probe_of(data)
    assert "always" not in {name for _, name in probe.readouts()} and "too few" in probe.why["always"]


def test_held_out_episodes_other_labels_other_layers_and_no_states_are_refused(data):
    probe = probe_of()
    with pytest.raises(EmptySample, match="No states have been counted"):
        probe.readouts()
    with pytest.raises(BadOption, match="held out"):
        probe.count(labelled(20, seed=3, first_episode=10_003))
    with pytest.raises(ContractBroken, match="height measured shape"):
        probe.count(replace(data, labels={**data.labels, "height": data.labels["height"][:, :3]}))
    narrow = StreamedProbe(replace(Small(), layers=Small.layers[:1]), HELD_OUT, generator=np.random.default_rng(5))
    with pytest.raises(BadOption, match="same network"):
        probe.merge(narrow)
    elsewhere = StreamedProbe(Small(), labelled(400, seed=9), generator=np.random.default_rng(5))
    elsewhere.count(data_of_other_episodes())
    with pytest.raises(EmptySample, match="shift"):
        probe.merge(elsewhere)


def data_of_other_episodes():
    return labelled(200, seed=4, first_episode=20_000)
