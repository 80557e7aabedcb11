"""A network as a policy: greedy and sampled, legal actions only, the same in chunks."""

import gymnasium
import numpy as np
import pytest

from agentscope.errors import BadOption
from agentscope.rollouts import NetworkPolicy, PlainEnv, Streams, decide, make_environment, policies, probabilities

CARTPOLE = make_environment("CartPole-v1")
STATES = CARTPOLE.reset(Streams(0).episode_seeds("exam", 300))


class Masked(PlainEnv):
    """CartPole in which the action must be 1 when the cart stands right of the middle."""

    def __init__(self):
        super().__init__(lambda: gymnasium.make("CartPole-v1"), id="CartPole-v1")

    def legal_actions(self, states):
        return np.stack([states["obs"][:, 0] <= 0, np.ones(len(states), dtype=bool)], axis=1)

    def equivalent_actions(self, states):
        return np.tile(np.array([0, 1], dtype=np.int16), (len(states), 1))


def test_greedy_actions_are_the_lowest_index_among_the_best_legal_ones(linear_network):
    network = linear_network(CARTPOLE)
    network.weights_[:] = 0.0
    assert NetworkPolicy(network, CARTPOLE).actions(STATES).tolist() == [0] * 300
    right = STATES["obs"][:, 0] > 0
    assert np.array_equal(NetworkPolicy(network, Masked()).actions(STATES), right.astype(int))


def test_decisions_hold_scores_actions_classes_and_legality_and_chunks_change_nothing(linear_network, monkeypatch):
    network = linear_network(CARTPOLE)
    decisions = decide(network, Masked(), STATES)
    right = STATES["obs"][:, 0] > 0
    assert np.array_equal(np.isneginf(decisions.scores[:, 0]), right)
    assert np.array_equal(decisions.actions, decisions.scores.argmax(axis=1))
    assert np.array_equal(decisions.legal[:, 0], ~right)
    monkeypatch.setattr(policies, "CHUNK", 7)
    again = decide(network, Masked(), STATES)
    for name in ("scores", "actions", "equivalent", "legal"):
        assert np.array_equal(getattr(decisions, name), getattr(again, name))


def test_no_states_give_no_decisions(linear_network):
    decisions = decide(linear_network(CARTPOLE), CARTPOLE, STATES[:0])
    assert decisions.scores.shape == (0, 2)
    assert decisions.actions.shape == (0,)


def test_a_sampled_policy_draws_by_its_probabilities_and_repeats_by_seed(linear_network):
    network = linear_network(CARTPOLE)
    network.weights_[:] = 0.0
    network.weights_[0, 1] = 40.0
    state = np.repeat(STATES[:1], 20_000)
    expected = probabilities(network.scores(CARTPOLE.observe(state[:1])))[0, 1]
    drawn = [
        NetworkPolicy(network, CARTPOLE, deterministic=False, generator=np.random.default_rng(seed)).actions(state)
        for seed in (1, 1, 2)
    ]
    assert drawn[0].mean() == pytest.approx(expected, abs=0.015)
    assert 0.05 < expected < 0.95
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_illegal_actions_are_never_drawn(linear_network):
    policy = NetworkPolicy(linear_network(CARTPOLE), Masked(), deterministic=False, generator=np.random.default_rng(0))
    drawn = policy.actions(np.tile(STATES, 20))
    assert drawn[np.tile(STATES["obs"][:, 0] > 0, 20)].all()
    assert not drawn.all()


def test_probabilities_are_a_softmax_in_which_illegal_actions_get_nothing():
    found = probabilities(np.array([[0.0, np.log(3.0), -np.inf], [1_000.0, 1_000.0, 1_000.0]]))
    assert found == pytest.approx(np.array([[0.25, 0.75, 0.0], [1 / 3, 1 / 3, 1 / 3]]))


def test_values_are_not_sampled_and_sampling_needs_a_generator(linear_network):
    network = linear_network(CARTPOLE)
    with pytest.raises(BadOption, match="generator"):
        NetworkPolicy(network, CARTPOLE, deterministic=False)
    network.algorithm = "DQN"
    with pytest.raises(BadOption, match="no logits"):
        NetworkPolicy(network, CARTPOLE, deterministic=False, generator=np.random.default_rng(0))
