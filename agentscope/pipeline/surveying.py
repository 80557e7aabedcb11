"""Audits of many agents: each into its own run folder, side by side, none done twice; witnesses played again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed

from agentscope import audits, reports
from agentscope.contracts import ProgressCallback, Scalar, no_progress
from agentscope.errors import AgentScopeError, BadOption, RefusedFile
from agentscope.pipeline.auditing import WORST_FIRST, audit_agent, made_with
from agentscope.pipeline.opening import OpenAgent, open_agent
from agentscope.pipeline.watching.entering import refresh_watch
from agentscope.pipeline.witnessing import replay_witness


@dataclass(frozen=True)
class AuditOrder:
    """One agent to audit, by all that a worker needs to know.

    Attributes:
        agent: as `open_agent` takes it; so are env_id to concepts.
        out: run folder; None for the default one.
        inside: folder that holds the run folders of several agents, where that is not `runs`.
        fresh: audit again although the run folder holds the same audit.
        command: for the report.
    """

    agent: str
    env_id: str | None = None
    env_kwargs: Mapping[str, Scalar] = field(default_factory=dict)
    vecnormalize: str | None = None
    trust: bool = False
    concepts: str | None = None
    budget: str = "quick"
    seed: int = 0
    declared: bool = True
    out: str | None = None
    inside: str | None = None
    fresh: bool = False
    command: str = "audit"

    def open(self) -> tuple[OpenAgent, reports.RunFolder]:
        """The agent and its run folder.

        Raises: AgentScopeError: as `open_agent`; RunFolderMismatch: the folder holds another agent's run.
        """
        opened = open_agent(
            self.agent, env_id=self.env_id, env_kwargs=self.env_kwargs, vecnormalize=self.vecnormalize,
            trust=self.trust, concepts=self.concepts,
        )  # fmt: skip
        sha256 = opened.network.sha256
        usual = reports.default_folder(opened.name, sha256)
        path = self.out or (usual if self.inside is None else Path(self.inside) / usual.name)
        return opened, reports.RunFolder(path, sha256=sha256)


@dataclass(frozen=True)
class Audited:
    """What came of an order.

    Attributes:
        row: name, worst severity, kinds, guard and loss of the worst finding, scores, searched, cpu_seconds, kept (it
            was done before), error; as the table of many agents shows it.
        report: of the run folder; None where the agent was refused.
        folder: the run folder; log: a line for each stage.
    """

    row: Mapping[str, Any]
    report: dict[str, Any] | None = None
    folder: str = ""


def audit_orders(
    orders: Sequence[AuditOrder], *, jobs: int = 1, progress: ProgressCallback = no_progress
) -> Iterator[tuple[int, Audited]]:
    """Audit several agents, each in one thread, at most `jobs` at once: (index of the order, what came of it), as they
    are done. An agent that is refused is a row with its error; the others' work is kept.
    """
    work = Parallel(n_jobs=min(jobs, len(orders)), return_as="generator_unordered")(
        delayed(_tried)(index, order) for index, order in enumerate(orders)
    )
    for done, found in enumerate(work, start=1):
        progress("auditing agents", done, len(orders))
        yield found


def audit_order(order: AuditOrder, *, progress: ProgressCallback = no_progress) -> Audited:
    """Audit one agent into its run folder, unless the folder holds the very same audit already.

    Raises: AgentScopeError: the agent, its environment or its folder is refused.
    """
    started = time.process_time()
    opened, folder = order.open()
    detectors = audits.DETECTORS
    wanted = made_with(
        opened,
        budget=order.budget,
        seed=order.seed,
        declared=order.declared,
        detectors=[each.name for each in detectors],
    )
    if not order.fresh and _holds(folder, wanted):
        assert folder.report is not None
        return Audited(audit_row(opened.name, folder.report, kept=True), folder.report, str(folder.path))
    audit = audit_agent(
        opened, budget=order.budget, seed=order.seed, declared=order.declared, detectors=detectors, folder=folder,
        progress=progress,
    )  # fmt: skip
    seconds = {**audit.timings, "all": round(time.process_time() - started, 3)}
    start = start_report(opened, command=order.command, seed=order.seed, budget=order.budget)
    report = reports.write_audit(folder, start, audit.block(), audit.findings, files=audit.files, timings=seconds)
    stale = refresh_watch(folder, opened)
    told = [] if stale is None else [f"the episodes in report.html stay as they were: {stale}"]
    folder.append_log([order.command, *(f"audit: {name}: {value:.1f} CPU s" for name, value in seconds.items()), *told])
    return Audited(audit_row(opened.name, report), report, str(folder.path))


def audit_row(name: str, report: Mapping[str, Any], *, kept: bool = False) -> dict[str, Any]:
    """One agent in a row: the worst finding of the audit, all kinds, and every score."""
    lines = report["audit"]["detectors"]
    findings = report["findings"] or []
    first = min(findings, key=lambda row: WORST_FIRST.index(row["severity"]), default=None)
    return {
        "name": name, "sha256": report["agent"]["sha256"], "environment": report["environment"]["id"],
        "worst": None if first is None else first["severity"],
        "kinds": list(dict.fromkeys(row["kind"] for row in findings)),
        "guard": None if first is None else first["guard"],
        "competence_loss": None if first is None else first["competence_loss"],
        "findings": [{key: row[key] for key in ("detector", "kind", "severity", "summary", "guard", "where",
                                                "competence_loss", "score")} for row in findings],
        "scores": {row["detector"]: row["scores"] for row in lines},
        "searched": [{"detector": row["detector"], "searched": row["searched"]} for row in lines],
        "cpu_seconds": report["timings"].get("audit: all"), "kept": kept, "error": None,
    }  # fmt: skip


def start_report(opened: OpenAgent, *, command: str, seed: int, budget: str) -> dict[str, Any]:
    """The report that the verb starts from where the folder has none yet."""
    return reports.empty_report(
        reports.run_record(command, seed=seed, budget=budget),
        reports.agent_record(opened.network, name=opened.name),
        reports.environment_record(
            opened.env, env_id=opened.env_id, env_kwargs=opened.env_kwargs or {}, concepts_file=opened.own_concepts
        ),
    )


def replay_findings(order: AuditOrder, number: int | None = None) -> dict[str, Any]:
    """Play the recorded witnesses of the agent's findings again, from findings.json alone.

    Args:
        number: of the finding, from 1; all by default.
    Raises: RunFolderMismatch, RefusedFile: there is no sound findings.json of this agent. BadOption: no such finding.
    """
    opened, folder = order.open()
    document = reports.read_findings(folder.path, sha256=opened.network.sha256)
    kept = document["environment"]
    if kept["id"] != opened.env_id or dict(kept["kwargs"]) != dict(opened.env_kwargs or {}):
        given = " ".join(f"--env-kwargs {key}:{value}" for key, value in kept["kwargs"].items())
        raise RefusedFile(
            reports.plain_text(
                f"The findings are of {kept['id']} with other arguments than this agent's environment has: "
                f"replay them with --env {kept['id']} {given}".strip()
            )
        )
    findings = document["findings"]
    if number is not None and not 1 <= number <= len(findings):
        raise BadOption(f"There is no finding {number}: findings.json holds {len(findings)}.")
    rows = []
    for at, finding in enumerate(findings, start=1):
        if number is None or at == number:
            rows += [
                {"finding": at, "witness": place, **replay_witness(opened, witness)}
                for place, witness in enumerate(finding["witnesses"], start=1)
            ]
    return {"agent": opened.name, "same": all(row["same"] for row in rows), "witnesses": rows}


def _tried(index: int, order: AuditOrder) -> tuple[int, Audited]:
    """One order in a worker; what a user can cause becomes a row."""
    try:
        return index, audit_order(order)
    except AgentScopeError as problem:
        return index, Audited({"name": order.agent, "worst": None, "kept": False, "error": str(problem)})


def _holds(folder: reports.RunFolder, wanted: Mapping[str, Any]) -> bool:
    """Whether the folder's report and its findings.json are of an audit made with the same things."""
    report = folder.report
    if report is None or not report["audit"]:
        return False
    try:
        document = reports.read_findings(folder.path, sha256=folder.sha256)
    except AgentScopeError:
        return False
    plain = reports.to_plain(wanted, "made_with", {})
    return bool(document["audit"] == report["audit"] and document["audit"]["made_with"] == plain)
