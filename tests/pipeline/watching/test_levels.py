"""Levels of a run: the text of the report, read from the network as it was measured, and the program beside it."""

from dataclasses import replace

import numpy as np
import pytest

from agentscope import language, rollouts
from agentscope.errors import ContractBroken, TextError
from agentscope.measures import same_class
from agentscope.pipeline.decompiling import decompile_agent
from agentscope.pipeline.grounding import ground_strategy
from agentscope.pipeline.readings import grounded_readouts, readout_arrays
from agentscope.pipeline.running import Run
from agentscope.pipeline.watching.levels import MOST_COLOURED, function_spans, shown_lines
from agentscope.pipeline.watching.scene import open_scene
from agentscope.probes.grounding import fit_grounded, label_called
from agentscope.records import Budget
from agentscope.reports import to_plain
from tests.pipeline.watching.scenes import compiled, scene_of

SMALL = Budget("small", 20, 12, 600, 400, 1, 40, 5, 60)
POOR = (
    "def strategy(state) -> action:\n    if lit() > 4:\n        return switch_off\n"
    "    return switch_on if changes() > 3 else wait\n"
)


@pytest.fixture(scope="module")
def grounded():
    """A text that asks for what the network does not hold, so that level 2 has something to lose."""
    agent, _ = compiled("trigger-dqn-relu-l1")
    run = Run(rollouts.Streams(3), SMALL)
    lessons, exam = run.states(agent, "lessons", 20, 600), run.states(agent, "exam", 12, 400)
    return agent, exam, ground_strategy(agent, POOR, lessons, exam, run)


def test_readouts_come_back_as_they_were_measured(grounded, tmp_path):
    agent, exam, found = grounded
    np.savez(tmp_path / "readouts.npz", **found.readouts, other=np.zeros(3))
    row = {**found.levels[0], "level": 2}
    level = scene_of(agent, POOR, folder=tmp_path, levels=[row]).level("grounded")
    assert level.missing is None and level.agreement == row["agreement"] != row["level_1"]
    made = agent.decide(exam.states)
    actions = level.evaluate(exam.states).actions
    assert same_class(made.actions, actions, made.equivalent).mean() == pytest.approx(row["agreement"])


def test_readouts_of_another_run_are_not_used(grounded, tmp_path):
    agent, _, found = grounded
    row = {**found.levels[0], "level": 2}
    missing = scene_of(agent, POOR, folder=tmp_path, levels=[row]).level("grounded")
    assert "cannot be read" in missing.missing and missing.evaluate(agent.env.reset(np.arange(2))) is None
    changed = {name: values + 1 if name.endswith("bias") else values for name, values in found.readouts.items()}
    np.savez(tmp_path / "readouts.npz", **changed)
    other = scene_of(agent, POOR, folder=tmp_path, levels=[row]).level("grounded")
    assert "not the file that the report speaks of" in other.missing
    (tmp_path / "readouts.npz").write_bytes(b"PK nothing")
    assert "cannot be read" in scene_of(agent, POOR, folder=tmp_path, levels=[row]).level("grounded").missing


@pytest.mark.parametrize("form", ["linear", "non-linear", "linear, by class", "non-linear, by class"])
def test_every_form_of_readout_is_kept_whole(form):
    agent, _ = compiled("trigger-dqn-relu-l1")
    run = Run(rollouts.Streams(1), SMALL)
    lessons = run.states(agent, "lessons", 20, 400)
    data = label_called(agent.env, lessons.states, lessons.episode, ["changes"])
    fitted = fit_grounded(agent.network, data, ["hidden_1"], generator=np.random.default_rng(0))
    one = next(each for each in fitted if each.form == form)
    back = grounded_readouts(readout_arrays({"changes": one}), agent.network)["changes"]
    held = agent.network.activations(agent.env.observe(lessons.states), "hidden_1")
    assert np.array_equal(back.read(held), one.read(held)) and back.layer == one.layer


def test_readouts_of_another_network_are_refused():
    agent, _ = compiled("trigger-dqn-relu-l1")
    run = Run(rollouts.Streams(1), SMALL)
    lessons = run.states(agent, "lessons", 20, 400)
    data = label_called(agent.env, lessons.states, lessons.episode, ["lit"])
    fitted = fit_grounded(agent.network, data, ["hidden_1"], generator=np.random.default_rng(0))
    lifted = next(each for each in fitted if each.form == "non-linear")
    arrays = readout_arrays({"lit": lifted})
    with pytest.raises(ContractBroken, match="layer 'nowhere'"):
        grounded_readouts({**arrays, "level2.lit.layer": np.array("nowhere+()")}, agent.network)
    with pytest.raises(ContractBroken, match="names no positions"):
        grounded_readouts({**arrays, "level2.lit.layer": np.array("hidden_1+open('x')")}, agent.network)
    with pytest.raises(ContractBroken, match="lacks lift_mean"):
        cut = {name: values for name, values in arrays.items() if not name.endswith("lift_mean")}
        grounded_readouts(cut, agent.network)
    assert grounded_readouts({}, agent.network) == {}


@pytest.fixture(scope="module")
def decompiled():
    agent, text = compiled("greedy-dqn-relu-l0")
    tiny = Budget("quick", 4, 4, 100, 100, 1, 10, 1, 30)
    found = decompile_agent(agent, tiny, points=("close",), states=200)
    return agent, text, replace(found, block=to_plain(found.block, "decompilation", {}))


def test_the_program_is_that_of_the_run_folder(decompiled, tmp_path):
    agent, text, found = decompiled
    (tmp_path / "decompiled.py").write_bytes(found.files["decompiled.py"])
    level = scene_of(agent, text, folder=tmp_path, decompilation=found.block).level("program")
    assert level.missing is None
    states = agent.env.reset(np.arange(30))
    assert np.array_equal(level.evaluate(states).actions, agent.decide(states).actions)  # compiled: nothing is lost
    said = level.to_json()
    assert {span["name"] for span in said["functions"]} >= {"strategy"}
    lines = found.files["decompiled.py"].decode().splitlines()
    for span in said["functions"]:
        assert lines[span["start"] - 1].startswith(f"def {span['name']}(") and lines[span["end"] - 1].startswith(" ")
    assert len(said["lines"]) == len(lines)


def test_a_program_of_another_network_is_not_used(decompiled, tmp_path):
    agent, text, found = decompiled
    block = {**found.block, "close": {**found.block["close"], "sha256": "ab" * 32}}
    (tmp_path / "decompiled.py").write_bytes(found.files["decompiled.py"])
    level = scene_of(agent, text, folder=tmp_path, decompilation=block).level("program")
    assert "another simplified network" in level.missing
    (tmp_path / "decompiled.py").write_text("import os\n" + found.files["decompiled.py"].decode())
    assert scene_of(agent, text, folder=tmp_path, decompilation=found.block).level("program").missing
    (tmp_path / "decompiled.py").unlink()
    assert (
        "cannot be read" in scene_of(agent, text, folder=tmp_path, decompilation=found.block).level("program").missing
    )


def test_a_text_that_breaks_the_language_is_a_missing_level(tmp_path):
    agent, _ = compiled("trigger-dqn-relu-l1")
    level = scene_of(agent, "def strategy(state) -> action:\n    return __import__('os')\n").level("strategy")
    assert level.missing and level.evaluate(agent.env.reset(np.arange(2))) is None
    assert level.to_json()["lines"]  # it is shown all the same


def test_states_that_the_environment_does_not_declare_break_a_text_and_nothing_else():
    agent, text = compiled("trigger-dqn-relu-l1")

    class Broken(language.StateBinding):
        def open(self, states):
            raise ContractBroken("lit lies between 0 and 6 as declared, but its values are 0 to 9")

    level = scene_of(agent, text).level("strategy")
    broken = replace(level, bind=lambda: replace(level.bound, binding=Broken(agent.env)))
    with pytest.raises(TextError, match="as declared"):
        broken.evaluate(agent.env.reset(np.arange(2)))


def test_functions_begin_and_end_where_they_stand():
    text = "# note\nTABLE = (1, 2)\ndef one(a):\n    return a\n\n"
    text += "def two(b):\n    # why\n    if b:\n        return 1\n\n    return 2\n"
    assert function_spans(text, frozenset({"two"})) == [
        {"name": "one", "start": 3, "end": 4, "opaque": False},
        {"name": "two", "start": 6, "end": 11, "opaque": True},
    ]


def test_a_scene_takes_readouts_that_are_at_hand(grounded):
    agent, _, found = grounded
    report = {**scene_of(agent, POOR).report, "levels": [{**found.levels[0], "level": 2}]}
    assert open_scene(agent, report, readouts=found.readouts).level("grounded").missing is None
    assert open_scene(agent, report).level("grounded").missing is not None


def test_long_texts_are_escaped_without_colours():
    short, long = ("\n".join(["x = a < b", *["y = 1"] * count]) for count in (3, MOST_COLOURED))
    assert "<span" in shown_lines(short)[0] and "&lt;" in shown_lines(short)[0]
    assert shown_lines(long)[:2] == ["x = a &lt; b", "y = 1"] and len(shown_lines(long)) == MOST_COLOURED + 1
    assert shown_lines("") == []
