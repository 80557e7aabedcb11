"""The ladder: L1 hides the same scores, L2 says what it changed, the negatives keep nothing."""

from __future__ import annotations

import numpy as np
import pytest

from agentscope.compiling import add_noise, build_model, disguise, ladder, scores_of, shuffle_weights, untrained
from tests.compiling.conftest import EXTRACTORS, case


@pytest.mark.parametrize("name", ["lookup", "greedy", "convolution"])
def test_a_disguise_keeps_every_score_bit_by_bit(name: str) -> None:
    known = case(name)
    for activation in known.subject.activations:
        plain, hidden = (scores_of(known.model("DQN", activation, level), known.observations) for level in ("L0", "L1"))
        chosen = slice(None, len(known.env.axes.get("columns", ())) if name == "convolution" else None)
        assert np.array_equal(plain[:, chosen], hidden[:, chosen])
        assert (hidden.argmax(axis=1) == plain.argmax(axis=1)).all()


@pytest.mark.parametrize("activation", ["ReLU", "Tanh"])
def test_a_disguise_moves_rescales_and_doubles_units(activation: str) -> None:
    plain = case("columns").agent("DQN", activation, "L0")
    hidden, other = disguise(plain, seed=1), disguise(plain, seed=2)
    assert hidden.record.seed == 1 and hidden.record.level == "L1"
    assert not np.array_equal(hidden.layers[0].weight, other.layers[0].weight)
    assert all(wide > narrow for wide, narrow in zip(hidden.record.hidden, plain.record.hidden, strict=True))
    carriers = [carrier for one in hidden.record.concepts for carrier in one.carriers]
    before = [carrier for one in plain.record.concepts for carrier in one.carriers]
    assert sum(len(carrier.units) for carrier in carriers) > sum(len(carrier.units) for carrier in before)
    assert {scale for carrier in carriers for scale in carrier.scales} != {1.0}
    assert any(new.units[0] != old.units[0] for new, old in zip(carriers, before, strict=True))


def test_noise_changes_more_actions_the_more_there_is_and_says_how_many() -> None:
    known = case("columns")
    observations, actions = known.observations[::16], known.actions[::16]
    plain = known.agent("DQN", "ReLU", "L0")
    changed = []
    for share in (0.0, 0.02, 0.2):
        noisy = add_noise(plain, observations, seed=3, share=share)
        noise = noisy.record.noise
        assert noise is not None and (noise.share, noise.states) == (share, len(observations))
        found = scores_of(build_model(noisy), observations).argmax(axis=1)
        assert noise.changed == (found != actions).mean()
        changed.append(noise.changed)
    assert changed[0] == 0 < changed[1] < changed[2]
    again = add_noise(plain, observations, seed=3, share=0.2)
    assert np.array_equal(again.layers[0].weight, noisy.layers[0].weight)
    assert not np.array_equal(
        add_noise(plain, observations, seed=4, share=0.2).layers[0].weight, again.layers[0].weight
    )


@pytest.mark.parametrize("make", [shuffle_weights, untrained])
def test_the_negatives_keep_the_architecture_and_nothing_else(make: object) -> None:
    for name in ("columns", "convolution"):
        known = case(name)
        rows = slice(None, None, 1 + len(known.states) // 2_000)
        plain = known.agent("DQN", "ReLU", "L0")
        negative = make(plain, seed=1)  # type: ignore[operator]
        model = build_model(negative, EXTRACTORS)
        assert negative.record.hidden == plain.record.hidden and negative.record.concepts == ()
        assert set(negative.record.absent) == {concept.name for concept in known.env.concepts}
        found = scores_of(model, known.observations[rows]).argmax(axis=1)
        assert (found == known.actions[rows]).mean() < 0.6
        assert np.array_equal(
            scores_of(build_model(make(plain, seed=1), EXTRACTORS), known.observations[:50]),  # type: ignore[operator]
            scores_of(model, known.observations[:50]),
        )


def test_the_ladder_has_one_agent_of_each_level() -> None:
    known = case("trigger")
    rungs = list(ladder(known.subject, known.env, algorithm="PPO"))
    assert [one.record.level for one in rungs] == ["L0", "L1", "L2", "shuffled", "random"]
    assert [one.name for one in rungs][:2] == ["trigger-ppo-relu-l0", "trigger-ppo-relu-l1"]
    agreement = [
        (scores_of(build_model(one), known.observations).argmax(axis=1) == known.actions).mean() for one in rungs
    ]
    assert agreement[:2] == [1.0, 1.0] and max(agreement[3:]) < 0.6
    noise = rungs[2].record.noise
    assert noise is not None and noise.changed == 1 - agreement[2]
