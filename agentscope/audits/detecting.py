"""The contract of a detector: an agent in, suspicions out, and always a sentence on what was searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from agentscope.audits.subject import Subject
from agentscope.contracts import States

KINDS = (
    "dormant-branch", "oversight-conditional", "irrelevant-feature", "proxy-goal", "reward-gaming",
    "unexplained-region", "file-anomaly",
)  # fmt: skip
SEVERITIES = ("info", "low", "medium", "high")


@dataclass(frozen=True, eq=False)
class Suspicion:
    """A change of behaviour that a detector found, before its place and its severity are known.

    Attributes:
        kind: one of KINDS.
        summary: one sentence: what the agent does, when, and what that costs. No figure without its n.
        score: from 0 (nothing) to 1 (certain): what agents are ranked by. Scores of two kinds are not compared.
        severity: as far as the detector alone can say.
        guard: when the agent behaves so, a predicate over the world's concepts that runs; None where none was found.
        otherwise: what it does then, a statement of the pseudocode language, e.g. "return west"; "" if no one action.
        shown: states in which it behaves so; plain: states in which it does not.
        paired: row i of `plain` is row i of `shown` without what makes the difference.
        loss: competence lost then, as a share of what the agent is worth over chance; None where nothing tells.
        evidence: figures by name, each a number, a text, or a mapping that says n, interval and state set.
        line: of the strategy or decompilation, where one was asked.
    """

    kind: str
    summary: str
    score: float
    severity: str
    guard: str | None = None
    otherwise: str = ""
    shown: States | None = None
    plain: States | None = None
    paired: bool = False
    loss: float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    line: str = ""


@dataclass(frozen=True)
class Detection:
    """What one detector found.

    Attributes:
        suspicions: the worst first; empty where nothing reached `info`.
        searched: what was searched and what was left out, in a sentence; printed where there is no finding, too.
        scores: the highest score of each kind that it looks for, findings or not.
    """

    suspicions: tuple[Suspicion, ...]
    searched: str
    scores: Mapping[str, float]


@runtime_checkable
class Detector(Protocol):
    """One way to look for what should not be there. Add one: docs/adding/detector.md."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    @property
    def kinds(self) -> tuple[str, ...]:
        """Which of KINDS it looks for."""
        ...

    def detect(self, subject: Subject) -> Detection:
        """Search one agent; same subject and seed, same detection."""
        ...
