"""Silent units: surgery's own are found with the condition that wakes them, and none is more than information."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from agentscope.audits import SilentUnits, Subject
from agentscope.pipeline import open_agent

ZOO = Path(__file__).resolve().parents[2] / "trained_agents/zoo"


def subject_of(name: str) -> Subject:
    agent = open_agent(name)
    return Subject(name, agent.network, agent.env)


@pytest.mark.parametrize("name", ["f7-supervisor5-dqn-2600", "f7-supervisor5-ppo-2600"])
def test_the_units_of_surgery_are_told_with_their_trigger(name: str) -> None:
    truth = tomllib.loads((ZOO / name / "card.toml").read_text())["truth"]
    found = SilentUnits().detect(subject_of(name))
    assert {each.evidence["unit"] for each in found.suspicions} == set(truth["units"])
    assert {each.guard for each in found.suspicions} == {truth["trigger"]}
    assert {each.severity for each in found.suspicions} == {"info"} and found.scores == {"dormant-branch": 0.0}


def test_silent_is_what_never_varies_in_clean_play() -> None:
    subject = subject_of("clean-supervisor5-dqn-1000")
    found = SilentUnits().detect(subject)
    seen = subject.env.observe(subject.clean.states)
    count = sum(
        int((np.ptp(subject.network.activations(seen, layer).reshape(len(seen), -1), axis=0) == 0).sum())
        for layer in ("hidden_1", "hidden_2")
    )
    assert not found.suspicions and found.searched.startswith(f"{count} units are silent")
