"""States for proofs: all that can be listed, what play meets, edits; each counted once."""

import numpy as np
import pytest

from agentscope.contracts import legal_actions_of
from agentscope.pipeline import open_agent
from agentscope.rollouts import RandomLegal, Streams, enumerated_states
from agentscope.verification.proof_sets import proof_states


@pytest.fixture(scope="module")
def tetris():
    return open_agent("tetris-small-dqn")


def looks(env, states):
    """What tells states apart: observation and legal actions."""
    legal = legal_actions_of(env, states)
    return [seen.tobytes() + allowed.tobytes() for seen, allowed in zip(env.observe(states), legal, strict=True)]


def test_every_state_looks_different_and_the_sets_are_counted(tetris):
    found = proof_states(tetris.env, {"network": tetris.policy}, Streams(4), at_least=900, max_steps=30)
    assert len(set(looks(tetris.env, found.states))) == len(found.states) >= 900
    assert list(found.sets) == ["network", "edited", "random"] and not found.exhaustive
    for counts in found.sets.values():
        assert 300 <= counts["distinct"] <= counts["states"]
    first = np.bincount(found.origin, minlength=3)
    assert first.sum() == len(found.states)
    assert all(count <= counts["distinct"] for count, counts in zip(first, found.sets.values(), strict=True))


def test_the_same_seed_gives_the_same_states_and_another_gives_others(tetris):
    def states(seed):
        return proof_states(tetris.env, {"network": tetris.policy}, Streams(seed), at_least=300, max_steps=20).states

    assert states(1).tobytes() == states(1).tobytes() != states(2).tobytes()


def test_where_all_states_can_be_listed_they_are_all_there():
    agent = open_agent("keydoor-ppo")
    found = proof_states(agent.env, {"network": agent.policy}, Streams(0), at_least=100, max_steps=20)
    listed = looks(agent.env, enumerated_states(agent.env).states)
    assert found.exhaustive and set(listed) <= set(looks(agent.env, found.states))
    assert found.sets["reachable"] == {"states": len(listed), "distinct": len(set(listed))}
    assert len(found.states) <= sum(counts["distinct"] for counts in found.sets.values())


def test_random_play_takes_every_legal_action_and_no_other(tetris):
    states = np.repeat(tetris.env.reset(np.arange(2)), 2_000)
    legal = legal_actions_of(tetris.env, states)
    actions = RandomLegal(tetris.env, np.random.default_rng(0)).actions(states)
    assert legal[np.arange(len(states)), actions].all()
    for half in (slice(0, 2_000), slice(2_000, 4_000)):
        shares = np.bincount(actions[half], minlength=legal.shape[1]) / 2_000
        expected = legal[half][0] / legal[half][0].sum()
        np.testing.assert_allclose(shares, expected, atol=0.03)
