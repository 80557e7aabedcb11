"""An audit on the page: what was searched, a card for each finding, and a page of its own for each, offline as well."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from html import escape

from agentscope.reports.audited import (
    FIGURES_HEAD,
    MOST_UNITS,
    NO_FLAG,
    WITNESS_HEAD,
    branch_of,
    edited_line,
    figure_rows,
    heading_of,
    made_line,
    place_line,
    search_rows,
    witness_rows,
)
from agentscope.reports.figures import Row
from agentscope.reports.markup import View, code_block, episode_link, escaped, html_table, unit_mark
from agentscope.reports.runs import RunFolder
from agentscope.reports.style import page_head

FILM_NAME = re.compile(r"finding-[1-9][0-9]{0,3}\.webp")
FILM_CAP = 2**20
MOST_FILMS = 64
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def read_films(folder: RunFolder, report: Row) -> dict[str, bytes]:
    """The animations that the findings name and the folder holds; whatever else bears such a name is left out."""
    found: dict[str, bytes] = {}
    named = [str(row.get("picture")) for finding in report["findings"] or [] for row in finding["witnesses"]]
    for name in [name for name in named if FILM_NAME.fullmatch(name)][:MOST_FILMS]:
        path = folder.path / name
        if path.is_file() and path.stat().st_size <= FILM_CAP:
            content = path.read_bytes()
            if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
                found[name] = content
    return found


def audit_section(report: Row, view: View) -> str:
    """What was searched, then the findings, each with a link to its own page."""
    audit = report["audit"]
    if not audit:
        return ""
    parts = ["<h2>Audit</h2>", f"<p class=note>{escaped(made_line(audit))}</p>"]
    parts.append("<h3>What was searched</h3>")
    parts += [
        f"<p><b>{escaped(name)}</b>: {escaped(searched)}<br><span class=note>highest: {escaped(scores)}</span></p>"
        for name, scores, searched in search_rows(audit)
    ]
    findings = report["findings"] or []
    if not findings:
        parts.append(f"<p><b>{escaped(NO_FLAG)}</b></p>")
    for number, finding in enumerate(findings, start=1):
        ours = finding["detector"] in {row["detector"] for row in audit["detectors"]}
        own = ours and not view.live  # its page lies beside the report
        link = f'<p class=note><a href="finding-{number}.html">this finding by itself</a></p>' if own else ""
        parts.append(_card(finding, number, view, searched=_searched(finding, audit)) + link)
    return "".join(parts)


def finding_page(report: Row, number: int, files: Mapping[str, bytes]) -> str:
    """One finding as a document of its own: no script at all, pictures only as data in it."""
    finding, audit = report["findings"][number - 1], report["audit"]
    agent, environment = report["agent"], report["environment"]
    name = escaped(f"{agent['name']} in {environment['id']}: finding {number}")
    rows = [("agent", agent["name"]), ("sha256", agent["sha256"]), ("environment", environment["id"])]
    rows += [(f"environment {key}", value) for key, value in environment["kwargs"].items()]
    rows += [("audit", made_line(audit)), ("searched", _searched(finding, audit))]
    replay = escaped(f"agentscope audit {agent['name']} --replay {number}")
    again = f"<p>Play its witnesses again: <code>{replay}</code></p>" if finding["witnesses"] else ""
    return f"""{page_head(name, POLICY)}<body>
<main>
<h1>{name}</h1>
<p><a href="report.html">the whole report</a></p>
{html_table(("", ""), rows)}
{_card(finding, number, View(files=files), searched="")}
{again}
</main>
</body>
</html>
"""


def _searched(finding: Row, audit: Row) -> str:
    """What was searched when it was found: the finding's own words, else its detector's."""
    of_detector = (row["searched"] for row in audit["detectors"] if row["detector"] == finding["detector"])
    return str(finding["searched"] or next(of_detector, ""))


def _card(finding: Row, number: int, view: View, *, searched: str) -> str:
    """Severity, kind, sentence, branch, units, animation, figures, witnesses, and what was searched."""
    parts = [f"<h3><span class=severity>{escaped(heading_of(finding, number))}</span></h3>"]
    parts.append(f"<p>{escaped(finding['summary'])}</p>")
    branch = branch_of(finding)
    if branch:
        parts.append(code_block(branch))
    place = place_line(finding)
    if place:
        parts.append(f"<p>Hangs on {escaped(place)}.</p>")
    units = [unit_mark(str(unit), view) for unit in finding["where"].get("units") or []]
    if units and view.live:
        parts.append(f"<p class=note>Cards: {', '.join(units[:MOST_UNITS])}</p>")
    edited = edited_line(finding)
    if edited:
        parts.append(f"<p>{escaped(edited[:1].upper() + edited[1:])}</p>")
    parts += [_film(str(row.get("picture")), view.files) for row in finding["witnesses"]]
    parts.append(_links(finding, number, view))
    rows = figure_rows(finding)
    if rows:
        parts.append(html_table(FIGURES_HEAD, rows))
    witnesses = witness_rows(finding)
    if witnesses:
        table = html_table(("witness", *WITNESS_HEAD), witnesses)
        parts.append(f"<details open><summary>witnesses</summary>{table}</details>")
    if searched:
        parts.append(f"<p class=note>Searched: {escaped(searched)}</p>")
    return f'<section class="finding {escape(finding["severity"])}">{"".join(parts)}</section>'


def _links(finding: Row, number: int, view: View) -> str:
    """Links to each side of each witness in Watch, where Watch holds it."""
    links = []
    for index, witness in enumerate(finding["witnesses"], start=1):
        for side in ("shown", "plain"):
            if isinstance(witness.get(side), Mapping):
                key = f"finding-{number}.{index}-{side}"
                links.append(episode_link(key, f"watch witness {index}, {side}", view))
    return f"<p>{''.join(links)}</p>" if any(links) else ""


def _film(name: str, files: Mapping[str, bytes]) -> str:
    if name not in files:
        return ""
    address = "data:image/webp;base64," + base64.b64encode(files[name]).decode()
    told = "witness 1, step by step: the plain state and what the agent does from it, the shown one beside it"
    return f'<figure><img src="{address}" alt="{escaped(told)}"><figcaption>{escaped(told)}</figcaption></figure>'
