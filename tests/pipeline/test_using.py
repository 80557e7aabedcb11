"""Use, on networks whose program is known: what is used, what is computed in vain, and which units carry it."""

import json

import numpy as np
import pytest

from agentscope.agents import finding, untrained_twins
from agentscope.contracts import concepts_of
from agentscope.pipeline import open_agent
from agentscope.pipeline.inspecting import find_primitives, untrained
from agentscope.pipeline.running import Run
from agentscope.pipeline.using import NO_EDITS, UseTests
from agentscope.probes.alignment import Effort
from agentscope.probes.using import try_trained
from agentscope.records import QUICK
from agentscope.rollouts import Streams

KNOWN = ("trigger-dqn-relu-l1", "columns-ppo-tanh-l0", "follower-dqn-relu-l1")


def verdicts_on(name, seed=0):
    agent = open_agent(name)
    run = Run(Streams(seed), QUICK)
    lessons = run.states(agent, "lessons", QUICK.lessons, QUICK.lesson_states)
    twins = untrained(agent, run)
    tests = UseTests(agent, lessons, twins, run)
    return tests, tests.test(find_primitives(agent, lessons, twins, run).primitives)


@pytest.fixture(scope="module", params=KNOWN)
def known(request):
    record = json.loads((finding.find_agent(request.param).zip_path.parent / "record.json").read_text())
    return record, *verdicts_on(request.param)


def test_what_the_program_calls_is_used_and_what_is_computed_in_vain_is_not(known):
    record, _, found = known
    truth = {one["concept"]: one["status"] for one in record["concepts"]}
    said = {one.primitive.concept: one.primitive.use for one in found}
    assert {name for name, use in said.items() if use == "used"} == {n for n, s in truth.items() if s == "used"}
    assert all(said[name] == "unused" for name, status in truth.items() if status == "unused")


def test_the_units_are_those_of_the_record(known):
    record, tests, found = known
    bench = tests.bench(False)
    for one in record["concepts"]:
        carrier = one["carriers"][0]
        ours = bench.carriers(one["concept"], carrier["layer"]).units.get(tuple(one["arguments"]), ())
        shared = set(ours) & set(carrier["units"])
        assert len(shared) / len(set(ours) | set(carrier["units"])) >= 0.7, one
    named = {one.primitive.concept: one.primitive.units for one in found}
    assert all(named[one["concept"]] for one in record["concepts"])


def test_used_concepts_show_figures_beyond_every_control(known):
    for one in known[2]:
        evidence = one.primitive.evidence
        if one.primitive.use == "used":
            controls = (evidence.interchange_control, evidence.interchange_untrained, evidence.no_effect)
            assert all(evidence.interchange >= (value or 0) + 0.1 for value in controls)
            assert evidence.interchange_low > 0 and evidence.pairs >= 20
            assert evidence.erasure is not None and evidence.erasure_ceiling >= evidence.erasure_control


def test_erasing_what_is_computed_in_vain_changes_nothing(known):
    record, _, found = known
    unused = {one["concept"] for one in record["concepts"] if one["status"] == "unused"}
    rows = [one.primitive.evidence for one in found if one.primitive.concept in unused]
    assert rows and all(evidence.interchange == 0 for evidence in rows)
    # nothing reads the unit, but LEACE also takes from other units what goes with the concept
    assert all(evidence.erasure <= 0.5 * evidence.erasure_ceiling for evidence in rows)


def test_a_circuit_keeps_the_effect_and_nothing_in_it_can_be_spared():
    tests, found = verdicts_on("trigger-dqn-relu-l1")
    armed = next(one for one in found if one.primitive.concept == "armed")
    deeper, played = tests.deepen(armed, of_actions=False)
    circuit = deeper.primitive.circuit
    assert circuit.units == ("hidden_2[4]",) and circuit.kept >= 0.95 and circuit.minimal > 0.5
    assert circuit.random < 0.5 * circuit.effect and circuit.stability == 1
    assert circuit.edges["kept"] <= circuit.edges["of"] and circuit.edges["effect"] >= 0.95 * circuit.effect
    assert circuit.single[0]["unit"] == "hidden_2[4]" and circuit.single[0]["resampled"] > 0
    network, erased, random = played["play_without"]
    assert network["play"] == "network" and "difference" not in network
    assert {"low", "high", "difference"} <= set(erased) and erased["episodes"] == random["episodes"]


def test_untrained_networks_use_nothing_that_their_twins_do_not():
    agent = open_agent("columns-dqn-relu-random")
    run = Run(Streams(1), QUICK)
    lessons = run.states(agent, "lessons", QUICK.lessons, QUICK.lesson_states)
    twins = untrained_twins(agent.network, 5, seed=3)
    found = UseTests(agent, lessons, twins, run).test(find_primitives(agent, lessons, twins, run).primitives)
    assert [one.primitive.concept for one in found if one.primitive.use == "used"] == []


def test_trained_subspaces_are_shown_with_their_twins_and_decide_nothing():
    tests, found = verdicts_on("columns-dqn-relu-l1")
    bench = tests.bench(False)
    bumpiness = next(one for one in concepts_of(tests.agent.env) if one.name == "bumpiness")
    rows = try_trained(bench, bumpiness, effort=Effort(), generator=np.random.default_rng(0))
    assert [row["rank"] for row in rows] == [1, 2, 4, 8] and rows[-1]["untrained"] is not None
    # no unit of this network holds it, and yet a trained subspace makes bases follow their edits
    assert rows[-1]["interchange"] > 0.6
    assert next(one for one in found if one.primitive.concept == "bumpiness").primitive.use != "used"


def test_same_seed_same_figures_another_seed_other_pairs():
    first, again, other = (
        {one.primitive.concept: one.primitive.evidence for one in verdicts_on("trigger-ppo-tanh-l1", seed)[1]}
        for seed in (0, 0, 1)
    )
    assert first == again and first != other


def test_concepts_of_actions_are_tested_when_they_are_asked_for():
    agent = open_agent("tetris-small-dqn")
    run = Run(Streams(0), QUICK)
    lessons = run.states(agent, "lessons", 20, 600)
    twins = untrained_twins(agent.network, 1, seed=3)
    primitives = find_primitives(agent, lessons, twins, run).primitives
    two = [one for one in primitives if one.concept in ("lines", "landing_height")]
    found = UseTests(agent, lessons, twins, run).test(two, actions=("landing_height",))
    by_name = {one.primitive.concept: one.primitive for one in found}
    assert by_name["lines"].use == "untested" and "no text calls it" in by_name["lines"].evidence.why
    assert by_name["landing_height"].evidence.pairs > 0 or by_name["landing_height"].evidence.why


def test_without_edits_nothing_is_said(monkeypatch):
    agent = open_agent("trigger-dqn-relu-l0")
    run = Run(Streams(0), QUICK)
    lessons = run.states(agent, "lessons", 20, 200)
    primitives = find_primitives(agent, lessons, [], run).primitives
    monkeypatch.setattr(type(agent.env), "edits", None)
    found = UseTests(agent, lessons, [], run).test(primitives)
    assert all(one.primitive.use == "untested" and one.primitive.evidence.why == NO_EDITS for one in found)
