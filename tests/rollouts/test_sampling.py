"""State sets: all steps of short episodes, an even sample of long ones, whatever the memory."""

import numpy as np
import pytest

from agentscope.contracts import Transition
from agentscope.errors import EmptySample
from agentscope.rollouts import NetworkPolicy, Streams, collect_states, enumerated_states, make_environment, play
from agentscope.rollouts.playing import Moment
from agentscope.rollouts.sampling import StateSampler, even_cap


def feed(lengths, max_states, seed=0):
    """Watch episodes of given lengths; the state is its own (episode, step)."""
    lengths = np.asarray(lengths)
    sampler = StateSampler(np.arange(len(lengths)) + 100, max_states=max_states, generator=np.random.default_rng(seed))
    largest = 0
    for step in range(lengths.max()):
        alive = np.flatnonzero(lengths > step)
        states = np.zeros(len(alive), dtype=[("episode", np.int64), ("step", np.int64)])
        states["episode"], states["step"] = alive, step
        none = np.zeros(len(alive), dtype=bool)
        sampler.watch(Moment(alive, step, states, alive, Transition(states, np.zeros(len(alive)), none, none)))
        largest = max(largest, sampler.size)
    return sampler.state_set("network"), largest


def test_everything_is_kept_where_it_fits_in_order_of_episode_and_step():
    states, _ = feed([3, 1, 2], 100)
    assert states.states.tolist() == [(0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1)]
    assert states.episode.tolist() == [100, 100, 100, 101, 102, 102]
    assert states.step.tolist() == [0, 1, 2, 0, 0, 1]


def test_short_episodes_stay_whole_long_ones_are_thinned_evenly_and_memory_is_bounded():
    lengths = [5, 2_000, 40, 1_000, 3]
    states, largest = feed(lengths, 200)
    counts = [int((states.episode == 100 + index).sum()) for index in range(5)]
    assert counts == [5, 76, 40, 76, 3]  # 5 + 40 + 3 whole, the rest shared by the two long ones
    assert largest <= 2 * 200 + 5
    steps = states.step[states.episode == 101]
    assert 800 < steps.mean() < 1_200  # from the whole length, not its beginning
    assert np.all(np.diff(steps) > 0)


def test_thinning_early_gives_the_set_that_thinning_at_the_end_gives(monkeypatch):
    lengths = np.random.default_rng(1).integers(1, 300, size=40)
    early, _ = feed(lengths, 500)
    monkeypatch.setattr(StateSampler, "_thin", lambda self, thin=StateSampler._thin: thin(self) if self.done else None)
    monkeypatch.setattr(StateSampler, "done", False, raising=False)
    sampler_set = StateSampler.state_set

    def finish(self, name):
        self.done = True
        return sampler_set(self, name)

    monkeypatch.setattr(StateSampler, "state_set", finish)
    late, largest = feed(lengths, 500)
    assert largest == lengths.sum()
    assert np.array_equal(early.states, late.states)


def test_more_episodes_than_states_keep_one_state_each_of_some():
    states, _ = feed([4] * 50, 20)
    assert len(states) == 20
    assert len(np.unique(states.episode)) == 20


def test_the_cap_is_the_largest_that_fits():
    lengths = np.array([5, 2_000, 40, 1_000, 3])
    for most in (5, 10, 60, 200, 3_000, 10_000):
        cap = even_cap(lengths, most)
        fits = [c for c in range(1, 2_001) if np.minimum(lengths, c).sum() <= most]
        assert cap == max(fits, default=1)


def test_collected_states_are_those_of_play_and_repeat_by_seed(linear_network):
    env = make_environment("CartPole-v1")
    policy, seeds = NetworkPolicy(linear_network(env, seed=1), env), Streams(0).episode_seeds("exam", 30)
    played = play(policy, env, seeds, trajectories=True).trajectories
    everything = collect_states(
        policy, env, seeds, max_states=10**6, generator=np.random.default_rng(0), name="lessons"
    )
    assert everything.name == "lessons"
    assert np.array_equal(everything.states, played.states)
    assert np.array_equal(everything.episode, seeds[played.episode])
    some = [
        collect_states(policy, env, seeds, max_states=90, generator=np.random.default_rng(seed)) for seed in (1, 1, 2)
    ]
    assert len(some[0]) <= 90
    assert np.array_equal(some[0].states, some[1].states)
    assert not np.array_equal(some[0].states, some[2].states)


def test_no_room_and_no_seeds_are_errors(linear_network):
    env = make_environment("CartPole-v1")
    policy, seeds = NetworkPolicy(linear_network(env), env), Streams(0).episode_seeds("exam", 3)
    for few, room in ((seeds[:0], 10), (seeds, 0)):
        with pytest.raises(EmptySample):
            collect_states(policy, env, few, max_states=room, generator=np.random.default_rng(0))


def test_enumerated_states_are_exhaustive_and_know_their_level():
    keydoor = make_environment("agentscope_envs:AgentScope/KeyDoor-v0")
    states = enumerated_states(keydoor)
    assert states.exhaustive
    assert len(states) == len(keydoor.enumerate())
    assert len(np.unique(states.episode)) == 64
    assert enumerated_states(make_environment("CartPole-v1")) is None
