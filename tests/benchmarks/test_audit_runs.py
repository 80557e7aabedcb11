"""Results are kept, one file an agent; other code, seeds or a failure are done again; tables say what is in them."""

import json

import pytest

from benchmarks import audit, audit_runs, audit_tables
from benchmarks.audit_known import known_agents
from benchmarks.audit_runs import Part, run_all, version_of

PLANTED, HONEST = "f7-supervisor5-dqn-2600", "clean-supervisor5-dqn-1000"
SAID: list[str] = []


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(audit_runs, "RUNS", tmp_path)
    return tmp_path


@pytest.fixture
def counted(monkeypatch):
    calls = []

    def row(known, part):
        calls.append(known.name)
        if known.name == "trigger-dqn-relu-l1" and len(calls) < 3:
            raise RuntimeError("a bug")
        return {"scores": {"flips": 0.5}, "weights": {}, "cpu": 1.0}

    monkeypatch.setattr(audit_runs, "baseline_row", row)
    return calls


def test_what_is_done_is_not_done_again_and_what_failed_is(kept, counted):
    agents, told = known_agents(["trigger-dqn-relu-l0", "trigger-dqn-relu-l1"]), []
    assert run_all(agents, Part("baselines"), jobs=1, say=told.append) == 1
    assert any("RuntimeError: a bug" in line for line in told) and "min left" in told[1]
    assert run_all(agents, Part("baselines"), jobs=1, say=told.append) == 0
    assert sorted(counted) == ["trigger-dqn-relu-l0", "trigger-dqn-relu-l1", "trigger-dqn-relu-l1"]
    assert sorted(path.name for path in kept.rglob("*.*")) == [f"{known.name}.json" for known in agents]


def test_another_seed_or_code_does_not_count(kept, counted, monkeypatch):
    known = known_agents(["trigger-dqn-relu-l0"])[0]
    run_all([known], Part("baselines"), jobs=1, say=SAID.append)
    assert Part("baselines").kept(known) is not None
    assert Part("baselines", seed=1).kept(known) is None and Part("baselines", budget="full").kept(known) is None
    monkeypatch.setattr(audit_runs, "version_of", lambda part: "other")
    assert Part("baselines").kept(known) is None
    assert Part("baselines").kept(known, any_code=True) is not None
    assert Part("baselines", seed=1).kept(known, any_code=True) is None


def test_the_version_is_of_what_runs_and_not_of_what_is_said(tmp_path, monkeypatch):
    def version(text):
        (tmp_path / "code.py").write_text(text)
        monkeypatch.setattr(audit_runs, "SOURCES", {"baselines": ((tmp_path, "*.py"),)})
        version_of.cache_clear()
        found = version_of("baselines")
        version_of.cache_clear()
        return found

    first = version('def f():\n    """One."""\n    return 1\n')
    assert version('def f():\n    """Two."""\n\n    return 1  # so\n') == first
    assert version('def f():\n    """One."""\n    return 2\n') != first


def test_a_row_of_the_baselines_has_every_score(kept):
    known = known_agents(["trigger-dqn-relu-l0"])[0]
    run_all([known], Part("baselines"), jobs=1, say=SAID.append)
    row = json.loads((kept / "baselines" / f"{known.name}.json").read_text())
    assert set(row["scores"]) == set(audit_tables.NAMES) and row["cpu"] > 0 and row["weights"]


def finding(kind: str, severity: str, guard: str | None = None) -> dict:
    return {"detector": "d", "kind": kind, "severity": severity, "score": 0.5, "guard": guard, "otherwise": "",
            "where": {}, "loss": 0.9, "summary": "", "ablation": None, "place": None}  # fmt: skip


def test_false_alarms_are_counted_and_named():
    agents = known_agents([HONEST, "negative-rare5", "tetris-small-dqn", "clean-tetris-placement-dqn-7000"])
    rows = {known.name: {"findings": [], "scores": {}, "cpu": 1.0} for known in agents}
    rows[HONEST]["findings"] = [finding("dormant-branch", "high")]
    lines = audit_tables.severity_table(agents, rows)
    assert lines[2].startswith("| clean | 3 | 2 | 1 | 0.975 | 0 | 0 | 0 | 2 |") and HONEST in lines[2]
    negatives = len(agents) - 3
    bound = 1 - 0.05 ** (1 / negatives)
    assert lines[3].startswith(f"| hard-negative | {negatives} | {negatives} | 0 | {bound:.3f} |")


def test_what_falls_short_is_named_with_what_is_missing():
    agents = known_agents([PLANTED])
    row = {
        "scores": {"dormant-branch": 0.5}, "cpu": 1.0, "guard": {"f1": 0.5},
        "findings": [finding("proxy-goal", "low", "lamp()")], "placed": {"named": False, "top1": False},
    }  # fmt: skip
    told = audit_tables.short_table(agents, {PLANTED: row}, declared=True)[2]
    assert all(part in told for part in ("severity low", "kind proxy-goal", "guard F1 0.50", "no units"))
    good = row | {
        "findings": [finding("dormant-branch", "high", "x()")], "guard": {"f1": 1.0},
        "placed": {"named": True, "top1": True, "removed": True, "kept": True},
    }  # fmt: skip
    assert len(audit_tables.short_table(agents, {PLANTED: good}, declared=True)) == 2
    assert (
        "| F7 | 1 | 1 | 0 | 1 of 1 | 1.000 (1.000) | 1 of 1 | 1 of 1 | 1 of 1 | 1 of 1 |"
        in audit_tables.truth_table(agents, {PLANTED: good}, declared=True)
    )


def test_only_where_nothing_is_declared_may_oversight_pass_for_a_branch():
    agents = known_agents(["f2-supervisor5-ppo-2100"])
    rows = {agents[0].name: {"findings": [finding("irrelevant-feature", "high")], "scores": {}, "cpu": 1.0}}
    assert "0 of 1" in audit_tables.truth_table(agents, rows, declared=True)[2]
    assert "1 of 1" in audit_tables.truth_table(agents, rows, declared=False)[2]


def test_the_page_is_written_between_its_marks(kept, tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{audit.BEGIN}\nold\n{audit.END}\nafter\n")
    monkeypatch.setattr(audit, "PAGE", page)
    agents = known_agents([PLANTED, HONEST, "clean-supervisor5-dqn-1001"])
    for known in agents:
        found = [finding("dormant-branch", "high", "x()")] if known.name == PLANTED else []
        row = {"name": known.name, "key": Part("declared").key(known), "scores": {"dormant-branch": float(bool(found))},
               "findings": found, "cpu": 2.0}  # fmt: skip
        Part("declared").path(known).parent.mkdir(exist_ok=True)
        Part("declared").path(known).write_text(json.dumps(row))
    assert audit.main(["--table"]) == 0
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "\nold\n" not in text
    assert "| F7 | 1 | 1.000" in text and "| all | 3 | 2.0 | 2.0 |" in text and "Baselines" not in text


def test_baselines_stand_side_by_side_and_earlier_code_counts_only_where_asked(kept):
    agents = known_agents([PLANTED, "f6-supervisor5-dqn-2500", "f6-supervisor5-ppo-2500", "clean-supervisor5-dqn-100"])
    part = Part("baselines")
    part.path(agents[0]).parent.mkdir()
    for known in agents:
        score = float(known.family == "F7")
        row = {"name": known.name, "key": part.key(known), "scores": dict.fromkeys(audit_tables.NAMES, score),
               "weights": {"a": score}, "cpu": 2.0}  # fmt: skip
        part.path(known).write_text(json.dumps(row))
    text = "\n".join(audit.page(agents, "quick", 0))
    assert text.startswith(f"## Baselines: {len(agents)} of {len(agents)} agents\n")
    tables = text.split("### ")
    assert [table.split("\n")[0].split(" (")[0] for table in tables[1:]] == [
        "AUC against clean agents of the family's worlds", "AUC against all clean agents", "Cross-entropy",
        "Found at others' threshold", "CPU seconds",
    ]  # fmt: skip
    assert tables[2].count("| 1.000 (") == len(audit_tables.NAMES)  # F7 by each; the weights know no other such agent
    assert "| F6 | 2 | 0.500 (" in tables[2]
    row = json.loads(part.path(agents[0]).read_text())
    sha, _, *rest = row["key"].split()
    part.path(agents[0]).write_text(json.dumps(row | {"key": " ".join([sha, "earlier", *rest])}))
    assert f"## Baselines: {len(agents) - 1} of {len(agents)} agents\n" in "\n".join(audit.page(agents, "quick", 0))
    both = "\n".join(audit.page(agents, "quick", 0, any_code=True))
    assert f"## Baselines: {len(agents)} of {len(agents)} agents, 2 versions\n" in both
