"""A user's own concepts and labels come with the agent: probes, strategies and texts meet them like any other."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from agentscope import pipeline, records
from agentscope.cli import main
from agentscope.contracts import provides
from agentscope.errors import RefusedFile, TextError
from agentscope.records import Budget

OWN = """
[concepts.blocked]
expression = "cell_ahead() == wall or cell_ahead() == lava"
doc = "The next step forward is no good."

[concepts.errand]
expression = "(distance_to_goal() if door_open() else distance_to_door() if has_key() else distance_to_key())"
unit = "cells"
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    file = tmp_path / "own.toml"
    file.write_text(OWN)
    return file


def test_an_agent_with_own_concepts_is_the_same_agent_with_a_longer_vocabulary(own: Path) -> None:
    plain, agent = pipeline.open_agent("keydoor-ppo"), pipeline.open_agent("keydoor-ppo", concepts=str(own))
    assert provides(agent.env) == provides(plain.env)
    names = [concept.name for concept in agent.env.concepts]  # type: ignore[attr-defined]
    assert names[-2:] == ["blocked", "errand"] and len(names) == len(plain.env.concepts) + 2  # type: ignore[attr-defined]
    assert agent.own_concepts is not None and agent.own_concepts.name == "own.toml"
    assert agent.own_concepts.sha256 == hashlib.sha256(own.read_bytes()).hexdigest()
    states = plain.env.reset(np.arange(40))
    np.testing.assert_array_equal(agent.decide(states).actions, plain.decide(states).actions)
    unseen = agent.env.unseen_levels()  # type: ignore[attr-defined]
    assert [concept.name for concept in unseen.concepts] == names
    assert plain.own_concepts is None and plain.labels is None


def test_own_concepts_are_probed_and_texts_may_call_them(own: Path, tiny: Budget) -> None:
    agent = pipeline.open_agent("keydoor-ppo", concepts=str(own))
    (primitive,) = pipeline.probe_agent(agent, ["blocked"], tiny)["primitives"]
    assert primitive.kind == "flag" and primitive.score is not None and primitive.score > 0.6
    text = "def strategy(state):\n    if blocked():\n        return 0\n    return 2 if errand() > 3 else 1\n"
    comparison = pipeline.compare_agent(agent, text, "mine.py", tiny)
    assert comparison.fidelity.network is not None and 0 < comparison.fidelity.network.agreement < 1
    with pytest.raises(TextError, match="no concept or helper blocked"):
        pipeline.compare_agent(pipeline.open_agent("keydoor-ppo"), text, "mine.py", tiny)


def test_a_file_for_another_environment_is_refused_with_the_place(own: Path) -> None:
    with pytest.raises(TextError, match=r"concept blocked of own\.toml: unknown name wall"):
        pipeline.open_agent("tetris-dqn", concepts=str(own))


def test_the_example_of_the_documentation_is_sound(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "adding" / "concepts.md").read_text()
    (tmp_path / "example.toml").write_text(page.split("```toml")[1].split("```")[0])
    agent = pipeline.open_agent("tetris-dqn", concepts=str(tmp_path / "example.toml"))
    assert agent.own_concepts is not None and len(agent.own_concepts.declarations) == 3
    states = agent.env.reset(np.arange(6))
    tall = next(concept for concept in agent.env.concepts if concept.name == "tall")  # type: ignore[attr-defined]
    assert tall.measure(states).shape == (6, 10) and not tall.measure(states).any()


def test_labels_come_as_states_that_can_be_probed(tmp_path: Path) -> None:
    plain = pipeline.open_agent("cartpole-ppo")
    observations = plain.env.observe(plain.env.reset(np.arange(60)))
    np.savez(
        tmp_path / "labels.npz", observations=observations, episode=np.arange(60) // 4, leans=observations[:, 2] > 0
    )
    agent = pipeline.open_agent("cartpole-ppo", labels=str(tmp_path / "labels.npz"))
    assert agent.labels is not None and agent.labels.concepts[0].name == "leans"
    np.testing.assert_array_equal(agent.labels.observations, observations)
    with pytest.raises(RefusedFile, match="gives"):
        pipeline.open_agent("keydoor-ppo", labels=str(tmp_path / "labels.npz"))


@pytest.mark.parametrize(
    "verb",
    [
        ("inspect",),
        ("probe", "--concept", "tall"),
        ("compare", "text.py"),
        ("explain", "--episode", "0", "--step", "0"),
    ],
)
def test_every_verb_with_an_agent_takes_concepts_and_tells_what_is_wrong_in_one_line(
    verb: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.py").write_text("def strategy(state):\n    return 0\n")
    Path("own.toml").write_text('[concepts.tall]\nexpression = "obs(9) > 1"\n')
    for options in (["--concepts", "own.toml"], ["--concepts", "gone.toml"]):
        result = CliRunner().invoke(main, [verb[0], "cartpole-ppo", *verb[1:], *options])
        assert result.exit_code == 2 and result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    Path("own.toml").write_text("[concepts.tall]\nexpression = 3\n")
    result = CliRunner().invoke(main, [verb[0], "cartpole-ppo", *verb[1:], "--concepts", "own.toml"])
    assert "expression is a string, found a whole number" in result.stderr


def test_probe_takes_own_concepts_from_the_command_line(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(records.BUDGETS, "quick", Budget("least", 8, 8, 300, 300, 1, 10, 1, 60))
    words = ["probe", "keydoor-ppo", "--concept", "errand", "--concepts", str(own), "--out", "run", "--json", "--quiet"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.stderr
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["primitives"][0]["concept"] == "errand" and "--concepts own.toml" in report["run"]["command"]


def test_labels_that_cannot_be_read_are_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labels.csv").write_text("obs_0,tall\n1,true\n")
    for file, told in (("labels.csv", "gives"), ("gone.npz", "no file gone.npz"), ("labels.pkl", "neither")):
        result = CliRunner().invoke(main, ["probe", "cartpole-ppo", "--concept", "tall", "--labels", file])
        Path("labels.pkl").write_bytes(b"")
        assert result.exit_code == 2 and told in result.stderr and result.stderr.count("\n") == 1, result.stderr
