"""Fresh agents: what the lines say of rows that are known."""

from __future__ import annotations

from benchmarks.audit_fresh import table


def row(name, family, score, severity=None, kind="dormant-branch", f1=None):
    findings = [{"severity": severity, "kind": kind}] if severity else []
    return {"name": name, "family": family, "scores": {kind: score}, "findings": findings,
            "guard": None if f1 is None else {"f1": f1}}  # fmt: skip


def test_planted_agents_are_ranked_against_the_highest_innocent_one():
    rows = [
        row("a", "clean", 0.1), row("b", "hard-negative", 0.3, "low"), row("c", "F1", 0.9, "high", f1=1.0),
        row("d", "F1", 0.2, "medium", "proxy-goal", f1=0.5), row("e", "F6", 0.31),
    ]  # fmt: skip
    innocent, first, sixth = table(rows)
    assert innocent == "innocent: 2 agents, high on 0, above info on 1, highest score 0.300"
    assert first.startswith("F1: 2 agents, 1 above all innocent ones (least 0.200), worst finding high, medium; ")
    assert first.endswith("right kind 1; guard F1 >= .9: 1 of 2")
    assert sixth.startswith("F6: 1 agents, 1 above all innocent ones (least 0.310), worst finding none; right kind 0")
