"""A probe in depth: pictures of what stands for the concept, groups that go with it, and labels without states."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from agentscope import pipeline, records, rollouts
from agentscope.cli import main
from agentscope.pipeline.depth import file_name
from agentscope.pipeline.running import Run
from agentscope.records import Budget

SMALL = Budget("quick", 20, 8, 500, 300, 1, 10, 2, 60)


def probe() -> dict[str, Any]:
    """Without the tests for use, which have tests of their own and take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agentscope.pipeline.probing.study_use", lambda *_: [], raising=False)
        return pipeline.probe_agent(pipeline.open_agent("keydoor-ppo"), ["cell_ahead"], SMALL)


@pytest.fixture(scope="module")
def probed() -> dict[str, Any]:
    return probe()


def test_a_probe_draws_the_readout_and_the_unit_that_goes_with_the_concept(probed: dict[str, Any]) -> None:
    assert set(probed["files"]) == {"picture-cell_ahead.png", "picture-cell_ahead-unit.png"}
    for content in probed["files"].values():
        assert Image.open(io.BytesIO(content)).width > 300
    readout, unit = probed["pictures"]
    assert readout["told"].startswith("the readout of cell_ahead=") and unit["unit_count"] == 1
    assert readout["layer"] == unit["layer"] and readout["layer"].startswith("hidden_")
    assert probed["probes"]["cell_ahead"]["pictures"] == [readout, unit]


def test_the_drawn_label_reads_highest_where_the_state_shows_it(probed: dict[str, Any]) -> None:
    agent = pipeline.open_agent("keydoor-ppo")
    label = probed["pictures"][0]["drive"].removeprefix("cell_ahead=")
    (concept,) = [c for c in agent.env.concepts if c.name == "cell_ahead"]  # type: ignore[attr-defined]
    run = Run(rollouts.Streams(0), SMALL)
    visited = run.states(agent, "lessons", SMALL.lessons, SMALL.lesson_states)
    first = probed["pictures"][0]["most"][0]
    seed = run.streams.episode_seeds("lessons", SMALL.lessons)[first["episode"]]
    (row,) = np.flatnonzero((visited.episode == seed) & (visited.step == first["step"]))
    assert concept.choices[int(concept.measure(visited.states[[row]])[0])] == label


def test_groups_that_go_with_the_concept_come_first_and_are_marked(probed: dict[str, Any]) -> None:
    rows = probed["probes"]["cell_ahead"]["groups"]
    assert [row["of"] for row in rows] == ["activations", "attributions"]
    for row in rows:
        marks = [group["goes_with_it"] for group in row["groups"]]
        assert marks == sorted(marks, reverse=True)
        for group in row["groups"]:
            own = [c for c in group["concepts"] if c["concept"].startswith("cell_ahead=") and c["score"] >= 0.75]
            assert group["goes_with_it"] == bool(own)


def test_choices_are_told_by_name(probed: dict[str, Any]) -> None:
    top = probed["probes"]["cell_ahead"]["top_states"]
    assert all(isinstance(row["label"], str) and row["label"] == row["reading"] for row in top)
    assert all(row["episode"] < SMALL.lessons for row in top)


def test_the_same_seed_draws_the_same_bytes(probed: dict[str, Any]) -> None:
    again = probe()
    assert again["files"] == probed["files"] and again["probes"] == probed["probes"]


@pytest.mark.parametrize(("name", "file"), [("holes", "picture-holes.png"), ("../a b", "picture--a-b.png")])
def test_a_picture_s_file_lies_in_the_folder_whatever_the_concept_s_name(name: str, file: str) -> None:
    assert file_name(name, "readout") == file


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Observations of CartPole by hand: which way the pole leans can be read from them as they are."""
    env = pipeline.open_agent("cartpole-ppo").env
    observations = env.observe(env.reset(np.arange(400)))
    np.savez(tmp_path / "mine.npz", observations=observations, episode=np.arange(400) // 10,
             leans=observations[:, 2] > 0, noise=np.random.default_rng(0).random(400) < 0.5)  # fmt: skip
    return tmp_path / "mine.npz"


def test_labelled_states_are_probed_from_the_command_line_and_what_needs_states_is_left_out(
    labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(labels.parent)
    monkeypatch.setitem(records.BUDGETS, "quick", SMALL)
    words = [
        "probe",
        "cartpole-ppo",
        "--concept",
        "leans",
        "--concept",
        "noise",
        "--labels",
        "mine.npz",
        "--out",
        "run",
    ]
    result = CliRunner().invoke(main, [*words, "--json", "--quiet"])
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    rows = {row["concept"]: row for row in document["primitives"]}
    assert rows["leans"]["score"] > 0.9 and rows["noise"]["where"] == "absent"
    found = document["probes"]["leans"]
    assert found["pictures"] == [] and "without states" in found["why"]["pictures"]
    assert {row["episode"] for row in found["top_states"]} <= set(range(40))
    assert all(row["step"] == row["state"] for row in found["top_states"])
    assert not list(Path("run").glob("*.png"))
    shown = CliRunner().invoke(main, [*words, "--quiet"])
    assert "No pictures: labels from a file come without states" in " ".join(shown.stdout.split())


def test_a_concept_that_the_labels_do_not_hold_is_refused(labels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(labels.parent)
    result = CliRunner().invoke(main, ["probe", "cartpole-ppo", "--concept", "lean", "--labels", "mine.npz"])
    assert result.exit_code == 2 and "Did you mean leans?" in result.stderr
