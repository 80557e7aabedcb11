"""Simplified networks beside an agent: known keys, the file that was measured, nothing else."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from agentscope.agents.finding import shipped_folders
from agentscope.agents.simplified import FILE, load_point, read_simplified
from agentscope.errors import BadCard, RefusedFile

AGENT = "tetris-small-dqn"
SHA = "170c1028fd8853c95b5f5e4807227289233415b46a04c5a2c28b757de360ce04"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(shipped_folders()[AGENT], tmp_path / "a")
    return tmp_path / "a"


def changed(folder: Path, before: str, after: str) -> None:
    text = (folder / FILE).read_text(encoding="utf-8")
    assert before in text
    (folder / FILE).write_text(text.replace(before, after), encoding="utf-8")


def test_what_ships_is_read_and_loads(folder: Path) -> None:
    card = read_simplified(folder, SHA)
    assert card is not None and "close" in card.points and len(card.frontier) >= 1
    network = load_point(folder, card.points["close"], name="x")
    assert network.sha256 == hashlib.sha256((folder / "close.zip").read_bytes()).hexdigest()
    assert network.spec.extractor == "QuantisedExtractor"


def test_those_of_another_agent_are_left_alone(folder: Path, tmp_path: Path) -> None:
    assert read_simplified(folder, "0" * 64) is None
    assert read_simplified(tmp_path, SHA) is None


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('file = "close.zip"', 'file = "../close.zip"', "plain file name"),
        ("numbers = ", "digits = ", "numbers"),
        ("original = ", "original = 7 #", "original"),
        ("[points.close]", "[points.close", "not TOML"),
    ],
)
def test_a_strange_file_is_refused(folder: Path, before: str, after: str, said: str) -> None:
    changed(folder, before, after)
    with pytest.raises(BadCard, match=said):
        read_simplified(folder, SHA)


def test_a_zip_that_was_changed_is_refused(folder: Path) -> None:
    card = read_simplified(folder, SHA)
    assert card is not None
    (folder / "close.zip").write_bytes(b"x" + (folder / "close.zip").read_bytes())
    with pytest.raises(RefusedFile, match="another file, or was changed"):
        load_point(folder, card.points["close"], name="x")


def test_a_link_is_refused(folder: Path) -> None:
    card = read_simplified(folder, SHA)
    assert card is not None
    (folder / "close.zip").rename(folder / "real.zip")
    (folder / "close.zip").symlink_to(folder / "real.zip")
    with pytest.raises(RefusedFile, match="link"):
        load_point(folder, card.points["close"], name="x")
