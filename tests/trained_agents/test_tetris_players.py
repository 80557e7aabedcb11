"""The two PPO agents of Tetris play as their cards say: by placements, and by primitive moves."""

import numpy as np
import pytest

from agentscope import pipeline
from agentscope.agents import find_agent
from agentscope.contracts import States
from agentscope.rollouts import Streams, play

LEAST = {"tetris-ppo": 12.0, "tetris-moves-ppo": 1.2}  # lines a game; at random .0 and .14


class RandomPlay:
    def __init__(self, actions: int) -> None:
        self.count, self.generator = actions, Streams(7).generator("random")

    def actions(self, states: States) -> np.ndarray:
        return self.generator.integers(self.count, size=len(states))


@pytest.mark.parametrize("name", LEAST)
def test_it_clears_lines_where_random_play_does_not(name: str) -> None:
    agent, seeds = pipeline.open_agent(name), Streams(7).episode_seeds("gate", 60)
    lines = [
        agent.env.episode_statistics(play(policy, agent.env, seeds).final_states)["lines"].mean()  # type: ignore[attr-defined]
        for policy in (agent.policy, RandomPlay(len(agent.env.action_names)))
    ]
    assert lines[0] > LEAST[name] and lines[1] < 0.4


@pytest.mark.parametrize("name", LEAST)
def test_its_zip_stays_small(name: str) -> None:
    assert find_agent(name).zip_path.stat().st_size <= 200_000
