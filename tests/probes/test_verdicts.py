"""Where a concept is follows from its figures by the rule of decision 8, and the figures stand in the record."""

from dataclasses import replace

import pytest

from agentscope.probes import learned, settle
from agentscope.probes.verdicts import closed_share, where_is
from agentscope.records import Evidence, Primitive, ProbeScores


def row(score, raw, *, untrained=0.1, task=0.0, constant=0.0, **more):
    found = {"layer": "hidden_1", "score": score, "input": raw, "input_fitted": None, "untrained": untrained,
             "random": 0.2, "task": task, "constant": constant}  # fmt: skip
    return found | more


def primitive(figures, **more):
    controls = ProbeScores(figures["input"], figures["untrained"], figures["random"], figures["task"])
    made = Primitive("holes", "count", "hidden_1", "R2", figures["score"], controls, None, None, "absent",
                     layers=(figures,), significant=True, q=0.01)  # fmt: skip
    return settle(replace(made, **more))


def test_the_rule_of_decision_8_on_both_sides_of_every_threshold():
    assert where_is(row(0.04, -0.5)) == "absent" and where_is(row(0.54, 0.2, constant=0.5)) == "absent"
    assert where_is(row(0.60, 0.2, task=0.58)) == "absent"
    assert where_is(row(0.60, 0.56)) == "input" and where_is(row(0.60, 0.99)) == "input"
    assert where_is(row(0.94, 0.2)) == "computed" and where_is(row(0.90, 0.2)) == "absent"
    assert where_is(row(0.90, 0.2), used=True) == "computed"
    assert where_is(row(0.94, None)) == "computed" and where_is(row(0.94, 0.2, task=None)) == "computed"
    assert closed_share(0.94, 0.2) > 0.9 > closed_share(0.90, 0.2) and closed_share(1.0, 1.0) == 0.0


def test_near_the_top_the_input_is_believed_unless_it_cannot_fit_its_own_states():
    assert where_is(row(1.0, 0.96)) == "input"
    assert where_is(row(1.0, 0.96, input_fitted=0.97)) == "computed"
    assert where_is(row(1.0, 0.96, input_fitted=1.0)) == "input"
    assert where_is(row(0.97, 0.95, input_fitted=0.96)) == "input"
    assert where_is(row(1.0, 0.992, input_fitted=0.993)) == "input"


def test_the_record_prints_the_figures_that_decided():
    held = primitive(row(0.99, 0.55, constant=0.5, task=0.51, untrained=0.7))
    assert held.where == "computed" and held.learned
    assert held.decided == (
        "computed in hidden_1: .99 against .55 from the raw input, .50 constant, .51 control task; "
        "learned: .70 in the best untrained twin"
    )
    partly = primitive(row(0.65, 0.26))
    assert partly.where == "absent" and "partly readable in hidden_1: .65 against .26" in partly.decided
    assert "closes .53 of what the raw input leaves open, a layer that holds it .90" in partly.decided
    assert primitive(row(0.5, 0.8)).decided.startswith("input: .50 against .80 from the raw input")
    assert primitive(row(-0.04, 0.8)).decided.startswith("absent: -.04 against .80")


def test_what_a_non_linear_readout_finds_is_said():
    hidden = primitive(row(0.0, 0.0, nonlinear=0.7))
    assert "present, but not linearly: .70 by a non-linear readout (.20 from random features" in hidden.decided
    assert "linearly" not in primitive(row(0.0, 0.0, nonlinear=0.04)).decided


def test_learned_needs_a_gain_over_the_twins_that_is_no_chance_or_three_times_their_interchange():
    architecture = primitive(row(0.99, 0.55, untrained=0.96))
    assert architecture.where == "computed" and not learned(architecture)
    assert "not learned: .96 in the best untrained twin" in architecture.decided
    chance = primitive(row(0.99, 0.55, untrained=0.6), significant=False, q=0.2)
    assert not learned(chance) and "may be chance (q .20)" in chance.decided
    by_effect = replace(architecture, evidence=Evidence(interchange=0.9, interchange_untrained=0.3))
    assert learned(by_effect) and "learned: interchange .90 against .30" in settle(by_effect).decided
    assert not learned(replace(architecture, evidence=Evidence(interchange=0.9, interchange_untrained=0.31)))
    assert not learned(replace(architecture, evidence=Evidence(interchange=0.04, interchange_untrained=0.0)))
    assert not learned(replace(by_effect, where="input"))
    alone = primitive(row(0.99, 0.55, untrained=None))
    assert not learned(alone) and "no untrained twin" in alone.decided


def test_a_partly_readable_concept_that_is_used_is_computed_once_the_evidence_is_in():
    read = primitive(row(0.65, 0.26))
    used = settle(replace(read, use="used"))
    assert (read.where, used.where) == ("absent", "computed") and used.learned
    assert used.decided.startswith("computed, partly, and used, in hidden_1")


def test_a_concept_without_a_score_stays_as_it_is():
    nothing = ProbeScores(None, None, None, None)
    unscored = Primitive("lamp", "flag", None, "AUC", None, nothing, None, None, "absent", why="too few")
    assert settle(unscored) == unscored


@pytest.mark.parametrize("value", ["computed", "absent"])
def test_settling_twice_changes_nothing(value):
    once = primitive(row(0.99 if value == "computed" else 0.6, 0.3))
    assert once.where == value and settle(once) == once
