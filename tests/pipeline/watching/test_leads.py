"""Leads without pictures say what the steps' documents say."""

from dataclasses import replace

import pytest

from agentscope.errors import BadOption
from agentscope.pipeline.watching.leads import step_leads
from agentscope.pipeline.watching.recording import record_exam
from agentscope.pipeline.watching.running import Watch
from agentscope.records import Budget
from tests.pipeline.watching.scenes import compiled, scene_of

TINY = Budget("tiny", 4, 3, 100, 100, 1, 10, 1, 40)
OTHER = "def strategy(state) -> action:\n    return switch_off if lit() > 2 else wait\n"


def watch_of(text):
    scene = replace(scene_of(compiled("trigger-dqn-relu-l1")[0], text), budget=TINY)
    return Watch(scene, record_exam(scene))


@pytest.mark.parametrize("track", ["network", "text"])
def test_gaps_and_agreement_are_those_of_the_steps(track):
    watch = watch_of(OTHER)
    for episode in ("0", "2"):
        leads = step_leads(watch, episode, track)
        steps = watch.steps(episode, 0, 500, track=track)["steps"]
        assert [row["gap"] for row in leads] == [step["gap"] for step in steps] and len(leads) == len(steps) > 1
        assert [row["same"] for row in leads] == [step["levels"]["strategy"]["same"] for step in steps]
        assert [row["step"] for row in leads] == list(range(len(steps)))
    assert {row["same"] for row in step_leads(watch, "0", "network")} == {True, False}


def test_without_a_text_nothing_is_said_of_agreement():
    assert {row["same"] for row in step_leads(watch_of(""), "0")} == {None}


def test_an_unknown_episode_is_refused():
    with pytest.raises(BadOption, match="episode"):
        step_leads(watch_of(OTHER), "99")
