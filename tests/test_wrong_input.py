"""Wrong input to the real verbs: one line that says what is wrong, what was found and what to do; exit code 2."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from click.testing import CliRunner

from agentscope import records
from agentscope.agents import find_agent
from agentscope.cli import main
from agentscope.errors import AgentScopeError, EnvironmentMissing, TextError
from agentscope.records import Budget
from tests.agents.little_models import Toy, make_model

CARTPOLE = find_agent("cartpole-ppo").zip_path
FOUR = gymnasium.spaces.Box(-5.0, 5.0, (4,), np.float32)
SPACES = {"ThreeActions-v0": gymnasium.spaces.Discrete(3), "Steering-v0": gymnasium.spaces.Box(-1.0, 1.0, (1,))}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to stand in, and two environments whose actions no shipped agent has."""
    monkeypatch.chdir(tmp_path)
    for name, space in SPACES.items():
        gymnasium.register(id=name, entry_point=lambda space=space: Toy(FOUR, space))
    yield tmp_path
    for name in SPACES:
        del gymnasium.registry[name]


def refused(*arguments: str) -> str:
    """The one line that a verb says on standard error, after exit code 2 and nothing on standard output."""
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 2, (arguments, result.output)
    assert result.stdout == "" and len(result.stderr.strip().splitlines()) == 1, result.output
    assert result.stderr.startswith("error: ") and "Traceback" not in result.stderr
    return result.stderr


def test_an_unknown_agent_is_told_with_near_names(folder: Path) -> None:
    assert "Did you mean tetris-dqn" in refused("inspect", "tetris-dqm")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Name it with --env"),
        (("--env", "gymnasium:NoSuch-v7"), "`agentscope envs` lists"),
        (("--env", "gymnasium:CartPole-v2"), "Did you mean CartPole-v1"),
        (("--env", "no_such_module:X-v0"), "Install the package"),
    ],
)
def test_a_missing_environment_is_told_with_what_to_type(folder: Path, words: tuple[str, ...], said: str) -> None:
    assert said in refused("inspect", str(CARTPOLE), *words)


@pytest.mark.parametrize(
    ("env_id", "found", "remedy"),
    [
        ("gymnasium:ThreeActions-v0", "chooses among 2 actions, but gymnasium:ThreeActions-v0 has 3", "--env"),
        ("gymnasium:Steering-v0", "Box(-1.0, 1.0, (1,), float32)", "Discrete actions only"),
        ("gymnasium:Acrobot-v1", "observations of shape (4,)", "--env"),
    ],
)
def test_another_action_or_observation_space_is_told(folder: Path, env_id: str, found: str, remedy: str) -> None:
    said = refused("inspect", "cartpole-ppo", "--env", env_id)
    assert found in said and remedy in said


def test_a_policy_over_another_action_space_is_refused_with_what_is_supported(folder: Path) -> None:
    make_model("PPO", "float", actions=gymnasium.spaces.MultiDiscrete([2, 2])).save("multi.zip")
    said = refused("inspect", "multi.zip", "--env", "gymnasium:CartPole-v1")
    assert "MultiDiscrete" in said and "Discrete" in said.replace("MultiDiscrete", "")


def test_a_truncated_zip_and_an_absent_one_are_told(folder: Path) -> None:
    whole = CARTPOLE.read_bytes()
    Path("cut.zip").write_bytes(whole[: len(whole) // 2])
    assert "truncated" in refused("inspect", "cut.zip", "--env", "gymnasium:CartPole-v1")
    assert "truncated" in refused("check", "cut.zip")
    assert "nothing-here.zip" in refused("check", "nothing-here.zip")


@pytest.mark.parametrize("line", ["import os", "x = open('f')", "while True: pass", "lambda: 0", "x = ().__class__"])
def test_a_forbidden_construct_is_told_with_its_line(folder: Path, line: str) -> None:
    Path("evil.py").write_text(f"# a text\n{line}\ndef strategy(state):\n    return 0\n")
    assert "line 2" in refused("compare", "cartpole-ppo", "evil.py")


@pytest.mark.parametrize("verb", ["inspect", "probe", "compare"])
def test_no_episodes_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    monkeypatch.setitem(records.BUDGETS, "quick", replace(records.QUICK, lessons=0, exam=0))
    Path("mine.py").write_text("def strategy(state):\n    return 0\n")
    words = {"inspect": [], "probe": ["--concept", "obs"], "compare": ["mine.py"]}[verb]
    said = refused(verb, "cartpole-ppo", *words, "--quiet")
    assert "0 episodes" in said and "ask for at least 1" in said


def test_a_concept_that_is_not_declared_is_told_with_near_names(folder: Path) -> None:
    assert "has_key" in refused("probe", "keydoor-ppo", "--concept", "has_keys")


def test_a_missing_run_a_step_after_the_end_and_the_run_of_another_agent_are_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(records.BUDGETS, "quick", Budget("least", 4, 4, 100, 100, 1, 10, 1, 60))
    Path("mine.py").write_text("def strategy(state):\n    return 0\n")
    step = ["explain", "cartpole-ppo", "--out", "run", "--episode", "0", "--step"]
    assert "agentscope inspect" in refused(*step, "0")
    assert CliRunner().invoke(main, ["compare", "cartpole-ppo", "mine.py", "--out", "run"]).exit_code == 0
    assert "agentscope inspect" in refused(*step, "0")  # `compare` leaves no text of ours
    shutil.copy("mine.py", "run/strategy.py")
    assert "choose 0 to" in refused(*step, "100000")
    assert "another agent" in refused("inspect", "cartpole-dqn", "--out", "run")


def test_every_error_is_one_family() -> None:
    assert issubclass(TextError, AgentScopeError) and issubclass(EnvironmentMissing, AgentScopeError)
