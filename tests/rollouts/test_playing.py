"""Batched play against one environment stepped by hand."""

import gymnasium
import numpy as np
import pytest

from agentscope.errors import EmptySample
from agentscope.rollouts import NetworkPolicy, Streams, make_environment, play

SEEDS = Streams(0).episode_seeds("exam", 12)


def by_hand(env_id, seed, choose, **kwargs):
    """One episode of the plain environment: observations, rewards, how it ended."""
    env = gymnasium.make(env_id, **kwargs)
    observation, _ = env.reset(seed=int(seed))
    seen, rewards = [observation], []
    while True:
        observation, reward, terminated, truncated, _ = env.step(int(choose(observation, len(rewards))))
        seen.append(observation)
        rewards.append(reward)
        if terminated or truncated:
            return np.array(seen), rewards, terminated


def test_cartpole_with_a_network_is_bit_equal_to_one_environment_stepped_by_hand(linear_network):
    env = make_environment("CartPole-v1")
    network = linear_network(env, seed=1)
    episodes = play(NetworkPolicy(network, env), env, SEEDS, max_steps=500, trajectories=True)
    for index, seed in enumerate(SEEDS):
        seen, rewards, terminated = by_hand("CartPole-v1", seed, lambda o, _: network.scores(o[None])[0].argmax())
        mine = episodes.trajectories.episode == index
        assert np.array_equal(episodes.trajectories.states["obs"][mine], seen[:-1])
        assert np.array_equal(episodes.final_states["obs"][index], seen[-1])
        assert (episodes.returns[index], episodes.lengths[index]) == (sum(rewards), len(rewards))
        assert episodes.terminated[index] == terminated
    assert episodes.success is None


@pytest.mark.parametrize(
    ("env_id", "kwargs"),
    [
        ("CartPole-v1", {"sutton_barto_reward": True}),
        ("Acrobot-v1", {}),
        ("MountainCar-v0", {}),
        ("FrozenLake-v1", {"is_slippery": True}),
    ],
)
def test_every_kind_of_restoring_is_bit_equal_to_stepping_by_hand(env_id, kwargs, scripted):
    env = make_environment(env_id, kwargs)
    policy = scripted(int(env.action_space.n))
    episodes = play(policy, env, SEEDS[:4], max_steps=1_000, trajectories=True)
    for index, seed in enumerate(SEEDS[:4]):
        count = policy.count
        choose = lambda _, t, s=int(seed) % 7, n=count: (s + t * 3 + t // 5) % n  # noqa: E731
        seen, rewards, terminated = by_hand(env_id, seed, choose, **kwargs)
        mine = episodes.trajectories.episode == index
        assert np.array_equal(episodes.trajectories.states["obs"][mine], seen[:-1])
        assert episodes.returns[index] == pytest.approx(sum(rewards), abs=1e-9)
        assert episodes.terminated[index] == terminated


def test_batch_size_changes_nothing(linear_network, monkeypatch):
    env = make_environment("CartPole-v1")
    policy = NetworkPolicy(linear_network(env, seed=1), env)
    together = play(policy, env, SEEDS)
    monkeypatch.setattr("agentscope.rollouts.playing.BATCH", 5)
    apart = play(policy, env, SEEDS)
    assert np.array_equal(together.returns, apart.returns)
    assert np.array_equal(together.final_states, apart.final_states)


def test_max_steps_cuts_an_episode_off_and_progress_ends_at_the_number_of_episodes(linear_network):
    env = make_environment("CartPole-v1")
    told = []
    episodes = play(
        NetworkPolicy(linear_network(env), env), env, SEEDS, max_steps=3, progress=lambda *said: told.append(said)
    )
    assert episodes.lengths.tolist() == [3] * 12
    assert not episodes.terminated.any()
    assert told[-1] == ("playing", 12, 12)
    assert episodes.trajectories is None


def test_success_is_a_positive_reward_at_the_end_where_only_ends_are_rewarded(scripted):
    env = make_environment("FrozenLake-v1")
    episodes = play(scripted(4), env, Streams(1).episode_seeds("exam", 200))
    assert np.array_equal(episodes.success, episodes.returns == 1.0)
    assert 0 < episodes.success.sum() < 200


def test_no_seeds_are_an_error(scripted):
    with pytest.raises(EmptySample, match="no episodes"):
        play(scripted(2), make_environment("CartPole-v1"), SEEDS[:0])
