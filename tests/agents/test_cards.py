"""Cards: known keys, plain values, allow-listed modules; and agents found by what a user types."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from agentscope.agents import finding
from agentscope.agents.cards import read_card
from agentscope.agents.finding import find_agent
from agentscope.errors import BadCard, RefusedFile, UnknownAgent

CARD = """
name = "toy-dqn"
title = "A toy"
[agent]
algorithm = "DQN"
model = "model.zip"
sha256 = "SHA"
family = "gridworld"
reward_concepts = ["has_key"]
[environment]
id = "agentscope_envs:AgentScope/KeyDoor-v0"
[environment.kwargs]
layouts = 64
[training]
seed = 1
steps = 1000
algorithm = "DQN"
minutes = 2.5
[training.hyperparameters]
learning_rate = 1e-3
[training.hyperparameters.policy_kwargs]
net_arch = [64, 64]
[training.hyperparameters.policy_kwargs.features_extractor_kwargs]
channels = 4
[training.training_environment]
start = "anywhere"
[training.versions]
torch = "2.13.0"
[evaluation]
episodes = 100
return_mean = 0.9
return_low = 0.8
return_high = 1
goals = 99
[[curve]]
step = 10
return = 0.5
lines_mean = 2
[twin]
name = "toy-dqn-b"
"""


def folder_with(tmp_path: Path, text: str, model: bytes = b"model") -> Path:
    folder = tmp_path / "toy-dqn"
    folder.mkdir()
    (folder / "model.zip").write_bytes(model)
    (folder / "card.toml").write_text(text.replace("SHA", hashlib.sha256(b"model").hexdigest()))
    return folder


def test_a_card_is_read_whole(tmp_path: Path) -> None:
    card = read_card(folder_with(tmp_path, CARD) / "card.toml")
    assert card.name == "toy-dqn" and card.twin is not None and card.twin.name == "toy-dqn-b"
    assert card.environment.kwargs == {"layouts": 64}
    assert card.training.hyperparameters["policy_kwargs"] == {
        "net_arch": [64, 64],
        "features_extractor_kwargs": {"channels": 4},
    }
    assert card.training.training_environment == {"start": "anywhere"}
    assert card.evaluation.model_extra == {"goals": 99}
    assert card.curve[0].value == 0.5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id = "agentscope_envs:AgentScope/KeyDoor-v0"', 'id = "strange_module:Env-v0"', "strange_module.*--env"),
        ('id = "agentscope_envs:AgentScope/KeyDoor-v0"', 'id = "os.path:Env-v0"', "os.path"),
        ('model = "model.zip"', 'model = "../model.zip"', "plain file name"),
        ('model = "model.zip"', 'model = "/etc/model.zip"', "plain file name"),
        ('title = "A toy"', 'colour = "red"', "colour"),
        ("layouts = 64", "layouts = [1, 2]", "layouts"),
        ("layouts = 64", "layouts = {a = 1}", "layouts"),
        ("seed = 1", 'seed = "1"', "seed"),
        ("channels = 4", "channels = 2020-01-01", "channels"),
        ("channels = 4", "a = {b = {c = 1}}", "'b'"),
        ("goals = 99", "goals = [1]", "goals"),
        ('name = "toy-dqn"', 'name = "../toy"', "name"),
        ('sha256 = "SHA"', 'sha256 = "12"', "sha256"),
        ("seed = 1", "seed = ", "not TOML"),
        ('title = "A toy"', "title = " + "[" * 3000 + "]" * 3000, "TOML|nested|title"),
    ],
)
def test_a_card_with_anything_else_is_refused_by_key(old: str, new: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadCard, match=message):
        read_card(folder_with(tmp_path, CARD.replace(old, new)) / "card.toml")


def test_a_card_that_names_a_strangers_module_never_imports_it(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    (tmp_path / "strange_module.py").write_text(f"open({str(marker)!r}, 'w').close()")
    folder = folder_with(tmp_path, CARD.replace("agentscope_envs:AgentScope/KeyDoor-v0", "strange_module:Env-v0"))
    code = (
        "import sys; from agentscope.agents import find_agent; from agentscope.errors import BadCard\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        f"try: find_agent({str(folder)!r})\n"
        "except BadCard as error: print(error)\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "strange_module" in shown
    assert not marker.exists()


def test_a_folder_whose_model_was_changed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedFile, match="sha256"):
        find_agent(str(folder_with(tmp_path, CARD, model=b"other")))


def test_a_card_before_the_first_training_says_how_to_train(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, CARD.replace('sha256 = "SHA"\n', ""))
    assert read_card(folder / "card.toml").agent.sha256 == ""
    with pytest.raises(UnknownAgent, match="make train AGENT=toy-dqn"):
        find_agent(str(folder))


def test_agents_are_found_by_name_folder_and_zip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_with(tmp_path, CARD)
    monkeypatch.setattr(finding, "shipped_folder", lambda: tmp_path)
    assert finding.shipped_agents() == ("toy-dqn",)
    for text in ("toy-dqn", str(folder)):
        source = find_agent(text)
        assert source.name == "toy-dqn" and source.card is not None and source.zip_path == folder / "model.zip"
    assert find_agent(str(folder / "model.zip")).card is None
    with pytest.raises(UnknownAgent, match="Did you mean toy-dqn"):
        find_agent("toi-dqm")
    with pytest.raises(UnknownAgent, match="Shipped agents: toy-dqn"):
        find_agent("/nowhere/agent.zip")


def test_agents_are_found_on_every_shelf_and_the_first_of_two_with_one_name_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "shipped_folder", lambda: tmp_path)
    for shelf in ("compiled", "zoo", "zoo/made", "elsewhere"):
        (tmp_path / shelf).mkdir(parents=True)
        folder_with(tmp_path / shelf, CARD).rename(tmp_path / shelf / f"one-of-{shelf.replace('/', '-')}")
        folder_with(tmp_path / shelf, CARD)
    assert finding.shipped_agents() == ("one-of-compiled", "one-of-zoo", "one-of-zoo-made", "toy-dqn")
    assert find_agent("toy-dqn").zip_path.parent == tmp_path / "compiled" / "toy-dqn"
    (tmp_path / "compiled" / "toy-dqn" / "model.zip").unlink()
    assert "toy-dqn" in finding.carded_folders(tmp_path) and "toy-dqn" not in finding.shipped_agents()


def test_families_have_titles_in_the_order_of_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "shipped_folder", lambda: tmp_path)
    assert finding.family_titles() == {}
    (tmp_path / "families.toml").write_text('zebra = "striped"\nant = "small"\n')
    assert list(finding.family_titles().items()) == [("zebra", "striped"), ("ant", "small")]


def test_reading_zips_and_cards_loads_no_torch() -> None:
    code = (
        "import sys; from agentscope.agents import describe_zip, find_agent, read_card, read_zip, shipped_agents\n"
        "shipped_agents()\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
