"""A million-decision agreement check beside the loop that people write: one environment, `predict`, step by step."""

from __future__ import annotations

from collections.abc import Iterator

import gymnasium
import numpy as np
from stable_baselines3 import PPO

from agentscope.agents import network_from_model
from agentscope.language import TextPolicy, bind_state, parse
from agentscope.measures import agreement
from agentscope.rollouts import NetworkPolicy, Streams, collect_states, decide, make_environment
from benchmarks.timing import line, rate

DECISIONS = 1_000_000
LOOP_DECISIONS = 3_000  # the loop is slow, and its rate does not depend on its length
STRATEGY = """
def strategy(state):
    return obs(angle) + 0.5 * obs(spin) > 0
"""


def rows() -> Iterator[str]:
    """Decisions a second of both ways, of the same network and the same strategy."""
    model = PPO("MlpPolicy", gymnasium.make("CartPole-v1"), policy_kwargs={"net_arch": [64, 64]}, seed=0, device="cpu")
    env, streams = make_environment("CartPole-v1"), Streams(0)
    network = network_from_model(model)
    visited = collect_states(
        NetworkPolicy(network, env), env, streams.episode_seeds("benchmark", 200),
        max_states=10_000, generator=streams.generator("benchmark"),
    )  # fmt: skip
    states = np.resize(visited.states, DECISIONS)
    text = TextPolicy(parse(STRATEGY, bind_state(env).vocabulary), bind_state(env))

    def batched() -> int:
        decisions = decide(network, env, states)
        agreement(decisions.actions, text.actions(states), decisions.equivalent)
        return len(states)

    loop = rate(lambda: one_by_one(model), rounds=3)
    yield line("one environment, model.predict and the strategy in a loop", loop, "decisions/s")
    yield line("a million decisions in batches, network and text", rate(batched, rounds=2), "decisions/s", loop)


def one_by_one(model: PPO) -> int:
    """Play one environment with `predict`, and count where a hand-written strategy would act alike."""
    env = gymnasium.make("CartPole-v1")
    observation, _ = env.reset(seed=0)
    same = 0
    for _ in range(LOOP_DECISIONS):
        action, _ = model.predict(observation, deterministic=True)
        same += int(action) == int(observation[2] + 0.5 * observation[3] > 0)
        observation, _, terminated, truncated, _ = env.step(int(action))
        if terminated or truncated:
            observation, _ = env.reset()
    assert 0 <= same <= LOOP_DECISIONS
    return LOOP_DECISIONS
