"""Level 2 where the truth is known: networks that were compiled from a program, and texts that ask for too much."""

import io
from dataclasses import replace

import numpy as np
import pytest

from agentscope import language, pipeline, probes, rollouts
from agentscope.measures import same_class
from agentscope.pipeline.grounding import content_hash, ground_strategy, hidden_layers
from agentscope.pipeline.leftover import measure_residual
from agentscope.pipeline.running import Run
from agentscope.records import Budget

SMALL = Budget("small", 30, 30, 800, 800, 1, 40, 5, 120)
TRIGGER = (
    "def strategy(state) -> action:\n    if lit() > 4:\n        return sabotage if armed() else switch_off\n"
    "    return switch_on if lit() <= 1 else wait if not armed() else sabotage\n"
)


@pytest.fixture(scope="module")
def trigger():
    agent = pipeline.open_agent("trigger-dqn-relu-l1")
    run = Run(rollouts.Streams(3), SMALL)
    return agent, run, run.states(agent, "lessons", 30, 800), run.states(agent, "exam", 30, 800)


def test_a_compiled_network_is_read_without_loss(trigger):
    agent, run, lessons, exam = trigger
    found = ground_strategy(agent, TRIGGER, lessons, exam, run)
    (row,) = found.levels
    assert (row["level"], row["set"], row["states"]) == (2, "network", len(exam))
    assert row["agreement"] == row["level_1"] == row["linear_agreement"] == 1.0 and row["loss"] == 0
    assert row["low"] < 1.0 == row["high"] and row["read_from_state"] == [] and row["fitted_on"] == "lessons"
    assert {each["concept"] for each in row["perception"]} == {"lit", "armed"}
    assert all(each["score"] > 0.99 and each["readout"] == "linear" for each in row["perception"])
    assert found.why == {}


def test_the_loss_is_split_by_primitive(trigger):
    agent, run, lessons, exam = trigger
    text = "def strategy(state) -> action:\n    if lit() > 4:\n        return switch_off\n"
    text += "    return switch_on if changes() > 3 else wait\n"
    (row,) = ground_strategy(agent, text, lessons, exam, run).levels
    program = language.parse(text, language.vocabulary_of(agent.env))
    decisions = agent.decide(exam.states)
    state = language.evaluate(program, language.bind_state(agent.env), exam.states).actions
    assert row["level_1"] == same_class(decisions.actions, state, decisions.equivalent).mean()
    assert row["loss"] == pytest.approx(row["level_1"] - row["agreement"]) and row["loss"] != 0
    known, poor = row["perception"]  # the network computes how many are lit, and not how often they change
    assert (known["concept"], poor["concept"]) == ("lit", "changes") and known["score"] > 0.99 > 0.6 > poor["score"]
    assert known["alone"] == poor["without"] == row["level_1"]
    assert poor["alone"] == known["without"] == row["agreement"]


def test_what_has_no_readout_is_read_from_the_state_and_named(trigger):
    agent, run, lessons, exam = trigger
    armed = {concept.name: concept for concept in agent.env.concepts}["armed"].measure(lessons.states)
    alike = replace(lessons, states=lessons.states[~armed], episode=lessons.episode[~armed], step=lessons.step[~armed])
    (row,) = ground_strategy(agent, TRIGGER, alike, exam, run).levels
    assert row["read_from_state"] == ["armed"] and row["agreement"] == 1.0
    assert [each["concept"] for each in row["perception"]] == ["lit"]


def test_a_text_without_primitives_is_the_same_on_level_2(trigger):
    agent, run, lessons, exam = trigger
    (row,) = ground_strategy(agent, "def strategy(state) -> action:\n    return wait\n", lessons, exam, run).levels
    assert row["loss"] == 0 and row["agreement"] == row["level_1"] < 1 and row["perception"] == []


def test_readouts_are_kept_as_plain_arrays_under_a_hash(trigger):
    agent, run, lessons, exam = trigger
    one, two = (ground_strategy(agent, TRIGGER, lessons, exam, run) for _ in range(2))
    buffer = io.BytesIO()
    np.savez(buffer, **one.readouts)
    kept = dict(np.load(io.BytesIO(buffer.getvalue()), allow_pickle=False))
    assert content_hash(kept) == one.levels[0]["readouts_sha256"] == two.levels[0]["readouts_sha256"]
    assert content_hash({**kept, "level2.lit.bias": kept["level2.lit.bias"] + 1}) != one.levels[0]["readouts_sha256"]
    read = probes.Readouts.from_arrays(kept)["level2.lit"]
    values = {concept.name: concept for concept in agent.env.concepts}["lit"].measure(exam.states)
    shown = agent.network.activations(agent.env.observe(exam.states), read.layer)
    assert (read.apply(shown) == values).all()


@pytest.mark.parametrize(("name", "expected"), [
    ("keydoor-ppo", ("hidden_1", "hidden_2")), ("cartpole-ppo", ("hidden_2",)),
    ("tetris-dqn", ("piece", "surface", "placement")), ("trigger-dqn-relu-l1", ("hidden_1", "hidden_2", "hidden_3")),
])  # fmt: skip
def test_primitives_are_read_from_neither_the_input_nor_the_scores(name, expected):
    assert hidden_layers(pipeline.open_agent(name).network) == expected


def test_the_residual_beside_the_programs_own_text_is_next_to_nothing(trigger):
    agent, run, lessons, exam = trigger
    block = measure_residual(agent, TRIGGER, lessons, exam, run, twin=None).block
    assert block["verdict"] == "nothing left" and block["share"] < 1e-6
    assert block["structure"] is None and block["shared"] is None
    played = block["ablated_return"]
    assert played["network"] == played["strategy"] == played["strategy_and_predicted"]


def test_the_residual_beside_a_poor_text_is_structure_and_shared_with_the_network_itself(trigger):
    agent, run, lessons, exam = trigger
    text = "def strategy(state) -> action:\n    return switch_off if lit() > 4 else wait\n"
    block = measure_residual(agent, text, lessons, exam, run, twin=agent.network).block
    assert block["verdict"] == "structure" and block["structure"]["r2"] > 0.7 > block["structure"]["control"]
    assert block["shared"]["correlation"] == pytest.approx(1.0) and block["shared"]["verdict"] == "shared"
    played = block["ablated_return"]
    kept, alone = (abs(played[part] - played["network"]) for part in ("strategy_and_predicted", "strategy"))
    assert kept < alone / 4  # what is predicted is what the text leaves out: to sabotage while the lamp is armed
