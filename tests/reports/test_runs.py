"""Run folders: own blocks only, another agent refused, whole files, hostile files refused by name."""

import dataclasses
import json

import numpy as np
import pytest

from agentscope.errors import BadOption, RefusedFile, RunFolderMismatch
from agentscope.records import Comparison
from agentscope.reports import (
    RunFolder,
    build_report,
    default_folder,
    empty_report,
    read_report,
    write_comparison,
    write_inspection,
    write_primitives,
)
from agentscope.rollouts.storing import load_states

SHA = "ab" * 32


def written(tmp_path, inspection):
    folder = RunFolder(tmp_path / "run", sha256=SHA)
    report = write_inspection(folder, build_report(inspection, command="inspect toy"), inspection)
    return folder, report


def test_an_inspection_leaves_every_file_and_the_report_reads_back_as_it_was(tmp_path, inspection):
    folder, report = written(tmp_path, inspection)
    names = {path.name for path in folder.path.iterdir()}
    assert names == {"report.json", "report.html", "strategy.py", "readouts.npz", "states.npz", "probes.csv",
                     "rollouts.csv", "findings.json"}  # fmt: skip
    assert read_report(folder.path) == report
    assert folder.read_strategy() == inspection.strategy.text == report["strategy"]["text"]
    assert folder.run_seed() == 7


def test_the_same_inspection_leaves_the_same_bytes_in_every_file(tmp_path, inspection):
    first, _ = written(tmp_path / "a", inspection)
    second, _ = written(tmp_path / "b", inspection)
    for path in first.path.iterdir():
        assert path.read_bytes() == (second.path / path.name).read_bytes(), path.name


def test_no_absolute_path_and_no_time_outside_timings(tmp_path, inspection):
    _, report = written(tmp_path, inspection)
    rest = json.dumps({key: value for key, value in report.items() if key != "timings"})
    assert str(tmp_path) not in rest and "/home" not in rest and "/tmp" not in rest


def test_arrays_are_read_without_pickle(tmp_path, inspection):
    folder, _ = written(tmp_path, inspection)
    states = load_states(folder.path / "states.npz")
    assert states.states.dtype == inspection.exam.states.dtype and states.episode.tolist() == [1, 1, 2]
    with np.load(folder.path / "readouts.npz", allow_pickle=False) as arrays:
        assert arrays["holes/weights"].tolist() == [0.0, 1.0, 2.0]
    with pytest.raises(TypeError, match="Python objects"):
        folder.write_arrays("bad.npz", {"a": np.array([{}], dtype=object)})


def test_another_agent_s_folder_is_refused(tmp_path, inspection):
    folder, _ = written(tmp_path, inspection)
    with pytest.raises(RunFolderMismatch, match=r"another agent.*--out"):
        RunFolder(folder.path, sha256="cd" * 32)


def test_a_second_inspection_keeps_what_other_verbs_wrote(tmp_path, inspection):
    folder, report = written(tmp_path, inspection)
    comparison = Comparison("mine.py", "cd" * 32, inspection.fidelity, None)
    write_comparison(folder, report, comparison)
    _, report = written(tmp_path, inspection)
    assert [row["name"] for row in report["comparisons"]] == ["mine.py"]
    assert report["why"]["comparisons.0.fidelity.strategy"] == "the text left the states that can be simulated"


def test_a_probe_changes_its_own_block_only(tmp_path, inspection):
    folder, report = written(tmp_path, inspection)
    after = write_primitives(folder, report, [dataclasses.replace(inspection.primitives[0], score=0.25)])
    changed = {key for key in report if report[key] != after[key]}
    assert changed == {"primitives"}


def test_a_comparison_starts_a_folder_where_there_is_none(tmp_path, inspection):
    folder = RunFolder(tmp_path / "new", sha256=SHA)
    start = empty_report({**inspection.run, "command": "compare"}, inspection.agent, inspection.environment)
    write_comparison(folder, start, Comparison("mine.py", "cd" * 32, inspection.fidelity, None))
    assert read_report(folder.path)["strategy"] is None
    with pytest.raises(RunFolderMismatch, match="agentscope inspect"):
        folder.read_strategy()


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path, inspection, monkeypatch):
    folder, report = written(tmp_path, inspection)
    before = (folder.path / "report.json").read_bytes()

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("agentscope.reports.runs.os.replace", full)
    with pytest.raises(BadOption, match="No space left"):
        folder.write_report(report)
    assert (folder.path / "report.json").read_bytes() == before
    assert not [path for path in folder.path.iterdir() if path.name.startswith(".")]


def test_a_csv_cell_cannot_become_a_formula(tmp_path):
    folder = RunFolder(tmp_path, sha256=SHA)
    folder.write_rows("x.csv", [{"name": "=1+1", "value": -1.5}])
    assert (tmp_path / "x.csv").read_text() == "name,value\n'=1+1,-1.5\n"


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"why": {}}', b"[" * 100_000, b'{"why": {}, "x": NaN}', b"\xff\xfe", b'{"why": {"a": 1}}'],
)
def test_a_broken_report_is_a_named_refusal(tmp_path, content):
    (tmp_path / "report.json").write_bytes(content)
    with pytest.raises(RefusedFile):
        read_report(tmp_path)


@pytest.mark.parametrize(
    ("block", "place"),
    [
        ({"close": "x"}, "decompilation.close"),
        ({"small": {"agreement": {}, "program": [1]}}, "decompilation.small"),
        ({"close": None, "frontier": [{"name": 3}]}, "decompilation.frontier.0.name"),
    ],
)
def test_a_decompilation_that_cannot_be_shown_is_a_named_refusal(tmp_path, inspection, block, place):
    write_inspection(RunFolder(tmp_path, sha256=SHA), build_report(inspection), inspection)
    path = tmp_path / "report.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"decompilation": block}))
    with pytest.raises(RefusedFile, match=place):
        read_report(tmp_path)


def test_strings_of_a_stranger_s_folder_are_cleaned_when_read(tmp_path, inspection):
    folder, _ = written(tmp_path, inspection)
    path = folder.path / "report.json"
    path.write_text(path.read_text().replace('"DQN"', '"D\\u001b[2JQN"'))
    assert read_report(folder.path)["agent"]["algorithm"] == "D[2JQN"


def test_the_default_folder_is_named_after_agent_and_sha256():
    assert default_folder("tetris-dqn", SHA).as_posix() == "runs/tetris-dqn-abababab"
    assert default_folder("../../x\x1b y", SHA).as_posix() == "runs/x-y-abababab"
