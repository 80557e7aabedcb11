"""findings.json: an audit by itself, from which its witnesses can be replayed; a stranger's is as safe as ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agentscope.errors import RefusedFile, RunFolderMismatch
from agentscope.reports.building import Report
from agentscope.reports.runs import read_json
from agentscope.reports.sanitising import plain_text
from agentscope.reports.schema import FINDINGS_SCHEMA, FindingsModel, validated

NAME = "findings.json"
FINDINGS_CAP = 16 * 2**20
MOST_FINDINGS = 1_000


def findings_document(report: Report) -> dict[str, Any]:
    """What findings.json holds: whose findings they are, what was searched, and the findings."""
    rest = {key: report[key] for key in ("agent", "environment", "audit")}
    return validated({"schema": FINDINGS_SCHEMA, **rest, "findings": report["findings"] or []}, FindingsModel)


def read_findings(folder: Path | str, *, sha256: str) -> dict[str, Any]:
    """findings.json of a run folder, checked against the schema.

    Raises:
        RunFolderMismatch: there is none in the folder, or it is of another agent.
        RefusedFile: the file is too large, is not JSON, or does not keep the schema.
    """
    path = Path(folder) / NAME
    name = plain_text(str(path))
    if not path.is_file():
        raise RunFolderMismatch(f"{plain_text(str(folder))} holds no {NAME}. Make one with `agentscope audit AGENT`.")
    try:
        document = validated(read_json(path, FINDINGS_CAP), FindingsModel)
        if len(document["findings"]) > MOST_FINDINGS:
            raise ValueError(f"it has {len(document['findings']):,} findings; at most {MOST_FINDINGS:,} are read")
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(str(step) for step in first["loc"]).replace("schema_", "schema")
        said = plain_text(f"{place}: {first['msg']}")
    except (ValueError, TypeError, RecursionError) as problem:
        said = plain_text(str(problem))
    else:
        found = document["agent"]["sha256"]
        if found != sha256:
            raise RunFolderMismatch(
                f"{name} holds the findings of another agent (sha256 {plain_text(found)[:8]}, this one has "
                f"{sha256[:8]}). Name that agent, or audit this one into another folder with --out."
            )
        return document
    raise RefusedFile(f"{name} is no {FINDINGS_SCHEMA} document ({said[:200]}). Make it again with `agentscope audit`.")
