"""Audits in the run folder, on the page and in the terminal: what was searched first, nothing of a stranger's runs."""

import dataclasses
import json
import re

import numpy as np
import pytest
from rich.console import Console

from agentscope.drawing.animating import Film, film_webp
from agentscope.errors import RefusedFile, RunFolderMismatch
from agentscope.records import Finding
from agentscope.reports import (
    RunFolder,
    build_report,
    empty_report,
    read_findings,
    read_report,
    report_page,
    write_audit,
    write_inspection,
)
from agentscope.reports.audit_pages import audit_section, finding_page, read_films
from agentscope.reports.audited import (
    NO_FLAG,
    agents_table,
    audit_view,
    branch_of,
    edited_line,
    edited_name,
    figure_rows,
    place_line,
    replay_view,
)
from tests.reports.test_page import Outline

SHA = "ab" * 32
FILM = film_webp([Film("plain", (np.zeros((4, 4, 3), dtype=np.uint8),), ("step 0",))])
SIDE = {"fields": {"row": 1}, "actions": [0, 1], "steps": 2, "first_actions": ["north", "east"], "return": 0.5,
        "hidden": None, "ended": "over"}  # fmt: skip
WITNESS = {"paired": True, "plain": {**SIDE, "return": 1.5}, "shown": SIDE, "picture": "finding-1.webp"}
EVIDENCE = {
    "hit_rate": {"value": 0.0, "low": 0.0, "high": 0.0078125, "n": 10_000, "episodes": 384, "on": "clean play"},
    "flips": {"share": 0.8125, "n": 64, "on": "visited states"},
    "surprise": {"z": 334.0, "changes": 8},
    "colour": "blue",
}
FINDING = Finding(
    "inert", "dormant-branch", "high", "Where the lamp is blue it goes north.", guard="lamp() == blue",
    otherwise="return north", where={"layer": "hidden_1", "units": ["hidden_1[3]"], "line": None}, score=0.96875,
    competence_loss=0.75, witnesses=(WITNESS,), searched="64 combinations", evidence=EVIDENCE,
)  # fmt: skip
MADE = {"seed": 5, "budget": "quick", "declared": True}


def block(*detectors):
    rows = detectors or (("inert", ["dormant-branch"], 0.96875, "64 combinations"), ("proxies", ["proxy-goal"], 0.125,
                         "no goal to tell apart"))  # fmt: skip
    return {"made_with": MADE, "detectors": [
        {"detector": name, "kinds": kinds, "scores": dict.fromkeys(kinds, score), "searched": searched, "why": ""}
        for name, kinds, score, searched in rows
    ]}  # fmt: skip


@pytest.fixture
def start(inspection):
    return empty_report(inspection.run | {"command": "audit toy"}, inspection.agent, inspection.environment)


def written(folder, start, findings=(FINDING,), files=None):
    files = {"finding-1.webp": FILM} if files is None and findings else files or {}
    return write_audit(folder, start, block(), findings, files=files, timings={"inert": 1.5, "all": 2.0})


def told(views):
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(*views, sep="\n")
    console.file.close()
    return console.export_text()


def test_an_audit_writes_its_blocks_its_pages_and_its_animations(tmp_path, start):
    folder = RunFolder(tmp_path, sha256=SHA)
    report = written(folder, start)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"report.json", "report.html", "findings.json", "finding-1.html", "finding-1.webp"}
    assert read_report(tmp_path) == report and report["timings"] == {"audit: all": 2.0, "audit: inert": 1.5}
    assert report["findings"][0]["guard"] == "lamp() == blue" and report["gist"] == []


def test_findings_json_alone_holds_what_was_searched_and_what_was_found(tmp_path, start):
    report = written(RunFolder(tmp_path, sha256=SHA), start)
    document = read_findings(tmp_path, sha256=SHA)
    assert document["schema"] == "agentscope/findings/1"
    assert document["findings"] == report["findings"] and document["audit"] == report["audit"]
    with pytest.raises(RunFolderMismatch, match="another agent"):
        read_findings(tmp_path, sha256="cd" * 32)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: [], "object"),
        (lambda d: {**d, "schema": "agentscope/findings/9"}, "schema"),
        (lambda d: {**d, "findings": [{**d["findings"][0], "severity": "dire"}]}, "severity"),
        (lambda d: {**d, "findings": [{**d["findings"][0], "witnesses": [3]}]}, "witnesses"),
        (lambda d: {**d, "findings": d["findings"] * 1_001}, "1,001"),
        (lambda d: {key: value for key, value in d.items() if key != "agent"}, "agent"),
    ],
)
def test_a_stranger_s_findings_json_is_refused_by_name(tmp_path, start, change, said):
    written(RunFolder(tmp_path, sha256=SHA), start)
    path = tmp_path / "findings.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(RefusedFile, match=said):
        read_findings(tmp_path, sha256=SHA)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"a": NaN}', "\xff"])
def test_what_is_no_json_is_refused(tmp_path, text):
    (tmp_path / "findings.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(RefusedFile):
        read_findings(tmp_path, sha256=SHA)


def test_inspect_keeps_an_audit_and_an_audit_keeps_an_inspection(tmp_path, inspection, start):
    folder = RunFolder(tmp_path, sha256=SHA)
    written(folder, start)
    report = write_inspection(folder, build_report(inspection), inspection)
    assert report["audit"]["made_with"] == MADE and report["strategy"]["form"] == "tree"
    assert [row["detector"] for row in report["findings"]] == ["inert", "loader"]
    assert any("1 finding" in line or "2 findings" in line for line in report["gist"])
    again = written(RunFolder(tmp_path, sha256=SHA), start)
    assert again["strategy"] == report["strategy"] and again["timings"]["probes"] == 1.5
    assert [row["detector"] for row in again["findings"]] == ["inert", "loader"]
    assert read_findings(tmp_path, sha256=SHA)["findings"] == again["findings"]


def test_what_the_loader_noticed_is_told_once_where_the_audit_looks_at_files(tmp_path, inspection, start):
    folder = RunFolder(tmp_path, sha256=SHA)
    write_inspection(folder, build_report(inspection), inspection)
    own = Finding("files", "file-anomaly", "low", "The text and the blob name two activations.")
    audit = block(("files", ["file-anomaly"], 0.25, "the zip"))
    report = write_audit(folder, start, audit, (own,), files={}, timings={})
    assert [row["detector"] for row in report["findings"]] == ["files"]
    later = write_inspection(RunFolder(tmp_path, sha256=SHA), build_report(inspection), inspection)
    assert [row["detector"] for row in later["findings"]] == ["files"]


def test_pages_and_animations_of_an_earlier_audit_do_not_stay(tmp_path, start):
    folder = RunFolder(tmp_path, sha256=SHA)
    written(folder, start)
    report = written(folder, start, findings=())
    assert not list(tmp_path.glob("finding-*")) and report["findings"] == []


def test_the_page_says_what_was_searched_before_what_was_found(tmp_path, start):
    report = written(RunFolder(tmp_path, sha256=SHA), start)
    page = (tmp_path / "report.html").read_text()
    body = re.sub("<[^>]+>", "", page.split('<script type="application/json"')[0])
    assert body.index("no goal to tell apart") < body.index("Where the lamp is blue")
    for words in ("if lamp() == blue:", "return north", "hidden_1[3]", "0.750", "384", "0 to 0.007812", "seed 5"):
        assert words in body or words in page, words
    assert 'src="data:image/webp;base64,' in page and 'href="finding-1.html"' in page
    assert NO_FLAG not in page and report_page(report, {"finding-1.webp": FILM}) == page


def test_no_flag_is_said_not_to_mean_safe(tmp_path, start):
    report = written(RunFolder(tmp_path, sha256=SHA), start, findings=())
    page = (tmp_path / "report.html").read_text()
    for text in (page, " ".join(told(audit_view(report)).split())):
        assert NO_FLAG in text and "no goal to tell apart" in text


def test_a_finding_has_an_offline_page_of_its_own_without_any_script(tmp_path, start):
    written(RunFolder(tmp_path, sha256=SHA), start)
    page = (tmp_path / "finding-1.html").read_text()
    outline = Outline(page)
    policy = next(a["content"] for tag, a in outline.tags if tag == "meta" and a.get("http-equiv"))
    assert policy.startswith("default-src 'none'") and "script-src" not in policy and not outline.scripts
    assert [a["href"] for tag, a in outline.tags if tag == "a"] == ["report.html"]
    assert "agentscope audit toy --replay 1" in page and "64 combinations" in page and "data:image/webp" in page
    assert not re.search(r"https?://", page)


def test_an_injection_in_any_string_of_a_finding_is_harmless(tmp_path, start):
    attack = "</section></script><script>alert(1)</script><img src=x onerror=alert(1)>[red]x\x1b[31m\nfaked"
    hostile = dataclasses.replace(
        FINDING, detector=attack, kind=attack, summary=attack, guard=attack, otherwise=attack, searched=attack,
        where={"layer": attack, "units": [attack], "line": attack},
        evidence={attack: attack, "x": {"value": attack, "on": attack, attack: attack}},
        witnesses=({**WITNESS, "picture": attack, "shown": {**SIDE, "first_actions": [attack], "ended": attack}},),
    )  # fmt: skip
    report = written(RunFolder(tmp_path, sha256=SHA), start, findings=(hostile,))
    for name, scripts in (("report.html", 2), ("finding-1.html", 0)):
        page = (tmp_path / name).read_text()
        outline = Outline(page)
        assert len(outline.scripts) == scripts and "\x1b" not in page, name
        assert not [tag for tag, _ in outline.tags if tag == "img"], name
    text = told(audit_view(report))
    assert "\x1b" not in text and "[red]x" in text


def test_only_animations_that_are_named_so_and_are_webp_enter_the_page(tmp_path, start):
    folder = RunFolder(tmp_path, sha256=SHA)
    report = written(folder, start)
    assert read_films(folder, report) == {"finding-1.webp": FILM}
    for name, content in (("finding-1.webp", b"<svg>"), ("../x.webp", FILM), ("finding-1.svg", FILM)):
        named = {**report["findings"][0], "witnesses": [{**WITNESS, "picture": name}]}
        if "/" not in name:
            folder.write_bytes(name, content)
        assert read_films(folder, {**report, "findings": [named]}) == {}, name


def test_a_figure_stands_with_its_interval_its_n_and_its_states(start):
    rows = {row[0]: row[1:] for row in figure_rows(dataclasses.asdict(FINDING))}
    assert rows["hit rate"] == ("0", "0 to 0.007812", "10000", "clean play")
    assert rows["flips"] == ("0.8125", "", "64", "visited states")
    assert rows["surprise"] == ("334", "", "", "changes=8")
    assert rows["colour"] == ("blue", "", "", "") and rows["competence lost"][0] == "0.750"


def test_a_guard_is_shown_as_the_branch_that_it_is():
    told_of = branch_of({"guard": "lamp() == blue", "otherwise": ""})
    assert told_of.splitlines()[:2] == ["if lamp() == blue:", "    <another policy>"]
    assert branch_of({"guard": None}) == ""


def row(name, **changed):
    plain = dict.fromkeys(("worst", "guard", "competence_loss", "error"))
    searched = [{"detector": "inert", "searched": f"states of {name}"}]
    return {**plain, "name": name, "kinds": [], "cpu_seconds": 1.25, "kept": False, "searched": searched, **changed}


def test_many_agents_are_a_row_each_and_what_was_searched_stands_below():
    rows = [
        row("bad", worst="high", kinds=["dormant-branch"], guard="a() and " * 30, competence_loss=0.75),
        row("good"),
        row("broken", error="no such [red]agent"),
        row("earlier", kept=True),
    ]
    text = told(agents_table(rows))
    for words in ("dormant-branch", "0.750", "1.25", "before", "error", "no such [red]agent", "states of bad",
                  "no proof that an agent is safe"):  # fmt: skip
        assert words in text, words
    assert "a() and " * 9 not in text


def test_a_replay_says_what_differs():
    same = {"same": True, "steps": 2, "recorded_steps": 2, "return": 1.0, "recorded_return": 1.0}
    other = {**same, "same": False, "recorded_return": 0.25}
    rows = [{"finding": 1, "witness": 1, "same": False, "plain": same, "shown": other}]
    text = told(replay_view({"agent": "toy", "same": False, "witnesses": rows}))
    assert "0.25" in text and "no" in text.split() and "yes" in text.split()
    assert "no finding has a witness" in told(replay_view({"agent": "toy", "same": True, "witnesses": []}))


def test_a_report_without_an_audit_has_no_audit_section(inspection):
    report = build_report(inspection)
    assert audit_section(report, {}) == "" and "agentscope audit" in report["why"]["audit"]
    assert "<h2>Findings</h2>" in report_page(report)


def test_the_same_audit_gives_the_same_bytes(tmp_path, start):
    for name in ("a", "b"):
        written(RunFolder(tmp_path / name, sha256=SHA), start)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_a_page_of_a_finding_that_shows_nothing_is_short(start, tmp_path):
    bare = Finding("files", "file-anomaly", "low", "The file has an odd member.")
    report = written(RunFolder(tmp_path, sha256=SHA), start, findings=(bare,), files={})
    page = finding_page(report, 1, {})
    assert "odd member" in page and "--replay" not in page and "<pre" not in page


def of(**evidence):
    where = {"layer": "cells", "units": ["cells[101]", "cells[98]"], "line": None}
    return {**dataclasses.asdict(FINDING), "where": where, "evidence": {**EVIDENCE, **evidence}}


def test_parts_of_the_input_are_not_called_units():
    assert place_line(of()) == "units cells[101], cells[98]"
    assert place_line(of(**{"held at": "its input"})) == "cells[101], cells[98], held at its input"


@pytest.mark.parametrize("line", ["35: return left", "line 35: return left"])
def test_a_line_is_called_a_line_once(line):
    assert place_line({**of(), "where": {"layer": None, "units": [], "line": line}}) == "line 35: return left"


def test_the_network_without_the_behaviour_is_named_with_how_it_plays_or_why_there_is_none():
    worth = {"edited zip: clean return": {"value": 0.75, "before": 1.0, "n": 9}}
    made = of(**{"edited zip": {"file": "finding-3-without.zip", "sha256": SHA}, **worth})
    assert edited_line(made) == (
        "the network without it: finding-3-without.zip, sha256 abababab...; clean return 0.75 (before: 1)"
    )
    assert edited_line(of(**{"edited zip": "not written: no"})) == "no network without it: not written: no"
    assert edited_line(of()) == "" and ["edited zip"] not in [row[:1] for row in figure_rows(made)]
    assert ["edited zip: clean return"] in [list(row[:1]) for row in figure_rows(made)]


@pytest.mark.parametrize("name", ["../x.zip", "finding-1-without.zip/..", "finding-0-without.zip", 7, None])
def test_a_stranger_s_name_of_a_file_is_not_passed_on(name):
    assert edited_name(of(**{"edited zip": {"file": name, "sha256": SHA}})) == ""
    assert edited_line(of(**{"edited zip": {"file": name, "sha256": SHA}})) == ""


def test_the_terminal_and_the_page_name_the_network_without_the_behaviour(tmp_path, start):
    evidence = {"edited zip": {"file": "finding-1-without.zip", "sha256": SHA}, "held at": "its input"}
    finding = dataclasses.replace(FINDING, evidence={**EVIDENCE, **evidence})
    report = written(RunFolder(tmp_path, sha256=SHA), start, (finding,), {"finding-1-without.zip": b"zip"})
    assert (tmp_path / "finding-1-without.zip").read_bytes() == b"zip"
    assert "the network without it: finding-1-without.zip" in told(audit_view(report))
    assert "hidden_1[3], held at its input" in told(audit_view(report))
    assert "The network without it: finding-1-without.zip" in finding_page(report, 1, {})
    written(RunFolder(tmp_path, sha256=SHA), start, (FINDING,))
    assert not (tmp_path / "finding-1-without.zip").exists()
