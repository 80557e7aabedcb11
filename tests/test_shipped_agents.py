"""The shipped agents do what their cards say: the returns that everything else is measured beside."""

import hashlib
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from agentscope import pipeline
from agentscope.agents import find_agent, shipped_agents
from agentscope.agents.finding import SHELVES, carded_folders, family_titles, shipped_folder
from agentscope.errors import BadOption
from agentscope.rollouts import NetworkPolicy, Streams, play

EXPECTED = (
    "cartpole-dqn", "cartpole-dqn-twin", "cartpole-ppo", "cartpole-ppo-twin", "keydoor-dqn",
    "keydoor-dqn-twin", "keydoor-ppo", "keydoor-ppo-twin", "tetris-dqn", "tetris-moves-ppo", "tetris-ppo",
    "tetris-small-dqn",
)  # fmt: skip


def test_every_agent_ships_with_a_whole_card() -> None:
    assert set(EXPECTED) <= set(shipped_agents())
    titles = family_titles()
    for name in shipped_agents():
        source = find_agent(name)
        assert source.card is not None and source.card.name == name
        table = tomllib.loads((source.zip_path.parent / "card.toml").read_text())
        assert table["agent"]["sha256"] == hashlib.sha256(source.zip_path.read_bytes()).hexdigest()
        assert table["agent"]["family"] in titles, name
        assert table["evaluation"]["episodes"] > 0 and "return_mean" in table["evaluation"]
        if table["agent"]["family"].startswith("compiled") and "training" not in table:
            assert table["program"]["states"] > 0 and table["program"]["versions"]["torch"]
            continue
        assert table["training"]["versions"]["torch"] and table["training"]["hyperparameters"]
        assert table["curve"] or table["truth"]["begun_from"], "who has no curve was made from another agent"


def test_names_are_taken_once_on_all_shelves() -> None:
    folder = shipped_folder()
    assert folder is not None
    names = [card.parent.name for shelf in SHELVES for card in folder.glob(f"{shelf}/*/card.toml")]
    assert sorted(names) == sorted(carded_folders(folder)) and len(names) > 60


def test_every_family_that_ships_is_listed_together_in_the_order_of_its_file() -> None:
    rows = pipeline.list_agents()
    families = [row["family"] for row in rows]
    assert sorted(row["name"] for row in rows) == sorted(shipped_agents())
    assert list(dict.fromkeys(families)) == [family for family in family_titles() if family in families]
    assert families == sorted(families, key=list(dict.fromkeys(families)).index)
    assert {row["family"] for row in pipeline.list_agents("compiled")} == {"compiled"}
    with pytest.raises(BadOption, match=r"unheard-of.*compiled"):
        pipeline.list_agents("unheard-of")


def test_listing_reads_cards_only_and_loads_neither_torch_nor_sklearn() -> None:
    code = (
        "import sys; opened = []\n"
        "sys.addaudithook(lambda event, found: opened.append(str(found[0])) if event == 'open' else None)\n"
        "from agentscope import pipeline; rows = pipeline.list_agents()\n"
        "heavy = [name for name in ('torch', 'sklearn', 'stable_baselines3') if name in sys.modules]\n"
        "heavy += [name for name in opened if name.endswith('model.zip')]\n"
        "sys.exit(repr(heavy) if heavy or len(rows) < 60 else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


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
    for card in folder.rglob("card.toml"):
        text = card.read_text()
        assert "/home/" not in text and "http" not in text and "/root" not in text
