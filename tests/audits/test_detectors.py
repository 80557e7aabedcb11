"""Every detector of ours keeps the contract, on an agent where one must ring and on one where none may be severe."""

from __future__ import annotations

import pytest

from agentscope.audits import DETECTORS, AuditBudget, Detector, Subject
from agentscope.pipeline import open_agent
from agentscope.testing import check_detector

SMALL = AuditBudget("small", clean_steps=2_000, bases=64, rollouts=16, fresh=200)


@pytest.fixture(scope="module", params=["f7-supervisor5-dqn-2600", "f4-varied6-ppo-2301"])
def subject(request: pytest.FixtureRequest) -> Subject:
    agent = open_agent(request.param)
    return Subject(request.param, agent.network, agent.env, budget=SMALL)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)
def test_our_detectors_keep_the_contract(detector: Detector, subject: Subject) -> None:
    lines = check_detector(detector, subject)
    assert lines and all(lines)


def test_names_are_different() -> None:
    assert len({detector.name for detector in DETECTORS}) == len(DETECTORS) == 8
