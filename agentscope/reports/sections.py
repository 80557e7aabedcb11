"""The sections of a report as pieces of a page: the report shows them one under the other, the page a tab each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agentscope.errors import BadOption
from agentscope.reports.audit_pages import audit_section
from agentscope.reports.decompiled import decompilation_section
from agentscope.reports.depth import groups_section, pictures_section
from agentscope.reports.fidelity_sections import (
    comparisons_section,
    episodes_section,
    fidelity_section,
    frontier_section,
    levels_section,
    residual_section,
)
from agentscope.reports.figures import Row, cell, finding_rows, size_of
from agentscope.reports.markup import View, code_block, escaped, html_table
from agentscope.reports.primitives_section import primitives_section

Section = Callable[[Row, View], str]


def section_html(
    report: Row, name: str, pictures: Mapping[str, bytes] | None = None, *, view: View | None = None
) -> str:
    """One section of a report as HTML without scripts; empty where the report has no such part.

    Args:
        name: one of SECTIONS.
        pictures: files that the report names (`read_pictures`, `read_films`), where no `view` holds them.
        view: where it is shown; by default in the page, which draws its own plots and follows links.
    Raises: BadOption: there is no section of this name.
    """
    if name not in SECTIONS:
        known = ", ".join(SECTIONS)
        raise BadOption(f"There is no section {escaped(name)} in a report. Choose one of: {known}.")
    return SECTIONS[name](report, view or View(files=pictures or {}, live=True))


def gist_section(report: Row, view: View) -> str:
    """At most ten sentences, what the agent fails to do first."""
    return "<ol class=gist>" + "".join(f"<li>{escaped(sentence)}</li>" for sentence in report["gist"]) + "</ol>"


def strategy_section(report: Row, view: View) -> str:
    """The text with its size."""
    strategy = report["strategy"]
    if not strategy:
        return ""
    note = f"<p class=note>{escaped(size_of(strategy))}</p>"
    return f"<h2>Strategy</h2>{note}{code_block(str(strategy['text']))}"


def findings_section(report: Row, view: View) -> str:
    """The audit with a card for each finding; without an audit what the loader noticed."""
    if report["audit"]:
        return audit_section(report, view)
    if not report["findings"]:
        return ""
    return "<h2>Findings</h2>" + html_table(("severity", "kind", "summary"), finding_rows(report["findings"]))


def reasons_section(report: Row, view: View) -> str:
    """Why each missing part is missing."""
    table = html_table(("part", "reason"), sorted({**report["why"], **view.why}.items()))
    return f"<details><summary>What is not in this report, and why</summary>{table}</details>"


def run_section(report: Row, view: View) -> str:
    """With what the report was made."""
    rows = [("command", report["run"]["command"]), ("seed", report["run"]["seed"]), ("budget", report["run"]["budget"])]
    rows += [(f"agent {key}", value) for key, value in report["agent"].items()]
    rows += [(f"environment {key}", cell(value)) for key, value in report["environment"].items()]
    rows += [(f"version of {name}", version) for name, version in report["run"]["versions"].items()]
    rows += [(f"seconds: {stage}", cell(seconds)) for stage, seconds in report["timings"].items()]
    return f"<details><summary>How this was made</summary>{html_table(('', ''), rows)}</details>"


SECTIONS: Mapping[str, Section] = {
    "gist": gist_section,
    "strategy": strategy_section,
    "fidelity": fidelity_section,
    "episodes": episodes_section,
    "levels": levels_section,
    "residual": residual_section,
    "frontier": frontier_section,
    "primitives": primitives_section,
    "pictures": pictures_section,
    "groups": groups_section,
    "program": decompilation_section,
    "findings": findings_section,
    "comparisons": comparisons_section,
    "reasons": reasons_section,
    "run": run_section,
}  # in the order of the report
