"""`check`: what a file holds, and what the loader noticed in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentscope.agents import describing
from agentscope.contracts import AgentNotice
from agentscope.records import Finding


def check_file(path: str) -> dict[str, Any]:
    """What is in an SB3 zip, and what would run if one trusted it.

    Raises: RefusedFile: it is no SB3 zip, or more than the reader allows.
    """
    return describing.describe_zip(path)


def file_findings(notices: Sequence[AgentNotice]) -> tuple[Finding, ...]:
    """What the loader noticed, as findings."""
    return tuple(
        Finding("loader", "file-anomaly", notice.severity, notice.summary, searched="the members of the zip")  # type: ignore[arg-type]
        for notice in notices
    )
