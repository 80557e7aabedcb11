"""The critic's value is SB3's own, for every agent that has a critic."""

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from agentscope import pipeline
from agentscope.agents.finding import find_agent


@pytest.mark.parametrize("name", ["cartpole-ppo", "keydoor-ppo"])
def test_the_value_is_what_sb3_predicts(name):
    agent = pipeline.open_agent(name)
    states = agent.env.reset(np.arange(7))
    states = agent.env.step(states, agent.policy.actions(states)).states
    seen = agent.network.prepared(agent.env.observe(states))
    policy = PPO.load(find_agent(name).zip_path, device="cpu").policy
    with torch.no_grad():
        wanted = policy.predict_values(torch.as_tensor(np.ascontiguousarray(seen))).numpy()[:, 0]
    found = agent.network.value(agent.env.observe(states))
    assert found.shape == (7,) and found == pytest.approx(wanted, rel=1e-4, abs=1e-5)
    assert np.ptp(found) > 0
    assert np.array_equal(agent.network.value(agent.env.observe(states[2:3])), found[2:3])  # whatever else is asked


def test_a_q_network_has_no_critic():
    agent = pipeline.open_agent("cartpole-dqn")
    assert agent.network.value(agent.env.observe(agent.env.reset(np.arange(2)))) is None
