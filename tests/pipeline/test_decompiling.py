"""`decompile`: both points, equal to their texts in every state; a text that was tampered with is found out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from stable_baselines3 import DQN

from agentscope import language
from agentscope.agents import load_network
from agentscope.agents.deploying import integers_of
from agentscope.cli import main
from agentscope.decompilation.running import scores
from agentscope.rollouts import enumerated_states, make_environment

AGENT = "trigger-dqn-relu-l0"


def call(*words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--quiet"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "trigger"
    found = call("decompile", AGENT, "--out", str(path))
    assert found.exit_code == 0, found.output
    return path


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def block_of(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))["decompilation"]


def test_a_network_of_whole_numbers_is_kept_to_the_last_bit(folder: Path) -> None:
    close = block_of(folder)["close"]
    assert close["agreement"]["reachable"]["agreement"] == 1.0 and close["reached"]
    assert close["return_ratio"] == 1.0
    proof = close["equality"]
    assert proof["equal"] and proof["exhaustive"] and proof["states"] == 256
    assert proof["disagreements"] == proof["nodes_failed"] == proof["changed"] == proof["substituted_changed"] == 0
    assert proof["sb3"] == {"states": 256, "disagreements": 0}
    assert proof["largest_sum_bits"] < 24


def test_the_small_point_has_no_more_bits_and_plays_as_well(folder: Path) -> None:
    block = block_of(folder)
    assert block["small"]["bits"] <= block["close"]["bits"] and block["small"]["reached"]
    assert len(block["frontier"]) == 4
    assert {row["name"] for row in block["frontier"]} >= {"close", "6 bits"}


def test_the_program_says_what_the_network_is(folder: Path) -> None:
    text = (folder / "decompiled.py").read_text(encoding="utf-8")
    assert "max(seen(1) + seen(4) + seen(6) - 2, 0)" in text  # the trigger
    program = block_of(folder)["program"]
    assert program["lines"] < program["naive"]["lines"]
    assert {row["stage"] for row in program["functions"]} >= {"hidden_1", "hidden_2", "hidden_3", "scores"}
    assert program["calls"] == ["score"]


def test_the_zip_is_what_the_text_says_in_every_state(folder: Path) -> None:
    env = make_environment("agentscope_envs:AgentScope/QuizLamps-v0", {"sabotage": False})
    states = enumerated_states(env).states
    seeing = language.with_cells(env)
    text = (folder / "decompiled.py").read_text(encoding="utf-8")
    program = language.parse(text, language.vocabulary_of(seeing), language.DECOMPILATION_LIMITS)
    chosen = language.TextPolicy(program, language.bind_state(seeing)).actions(states)
    network = load_network(folder / "simplified.zip")
    assert np.array_equal(chosen, scores(integers_of(network), env.observe(states)).argmax(axis=1))
    played, _ = DQN.load(folder / "simplified.zip").predict(env.observe(states), deterministic=True)
    assert np.array_equal(chosen, played)


def test_the_program_is_read_back_up_to_renaming(folder: Path) -> None:
    found = block_of(folder)["recovered"]
    assert found["states"] == 256 and found["disagreements"] == 0
    text = (folder / "recovered.py").read_text(encoding="utf-8")
    assert "seen(1) > 0 and seen(4) > 0 and seen(6) > 0" in text and "sum(seen(i) for i in components)" in text
    assert block_of(folder)["close"]["made"] == "exact"


def test_a_program_that_was_changed_is_found_out(copied: Path) -> None:
    text = (copied / "recovered.py").read_text(encoding="utf-8")
    (copied / "recovered.py").write_text(text.replace("seen(6) > 0", "seen(5) > 0"), encoding="utf-8")
    found = call("decompile", "--verify", str(copied), "--json")
    document = json.loads(found.output)
    assert found.exit_code == 1 and document["recovered"]["disagreements"] > 0
    assert document["close"]["equal"]


def test_the_page_folds_the_call_tree(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<h2>Decompilation</h2>" in page and "Call tree of the small text" in page
    assert page.count("<details><summary>") > 4 and "score_sabotage" in page


def test_level_three_stands_among_the_levels_only_where_there_are_levels(folder: Path) -> None:
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["levels"] is None and report["strategy"] is None
    assert "decompilation" not in report["why"]


def test_a_run_folder_is_proved_again(folder: Path) -> None:
    found = call("decompile", "--verify", str(folder), "--json", "--states", "500")
    document = json.loads(found.output)
    assert found.exit_code == 0 and document["equal"]
    assert document["close"]["states"] == 256 and document["small"]["nodes_failed"] == 0


def test_a_text_with_another_number_is_found_out(copied: Path) -> None:
    text = (copied / "decompiled.py").read_text(encoding="utf-8")
    assert "seen(4) + seen(6)" in text
    changed = text.replace("seen(4) + seen(6)", "seen(4) + seen(5)")
    (copied / "decompiled.py").write_text(changed, encoding="utf-8")
    found = call("decompile", "--verify", str(copied), "--json")
    document = json.loads(found.output)
    assert found.exit_code == 1 and not document["equal"]
    assert document["close"]["nodes_failed"] > 0 and document["close"]["disagreements"] > 0
    assert document["small"]["equal"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "simplified.zip").unlink(), "simplified.zip is missing"),
        (lambda folder: (folder / "simplified.zip").write_bytes(b"PK"), "another network"),
        (lambda folder: (folder / "decompiled.py").write_text("import os\n"), "another network"),
        (lambda folder: (folder / "report.json").unlink(), "no report.json"),
        (lambda folder: (folder / "decompiled.py").write_bytes(b"\xff\xfe"), "not UTF-8"),
        (lambda folder: (folder / "recovered.py").write_bytes(b"\xff"), "not UTF-8"),
    ],
)
def test_a_spoiled_folder_is_refused_in_one_line(copied: Path, spoil: object, said: str) -> None:
    spoil(copied)  # type: ignore[operator]
    found = call("decompile", "--verify", str(copied))
    assert found.exit_code == 2 and said in found.output and found.output.count("\n") == 1


def test_functions_of_a_strange_report_are_checked(copied: Path) -> None:
    report = json.loads((copied / "report.json").read_text(encoding="utf-8"))
    report["decompilation"]["close"]["program"]["functions"][0]["units"] = [10**9]
    (copied / "report.json").write_text(json.dumps(report), encoding="utf-8")
    found = call("decompile", "--verify", str(copied))
    assert found.exit_code == 2 and found.output.count("\n") == 1


def test_points_of_another_shape_are_refused(copied: Path) -> None:
    report = json.loads((copied / "report.json").read_text(encoding="utf-8"))
    report["decompilation"]["close"]["program"] = "none"
    report["decompilation"]["small"] = [1]
    (copied / "report.json").write_text(json.dumps(report), encoding="utf-8")
    found = call("decompile", "--verify", str(copied))
    assert found.exit_code == 2 and "decompilation.close.program" in found.output and found.output.count("\n") == 1


@pytest.mark.parametrize("words", [(), (AGENT, "--verify", "x"), (AGENT, "--point", "middle")])
def test_bad_use_is_said(words: tuple[str, ...]) -> None:
    assert call("decompile", *words).exit_code == 2


def test_what_cannot_be_decompiled_is_refused_before_work(tmp_path: Path) -> None:
    found = call("decompile", "tetris-moves-ppo", "--out", str(tmp_path / "r"))
    assert found.exit_code == 2 and "BoardExtractor" in found.output
    assert not (tmp_path / "r").exists()
