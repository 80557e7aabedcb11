"""Code lengths: short where a layer shows a concept, that of a constant where it does not; probabilities are honest."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from agentscope.concepts import Concept
from agentscope.contracts import Layer
from agentscope.probes.code_length import code_lengths, doubling_blocks
from agentscope.probes.coding import ClassCode, NumberCode, fit_logit
from agentscope.probes.fitting import Plan
from agentscope.probes.measuring import draw_resamples
from agentscope.probes.sources import Source, view_of
from agentscope.probes.splits import split_episodes
from agentscope.probes.targets import LabelledStates, draw_donors, make_target

EPISODES, EACH = 100, 20


def lengths(labels, units, kind="flag", seed=0):
    """Code lengths of one concept given a layer that puts out these units."""
    observations = np.arange(len(units))[:, None].astype(np.float64)
    concept = Concept(name="it", kind=kind, measure=lambda states: states, doc="made for a test",
                      choices=("a", "b", "c") if kind == "choice" else ())  # fmt: skip
    data = LabelledStates(observations, (concept,), {"it": labels}, np.repeat(np.arange(EPISODES), EACH))
    rng = np.random.default_rng(seed)
    plan = Plan(data, split_episodes(data.episodes, rng), draw_donors(data, rng))
    source = Source("made", lambda some: {"layer": units[some[:, 0].astype(int)].astype(np.float32)})
    view = view_of(Layer("layer", (units.shape[1],), ("",)), ())
    work = {view: [make_target(data, concept, rng)]}
    return code_lengths(source, work, plan, generator=np.random.default_rng(seed + 1))["layer", "it"]


@pytest.fixture(scope="module")
def units():
    return np.random.default_rng(0).normal(size=(EPISODES * EACH, 6))


def row(found):
    return found.row(draw_resamples(EPISODES, np.random.default_rng(9)))


@pytest.mark.parametrize("kind", ["flag", "count", "number", "choice"])
def test_a_shown_concept_costs_little_and_a_hidden_one_as_much_as_a_constant(units, kind):
    rng = np.random.default_rng(1)
    labels = {
        "flag": units[:, 0] > 0.2, "count": np.rint(3 + units[:, 1]).astype(np.int64).clip(0),
        "number": units[:, 0] - 2 * units[:, 3], "choice": np.digitize(units[:, 2], (-0.5, 0.5)),
    }[kind]  # fmt: skip
    shown, hidden = row(lengths(labels, units, kind)), row(lengths(rng.permutation(labels), units, kind))
    # The parts that are bound to stay: a Gaussian is told to its rounding; a line through three classes is no step.
    assert shown["code_length"] < {"flag": 0.3, "count": 0.6, "number": 0.25, "choice": 0.6}[kind]
    assert 0.98 < hidden["code_length"] < 1.05
    assert shown["code_length_low"] < shown["code_length"] < shown["code_length_high"]
    assert shown["code_length_task"] == pytest.approx(shown["code_length"], abs=0.06)


def test_a_constant_costs_the_entropy_of_its_labels(units):
    labels = np.random.default_rng(2).random(len(units)) < 0.25
    found = lengths(labels, units)
    coded = found.constant > 0
    entropy = -(0.25 * np.log2(0.25) + 0.75 * np.log2(0.75))
    assert found.constant[coded].sum() / (coded.sum() * EACH) == pytest.approx(entropy, rel=0.05)
    assert (~coded).sum() == 3  # episodes of the first block, which is given


def test_a_clearer_layer_costs_less(units):
    noise = np.random.default_rng(3).normal(size=len(units))
    found = [row(lengths(units[:, 0] + level * noise > 0, units))["code_length"] for level in (0.0, 0.5, 2.0)]
    assert found == sorted(found) and found[2] < 1.0


def test_blocks_double_and_never_split_an_episode():
    episode = np.repeat(np.arange(EPISODES), EACH)
    split = doubling_blocks(split_episodes(episode, np.random.default_rng(0)), np.random.default_rng(1))
    counts = np.bincount([split.groups[split.episode == e][0] for e in range(EPISODES)])
    assert counts.tolist() == [3, 3, 6, 13, 25, 50] and split.folds == 6
    assert all(len(set(split.groups[split.episode == e])) == 1 for e in range(EPISODES))
    few = split_episodes(np.repeat(np.arange(5), 4), np.random.default_rng(0))
    assert doubling_blocks(few, np.random.default_rng(1)).folds == 1


def test_same_order_same_bytes_and_another_order_others(units):
    labels = units[:, 0] > 0
    one, two, other = (lengths(labels, units, seed=seed) for seed in (0, 0, 1))
    assert one.layer.tobytes() == two.layer.tobytes() != other.layer.tobytes()


def test_the_calibration_is_a_logistic_regression_and_sums_to_one():
    rng = np.random.default_rng(4)
    read = rng.normal(size=2000)
    labels = (rng.random(2000) < 1 / (1 + np.exp(-(1.5 * read - 1)))).astype(np.int64)
    features = np.zeros((2000, 2, 3))
    features[:, 1, 0], features[:, 1, 2] = read, 1.0
    weights = fit_logit(features, labels)
    known = LogisticRegression(C=1e6).fit(read[:, None], labels)
    assert weights[[0, 2]] == pytest.approx([known.coef_[0, 0], known.intercept_[0]], abs=0.04)  # a little ridge
    target = make_target_of("flag", labels.astype(bool))
    halves = {0: labels[:500, None].astype(bool), 1: labels[500:1200, None].astype(bool), 2: labels[1200:, None] > 0}
    columns = {(1, 1.0): read[500:1200, None, None], (2, 1.0): read[1200:, None, None]}
    both = [np.exp(ClassCode(target, {**halves, 2: value}, columns).read(2, 1.0)) for value in (halves[2], ~halves[2])]
    np.testing.assert_allclose(both[0] + both[1], 1.0)


def test_a_numbers_cells_sum_to_one():
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 9, size=(400, 1)).astype(np.float32)
    target = make_target_of("count", labels[:, 0].astype(np.int64))
    told = {0: labels[:100], 1: labels[100:200]}
    total = sum(
        np.exp(NumberCode(target, {**told, 2: np.full((1, 1), value, np.float32)}, {}).constant(2))[0, 0]
        for value in range(-40, 60)
    )
    assert total == pytest.approx(1.0)


def make_target_of(kind, labels):
    concept = Concept(name="it", kind=kind, measure=lambda states: states, doc="made for a test")
    data = LabelledStates(labels[:, None].astype(float), (concept,), {"it": labels}, np.arange(len(labels)) // 10)
    return make_target(data, concept, np.random.default_rng(0))
