"""Agents made to harm, under every verb that takes one: nothing in them runs."""

import json
import shutil
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from agentscope import records
from agentscope.agents import find_agent
from agentscope.cli import main
from agentscope.records import Budget
from tests.agents.test_hostile_zips import Payload, blob, members_of, with_data, zipped

SOUND = find_agent("cartpole-ppo").zip_path
VERBS = {
    "inspect": (), "probe": ("--concept", "obs"), "compare": ("text.py",), "explain": ("--episode", "0", "--step", "0"),
}  # fmt: skip
ENV = ("--env", "gymnasium:CartPole-v1")


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that a payload leaves; the verbs run in an empty folder, on little budgets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(records.BUDGETS, "quick", Budget("least", 4, 4, 100, 100, 1, 10, 1, 60))
    Path("text.py").write_text("def strategy(state):\n    return 0\n")
    return tmp_path / "marker"


def in_key(key: str) -> Callable[[Path], bytes]:
    return lambda marker: with_data(SOUND, lambda data: data.update({key: blob(Payload(marker))}))


def in_weights(marker: Path) -> bytes:
    buffer = BytesIO()
    torch.save({"action_net.weight": Payload(marker)}, buffer)
    return zipped({**members_of(SOUND), "policy.pth": buffer.getvalue()})


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def assert_refused(result: Result, said: str) -> None:
    assert result.exit_code == 2, result.output
    assert result.stdout == "" and len(result.stderr.strip().splitlines()) == 1 and said in result.stderr, result.output


@pytest.mark.parametrize(("made", "said"), [(in_key("policy_class"), "policy_class"), (in_weights, "__builtin__.eval")])
def test_a_payload_that_the_policy_needs_is_refused_by_every_verb_and_described_by_check(
    made: Callable[[Path], bytes], said: str, marker: Path
) -> None:
    Path("hostile.zip").write_bytes(made(marker))
    for verb, words in VERBS.items():
        assert_refused(run(verb, "hostile.zip", *words, *ENV), said)
    described = run("check", "hostile.zip", "--json")
    assert described.exit_code == 0 and said in json.loads(described.stdout)["refused"]
    assert not marker.exists() and not Path("runs").exists()


def test_a_payload_in_an_invented_key_is_read_inertly_by_every_verb_and_reported(marker: Path) -> None:
    Path("hostile.zip").write_bytes(in_key("invented")(marker))
    for verb, words in VERBS.items():
        result = run(verb, "hostile.zip", *words, *ENV, "--json")
        assert result.exit_code == 0, (verb, result.output)
        if verb == "inspect":
            assert any("builtins.eval" in row["summary"] for row in json.loads(result.stdout)["findings"])
    described = json.loads(run("check", "hostile.zip", "--json").stdout)
    assert any(row["key"] == "invented" and row["calls"] == ["builtins.eval"] for row in described["would_run"])
    assert not marker.exists()


@pytest.mark.parametrize("key", ["policy_class", "invented"])
def test_the_same_payload_does_run_where_the_user_trusts_the_file(key: str, marker: Path) -> None:
    Path("hostile.zip").write_bytes(in_key(key)(marker))
    run("explain", "hostile.zip", *VERBS["explain"], *ENV, "--trust")
    assert marker.exists()


def test_a_stranger_s_module_in_a_card_is_imported_by_no_verb_unless_the_user_types_it(
    marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("strange_module.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(str(Path.cwd()))
    card = (SOUND.parent / "card.toml").read_text()
    Path("agent").mkdir()
    Path("agent/card.toml").write_text(card.replace("gymnasium:CartPole-v1", "strange_module:Env-v0"))
    shutil.copy(SOUND, "agent/model.zip")
    for verb, words in VERBS.items():
        assert_refused(run(verb, "agent", *words), "strange_module")
    assert run("check", "agent/model.zip").exit_code == 0
    assert_refused(run("check", "agent"), "agent")
    assert not marker.exists() and "strange_module" not in sys.modules
    assert_refused(run("inspect", "agent/model.zip", "--env", "strange_module:Env-v0"), "Env-v0")
    assert marker.exists()  # so the module would have told of itself
    del sys.modules["strange_module"]
