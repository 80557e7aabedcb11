"""One edit a state: uniform over features, then over values; against a loop."""

from collections import Counter

import gymnasium
import numpy as np
import pytest

from agentscope.contracts import Edits
from agentscope.records import StateSet
from agentscope.rollouts import edited_states, editing, make_environment

DTYPE = np.dtype([("switch", np.int64), ("dial", np.int64)])


class Panel:
    """A switch with one other value, a dial with four others of which two are legal; over 90 there are no edits."""

    id, kwargs, axes, action_names = "Panel-v0", {}, {}, ("wait",)
    state_dtype = DTYPE
    observation_space = gymnasium.spaces.Box(0, 99, (2,), np.int64)
    action_space = gymnasium.spaces.Discrete(1)

    def reset(self, seeds):
        return np.zeros(len(seeds), dtype=DTYPE)

    def observe(self, states):
        return np.stack([states["switch"], states["dial"]], axis=1)

    def step(self, states, actions):
        raise NotImplementedError

    def edits(self, states):
        rows = []
        for parent, state in enumerate(states):
            if state["dial"] > 90:
                continue
            rows.append((parent, (1 - state["switch"], state["dial"]), 0, 0, True))
            rows += [(parent, (state["switch"], 10 + v), 1, v, v < 2) for v in range(4)]
        parent, state, feature, value, legal = zip(*rows, strict=True) if rows else ((),) * 5
        return Edits(
            np.array(parent, dtype=np.int32), np.array(list(state), dtype=DTYPE), np.array(feature, dtype=np.int32),
            np.array(value, dtype=np.int32), np.array(legal, dtype=bool), ("switch", "dial"),
        )  # fmt: skip


def exam_of(count, dial=0):
    states = np.zeros(count, dtype=DTYPE)
    states["dial"] = dial
    return StateSet("network", states, np.arange(count) // 10, np.arange(count) % 10)


def test_features_are_uniform_first_and_legal_values_after():
    edited = edited_states(Panel(), exam_of(8_000), np.random.default_rng(0))
    counts = Counter(zip(edited.feature.tolist(), edited.states["dial"].tolist(), strict=True))
    assert set(counts) == {(0, 0), (1, 10), (1, 11)}
    assert counts[0, 0] == pytest.approx(4_000, abs=200)
    assert counts[1, 10] == pytest.approx(2_000, abs=150)
    everything = edited_states(Panel(), exam_of(8_000), np.random.default_rng(0), legal_only=False)
    assert Counter(everything.feature.tolist())[0] == pytest.approx(4_000, abs=200)
    assert len(set(everything.states["dial"].tolist())) == 5


def test_an_edited_state_keeps_its_parents_episode_and_states_without_edits_drop_out():
    exam = exam_of(100)
    exam.states["dial"][::2] = 99
    edited = edited_states(Panel(), exam, np.random.default_rng(0))
    assert edited.name == "edited"
    assert edited.feature_names == ("switch", "dial")
    assert np.array_equal(edited.episode, exam.episode[1::2])
    assert np.array_equal(edited.step, exam.step[1::2])


def test_same_generator_same_edits_whatever_the_chunks(monkeypatch):
    one = edited_states(Panel(), exam_of(500), np.random.default_rng(3))
    monkeypatch.setattr(editing, "CHUNK", 9)
    again = edited_states(Panel(), exam_of(500), np.random.default_rng(3))
    other = edited_states(Panel(), exam_of(500), np.random.default_rng(4))
    assert np.array_equal(one.states, again.states)
    assert not np.array_equal(one.states, other.states)


def test_environments_without_edits_and_sets_without_any_give_none():
    fixed = Panel()
    fixed.edits = None
    assert edited_states(fixed, exam_of(5), np.random.default_rng(0)) is None
    assert edited_states(Panel(), exam_of(5, dial=99), np.random.default_rng(0)) is None


def test_every_edit_of_keydoor_is_one_of_its_own_legal_edits():
    keydoor = make_environment("agentscope_envs:AgentScope/KeyDoor-v0")
    states = keydoor.reset(np.arange(40))
    edited = edited_states(
        keydoor, StateSet("network", states, np.arange(40), np.zeros(40, int)), np.random.default_rng(0)
    )
    possible = keydoor.edits(states)
    for row in range(40):
        mine = (possible.parent == row) & possible.legal & (possible.feature == edited.feature[row])
        assert (possible.states[mine] == edited.states[row]).any()


def test_a_pool_gives_every_family_of_features_alike():
    env = make_environment("agentscope_envs:AgentScope/TetrisSmall-v0", {})
    states = env.reset(np.arange(90))
    visited = StateSet("network", states, np.arange(90), np.zeros(90, dtype=np.int64))
    pool = editing.edit_pool(env, visited, np.random.default_rng(0), most=2_000)
    names = np.array([name.split("(")[0] for name in pool.feature_names])[pool.feature]
    for parent in range(5):
        counts = Counter(names[pool.parent == parent].tolist())
        assert counts["cell"] == editing.EACH_FAMILY and counts["piece"] == 6
    assert 2_000 <= len(pool) < 2_000 + 64 * 60
    for index in range(0, len(pool), 97):  # one feature changed, and legal
        edits = env.edits(pool.bases[pool.parent[index]][None])
        same = np.flatnonzero((edits.states == pool.edited[index]) & (edits.feature == pool.feature[index]))
        assert len(same) and edits.legal[same].all()
    again = editing.edit_pool(env, visited, np.random.default_rng(0), most=2_000)
    other = editing.edit_pool(env, visited, np.random.default_rng(1), most=2_000)
    assert np.array_equal(pool.edited, again.edited) and not np.array_equal(pool.edited, other.edited)


def test_states_to_edit_are_half_listed_ones_each_an_episode_of_its_own():
    env = make_environment("agentscope_envs:AgentScope/QuizLamps-v0", {})
    states = env.reset(np.arange(50))
    visited = StateSet("network", states, np.arange(50) // 10, np.zeros(50, dtype=np.int64))
    found = editing.states_to_edit(env, visited, np.random.default_rng(0), most=60)
    listed = found.episode < 0
    assert listed.sum() == 30 and (~listed).sum() == 30
    assert len(np.unique(found.episode[listed])) == 30
    unlisted = make_environment("agentscope_envs:AgentScope/TetrisSmall-v0", {})
    visited = StateSet("network", unlisted.reset(np.arange(50)), np.arange(50), np.zeros(50, dtype=np.int64))
    assert (editing.states_to_edit(unlisted, visited, np.random.default_rng(0), most=60).episode >= 0).all()


def test_there_is_no_pool_without_edits():
    visited = StateSet("network", np.zeros(3, dtype=DTYPE), np.arange(3), np.zeros(3, dtype=np.int64))
    quiet = Panel()
    quiet.edits = None
    assert editing.edit_pool(quiet, visited, np.random.default_rng(0)) is None
