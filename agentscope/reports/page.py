"""report.html: the report as one static file, readable offline, on a phone, in light and dark."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from pygments import highlight  # type: ignore[import-untyped]
from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
from pygments.lexers import PythonLexer  # type: ignore[import-untyped]

from agentscope.drawing import Bar, Dot, bars_svg, frontier_svg, gain_map_svg
from agentscope.reports.audit_pages import audit_section
from agentscope.reports.decompiled import decompilation_section
from agentscope.reports.depth import groups_section, pictures_section
from agentscope.reports.figures import (
    CONTROLS,
    FRONTIER_HEAD,
    LEVEL_HEAD,
    PERCEPTION_HEAD,
    Row,
    agreement_cells,
    baseline_note,
    by_agreement,
    by_gain,
    cell,
    columns_of,
    episode_rows,
    finding_rows,
    frontier_cells,
    frontier_points,
    level_notes,
    level_rows,
    perception_rows,
    primitive_cells,
    residual_rows,
    residual_title,
    size_of,
)
from agentscope.reports.markup import escaped, html_table
from agentscope.reports.sanitising import plain_text
from agentscope.reports.style import page_head

DOWNLOAD = """\
document.getElementById("download").addEventListener("click", function () {
  var text = document.getElementById("report").textContent;
  var link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  link.download = "report.json";
  link.click();
});
"""


def report_page(report: Row, pictures: Mapping[str, bytes] | None = None) -> str:
    """The report as an HTML document that asks nothing of any other place.

    Its content security policy allows no request at all, pictures only as data in the page, and of scripts only the one
    that saves report.json, by its hash. Every string of the report is escaped; the report itself lies in the page as
    inert JSON.

    Args:
        pictures: files that the report names, by name (`read_pictures`, `read_films`).
    """
    digest = base64.b64encode(hashlib.sha256(DOWNLOAD.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'"
    policy += "; base-uri 'none'; form-action 'none'"
    name = escaped(f"{report['agent']['name']} in {report['environment']['id']}")
    sections = (_gist, _strategy, _fidelity, _episodes, _levels, _residual, _frontier, _primitives,
                partial(pictures_section, files=pictures or {}), groups_section, decompilation_section,
                partial(audit_section, files=pictures or {}), _findings,
                _comparisons, _reasons, _run)  # fmt: skip
    body = "".join(section(report) for section in sections)
    return f"""{page_head(name, policy)}<body>
<main>
<h1>{name}</h1>
{body}
</main>
<script type="application/json" id="report">{embedded(report)}</script>
<script>{DOWNLOAD}</script>
</body>
</html>
"""


def embedded(report: Row) -> str:
    """The report as JSON inside a script element: no `<`, `>` or `&`, so that no string in it can end the element."""
    text = json.dumps(report, ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _gist(report: Row) -> str:
    return "<ol class=gist>" + "".join(f"<li>{escaped(sentence)}</li>" for sentence in report["gist"]) + "</ol>"


def _strategy(report: Row) -> str:
    strategy = report["strategy"]
    if not strategy:
        return ""
    code = plain_text(str(strategy["text"]), multiline=True)
    coloured = highlight(code, PythonLexer(), HtmlFormatter(nowrap=True))
    size = size_of(strategy)
    return f"<h2>Strategy</h2><p class=note>{escaped(size)}</p><pre class=code><code>{coloured}</code></pre>"


def _fidelity(report: Row) -> str:
    return "" if not report["fidelity"] else "<h2>Agreement of text and network</h2>" + _sets(report["fidelity"])


def _sets(fidelity: Row) -> str:
    """Chart and table of the state sets, least agreed first."""
    rows = by_agreement(fidelity)
    if not rows:
        return "<p class=note>No state set was measured.</p>"
    bars = [Bar(name, part["agreement"], part["low"], part["high"], f"n={part['states']:,}") for name, part in rows]
    head = ("set", "states", "episodes", "agreement", "95 %", "raw", "without near-ties", "near-ties",
            "equally good", "regret", "fitted on it")  # fmt: skip
    body = [(name, *agreement_cells(part)) for name, part in rows]
    features = (fidelity.get("edited") or {}).get("by_feature") or []
    details = _records("edited features", features) + "".join(
        _records(f"counterexamples: {name}", part["counterexamples"]) for name, part in rows
    )
    return _figure(bars_svg(bars, title="agreement by state set")) + html_table(head, body) + details


def _episodes(report: Row) -> str:
    episodes = (report["fidelity"] or {}).get("episodes")
    if not episodes:
        return ""
    return f"<h2>Played on the same {episodes['n']:,} seeds</h2>" + html_table(
        ("", "mean", "95 %"), episode_rows(episodes)
    )


def _levels(report: Row) -> str:
    levels = report["levels"] or []
    rows = level_rows(levels)
    if not rows:
        return ""
    perception = perception_rows(levels)
    by_primitive = html_table(("concept", *PERCEPTION_HEAD), perception) if perception else ""
    notes = "".join(f"<p class=note>{escaped(note)}</p>" for note in level_notes(levels))
    return f"<h2>Levels of zoom</h2>{html_table(('level', *LEVEL_HEAD), rows)}{by_primitive}{notes}"


def _residual(report: Row) -> str:
    residual = report["residual"]
    if not residual:
        return ""
    note = f"<p class=note>{escaped(residual_title(residual))}</p>"
    return f"<h2>What the text leaves</h2>{note}{html_table(('', 'figure', '95 %'), residual_rows(residual))}"


def _frontier(report: Row) -> str:
    strategy = report["strategy"]
    if not strategy or not strategy["frontier"]:
        return ""
    points = frontier_points(strategy)
    dots = [Dot(p["lines"], p["agreement"], plain_text(p["form"]), chosen) for p, chosen in points]
    head = ("form", *FRONTIER_HEAD)
    body = [(point["form"], *frontier_cells(point)) for point, _ in points]
    said = baseline_note(strategy)
    note = f"<p class=note>{escaped(said)}</p>" if said else ""
    chart = _figure(frontier_svg(dots, title="agreement against lines of text"))
    return f"<h2>Size against agreement</h2>{chart}{html_table(head, body)}{note}"


def _primitives(report: Row) -> str:
    primitives = report["primitives"]
    if not primitives:
        return ""
    rows = by_gain(primitives)
    head = ("concept", "kind", "metric", "layer", "score", *CONTROLS, "gain", "where", "use")
    body = [
        (row["concept"], row["kind"], row["metric"], *primitive_cells(row), row["where"], row["use"]) for row in rows
    ]
    reasons = [
        {"concept": row["concept"], "where": row.get("decided") or "-", "use": row.get("use_decided") or "-"}
        for row in rows
    ]
    judged = _records("Why each is judged so", reasons)
    return "<h2>What the network sees</h2>" + _gain_map(rows) + html_table(head, body) + judged


def _gain_map(primitives: Sequence[Row]) -> str:
    """Concept by layer, where the report has the layers of each probe."""
    layers = sorted({str(row.get("layer")): None for primitive in primitives for row in primitive.get("layers") or []})
    if not layers:
        return ""
    gains = np.full((len(primitives), len(layers)), np.nan)
    for index, primitive in enumerate(primitives):
        for row in primitive.get("layers") or []:
            if isinstance(row.get("gain"), int | float):
                gains[index, layers.index(str(row.get("layer")))] = row["gain"]
    names = [plain_text(row["concept"]) for row in primitives]
    return _figure(gain_map_svg(gains, names, layers, title="gain of each concept over its best control, by layer"))


def _findings(report: Row) -> str:
    if not report["findings"] or report["audit"]:  # an audit tells them itself
        return ""
    return "<h2>Findings</h2>" + html_table(("severity", "kind", "summary"), finding_rows(report["findings"]))


def _comparisons(report: Row) -> str:
    parts = []
    for row in report["comparisons"]:
        worst = f"<p>Most often wrong: {escaped(cell(row['worst_line']))}</p>" if row["worst_line"] else ""
        parts.append(f"<h2>Comparison: {escaped(row['name'])}</h2>{worst}{_sets(row['fidelity'])}")
    return "".join(parts)


def _reasons(report: Row) -> str:
    rows = list(report["why"].items())
    table = html_table(("part", "reason"), rows)
    return f"<details><summary>What is not in this report, and why</summary>{table}</details>"


def _run(report: Row) -> str:
    rows = [("command", report["run"]["command"]), ("seed", report["run"]["seed"]), ("budget", report["run"]["budget"])]
    rows += [(f"agent {key}", value) for key, value in report["agent"].items()]
    rows += [(f"environment {key}", cell(value)) for key, value in report["environment"].items()]
    rows += [(f"version of {name}", version) for name, version in report["run"]["versions"].items()]
    rows += [(f"seconds: {stage}", cell(seconds)) for stage, seconds in report["timings"].items()]
    button = "<button id=download type=button>Save report.json</button>"
    return f"<details><summary>How this was made</summary>{html_table(('', ''), rows)}</details>{button}"


def _records(title: str, rows: Sequence[Row]) -> str:
    """Records behind a fold, the keys of the first as the head."""
    if not rows:
        return ""
    keys = columns_of(rows)
    table = html_table(
        [key.replace("_", " ") for key in keys], [[_value(row.get(key)) for key in keys] for row in rows]
    )
    return f"<details><summary>{escaped(title)} ({len(rows)})</summary>{table}</details>"


def _value(value: Any) -> str:
    """A value of a record in one line, but a drawn state as it is."""
    return value if isinstance(value, str) and "\n" in value else cell(value)


def _figure(svg: str) -> str:
    return f"<figure>{svg}</figure>"
