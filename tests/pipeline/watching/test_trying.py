"""Texts tried in the page: refused with a place, measured beside the printed one, stopped when asked."""

import json

import pytest

from agentscope import language, rollouts
from agentscope.errors import BadOption
from agentscope.measures import agreement
from agentscope.pipeline.watching.trying import Order, Trials, check_text
from tests.pipeline.watching.scenes import compiled, scene_of

START = "def strategy(state):\n"
HOSTILE = {
    "deep": f"{START}    return {'(' * 100_000}0{')' * 100_000}\n",
    "loops": f"{START}    x = 0\n    for i in range(99999):\n        for j in range(99999):\n            x = x + 1\n"
    "    return 0\n",
    "doubling": "def f0(x):\n    return x\n"
    + "".join(f"def f{i}(x):\n    return f{i - 1}(x) + f{i - 1}(x)\n" for i in range(1, 100))
    + f"{START}    return f99(0)\n",
    "long": "#" * 300_000,
    "power": f"{START}    return {'9' * 5_000}\n",
    "dunder": f"{START}    return __import__('os').system('true')\n",
    "attribute": f"{START}    return state.seed\n",
    "zero": f"{START}    return 0\x00\n",
    "empty": "",
}


@pytest.fixture(scope="module")
def columns():
    agent, text = compiled("columns-dqn-relu-l1")
    return scene_of(agent, text)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_refused_with_a_place_and_never_run(name, columns, monkeypatch):
    def never(*_args, **_options):
        raise AssertionError("a text was evaluated")

    monkeypatch.setattr("agentscope.language.evaluating.Run", never)
    found = check_text(columns, HOSTILE[name])
    assert not found["ok"] and found["error"]["message"]
    assert "line" not in found["error"]["message"][:5] and isinstance(found["error"]["line"], int)
    assert Trials(columns).compare(Order(HOSTILE[name], 2))["error"] == found["error"]


def test_an_error_names_its_line_and_column(columns):
    error = check_text(columns, f"{START}    return argmax(columns, key=lambda c: hight(c))\n")["error"]
    assert error["line"] == 2 and error["column"] > 10 and "hight" in error["message"]


def test_a_sound_text_is_told_with_its_size_and_primitives(columns):
    found = check_text(columns, f"{START}    return argmax(columns, key=lambda c: -height(c) - 2 * holes_in(c))\n")
    assert found["ok"] and found["error"] is None
    assert found["primitives"] == ["height", "holes_in"]
    assert found["size"]["lines"] == 1 and found["size"]["constants"] == 1 and len(found["lines"]) == 2


def test_markup_in_a_text_stays_text(columns):
    found = check_text(columns, f"{START}    return 0 if height(column0) < 3 > 1 else 1\n")
    assert "&lt;" in found["lines"][1] and "< 3" not in found["lines"][1]


def test_the_drop_is_the_printed_agreement_minus_this_ones(columns):
    worse = f"{START}    return argmax(columns, key=lambda c: -height(c))\n"
    found = Trials(columns).compare(Order(worse, 5))
    assert [row["set"] for row in found["sets"]][:2] == ["network", "strategy"] and found["error"] is None
    row = found["sets"][0]
    assert row["printed"]["agreement"] == 1.0 and row["drop"] == pytest.approx(1.0 - row["agreement"])
    agent = columns.agent
    seeds = columns.streams.episode_seeds("exam", 5)
    states = rollouts.play(agent.policy, agent.env, seeds, trajectories=True).trajectories.states
    program = language.parse(worse, language.vocabulary_of(agent.env))
    actions = language.evaluate(program, language.bind_state(agent.env), states).actions
    here = agent.decide(states)
    assert row["agreement"] == pytest.approx(agreement(here.actions, actions, here.equivalent))
    assert 0 < row["drop"] < 1 and row["states"] == len(states)
    assert found["worst_line"]["line"] == 2 and found["worst_line"]["text"] == worse.splitlines()[1].strip()
    assert found["return"]["n"] == 5 and len(found["lines"]) == 2
    json.dumps(found, allow_nan=False)


def test_the_printed_text_drops_nothing_and_is_measured_once(columns):
    trials, stages = Trials(columns), []
    order = Order(columns.level("strategy").text, 4, progress=lambda stage, done, total: stages.append(stage))
    found = trials.compare(order)
    assert all(row["drop"] == 0 for row in found["sets"]) and found["worst_line"] is None
    assert stages.count("reading the text") == 2
    assert trials.compare(order) == found
    assert stages.count("reading the text") == 3


def test_a_comparison_stops_when_it_is_asked_to(columns):
    asked = []

    def cancelled():
        asked.append(True)
        return len(asked) > 6

    trials = Trials(columns)
    found = trials.compare(Order(columns.level("strategy").text, 20, cancelled=cancelled))
    assert found["cancelled"] and found["sets"] == [] and found["error"] is None and len(asked) == 7
    assert trials.printed == {}
    assert Trials(columns).compare(Order(columns.level("strategy").text, 2, cancelled=lambda: True))["cancelled"]


def test_a_text_that_breaks_while_it_plays_is_told(columns):
    found = Trials(columns).compare(Order(f"{START}    return 1 // (height(column0) - height(column0))\n", 2))
    assert found["error"]["line"] == 2 and "zero" in found["error"]["message"] and not found["cancelled"]


@pytest.mark.parametrize("episodes", [0, -1, 101])
def test_the_number_of_episodes_is_bounded(columns, episodes):
    with pytest.raises(BadOption, match="1 to 100 episodes"):
        Trials(columns).compare(Order(f"{START}    return 0\n", episodes))


def test_without_a_printed_text_there_is_no_drop():
    agent, text = compiled("columns-dqn-relu-l1")
    found = Trials(scene_of(agent, "")).compare(Order(text, 2))
    assert found["sets"][0]["printed"] is None and found["sets"][0]["drop"] is None
    assert found["why"]["sets.printed"].startswith("no strategy")
