"""File anomalies: what the loader noticed while it read the agent, as suspicions."""

from __future__ import annotations

from dataclasses import dataclass

from agentscope.audits.detecting import SEVERITIES, Detection, Suspicion
from agentscope.audits.subject import Subject

KIND = "file-anomaly"
SURE = {name: place / (len(SEVERITIES) - 1) for place, name in enumerate(SEVERITIES)}  # info 0, high 1


@dataclass(frozen=True)
class FileDetector:
    """Hand on what the loader noticed, as gravely as the loader took it."""

    name: str = "files"
    kinds: tuple[str, ...] = (KIND,)

    def detect(self, subject: Subject) -> Detection:
        """One suspicion a notice; the score is that of the gravest."""
        suspicions = sorted(
            (
                Suspicion(
                    KIND, notice.summary, SURE[notice.severity], notice.severity, evidence={"notice": notice.kind}
                )
                for notice in subject.notices
            ),
            key=lambda suspicion: -suspicion.score,
        )
        searched = (
            "the members of the zip as the loader read them, without running anything: the settings beside the "
            f"serialized ones, classes, shapes and odd members ({len(suspicions)} notices)"
        )
        return Detection(tuple(suspicions), searched, {KIND: suspicions[0].score if suspicions else 0.0})
