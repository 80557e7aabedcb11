"""Strategy and residual: the split is least squares, and structure is told from noise where the truth is known."""

import numpy as np
import pytest

from agentscope.concepts import ActionConcept, Concept
from agentscope.records import Decisions
from agentscope.verification.residual import (
    Features,
    Predictor,
    Ranking,
    centred,
    correlation,
    explained,
    features_of,
    shuffled,
    split_scores,
    verdict,
)

EPISODES = np.repeat(np.arange(40), 25)


def decisions(scores, legal=None):
    legal = np.ones(scores.shape, dtype=bool) if legal is None else legal
    masked = np.where(legal, scores, -np.inf)
    actions = np.tile(np.arange(scores.shape[1], dtype=np.int16), (len(scores), 1))
    return Decisions(masked, masked.argmax(axis=1), actions, legal)


def fitted(features, residual, episodes, seed=0):
    """Held-out R2 of real and of shuffled residuals: the first half of the episodes fits."""
    legal = np.ones(residual.shape, dtype=bool)
    train, found = episodes < episodes.max() / 2, {}
    mixed = shuffled(residual, legal, episodes, generator=np.random.default_rng(seed))
    for name, each in (("real", residual), ("control", mixed)):
        predictor = Predictor(features.only(train), each[train], legal[train], generator=np.random.default_rng(1))
        guess = predictor(features.only(~train), legal[~train])
        found[name] = explained(each[~train], guess, episodes[~train], generator=np.random.default_rng(2))
    return found["real"] | {"control": found["control"]["r2"]}


def test_scores_that_the_text_ranks_by_leave_nothing():
    generator = np.random.default_rng(0)
    keys, level = generator.normal(size=(300, 12)), generator.normal(size=(300, 1)) * 50
    legal = generator.random((300, 12)) < 0.8
    legal[:, 0] = True
    given = decisions(3.0 * keys + level, legal)
    ranking = Ranking(np.where(legal, keys, -np.inf), given.actions)
    split = split_scores(ranking, given)
    assert split.slope * split.spread == pytest.approx(3.0)
    assert np.abs(split.residual(ranking, given)).max() < 1e-9
    assert (split.residual(ranking, given)[~legal] == 0).all()


@pytest.mark.parametrize("actions", [3, 20])
def test_the_map_of_a_text_that_only_chooses_is_least_squares(actions):
    generator = np.random.default_rng(1)
    given = decisions(generator.normal(size=(200, actions)))
    chosen = generator.integers(actions, size=200)
    split = split_scores(Ranking(None, chosen), given)
    indicator = np.eye(actions)[chosen]
    scores = centred(given.scores, given.legal) / split.spread
    if actions == 3:  # a mean score of each action for each choice
        best = indicator @ np.linalg.lstsq(indicator, scores, rcond=None)[0]
    else:  # one slope for the chosen action
        x = centred(indicator, given.legal).reshape(-1, 1)
        best = (x @ np.linalg.lstsq(x, scores.ravel(), rcond=None)[0]).reshape(scores.shape)
    assert np.allclose(split.strategy(Ranking(None, chosen), given), best)
    assert np.allclose(
        split.strategy(Ranking(None, chosen), given) + split.residual(Ranking(None, chosen), given), scores
    )


def test_a_residual_that_follows_a_concept_is_structure_and_pure_chance_is_noise():
    generator = np.random.default_rng(2)
    concepts = generator.normal(size=(1000, 3))
    features = Features(concepts, None)
    bent = np.stack([np.abs(concepts[:, 0]), concepts[:, 1], -concepts[:, 0]], axis=1)
    ordered = centred(bent + 0.3 * generator.normal(size=bent.shape), np.ones(bent.shape, dtype=bool))
    chance = centred(generator.normal(size=bent.shape), np.ones(bent.shape, dtype=bool))
    found, noise = fitted(features, ordered, EPISODES), fitted(features, chance, EPISODES)
    assert found["r2"] > 0.8 and verdict(found, 0.5) == "structure"
    assert found["control"] < 0.05
    assert noise["r2"] < 0.05 and verdict(noise, 0.5) == "noise"


def test_a_constant_preference_that_the_text_lacks_is_structure():
    generator = np.random.default_rng(7)
    constant = np.array([1.0, -0.5, -0.5]) + 0.2 * generator.normal(size=(1000, 3))
    residual = centred(constant, np.ones((1000, 3), dtype=bool))
    found = fitted(Features(generator.normal(size=(1000, 2)), None), residual, EPISODES)
    assert found["r2"] > 0.8 and verdict(found, 0.5) == "structure"


def test_where_actions_are_many_each_is_predicted_from_its_own_concepts():
    generator = np.random.default_rng(3)
    acted = generator.normal(size=(1000, 10, 2))
    features = Features(generator.normal(size=(1000, 1)), acted)
    legal = np.ones((1000, 10), dtype=bool)
    found = fitted(features, centred(acted[:, :, 0] * 2 - acted[:, :, 1], legal), EPISODES)
    assert found["r2"] > 0.95


def test_shuffling_keeps_the_residuals_of_each_episode():
    residual = np.random.default_rng(4).normal(size=(1000, 3))
    residual = centred(residual, np.ones(residual.shape, dtype=bool))
    mixed = shuffled(residual, np.ones(residual.shape, dtype=bool), EPISODES, generator=np.random.default_rng(5))
    assert not np.allclose(mixed, residual)
    residual = residual - residual.mean(axis=0)
    for episode in range(3):
        of = episode == EPISODES
        assert np.allclose(np.sort(mixed[of, 0]), np.sort(residual[of, 0]))


def test_the_correlation_of_two_residuals():
    generator = np.random.default_rng(6)
    one, other = (centred(generator.normal(size=(1000, 4)), np.ones((1000, 4), dtype=bool)) for _ in range(2))
    found = [correlation(one, each, EPISODES, generator=generator) for each in (one, -2 * one, other, one + other)]
    assert [round(each["correlation"], 6) for each in found[:2]] == [1.0, -1.0]
    assert found[2]["low"] < 0 < found[2]["high"] and found[3]["correlation"] == pytest.approx(0.5**0.5, abs=0.05)
    assert all(-1 - 1e-9 <= each["low"] <= each["high"] <= 1 + 1e-9 for each in found)


@pytest.mark.parametrize(("r2", "low", "high", "control", "share", "expected"), [
    (0.5, 0.4, 0.6, 0.0, 0.5, "structure"), (0.5, 0.4, 0.6, 0.45, 0.5, "undecided"),
    (0.02, -0.1, 0.08, 0.0, 0.5, "noise"),
    (0.05, -0.1, 0.2, 0.0, 0.5, "undecided"), (0.5, 0.4, 0.6, 0.0, 0.005, "nothing left"),
    (-0.5, -0.9, -0.1, -0.6, 0.5, "noise"),
])  # fmt: skip
def test_verdicts_follow_the_stated_thresholds(r2, low, high, control, share, expected):
    assert verdict({"r2": r2, "low": low, "high": high, "control": control}, share) == expected


def test_features_are_the_declared_concepts_choices_spread_and_wide_ones_left_out(corridor):
    corridor.concepts = (
        Concept(name="position", kind="count", measure=lambda s: s["position"], doc="Where."),
        Concept(name="side", kind="choice", choices=("a", "b"), measure=lambda s: s["position"] % 2, doc="Which."),
        Concept(name="wide", kind="number", measure=lambda s: np.zeros((len(s), 500)), axis=("x",), doc="Too many."),
    )  # fmt: skip
    corridor.action_concepts = (
        ActionConcept(name="step", kind="number", measure=lambda s: np.ones((len(s), 5)), doc="Few actions: unused."),
    )
    states = corridor.reset(np.arange(9))
    found = features_of(corridor, states)
    assert found.action is None and found.state.shape == (9, 3)
    assert (found.state[:, 0] == states["position"]).all() and (found.state[:, 1:].sum(axis=1) == 1).all()
