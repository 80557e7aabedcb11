"""Audits and baselines of many agents, in parallel; each kept in a file of its own, to be taken up again."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from joblib import Parallel, delayed, parallel_config
from threadpoolctl import threadpool_limits

import agentscope
from agentscope.audits import Subject
from agentscope.pipeline import open_agent
from agentscope.pipeline.auditing import audit_agent
from benchmarks.audit_baselines import BUDGET, baselines, weight_statistics
from benchmarks.audit_known import Known, guard_score, stages_of
from benchmarks.audit_places import place_score

RUNS = Path(__file__).parent / "runs" / "audit"
PACKAGE, HERE = Path(agentscope.__file__).parent, Path(__file__).parent
AUDITED = ((PACKAGE, "audits/*.py"), (PACKAGE, "pipeline/auditing.py"), (HERE, "audit_[kp]*.py"))
SOURCES: Mapping[str, Sequence[tuple[Path, str]]] = {  # what decides the figures of a part: folders and patterns
    "declared": AUDITED, "hidden": AUDITED, "baselines": ((HERE, "audit_baselines.py"),),
}  # fmt: skip
Row = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """One pass over the agents: 'declared', 'hidden' (what the world says of its concepts) or 'baselines'."""

    name: str
    budget: str = "quick"
    seed: int = 0

    def key(self, known: Known) -> str:
        """What a kept result must have been made with."""
        return f"{known.sha256[:16]} {version_of(self.name)} {self.budget} {self.seed}"

    def path(self, known: Known) -> Path:
        """Where a result is kept."""
        return RUNS / self.name / f"{known.name}.json"

    def kept(self, known: Known, *, any_code: bool = False) -> Row | None:
        """The result of this agent, code (unless any will do), seed and budget, if it is there."""
        path = self.path(known)
        row: Row | None = json.loads(path.read_text()) if path.is_file() else None
        if row is None or "error" in row:
            return None
        wanted, found = self.key(known).split(), row["key"].split()
        if any_code:
            wanted.pop(1), found.pop(1)
        return row if wanted == found else None


@cache
def version_of(part: str) -> str:
    """Eight digits of the code that decides a part's figures; comments, docstrings and layout do not count."""
    digest = hashlib.sha256()
    for path in [path for folder, pattern in SOURCES[part] for path in sorted(folder.glob(pattern))]:
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                node.value.value = ""
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()[:8]


def run_all(agents: Sequence[Known], part: Part, *, jobs: int, say: Callable[[str], None]) -> int:
    """Do what is missing, `jobs` agents at a time; returns how many failed."""
    left = [known for known in agents if part.kept(known) is None]
    left.sort(key=lambda known: known.sha256)  # mixed: half a run has every family, and its time left is honest
    say(f"{part.name}: {len(agents) - len(left)} of {len(agents)} agents are done, {len(left)} to go")
    started, failed = time.monotonic(), 0
    for done, row in enumerate(_rows(left, part, jobs), start=1):
        failed += "error" in row
        rest = (time.monotonic() - started) / done * (len(left) - done)
        told = row["error"].strip().splitlines()[-1] if "error" in row else f"{row['cpu']:.1f} CPU-seconds"
        say(f"{part.name} {done}/{len(left)} {row['name']}: {told}; {rest / 60:.0f} min left")
    return failed


def _rows(left: Sequence[Known], part: Part, jobs: int) -> Iterable[Row]:
    """One row an agent, as they come; nothing is held but what runs."""
    keys = [part.key(known) for known in left]  # told to the workers: code may change while they run
    with parallel_config(backend="loky", inner_max_num_threads=1):
        run = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch=jobs)
        yield from run(delayed(_one)(known, part, key) for known, key in zip(left, keys, strict=True))


def _one(known: Known, part: Part, key: str) -> Row:
    """One agent's result, written to its file; an error becomes the row, and is tried again next time."""
    torch.set_num_threads(1)
    row: Row = {"name": known.name, "key": key}
    try:
        with threadpool_limits(limits=1):
            row |= baseline_row(known, part) if part.name == "baselines" else audit_row(known, part)
    except Exception:  # a bug in one detector must not cost the other agents' hours; it is told, and fails the run
        row["error"] = traceback.format_exc()
    path = part.path(known)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(row, indent=1))
    draft.replace(path)
    return row


def baseline_row(known: Known, part: Part) -> Row:
    """What the baselines say of one agent."""
    begun = time.process_time()
    agent = open_agent(known.name)
    scores = baselines(Subject(known.name, agent.network, agent.env, budget=BUDGET, seed=part.seed))
    weights = weight_statistics(agent.network.weights())
    return {"scores": scores, "weights": weights, "cpu": time.process_time() - begun}


def audit_row(known: Known, part: Part) -> Row:
    """What the audit says of one agent, and how much of it is true."""
    agent = open_agent(known.name)
    begun = time.process_time()
    audit = audit_agent(agent, budget=part.budget, seed=part.seed, declared=part.name == "declared")
    cpu = time.process_time() - begun
    findings = [
        {"detector": each.detector, "kind": each.kind, "severity": each.severity, "score": each.score,
         "guard": each.guard, "otherwise": each.otherwise, "where": dict(each.where), "loss": each.competence_loss,
         "summary": each.summary, "ablation": each.evidence.get("ablation"), "place": each.evidence.get("place")}
        for each in audit.findings
    ]  # fmt: skip
    scores: dict[str, float] = {}
    for row in audit.detectors:
        for kind, score in row["scores"].items():
            scores[kind] = max(scores.get(kind, 0.0), float(score))
    found: Row = {
        "scores": scores, "findings": findings, "cpu": cpu, "timings": dict(audit.timings),
        "why": {row["detector"]: row["why"] for row in audit.detectors if row["why"]},
    }  # fmt: skip
    stages = stages_of(known, agent)
    if stages is not None:
        top = findings[0] if findings else None
        found["guard"] = guard_score(agent, stages, top["guard"] if top else None)
        # What is ordinary for a unit is read off the agent's own world: there it is held, and there it must play on.
        own = stages_of(known, agent, lessons=False)
        found["placed"] = place_score(known, agent, own, top) if top and own else None
    return found


def to_error(text: str) -> None:
    """Progress goes to standard error."""
    print(text, file=sys.stderr, flush=True)
