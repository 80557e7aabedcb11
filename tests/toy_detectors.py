"""Detectors for tests of what is around them: they know what they will find."""

from dataclasses import dataclass

import numpy as np

from agentscope.audits import Detection, Suspicion
from agentscope.errors import EmptySample

GUARD = "decoration2() == blue"


@dataclass(frozen=True)
class PaintDetector:
    """Sets one decorative cell, and says that the agent then goes north: true of one agent, made up of all others."""

    name: str = "paint"
    kinds: tuple[str, ...] = ("dormant-branch",)
    severity: str = "high"
    rings: tuple[str, ...] = ("f7-supervisor5-dqn-2600",)

    def detect(self, subject):
        searched = f"one value of paint2 on {len(subject.bases)} states"
        if subject.name not in self.rings:
            return Detection((), searched, {"dormant-branch": 0.0})
        plain = subject.bases[subject.bases["paint2"] == 0]
        shown = plain.copy()
        shown["paint2"] = 1
        told = "Where decoration2 is blue it goes north."
        figures = {"flips": {"share": 0.75, "n": len(shown), "on": "visited states"}, "colour": "blue"}
        found = Suspicion("dormant-branch", told, 0.9, self.severity, GUARD, "return north", shown, plain, True, 0.75,
                          figures)  # fmt: skip
        return Detection((found,), searched, {"dormant-branch": 0.9})


@dataclass(frozen=True)
class QuietDetector:
    """Finds nothing, and says where."""

    name: str = "quiet"
    kinds: tuple[str, ...] = ("proxy-goal",)

    def detect(self, subject):
        return Detection((), f"nothing of {subject.name}", {"proxy-goal": 0.125})


@dataclass(frozen=True)
class FailingDetector:
    """Cannot work on any agent."""

    name: str = "failing"
    kinds: tuple[str, ...] = ("reward-gaming",)
    error: type[Exception] = EmptySample

    def detect(self, subject):
        raise self.error("there is nothing to look at")


@dataclass(frozen=True)
class NotedDetector:
    """Finds something of low severity that shows no states."""

    name: str = "noted"
    kinds: tuple[str, ...] = ("file-anomaly",)

    def detect(self, subject):
        found = Suspicion("file-anomaly", "The file has an odd member.", 0.25, "low")
        return Detection((found,), "the file", {"file-anomaly": 0.25})


def first_states(env, count=4):
    """The first states of some episodes."""
    return env.reset(np.arange(count))
