"""`check_detector` lets a sound detector through and stops at each rule that is broken."""

import dataclasses
import re

import numpy as np
import pytest

from agentscope import pipeline
from agentscope.audits import AuditBudget, Detection, Subject
from agentscope.errors import ContractBroken
from agentscope.testing import check_detector
from tests.toy_detectors import PaintDetector, QuietDetector

PLANTED = "f7-supervisor5-dqn-2600"
SMALL = AuditBudget(clean_steps=200, bases=24, rollouts=4, horizon=30)


@pytest.fixture(scope="module")
def subject():
    agent = pipeline.open_agent(PLANTED)
    return Subject(agent.name, agent.network, agent.env, budget=SMALL)


def test_sound_detectors_pass_and_every_rule_has_its_line(subject):
    lines = check_detector(PaintDetector(), subject)
    assert len(lines) == 3 and "the guard holds on 1.00 of shown, 0.00 of plain" in lines[2]
    assert "none was checked" in check_detector(QuietDetector(), subject)[-1]


class Changed(PaintDetector):
    """A sound detector whose detection is changed before it is given."""

    def __init__(self, change):
        super().__init__()
        object.__setattr__(self, "change", change)

    def detect(self, subject):
        return self.change(super().detect(subject))


def of_suspicion(**changed):
    """A change of the first suspicion."""

    def change(found):
        values = {name: value(found.suspicions[0]) if callable(value) else value for name, value in changed.items()}
        return dataclasses.replace(found, suspicions=(dataclasses.replace(found.suspicions[0], **values),))

    return change


def of_detection(**changed):
    return lambda found: dataclasses.replace(found, **changed)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda found: found.suspicions, "Give a Detection"),
        (of_detection(searched="  "), "`searched` is empty"),
        (of_detection(scores={}), "highest score of each kind"),
        (of_detection(scores={"dormant-branch": 1.5}), "from 0 to 1"),
        (of_detection(scores={"dormant-branch": float("nan")}), "from 0 to 1"),
        (of_detection(scores={"dormant-branch": 0.5}), "`scores` holds the highest"),
        (of_suspicion(kind="proxy-goal"), "does not declare"),
        (of_suspicion(severity="dire"), "severity 'dire'"),
        (of_suspicion(summary="two\nlines"), "on one line"),
        (of_suspicion(score=-0.1), "from 0 to 1"),
        (of_suspicion(loss=float("inf")), "the loss inf"),
        (of_suspicion(evidence={"x": {1, 2}}), "Evidence is"),
        (of_suspicion(shown=np.zeros(3)), "`shown` is float64"),
        (of_suspicion(plain=lambda found: found.plain[:1]), "paired without as many"),
        (of_suspicion(guard="no_such_concept()"), "Give texts that run"),
        (of_suspicion(otherwise="return upwards"), "Give texts that run"),
        (of_suspicion(guard="decoration2() == red"), "of the shown states"),
        (of_suspicion(guard="row() >= 0"), "no fewer of the plain states"),
    ],
)
def test_each_broken_rule_is_told(subject, change, said):
    with pytest.raises(ContractBroken, match=re.escape(said)) as told:
        check_detector(Changed(change), subject)
    assert "docs/adding/detector.md" in str(told.value)


def test_a_detector_that_draws_for_itself_is_found_out(subject):
    generator = np.random.default_rng(0)
    with pytest.raises(ContractBroken, match="the second time"):
        check_detector(Changed(of_suspicion(loss=lambda found: float(generator.random()))), subject)


def test_a_detector_that_changes_the_states_is_found_out():
    agent = pipeline.open_agent(PLANTED)
    own = Subject(agent.name, agent.network, agent.env, budget=SMALL)

    class Painting(QuietDetector):
        def detect(self, subject):
            subject.bases["paint0"] = 1
            return super().detect(subject)

    with pytest.raises(ContractBroken, match="changes the agent or its states"):
        check_detector(Painting(), own)


def test_what_is_no_detector_is_told_what_it_lacks(subject):
    with pytest.raises(ContractBroken, match="lacks kinds, detect"):
        check_detector(type("Half", (), {"name": "half"})(), subject)
    for changed, said in (({"kinds": ("oddity",)}, "are unknown"), ({"kinds": ()}, "no kind"), ({"name": " "}, "name")):
        with pytest.raises(ContractBroken, match=said):
            check_detector(dataclasses.replace(QuietDetector(), **changed), subject)


def test_a_detection_is_what_the_contract_says():
    assert [field.name for field in dataclasses.fields(Detection)] == ["suspicions", "searched", "scores"]
