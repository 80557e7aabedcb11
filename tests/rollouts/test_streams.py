"""Named random streams: the same by name, disjoint between names, unrelated between seeds."""

import numpy as np
import pytest

from agentscope.errors import BadOption
from agentscope.rollouts import Streams
from agentscope.rollouts.streams import name_code

NAMES = (
    "train", "lessons", "exam", "controls", "student", "twin", "evaluation", "edits", "dagger", "rollouts", "probe",
    "split", "benchmark", "lessons.edits", "unseen", "baseline", "frontier",
)  # fmt: skip


def test_a_name_gives_the_same_numbers_again_and_other_names_and_seeds_give_others():
    one = Streams(3).generator("exam").random(4)
    assert np.array_equal(one, Streams(3).generator("exam").random(4))
    assert not np.array_equal(one, Streams(3).generator("lessons").random(4))
    assert not np.array_equal(one, Streams(4).generator("exam").random(4))


def test_episode_seeds_never_coincide_within_or_between_names():
    seeds = [Streams(0).episode_seeds(name, 5_000) for name in NAMES]
    joined = np.concatenate(seeds)
    assert len(np.unique(joined)) == len(joined)
    assert joined.dtype == np.int64
    assert joined.min() >= 0
    assert len({name_code(name) for name in NAMES}) == len(NAMES)


def test_more_seeds_begin_with_the_fewer_and_neighbouring_root_seeds_share_none():
    assert np.array_equal(Streams(5).episode_seeds("exam", 10), Streams(5).episode_seeds("exam", 1_000)[:10])
    one, other = Streams(5).episode_seeds("exam", 1_000), Streams(6).episode_seeds("exam", 1_000)
    assert not np.intersect1d(one, other).size


def test_negative_seeds_and_counts_are_refused():
    with pytest.raises(BadOption, match="negative"):
        Streams(-1)
    with pytest.raises(BadOption, match="episode seeds"):
        Streams(0).episode_seeds("exam", 2**20 + 1)
