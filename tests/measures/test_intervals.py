"""Bootstrap over episodes: coverage on data whose truth is known, determinism, and the rule of three."""

import numpy as np
import pytest

from agentscope.errors import EmptySample
from agentscope.measures import episode_interval, intervals, mean_interval, paired_difference, zero_disagreements


def clustered(rng, episodes=40, length=25):
    """Flags whose chance differs by episode: states of one episode are alike. The mean chance is .75."""
    chance = rng.beta(3, 1, size=episodes)
    flags = rng.random((episodes, length)) < chance[:, None]
    return flags.ravel(), np.repeat(np.arange(episodes), length)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        flags, episode = clustered(rng)
        interval = episode_interval(flags, episode, generator=rng, resamples=400)
        covered += interval.low <= 0.75 <= interval.high
    assert 0.88 <= covered / 200 <= 0.99


def test_states_of_one_episode_are_not_taken_for_independent():
    flags, episode = clustered(np.random.default_rng(1))
    by_episode = episode_interval(flags, episode, generator=np.random.default_rng(0))
    by_row = episode_interval(flags, np.arange(len(flags)), generator=np.random.default_rng(0))
    assert by_episode.mean == by_row.mean == flags.mean()
    assert by_episode.high - by_episode.low > 1.5 * (by_row.high - by_row.low)
    assert (by_episode.n, by_row.n) == (40, 1_000)


def test_the_interval_equals_a_plain_bootstrap_loop_within_its_noise():
    rng = np.random.default_rng(2)
    lengths = rng.integers(1, 30, size=25)
    episode = np.repeat(np.arange(25), lengths)
    values = rng.normal(size=len(episode)) + episode / 10
    means = []
    for _ in range(4_000):
        drawn = rng.integers(25, size=25)
        means.append(np.concatenate([values[episode == index] for index in drawn]).mean())
    low, high = np.percentile(means, [2.5, 97.5])
    interval = episode_interval(values, episode, generator=rng, resamples=4_000)
    assert interval.low == pytest.approx(low, abs=0.06)
    assert interval.high == pytest.approx(high, abs=0.06)


def test_same_seed_same_interval_other_seed_another_and_chunks_change_nothing(monkeypatch):
    flags, episode = clustered(np.random.default_rng(3))
    one, again, other = (episode_interval(flags, episode, generator=np.random.default_rng(s)) for s in (7, 7, 8))
    assert one == again
    assert one != other
    monkeypatch.setattr(intervals, "CELLS", 4_000)
    assert episode_interval(flags, episode, generator=np.random.default_rng(7)) == one


def test_zero_disagreements_are_bounded_by_three_over_episodes():
    flags, episode = np.ones(600, dtype=bool), np.repeat(np.arange(60), 10)
    interval = episode_interval(flags, episode, generator=np.random.default_rng(0))
    assert (interval.mean, interval.low, interval.high) == (1.0, 0.95, 1.0)
    assert zero_disagreements(2) == 0.0


def test_one_episode_says_nothing_about_the_spread_of_a_share():
    interval = episode_interval(
        np.array([True, False]), np.zeros(2, dtype=np.int64), generator=np.random.default_rng(0)
    )
    assert (interval.mean, interval.low, interval.high, interval.n) == (0.5, 0.0, 1.0, 1)


def test_pairing_removes_what_the_episodes_share():
    rng = np.random.default_rng(4)
    luck = rng.normal(scale=100, size=50)
    network, text = luck + rng.normal(size=50), luck + 3 + rng.normal(size=50)
    difference = paired_difference(text, network, generator=np.random.default_rng(0))
    assert difference.mean == pytest.approx((text - network).mean())
    assert 2 < difference.low < 3 < difference.high < 4
    alone = mean_interval(text, generator=np.random.default_rng(0))
    assert alone.high - alone.low > 10 * (difference.high - difference.low)


def test_no_states_are_an_error():
    with pytest.raises(EmptySample):
        episode_interval(np.empty(0, dtype=bool), np.empty(0, dtype=np.int64), generator=np.random.default_rng(0))
