"""What an open run answers about one step, one text, one part: under the names that the page asks by."""

import json

import numpy as np
import pytest

from agentscope.errors import BadOption
from agentscope.pipeline.watching.recording import record_exam
from agentscope.pipeline.watching.running import Watch
from tests.pipeline.watching.scenes import compiled, scene_of

RIGHT = "def strategy(state):\n    return turn_right\n"


@pytest.fixture(scope="module")
def watch():
    agent, text = compiled("keydoor-dqn-relu-l0")
    scene = scene_of(agent, text)
    return Watch(scene, record_exam(scene))


@pytest.mark.parametrize("track", ["network", "text"])
def test_why_is_about_the_state_of_that_step_and_track(watch, track):
    found = watch.why("2", 3, track=track)
    state, agent = watch.state("2", 3, track), watch.scene.agent
    assert (found["episode"], found["step"], found["track"]) == ("2", 3, track)
    assert found["afterstates"][0]["action"] == int(agent.decide(state).actions[0])
    assert found["searched"] == int(agent.env.edits(state).legal.sum())
    json.dumps(found, allow_nan=False)


def test_an_unedited_place_is_the_step_itself(watch):
    found, steps = watch.place("1", 2), watch.steps("1", 2, 3)["steps"]
    assert found["step"] == steps[0] and found["edits"] == found["labels"] == []
    assert found["before"] == {"action": steps[0]["action"], "strategy": steps[0]["action"]}


def test_network_and_text_decide_anew_on_an_edited_board(watch):
    agent, base = watch.scene.agent, watch.state("1", 2)
    heading = (int(base["heading"][0]) + 2) % 4
    found = watch.place("1", 2, edits=[(1, heading)])
    turned = base.copy()
    turned["heading"] = heading
    here = agent.decide(turned)
    step = found["step"]
    assert found["labels"] == [f"heading = {agent.env.axes['directions'][heading]}"]
    assert step["action"] == step["taken"] == int(here.actions[0]) and step["step"] == 2 and step["reward"] is None
    assert np.allclose(step["scores"], here.scores[0], rtol=1e-5)
    assert step["levels"]["strategy"]["action"] == int(here.actions[0])
    assert step["picture"] != watch.place("1", 2)["step"]["picture"]
    assert watch.state("1", 2)["heading"] == base["heading"]  # the run is left as it was
    json.dumps(found, allow_nan=False)


def test_what_is_not_there_is_refused(watch):
    length = len(watch.trail("0"))
    with pytest.raises(BadOption, match="goes no further"):
        watch.place("0", length)
    for ask in (lambda: watch.why("999", 0), lambda: watch.why("0", length + 1), lambda: watch.place("0", -1),
                lambda: watch.place("0", 0, edits=[(0, 10_000)]), lambda: watch.unit("hidden_99[0]")):  # fmt: skip
        with pytest.raises(BadOption):
            ask()


def test_the_final_state_can_be_asked_about(watch):
    found = watch.why("0", len(watch.trail("0")))
    assert found["flips"] == {"network": None, "strategy": None}
    assert found["why"]["flips.network"] == "no edit applies to this state"


def test_texts_are_checked_and_compared(watch):
    assert watch.check_text(RIGHT)["ok"] and not watch.check_text("def strategy(state):\n    return up\n")["ok"]
    found = watch.compare_text(RIGHT, episodes=3)
    assert found["sets"][0]["drop"] > 0.2 and found["episodes"] == 3
    assert watch.compare_text(RIGHT, episodes=3, cancelled=lambda: True)["cancelled"]


def test_cards_are_of_this_run(watch):
    assert watch.unit("hidden_2[0]")["states"] > 100
    assert watch.concept("has_key")["concept"] == "has_key"
    with pytest.raises(BadOption, match="no function"):
        watch.function("close", "score")
