"""From records to report.json: every key of the published schema, every null with its reason."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from agentscope.contracts import OPTIONAL, InspectableEnv, Network, provides
from agentscope.language import ConceptFile
from agentscope.records import Ceiling, Comparison, Fidelity, Finding, Inspection, Primitive, Strategy
from agentscope.reports.gist import write_gist
from agentscope.reports.reasons import with_reasons
from agentscope.reports.sanitising import Json, to_plain
from agentscope.reports.schema import SCHEMA, validated

VERSIONED = ("agentscope-rl", "gymnasium", "numpy", "sb3-contrib", "scikit-learn", "stable-baselines3", "torch")
LOADER = "loader"  # the detector of what `inspect` and `check` find in the file itself
Report = dict[str, Any]


def run_record(command: str, *, seed: int, budget: str) -> dict[str, Any]:
    """The `run` block: command, seed, versions of what decides the figures, name of the budget."""
    versions = {"python": platform.python_version()}
    for name in VERSIONED:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {"command": command, "seed": seed, "versions": versions, "budget": budget}


def agent_record(network: Network, *, name: str, mode: str = "deterministic") -> dict[str, Any]:
    """The `agent` block; `mode` says whether actions are the best-scored (deterministic) or drawn (stochastic)."""
    return {
        "name": name,
        "sha256": network.sha256,
        "algorithm": network.algorithm,
        "parameters": int(network.parameters),
        "mode": mode,
    }


def environment_record(
    env: InspectableEnv, *, env_id: str, env_kwargs: Mapping[str, Any], concepts_file: ConceptFile | None = None
) -> dict[str, Any]:
    """The `environment` block: which optional parts of the contract are there and which are missing.

    Args:
        concepts_file: what a user's file added to the environment's concepts.
    """
    offered = provides(env)
    contained = getattr(env, "reward_concepts", None)
    return {
        "id": env_id,
        "kwargs": dict(env_kwargs),
        "provides": list(offered),
        "missing": [name for name in OPTIONAL if name not in offered],
        "reward_concepts": None if contained is None else list(contained),
        "concepts_file": None
        if concepts_file is None
        else {"name": concepts_file.name, "sha256": concepts_file.sha256},
    }


def empty_report(run: Mapping[str, Any], agent: Mapping[str, Any], environment: Mapping[str, Any]) -> Report:
    """A report in which nothing is measured yet: what `probe` and `compare` start from where no run folder exists."""
    blank: Report = {
        "schema": SCHEMA,
        "run": dict(run),
        "agent": dict(agent),
        "environment": {"reward_concepts": None, "concepts_file": None, **environment},
        "gist": [],
        **dict.fromkeys(("vocabulary", "primitives", "groups", "pictures")),
        **dict.fromkeys(("strategy", "fidelity", "noise_floor", "residual")),
        **dict.fromkeys(("levels", "decompilation", "audit", "findings")),
        "comparisons": [],
        "why": {},
        "timings": {},
    }
    return finished(blank)


def build_report(inspection: Inspection, *, command: str = "") -> Report:
    """The report of one inspection: exactly the published keys, the gist written, every null explained.

    Args:
        command: verb and flags with path values replaced by names; taken from `inspection.run` where empty.
    """
    run = {**run_record(command, seed=0, budget=""), **inspection.run}
    run["command"] = command or str(inspection.run.get("command", ""))
    why = dict(inspection.why)
    for part, reasons in (("fidelity", inspection.fidelity.why), ("noise_floor", inspection.noise_floor.why)):
        why |= {(path if path.startswith(f"{part}.") else f"{part}.{path}"): text for path, text in reasons.items()}
    report = empty_report(run, inspection.agent, inspection.environment)
    report |= {
        "vocabulary": _vocabulary(inspection.vocabulary, inspection.ceiling),
        "primitives": list(inspection.primitives),
        "groups": inspection.groups,
        "strategy": _strategy(inspection.strategy, inspection.baseline),
        "fidelity": _fidelity(inspection.fidelity),
        "noise_floor": {"student": inspection.noise_floor.student, "other_seed": inspection.noise_floor.other_seed},
        "residual": inspection.residual,
        "levels": _levels(inspection.fidelity, inspection.levels),
        "findings": list(inspection.findings),
        "why": why,
        "timings": dict(inspection.timings),
    }
    report = finished(report)
    return finished({**report, "gist": write_gist(report)})


def with_primitives(report: Report, primitives: Sequence[Primitive | Mapping[str, Any]]) -> Report:
    """The report with these primitives entered or replaced by concept, the others left as they are."""
    fresh = [to_plain(primitive, "primitives", {}) for primitive in primitives]
    names = {row["concept"] for row in fresh}
    kept = [row for row in report["primitives"] or [] if row["concept"] not in names]
    rows = sorted(kept + fresh, key=lambda row: str(row["concept"]))
    return finished({**report, "primitives": rows, "why": _why_without(report, "primitives")})


def with_pictures(report: Report, concepts: Sequence[str], pictures: Sequence[Mapping[str, Any]]) -> Report:
    """The report with the pictures of these concepts entered or replaced, the others left as they are."""
    kept = [row for row in report["pictures"] or [] if row["concept"] not in set(concepts)]
    rows = sorted([*kept, *pictures], key=lambda row: str(row["concept"]))  # of one concept in the order given
    return finished({**report, "pictures": rows or None, "why": _why_without(report, "pictures")})


def with_comparison(report: Report, comparison: Comparison) -> Report:
    """The report with this comparison entered, in the place of an earlier one of the same name."""
    why = _why_without(report, "comparisons")
    document = comparison_document(comparison)
    kept = [row for row in report["comparisons"] if row["name"] != document["name"]]
    rows = sorted([*kept, document], key=lambda row: str(row["name"]))
    position = rows.index(document)
    why |= {f"comparisons.{position}.fidelity.{path.removeprefix('fidelity.')}": text
            for path, text in comparison.fidelity.why.items()}  # fmt: skip
    return finished({**report, "comparisons": rows, "why": why})


def with_decompilation(report: Report, block: Mapping[str, Any]) -> Report:
    """The report with the decompilation entered, in the place of an earlier one."""
    why = {path: text for path, text in _why_without(report, "decompilation").items() if path != "levels.3"}
    levels = [row for row in report["levels"] or [] if row["level"] != 3]
    plain = to_plain(dict(block), "decompilation", {})
    close = plain.get("close") or plain.get("small")
    if report["levels"] is not None and close is not None:
        network = close["agreement"]["network"]
        levels.append({"level": 3, "set": "network", "states": network["states"], "agreement": network["agreement"],
                       "low": network["low"], "high": network["high"]})  # fmt: skip
    return finished({**report, "decompilation": dict(block), "levels": levels or report["levels"], "why": why})


def with_audit(report: Report, block: Mapping[str, Any], findings: Sequence[Finding | Mapping[str, Any]]) -> Report:
    """The report with an audit and its findings, the worst first, in the place of an earlier one.

    Findings of detectors that the audit did not run stay, but what the loader noticed is told once: by the audit where
    one of its detectors looks for file anomalies.
    """
    ran = {row["detector"] for row in block["detectors"]}
    kinds = {kind for row in block["detectors"] for kind in row["kinds"]}
    fresh = [to_plain(finding, f"findings.{at}", {}) for at, finding in enumerate(findings)]
    kept = [row for row in report["findings"] or []
            if row["detector"] not in ran and not (row["detector"] == LOADER and row["kind"] in kinds)]  # fmt: skip
    why = {path: text for path, text in _why_without(report, "findings").items() if path.split(".")[0] != "audit"}
    report = finished({**report, "audit": dict(block), "findings": fresh + kept, "why": why})
    return finished({**report, "gist": write_gist(report)}) if report["gist"] else report


def comparison_document(comparison: Comparison) -> dict[str, Json]:
    """One entry of `comparisons`, as plain JSON."""
    row = {
        "name": comparison.name,
        "sha256": comparison.sha256,
        "fidelity": _fidelity(comparison.fidelity),
        "worst_line": comparison.worst_line,
    }
    document: dict[str, Json] = to_plain(row, "comparisons", {})
    return document


def finished(report: Report) -> Report:
    """The report as plain JSON with a reason for each null, checked against the schema."""
    why: dict[str, str] = {}
    plain = {key: to_plain(value, key, why) for key, value in report.items()}
    plain["why"] = {**plain["why"], **why}
    return validated(with_reasons(plain))


def _why_without(report: Report, part: str) -> dict[str, str]:
    """Reasons that do not speak of this part, which is about to be written anew."""
    return {path: text for path, text in report["why"].items() if path.split(".")[0] != part}


def _vocabulary(concepts: Sequence[str], ceiling: Ceiling | None) -> dict[str, Any]:
    block: dict[str, Any] = {"concepts": list(concepts), "distinct_share": None, "ceiling": None, "black_box": None}
    if ceiling is not None:
        block |= {"distinct_share": ceiling.distinct_share, "black_box": ceiling.black_box}
        if ceiling.agreement is not None:
            figures = {"agreement": ceiling.agreement, "states": ceiling.states, "aliased": list(ceiling.aliased)}
            block["ceiling"] = figures
    return block


def _strategy(strategy: Strategy | None, baseline: Mapping[str, Any] | None) -> dict[str, Json] | None:
    if strategy is None:
        return None
    return {**to_plain(strategy, "strategy", {}), "baseline": baseline}


def _fidelity(fidelity: Fidelity) -> dict[str, Any]:
    names = ("network", "strategy", "edited", "reachable", "unseen_levels", "episodes")
    return {name: getattr(fidelity, name) for name in names}


def _levels(fidelity: Fidelity, deeper: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Levels 0 and 1 as fidelity gives them, then the deeper ones; empty where no strategy was measured."""
    network = fidelity.network
    if network is None:
        return []
    shown = {"set": "network", "states": network.states}
    text = {"agreement": network.agreement, "low": network.low, "high": network.high}
    return [{"level": 0, **shown, "agreement": None}, {"level": 1, **shown, **text}, *map(dict, deeper)]
