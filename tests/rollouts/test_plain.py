"""Plain Gymnasium environments as inspectable ones: pure steps, one concept, edits."""

import gymnasium
import numpy as np
import pytest

from agentscope.contracts import InspectableEnv, concepts_of, provides
from agentscope.errors import ContractBroken, SpaceMismatch
from agentscope.records import StateSet
from agentscope.rollouts import PlainEnv, Streams, edited_states, make_environment, restoring

SEEDS = Streams(0).episode_seeds("exam", 6)
IDS = ("CartPole-v1", "MountainCar-v0", "Acrobot-v1", "FrozenLake-v1")


def some_states(env, steps=9):
    """States of different ages."""
    states, found = env.reset(SEEDS), []
    for step in range(steps):
        found.append(states)
        transition = env.step(states, np.full(len(states), step % int(env.action_space.n)))
        states = transition.states[~transition.terminated]
    return np.concatenate(found)


@pytest.mark.parametrize("env_id", IDS)
def test_a_step_is_pure_from_any_state_in_any_order(env_id):
    env = make_environment(env_id)
    states = some_states(env)
    actions = np.arange(len(states)) % int(env.action_space.n)
    before = states.copy()
    one = env.step(states, actions)
    order = np.random.default_rng(0).permutation(len(states))
    other = make_environment(env_id).step(states[order], actions[order])
    assert np.array_equal(states, before)
    assert np.array_equal(one.states[order], other.states)
    assert np.array_equal(one.rewards[order], other.rewards)
    assert np.array_equal(one.terminated[order], other.terminated)
    alone = env.step(states[3:4], actions[3:4])
    assert np.array_equal(alone.states, one.states[3:4])


@pytest.mark.parametrize("env_id", IDS)
def test_it_keeps_the_required_contract_and_declares_one_concept(env_id):
    env = make_environment(env_id)
    assert isinstance(env, InspectableEnv)
    (concept,) = concepts_of(env)
    states = env.reset(SEEDS)
    assert (concept.name, concept.axis) == ("obs", ("component",))
    values = concept.measure(states)
    assert values.shape == (6, len(env.axes["component"]))
    assert values.dtype == np.float64
    assert np.array_equal(values, env.observe(states).reshape(6, -1))
    assert set(provides(env)) == {"concepts", "action_concepts", "edits", "render_text", "states_from"}


def test_names_are_readable_where_known_and_numbered_or_the_users_elsewhere():
    assert make_environment("CartPole-v1").axes["component"][2] == "angle"
    assert make_environment("CartPole-v1").action_names == ("push_left", "push_right")
    assert make_environment("FrozenLake-v1").axes["component"] == ("component_0",)
    named = PlainEnv(lambda: gymnasium.make("FrozenLake-v1"), id="FrozenLake-v1", component_names=("cell",))
    assert named.axes["component"] == ("cell",)
    assert "angle" in make_environment("CartPole-v1").render_text(make_environment("CartPole-v1").reset(SEEDS)[:1])


def test_the_time_limit_truncates_and_what_is_over_stays_as_it_is():
    env = make_environment("CartPole-v1", {"max_episode_steps": 4})
    states = env.reset(SEEDS)
    for step in range(4):
        transition = env.step(states, np.full(6, step % 2))
        assert transition.truncated.tolist() == [step == 3] * 6
        states = transition.states
    falling = env.reset(SEEDS)
    for _ in range(12):
        falling = env.step(falling, np.zeros(6, dtype=int)).states
    assert falling["over"].all()
    again = env.step(falling, np.ones(6, dtype=int))
    assert np.array_equal(again.states, falling)
    assert again.terminated.all()
    assert not again.rewards.any()


def test_edits_swap_one_component_for_a_value_seen_elsewhere():
    env = make_environment("CartPole-v1")
    states = some_states(env)
    edits = env.with_values_of(states).edits(states)
    for row in range(0, len(edits.parent), 7):
        before, after = states["obs"][edits.parent[row]], edits.states["obs"][row]
        changed = np.flatnonzero(before != after)
        assert changed.tolist() == [edits.feature[row]]
        assert after[changed[0]] in states["obs"][:, changed[0]]
    assert not edits.legal.any()
    assert edits.feature_names[0] == "obs(position)"
    assert len(np.unique(edits.value)) == 8
    one = env.edits(states[:1])  # values of random play where no others are given
    assert len(one.parent) > 16


def test_an_edited_cartpole_state_plays_on_from_its_new_physics():
    env = make_environment("CartPole-v1")
    exam = StateSet("network", some_states(env), np.zeros(54, int), np.arange(54))
    edited = edited_states(env, exam, np.random.default_rng(0))
    assert len(edited) == 54
    plain = gymnasium.make("CartPole-v1").unwrapped
    after = env.step(edited.states, np.ones(54, dtype=int)).states
    for row in range(0, 54, 9):
        plain.reset(seed=0)
        plain.state = edited.states["memory"][row].copy()
        assert np.array_equal(plain.step(1)[0], after["obs"][row])


def test_an_edited_observation_that_is_not_the_physics_can_be_seen_but_not_stepped():
    env = make_environment("Acrobot-v1")
    edits = env.edits(some_states(env))
    assert env.observe(edits.states).shape == (len(edits.parent), 6)
    with pytest.raises(ContractBroken, match="cannot be stepped"):
        env.step(edits.states, np.zeros(len(edits.parent), dtype=int))


def test_replaying_works_beyond_the_environments_that_are_kept_alive(monkeypatch):
    states = some_states(make_environment("FrozenLake-v1"))
    kept = make_environment("FrozenLake-v1").step(states, np.full(len(states), 2))
    monkeypatch.setattr(restoring, "LIVE", 2)
    replayed = make_environment("FrozenLake-v1").step(states, np.full(len(states), 2))
    assert np.array_equal(kept.states, replayed.states)


def test_a_wrapped_classic_environment_is_replayed_since_its_wrapper_may_hold_state():
    def make():
        return gymnasium.wrappers.TransformReward(gymnasium.make("CartPole-v1"), lambda reward: 2 * reward)

    env = PlainEnv(make, id="CartPole-v1")
    assert isinstance(env.restorer, restoring.Replay)
    assert env.step(env.reset(SEEDS), np.zeros(6, dtype=int)).rewards.tolist() == [2.0] * 6


def test_other_spaces_are_refused_with_what_is_supported():
    with pytest.raises(SpaceMismatch, match="Discrete actions only"):
        make_environment("Pendulum-v1")
    with pytest.raises(SpaceMismatch, match="Box and Discrete"):
        make_environment("Blackjack-v1")
