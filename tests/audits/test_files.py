"""File anomalies: what the loader noticed is handed on, no more and no less grave."""

from agentscope.audits import Detector, Subject
from agentscope.audits.files import FileDetector
from agentscope.contracts import AgentNotice
from agentscope.pipeline import open_agent


def detected(*notices):
    agent = open_agent("cartpole-ppo")
    return FileDetector().detect(Subject("agent", agent.network, agent.env, notices=notices))


def test_it_is_a_detector():
    assert isinstance(FileDetector(), Detector)


def test_notices_are_handed_on_the_gravest_first():
    detection = detected(AgentNotice("odd-member", "info", "One."), AgentNotice("foreign-code", "high", "Two."))
    assert [(found.severity, found.summary, found.kind) for found in detection.suspicions] == [
        ("high", "Two.", "file-anomaly"), ("info", "One.", "file-anomaly"),
    ]  # fmt: skip
    assert [found.evidence["notice"] for found in detection.suspicions] == ["foreign-code", "odd-member"]
    assert detection.scores == {"file-anomaly": 1.0} and "2 notices" in detection.searched


def test_a_file_without_oddities_scores_nothing_and_says_what_was_read():
    detection = detected()
    assert not detection.suspicions and detection.scores == {"file-anomaly": 0.0}
    assert "members of the zip" in detection.searched
