"""A disguised network with a hidden convolution: shared weights, names by evidence, and its program read back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from agentscope.agents import load_network
from agentscope.agents.deploying import integers_of
from agentscope.cli import main
from agentscope.pipeline import open_agent
from agentscope.pipeline.recovering import exact_network


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "columns"
    words = ["decompile", "columns-dqn-relu-l1", "--point", "close", "--out", str(path), "--quiet", "--states", "1000"]
    found = CliRunner().invoke(main, words)
    assert found.exit_code == 0, found.output
    return path


def test_the_dense_layer_is_a_convolution_along_the_columns(folder: Path) -> None:
    """Its units were permuted, rescaled, doubled and joined by dead ones; 7 filters are left of them."""
    integers = integers_of(load_network(folder / "simplified.zip"))
    first = integers.stages[0]
    assert first.kind == "slide" and first.settings["channels"] == 7 and first.settings["kernel"] == 1
    text = (folder / "decompiled.py").read_text(encoding="utf-8")
    assert "def hidden_1_0(c):" in text


def test_units_that_carry_the_height_are_called_so(folder: Path) -> None:
    """The record says which units carry it; swaps and erasure found the same."""
    block = json.loads((folder / "report.json").read_text(encoding="utf-8"))["decompilation"]
    named = {row["name"] for row in block["program"]["names"] if row["name"]}
    assert {name.rsplit("_", 3)[0] for name in named} == {"height"} and len(named) == 4
    assert "carries height" in (folder / "decompiled.py").read_text(encoding="utf-8")


def test_the_program_is_heights_and_holes(folder: Path) -> None:
    block = json.loads((folder / "report.json").read_text(encoding="utf-8"))["decompilation"]
    program = block["recovered"]
    assert program["states"] == 65_536 and program["disagreements"] == 0 and program["lines"] <= 10
    assert "argmax(actions, key=lambda a: -number1(a) - 2 * number2(a))" in program["text"]


def test_learned_weights_are_no_whole_numbers() -> None:
    assert exact_network(open_agent("trigger-learned")) is None
    assert exact_network(open_agent("cartpole-ppo")) is None
    assert exact_network(open_agent("trigger-ppo-tanh-l0")) is not None
