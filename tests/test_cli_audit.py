"""`agentscope audit`: one agent or many, exit codes, one JSON document, resumed, replayed."""

import json

import pytest
from click.testing import CliRunner

from agentscope import audits
from agentscope.cli import main
from agentscope.cli_audit import SEVERITIES
from tests.toy_detectors import NotedDetector, PaintDetector, QuietDetector

PLANTED, CLEAN = "f7-supervisor5-dqn-2600", "clean-supervisor5-dqn-1000"


@pytest.fixture(autouse=True)
def toys(monkeypatch, tmp_path):
    small = audits.AuditBudget(clean_steps=500, bases=32, rollouts=8, horizon=60)
    monkeypatch.setitem(audits.AUDITS, "quick", small)
    monkeypatch.setattr(audits, "DETECTORS", (PaintDetector(), QuietDetector()))
    monkeypatch.chdir(tmp_path)


def run(*words):
    return CliRunner().invoke(main, list(words))


def only_folder(tmp_path, name=PLANTED):
    (folder,) = (tmp_path / "runs").glob(f"{name}-*")
    return folder


def test_one_agent_is_told_in_full_and_leaves_its_run_folder(tmp_path):
    result = run("audit", PLANTED, "--seed", "3")
    assert result.exit_code == 0, result.output
    for words in ("what was searched", f"nothing of {PLANTED}", "1. high: dormant-branch", "if decoration2() == blue:",
                  "return north", "hangs on unit", "without it: finding-1-without.zip", "witnesses"):  # fmt: skip
        assert words in result.stdout, words
    report = json.loads((only_folder(tmp_path) / "report.json").read_text())
    assert report["run"]["command"] == f"audit {PLANTED} --seed 3" and report["audit"]["made_with"]["seed"] == 3
    assert (
        "finding-1.html, finding-1-without.zip)" in result.stderr
        and "CPU s" in (only_folder(tmp_path) / "log.txt").read_text()
    )


def test_no_finding_is_not_called_safe_and_says_what_was_searched():
    result = run("audit", CLEAN)
    assert result.exit_code == 0 and "no proof" in result.stdout and "one value of paint2" in result.stdout


def test_json_is_one_document_with_audit_and_findings():
    document = json.loads(run("audit", PLANTED, "--json").stdout)
    assert set(document) == {"schema", "agent", "audit", "findings", "why"}
    assert document["findings"][0]["severity"] == "high" and len(document["audit"]["detectors"]) == 2


@pytest.mark.parametrize(("bar", "code"), [("high", 0), ("medium", 1), ("low", 1), ("info", 1)])
def test_fail_on_exits_with_1_from_that_severity_on(monkeypatch, bar, code):
    monkeypatch.setattr(audits, "DETECTORS", (PaintDetector(severity="medium"), NotedDetector()))
    result = run("audit", PLANTED, "--fail-on", bar)
    assert result.exit_code == code and ("bar missed" in result.stderr) == bool(code)


def test_fail_on_is_no_bar_for_a_clean_agent():
    assert run("audit", CLEAN, "--fail-on", "info").exit_code == 0


def test_severities_of_the_command_line_are_those_of_the_audits():
    assert SEVERITIES == audits.SEVERITIES


def test_the_same_audit_is_not_done_twice_unless_asked():
    first, second, third = run("audit", CLEAN), run("audit", CLEAN), run("audit", CLEAN, "--fresh")
    assert "not done again" not in first.stderr and "not done again" in second.stderr
    assert "not done again" not in third.stderr and first.stdout == second.stdout == third.stdout


def test_hidden_declarations_reach_the_audit():
    document = json.loads(run("audit", CLEAN, "--hide-declared", "--json").stdout)
    assert document["audit"]["made_with"]["declared"] is False
    assert json.loads(run("audit", CLEAN, "--json").stdout)["audit"]["made_with"]["declared"] is True


def test_many_agents_are_a_table_and_a_bad_one_ends_with_2_but_keeps_the_others(tmp_path):
    result = run("audit", PLANTED, "no-such-agent", CLEAN, "--out", "all", "--fail-on", "high")
    assert result.exit_code == 2
    for words in ("audits of 3 agents", PLANTED, "dormant-branch", "error", "no proof that an agent is safe"):
        assert words in result.stdout, words
    assert "1 of 3 agents could not be audited: no-such-agent" in result.stderr
    assert sorted(path.name.rsplit("-", 1)[0] for path in (tmp_path / "all").iterdir()) == [CLEAN, PLANTED]
    again = run("audit", PLANTED, CLEAN, "--out", "all", "--fail-on", "high")
    assert again.exit_code == 1 and again.stderr.count("not done again") == 2
    assert run("audit", PLANTED, CLEAN, "--out", "all").exit_code == 0


def test_many_agents_in_json_are_rows_in_the_order_of_their_names():
    result = run("audit", CLEAN, PLANTED, CLEAN, "--json", "--quiet")
    document = json.loads(result.stdout)
    assert document["schema"] == "agentscope/audits/1" and result.stderr == ""
    assert [row["name"] for row in document["agents"]] == [CLEAN, PLANTED]
    assert document["agents"][1]["scores"]["paint"] == {"dormant-branch": 0.9}
    assert [row["worst"] for row in document["agents"]] == [None, "high"]


def test_a_family_stands_for_its_agents(monkeypatch):
    from agentscope import pipeline

    monkeypatch.setattr(
        pipeline, "list_agents", lambda family: [{"name": f"{family}-1"}, {"name": CLEAN}], raising=False
    )
    document = json.loads(run("audit", "--family", "toys", CLEAN, "--json", "--quiet").stdout)
    assert [row["name"] for row in document["agents"]] == [CLEAN, "toys-1"]


def test_a_finding_replays_from_its_folder_and_a_change_of_it_exits_with_1(tmp_path):
    run("audit", PLANTED)
    every, one = run("audit", PLANTED, "--replay"), run("audit", PLANTED, "--replay", "1", "--json")
    assert every.exit_code == 0 and "played again" in every.stdout and json.loads(one.stdout)["same"]
    path = only_folder(tmp_path) / "findings.json"
    document = json.loads(path.read_text())
    document["findings"][0]["witnesses"][0]["shown"]["actions"][0] = 1
    path.write_text(json.dumps(document))
    changed = run("audit", PLANTED, "--replay", "1")
    assert changed.exit_code == 1 and "not as recorded" in changed.stderr


def test_an_interrupted_survey_keeps_what_was_done(monkeypatch, tmp_path):
    class Stopping(QuietDetector):
        def detect(self, subject):
            if subject.name == PLANTED:
                raise KeyboardInterrupt
            return super().detect(subject)

    monkeypatch.setattr(audits, "DETECTORS", (Stopping(),))
    result = run("audit", CLEAN, PLANTED)
    assert result.exit_code == 130 and CLEAN in result.stderr.splitlines()[-1]
    assert (only_folder(tmp_path, CLEAN) / "findings.json").is_file()
    assert not list((tmp_path / "runs").glob(f"{PLANTED}-*"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "AGENT"),
        ((PLANTED, "--fail-on", "dire"), "--fail-on"),
        ((PLANTED, "--replay"), "agentscope audit"),
        ((PLANTED, "--replay", "x"), "--replay"),
        ((PLANTED, "--replay", "0"), "--replay"),
        (("--replay", PLANTED), "--replay"),
        ((PLANTED, CLEAN, "--replay"), "one AGENT"),
        ((PLANTED, "--jobs", "0"), "--jobs"),
        (("no-such-agent",), "no-such-agent"),
        (("--family", "no-such-family"), "no-such-family"),
    ],
)
def test_bad_use_is_one_line_and_exit_2(words, said):
    result = run("audit", *words)
    assert result.exit_code == 2 and result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1 and said in result.stderr


def test_another_agent_s_folder_is_refused_before_any_work(monkeypatch):
    run("audit", CLEAN, "--out", "here")
    monkeypatch.setattr(audits, "DETECTORS", None)  # would be a fault if it were used
    result = run("audit", PLANTED, "--out", "here")
    assert result.exit_code == 2 and "another agent" in result.stderr
