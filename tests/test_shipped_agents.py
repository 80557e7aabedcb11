"""The shipped agents do what their cards say: the returns that everything else is measured beside."""

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest

from agentscope import pipeline
from agentscope.agents import find_agent, shipped_agents
from agentscope.rollouts import NetworkPolicy, Streams, play

EXPECTED = (
    "cartpole-dqn", "cartpole-dqn-twin", "cartpole-ppo", "cartpole-ppo-twin", "keydoor-dqn",
    "keydoor-dqn-twin", "keydoor-ppo", "keydoor-ppo-twin", "tetris-dqn", "tetris-small-dqn",
)  # fmt: skip


def test_every_agent_of_this_step_ships_with_a_whole_card() -> None:
    assert set(EXPECTED) <= set(shipped_agents())
    for name in shipped_agents():
        source = find_agent(name)
        assert source.card is not None and source.card.name == name
        table = tomllib.loads((source.zip_path.parent / "card.toml").read_text())
        assert table["agent"]["sha256"] == hashlib.sha256(source.zip_path.read_bytes()).hexdigest()
        assert table["curve"] and table["evaluation"]["return_low"] <= table["evaluation"]["return_mean"]
        assert table["training"]["versions"]["torch"] and table["training"]["hyperparameters"]


@pytest.mark.parametrize("name", ["cartpole-ppo", "cartpole-dqn"])
def test_cartpole_agents_return_at_least_475(name: str) -> None:
    agent = pipeline.open_agent(name)
    episodes = play(agent.policy, agent.env, Streams(7).episode_seeds("gate", 100), max_steps=500)
    assert episodes.returns.mean() >= 475


@pytest.mark.parametrize("name", ["keydoor-dqn", "keydoor-dqn-twin", "keydoor-ppo", "keydoor-ppo-twin"])
def test_keydoor_agents_reach_the_goal_in_99_of_100_episodes(name: str) -> None:
    agent = pipeline.open_agent(name)
    episodes = play(agent.policy, agent.env, Streams(7).episode_seeds("gate", 1_000), max_steps=200)
    assert (episodes.returns > 0).mean() >= 0.99


def test_the_tetris_agent_clears_at_least_30_lines_a_game() -> None:
    agent = pipeline.open_agent("tetris-dqn")
    episodes = play(agent.policy, agent.env, Streams(7).episode_seeds("gate", 100))
    assert agent.env.episode_statistics(episodes.final_states)["lines"].mean() >= 30  # type: ignore[attr-defined]


def test_the_small_tetris_agent_plays_clearly_better_than_random() -> None:
    agent = pipeline.open_agent("tetris-small-dqn")
    assert agent.env.reward_concepts == ()  # type: ignore[attr-defined]
    seeds = Streams(7).episode_seeds("gate", 100)
    generator = Streams(7).generator("random")

    class RandomPlay:
        def actions(self, states: np.ndarray) -> np.ndarray:
            return generator.integers(24, size=len(states))

    lines = [
        agent.env.episode_statistics(play(policy, agent.env, seeds).final_states)["lines"].mean()  # type: ignore[attr-defined]
        for policy in (NetworkPolicy(agent.network, agent.env), RandomPlay())
    ]
    assert lines[0] > 10 * max(lines[1], 0.5)


def test_no_repository_path_or_host_is_named_in_the_cards() -> None:
    folder = Path(find_agent("tetris-dqn").zip_path).parent.parent
    for card in folder.glob("*/card.toml"):
        text = card.read_text()
        assert "/home/" not in text and "http" not in text and "/root" not in text
