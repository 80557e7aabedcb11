"""An environment reads its own observations back: the same observation, and the same concepts."""

import gymnasium
import numpy as np
import pytest

IDS = ("AgentScope/Tetris-v0", "AgentScope/TetrisSmall-v0", "AgentScope/KeyDoor-v0")


@pytest.mark.parametrize("name", IDS)
def test_states_read_from_observations_look_alike_and_mean_the_same(name: str) -> None:
    env = gymnasium.make(f"agentscope_envs:{name}").unwrapped.inspectable
    generator = np.random.default_rng(0)
    states = env.reset(np.arange(200))
    for _ in range(6):
        states = env.step(states, generator.integers(env.action_space.n, size=200)).states
    states = env.enumerate()[::7] if name == "AgentScope/KeyDoor-v0" else states[~states["over"]]
    read = env.states_from(env.observe(states))
    assert (env.observe(read) == env.observe(states)).all()
    for concept in env.concepts:
        if concept.name != "pose_rotation":  # poses that look alike are one
            assert (concept.measure(read) == concept.measure(states)).all(), concept.name
