"""What each verb leaves in a run folder: its own blocks and files, the page made anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentscope.records import Comparison, Finding, Inspection, Primitive
from agentscope.reports.audit_pages import finding_page, read_films
from agentscope.reports.building import (
    Report,
    comparison_document,
    finished,
    with_audit,
    with_comparison,
    with_decompilation,
    with_pictures,
    with_primitives,
)
from agentscope.reports.depth import read_pictures
from agentscope.reports.findings import findings_document
from agentscope.reports.page import report_page
from agentscope.reports.runs import RunFolder, compact, printed
from agentscope.reports.sanitising import plain_text
from agentscope.reports.schema import SCHEMA
from agentscope.reports.watch_section import WATCH_FILE, read_watch
from agentscope.rollouts.storing import save_states, write_rollouts

OTHERS = ("pictures", "decompilation", "comparisons")  # blocks that other verbs than inspect write


def write_inspection(folder: RunFolder, report: Report, inspection: Inspection) -> Report:
    """Every file of an inspection; blocks that other verbs wrote before are kept. Returns the report as written."""
    earlier = folder.report
    if earlier is not None:
        kept = {name: earlier[name] for name in OTHERS if earlier[name] and not report[name]}
        why = {path: text for path, text in report["why"].items() if path.split(".")[0] not in kept}
        why |= {path: text for path, text in earlier["why"].items() if path.split(".")[0] in kept}
        report = finished({**report, **kept, "why": why})
        if earlier["audit"]:
            ran = {row["detector"] for row in earlier["audit"]["detectors"]}
            found = [row for row in earlier["findings"] or [] if row["detector"] in ran]
            report = with_audit(report, earlier["audit"], found)
    if inspection.strategy is not None:
        folder.write_text("strategy.py", plain_text(inspection.strategy.text, multiline=True).rstrip("\n") + "\n")
    if inspection.readouts:
        folder.write_arrays("readouts.npz", inspection.readouts)
    if inspection.trails:
        folder.write_arrays("trails.npz", inspection.trails)
    if inspection.watch:
        folder.write_text(WATCH_FILE, compact(inspection.watch))
    if inspection.exam is not None:
        exam = inspection.exam
        folder.write_file("states.npz", lambda path: save_states(path, exam))
    folder.write_rows("probes.csv", probe_rows(report["primitives"] or []))
    if inspection.rollouts:
        folder.write_file("rollouts.csv", lambda path: write_rollouts(path, inspection.rollouts))
    folder.write_text("findings.json", printed(findings_document(report)))
    return _finish(folder, report)


def write_primitives(
    folder: RunFolder,
    start: Report,
    primitives: Sequence[Primitive],
    *,
    pictures: Sequence[Mapping[str, Any]] = (),
    files: Mapping[str, bytes] | None = None,
) -> Report:
    """The probed concepts, entered into the folder's report, or into `start` where there is none yet.

    Args:
        pictures: of these concepts, a row each; files: what they are drawn in, as PNG bytes by name.
    """
    report = with_primitives(folder.report or start, primitives)
    report = with_pictures(report, [primitive.concept for primitive in primitives], pictures)
    for name, content in (files or {}).items():
        folder.write_bytes(name, content)
    folder.write_rows("probes.csv", probe_rows(report["primitives"] or []))
    return _finish(folder, report)


def write_comparison(folder: RunFolder, start: Report, comparison: Comparison) -> Report:
    """The comparison, entered into the folder's report, or into `start` where there is none yet."""
    return _finish(folder, with_comparison(folder.report or start, comparison))


def write_decompilation(
    folder: RunFolder,
    start: Report,
    block: Mapping[str, Any],
    files: Mapping[str, bytes],
    timings: Mapping[str, float],
) -> Report:
    """The decompilation, entered into the folder's report, or into `start` where there is none yet.

    Args:
        files: simplified networks and their texts, by name; timings: seconds of the verb's stages.
    """
    for name, content in files.items():
        folder.write_bytes(name, content)
    report = with_decompilation(folder.report or start, block)
    seconds = {f"decompile: {stage}": value for stage, value in timings.items()}
    kept = {stage: value for stage, value in report["timings"].items() if not stage.startswith("decompile: ")}
    return _finish(folder, finished({**report, "timings": kept | seconds}))


def write_audit(
    folder: RunFolder,
    start: Report,
    block: Mapping[str, Any],
    findings: Sequence[Finding],
    *,
    files: Mapping[str, bytes],
    timings: Mapping[str, float],
) -> Report:
    """The audit, entered into the folder's report, or into `start` where there is none yet; a page for each finding.

    Args:
        files: animations of witnesses and edited networks by name; timings: CPU seconds of the verb's stages.
    """
    report = with_audit(folder.report or start, block, findings)
    seconds = {f"audit: {stage}": value for stage, value in timings.items()}
    kept = {stage: value for stage, value in report["timings"].items() if not stage.startswith("audit: ")}
    report = finished({**report, "timings": kept | seconds})
    folder.remove("finding-*.webp", "finding-*.html", "finding-*-without.zip")
    for name, content in files.items():
        folder.write_bytes(name, content)
    for number in range(1, len(findings) + 1):
        folder.write_text(f"finding-{number}.html", finding_page(report, number, read_films(folder, report)))
    folder.write_text("findings.json", printed(findings_document(report)))
    return _finish(folder, report)


def audit_document(report: Report) -> dict[str, Any]:
    """What `audit --json` prints: its part of the report."""
    why = {path: text for path, text in report["why"].items() if path.split(".")[0] in ("audit", "findings")}
    rest = {key: report[key] for key in ("agent", "audit", "findings")}
    return {"schema": SCHEMA, **rest, "why": why}


def decompile_document(report: Report) -> dict[str, Any]:
    """What `decompile --json` prints: its part of the report."""
    why = {path: text for path, text in report["why"].items() if path.startswith("decompilation.")}
    return {"schema": SCHEMA, "agent": report["agent"], "decompilation": report["decompilation"], "why": why}


def probe_document(report: Report, primitives: Sequence[Primitive], probes: Mapping[str, Any]) -> dict[str, Any]:
    """What `probe --json` prints: the concepts that were asked for, as in the report, and each in depth."""
    names = {primitive.concept for primitive in primitives}
    rows = [row for row in report["primitives"] or [] if row["concept"] in names]
    why = {path: text for path, text in report["why"].items() if path.startswith("primitives.")}
    return {"schema": SCHEMA, "agent": report["agent"], "primitives": rows, "probes": dict(probes), "why": why}


def compare_document(report: Report, comparison: Comparison) -> dict[str, Any]:
    """What `compare --json` prints: this comparison alone, as in the report."""
    document = comparison_document(comparison)
    alone = with_comparison({**report, "comparisons": []}, comparison)
    why = {path: text for path, text in alone["why"].items() if path.startswith("comparisons.")}
    return {"schema": SCHEMA, "agent": report["agent"], "comparisons": [document], "why": why}


def probe_rows(primitives: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of probes.csv: the best layer of each concept first, then every layer that was probed."""
    rows = []
    for primitive in primitives:
        best = {key: primitive[key] for key in ("concept", "kind", "metric", "where", "use", "layer", "score")}
        rows.append({**best, **primitive["controls"], "gain": primitive["gain"], "best": True})
        for layer in primitive.get("layers") or []:
            row = dict.fromkeys(rows[-1])
            row |= {key: layer.get(key) for key in ("layer", "score", "input", "untrained", "random", "task", "gain")}
            rows.append({**row, "concept": primitive["concept"], "kind": primitive["kind"], "best": False})
    return rows


def write_page(folder: RunFolder, report: Report) -> None:
    """report.html made anew from a report and the pictures and embedded episodes that lie in its folder."""
    pictures = read_pictures(folder, report) | read_films(folder, report)
    folder.write_text("report.html", report_page(report, pictures, watched=read_watch(folder, report)))


def write_watch(folder: RunFolder, report: Report, document: Mapping[str, Any]) -> None:
    """The embedded episodes, and the page that shows them."""
    folder.write_text(WATCH_FILE, compact(document))
    write_page(folder, report)


def _finish(folder: RunFolder, report: Report) -> Report:
    """Report and page, the report last: a folder with a report has everything that the report speaks of."""
    write_page(folder, report)
    folder.write_report(report)
    return report
