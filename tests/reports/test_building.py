"""report.json: the published keys, a reason for every null, the same bytes for the same input."""

import dataclasses
import json
import math

import pytest
from pydantic import ValidationError

from agentscope.records import Comparison
from agentscope.reports import (
    build_report,
    comparison_document,
    empty_report,
    printed,
    with_comparison,
    with_primitives,
)
from agentscope.reports.building import with_decompilation
from agentscope.reports.reasons import nulls, reason
from agentscope.reports.schema import validated

KEYS = (
    "schema run agent environment gist vocabulary primitives groups pictures strategy fidelity noise_floor residual "
    "levels decompilation audit findings comparisons why timings"
)
SET_KEYS = {
    "states", "episodes", "agreement", "low", "high", "raw", "without_near_ties", "near_tie_share", "equally_good",
    "regret", "fitted_on", "by_feature", "counterexamples",
}  # fmt: skip


def unexplained(report):
    rest = {key: value for key, value in report.items() if key != "why"}
    return [path for path in nulls(rest) if reason(report["why"], path) is None]


def test_the_report_has_the_published_keys_in_their_order(inspection):
    report = build_report(inspection, command="inspect toy")
    assert list(report) == KEYS.split()
    assert report["schema"] == "agentscope/report/1"
    assert set(report["run"]) == {"command", "seed", "versions", "budget"}
    assert set(report["agent"]) == {"name", "sha256", "algorithm", "parameters", "mode"}
    assert set(report["fidelity"]) == {"network", "strategy", "edited", "reachable", "unseen_levels", "episodes"}
    assert set(report["fidelity"]["network"]) >= SET_KEYS
    assert set(report["vocabulary"]) == {"concepts", "distinct_share", "ceiling", "black_box"}
    assert set(report["strategy"]) >= {
        "form", "text", "lines", "conditions", "constants", "bits", "primitives", "opaque", "frontier",
    }  # fmt: skip
    assert set(report["findings"][0]) == {
        "detector", "kind", "severity", "summary", "guard", "where", "competence_loss", "witnesses", "searched",
        "evidence", "otherwise", "score",
    }  # fmt: skip


def test_every_null_has_a_reason_and_the_record_s_own_comes_first(inspection):
    report = build_report(inspection)
    assert unexplained(report) == []
    assert report["why"]["fidelity.strategy"] == "the text left the states that can be simulated"
    assert "cannot enumerate" in report["why"]["fidelity.reachable"]
    for path in ("decompilation", "levels.3"):
        assert "agentscope decompile" in report["why"][path]
    assert "not part of this version" in report["why"]["primitives.*.evidence.erasure"]
    assert not {"residual", "levels.2"} & set(report["why"])
    bare = build_report(dataclasses.replace(inspection, levels=(), residual=None))
    assert "was not read from the network" in bare["why"]["levels.2"] and "no strategy" in bare["why"]["residual"]
    shared = {**inspection.residual, "shared": None, "structure": None, "verdict": "nothing left"}
    alone = build_report(dataclasses.replace(inspection, residual=shared))
    assert "no twin" in alone["why"]["residual.shared"] and "next to no residual" in alone["why"]["residual.structure"]


def test_an_empty_report_explains_all_that_it_lacks(inspection):
    report = empty_report({**inspection.run, "command": "probe toy"}, inspection.agent, inspection.environment)
    assert report["strategy"] is None and report["fidelity"] is None
    assert unexplained(report) == []


def test_levels_0_to_2_are_there_and_level_0_has_no_agreement(inspection):
    levels = build_report(inspection)["levels"]
    assert [row["level"] for row in levels] == [0, 1, 2]
    assert levels[0]["agreement"] is None and levels[1]["agreement"] == 0.875 and levels[1]["low"] == 0.86
    assert levels[2]["agreement"] == 0.828125 and levels[2]["perception"][0]["concept"] == "holes"


def test_the_residual_is_written_with_its_verdict_and_a_verdict_that_is_none_is_refused(inspection):
    report = build_report(inspection)
    assert report["residual"]["verdict"] == "structure" and report["residual"]["shared"]["twin"] == "toy-2"
    assert report["residual"]["ablated_return"]["difference"]["mean"] == -2.5
    with pytest.raises(ValidationError):
        build_report(dataclasses.replace(inspection, residual={**inspection.residual, "verdict": "perhaps"}))


def test_the_same_inspection_gives_the_same_bytes_and_another_gives_others(inspection):
    first, second = (printed(build_report(inspection, command="inspect toy")) for _ in range(2))
    other = dataclasses.replace(inspection, run={**inspection.run, "seed": 8})
    assert first == second
    assert first != printed(build_report(other, command="inspect toy"))
    shuffled = dataclasses.replace(inspection, environment=dict(reversed(inspection.environment.items())))
    assert printed(build_report(shuffled, command="inspect toy")) == first


def test_floats_read_back_as_themselves_and_what_json_cannot_hold_becomes_null_with_its_reason(inspection):
    awkward = 0.1 + 0.2
    network = dataclasses.replace(inspection.fidelity.network, raw=awkward, regret=math.nan, without_near_ties=math.inf)
    changed = dataclasses.replace(inspection, fidelity=dataclasses.replace(inspection.fidelity, network=network))
    report = json.loads(printed(build_report(changed)))
    assert report["fidelity"]["network"]["raw"] == awkward
    assert report["fidelity"]["network"]["regret"] is None
    assert "nan" in report["why"]["fidelity.network.regret"]
    assert "inf" in report["why"]["fidelity.network.without_near_ties"]


def test_control_characters_go_and_only_the_program_keeps_its_newlines(inspection):
    hostile = {**inspection.agent, "name": "a\x1b[31m\x00b\u202ec\nd\x9b"}
    report = build_report(dataclasses.replace(inspection, agent=hostile))
    assert report["agent"]["name"] == "a[31mbc d"
    assert report["strategy"]["text"] == inspection.strategy.text


def test_a_report_with_a_missing_key_or_a_wrong_type_is_refused(inspection):
    report = build_report(inspection)
    without = {key: value for key, value in report.items() if key != "fidelity"}
    with pytest.raises(ValidationError):
        validated(without)
    with pytest.raises(ValidationError):
        validated({**report, "gist": "one sentence"})
    with pytest.raises(ValidationError):
        validated({**report, "schema": "agentscope/report/2"})


def test_what_a_newer_version_added_is_kept(inspection):
    report = build_report(inspection)
    assert validated({**report, "novelty": {"a": 1}})["novelty"] == {"a": 1}


def test_a_probed_concept_replaces_its_namesake_and_leaves_the_others(inspection):
    report = build_report(inspection)
    fresh = dataclasses.replace(inspection.primitives[0], score=0.5)
    rows = {row["concept"]: row["score"] for row in with_primitives(report, [fresh])["primitives"]}
    assert rows == {"holes": 0.5, "height": 0.9}


def test_a_comparison_is_entered_once_with_reasons_of_its_own(inspection):
    comparison = Comparison("mine.py", "cd" * 32, inspection.fidelity, {"line": 2, "text": "if holes() > 3:"})
    report = with_comparison(with_comparison(build_report(inspection), comparison), comparison)
    assert [row["name"] for row in report["comparisons"]] == ["mine.py"]
    assert report["why"]["comparisons.0.fidelity.strategy"] == "the text left the states that can be simulated"
    assert unexplained(report) == []
    assert comparison_document(comparison)["fidelity"]["network"]["agreement"] == 0.875


def test_a_decompilation_enters_a_report_that_has_levels_as_records_or_as_json(inspection):
    """The verb hands over records; level 3 is read from them where an inspection stands in the folder already."""
    report = build_report(inspection)
    measured = inspection.fidelity.network
    entered = with_decompilation(report, {"close": {"agreement": {"network": measured}}, "small": None})
    rows = {row["level"]: row for row in entered["levels"]}
    assert rows[3]["agreement"] == measured.agreement and rows[3]["states"] == measured.states
    assert "levels.3" not in entered["why"] and "decompilation" not in entered["why"]
    again = with_decompilation(entered, {"close": entered["decompilation"]["close"], "small": None})
    assert again["levels"] == entered["levels"]
