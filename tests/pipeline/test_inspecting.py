"""The whole line on shipped agents with a tiny budget: what is printed is what was verified; same seed, same bytes."""

from dataclasses import replace
from pathlib import Path

import pytest

from agentscope import language, pipeline, reports
from agentscope.measures import same_class
from agentscope.records import Budget, Inspection

Twice = tuple[pipeline.OpenAgent, Inspection, Inspection]


def report_bytes(inspection: Inspection) -> str:
    return reports.printed(reports.build_report(replace(inspection, timings={})))


def test_the_printed_text_parsed_back_gives_the_measured_actions_on_every_exam_state(
    inspected_twice: Twice, tmp_path: Path
) -> None:
    agent, inspection, _ = inspected_twice
    folder = reports.RunFolder(tmp_path / "run", sha256=agent.network.sha256)
    report = reports.write_inspection(folder, reports.build_report(inspection), inspection)
    written = (tmp_path / "run" / "strategy.py").read_text()
    assert inspection.strategy is not None and inspection.exam is not None
    vocabulary = language.vocabulary_of(agent.env)
    binding = language.bind_state(agent.env)
    in_memory = language.parse(inspection.strategy.text, vocabulary)
    on_disk = language.parse(written, vocabulary)
    states = inspection.exam.states
    chosen = language.evaluate(on_disk, binding, states).actions
    assert len(states) >= 60
    assert (chosen == language.evaluate(in_memory, binding, states).actions).all()
    decisions = agent.decide(states)
    same = same_class(decisions.actions, chosen, decisions.equivalent)
    assert report["fidelity"]["network"]["agreement"] == pytest.approx(same.mean(), abs=1e-12)
    assert report["agent"]["sha256"] in written


def test_same_seed_same_bytes(inspected_twice: Twice) -> None:
    _, first, second = inspected_twice
    assert first.strategy is not None and second.strategy is not None
    assert first.strategy.text == second.strategy.text
    assert report_bytes(first) == report_bytes(second)


def test_another_seed_gives_other_bytes(cartpole: pipeline.OpenAgent, inspection: Inspection, tiny: Budget) -> None:
    assert report_bytes(pipeline.inspect_agent(cartpole, tiny, seed=6)) != report_bytes(inspection)


def test_use_is_tested_and_later_parts_are_null_with_their_reason(inspection: Inspection) -> None:
    report = reports.build_report(inspection)
    rows = report["primitives"]
    assert "used" in {row["use"] for row in rows}
    assert all(row["evidence"]["interchange"] is not None or row["evidence"]["why"] for row in rows)
    assert [row["level"] for row in report["levels"]] == [0, 1, 2] and "levels.3" in report["why"]
    assert {"residual", "levels.2"}.isdisjoint(report["why"])
    assert report["decompilation"] is None and "agentscope decompile" in report["why"]["decompilation"]


def test_level_2_and_the_residual_of_every_kind_of_network(inspected_twice: Twice) -> None:
    agent, inspection, _ = inspected_twice
    report = reports.build_report(inspection)
    assert inspection.strategy is not None
    row = report["levels"][2]
    assert (row["level"], row["set"]) == (2, "network") and 0 <= row["low"] <= row["agreement"] <= row["high"] <= 1
    read = {each["concept"] for each in row["perception"]}
    assert read | set(row["read_from_state"]) == set(inspection.strategy.primitives)
    assert all(f"level2.{name}.weights" in inspection.readouts for name in read)
    assert report["residual"]["verdict"] in ("structure", "noise", "undecided", "nothing left")
    twin = agent.card is not None and agent.card.twin is not None
    assert (report["residual"]["shared"] is not None) == (twin and report["residual"]["verdict"] != "nothing left")
    assert report["residual"]["ablated_return"]["n"] == report["fidelity"]["episodes"]["n"]
