"""An audit as it is shown: what was searched first, then each finding with its branch, units and figures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from agentscope.reports.figures import Row, cell, share, shown
from agentscope.reports.gist import counted, listed
from agentscope.reports.sanitising import plain_text
from agentscope.reports.tables import add_row, columns_table, titled_table

NO_FLAG = "No finding. That is no proof that the agent is safe: it says that this search found nothing."
COLOURS = {"high": "bold red", "medium": "bold yellow", "low": "cyan", "info": "dim"}
FIGURES_HEAD = ("figure", "value", "95 %", "n", "on")
MOST_GUARD = 60  # letters of a guard in the table of many agents
MOST_UNITS = 12
ZIP_NAME = re.compile(r"finding-[1-9][0-9]{0,3}-without\.zip")
EDITED = {"edited zip: worth where it shows": "worth where it shows", "edited zip: clean return": "clean return"}
VALUES = ("value", "mean", "share", "z", "spreads")
TITLES = ("value", "mean", "low", "high", "n", "episodes", "states", "on", "set")


def search_rows(audit: Row) -> list[tuple[str, str, str]]:
    """Each detector with the highest score of each kind that it looks for, and the space that was searched."""
    rows = []
    for row in audit["detectors"]:
        scores = row.get("scores") or {}
        scored = ", ".join(f"{kind} {share(value)}" for kind, value in sorted(scores.items()))
        rows.append((shown(row["detector"]), shown(scored) or "-", shown(row["searched"])))
    return rows


def made_line(audit: Row) -> str:
    """With what the audit was made, in a line."""
    made = audit["made_with"]
    hidden = "" if made.get("declared", True) else ", what the environment declares of its concepts was hidden"
    return shown(f"budget {cell(made.get('budget'))}, seed {cell(made.get('seed'))}{hidden}")


def branch_of(finding: Row) -> str:
    """A guard as the branch that it is; empty where there is none."""
    guard = finding.get("guard")
    if not guard:
        return ""
    otherwise = finding.get("otherwise") or "<another policy>"
    return f"if {plain_text(guard)}:\n    {plain_text(otherwise)}\nelse:\n    <its usual policy>"


def heading_of(finding: Row, number: int) -> str:
    """Number, severity, kind and detector in a line."""
    return shown(f"{number}. {finding['severity']}: {finding['kind']} (found by {finding['detector']})")


def place_line(finding: Row) -> str:
    """Units, or parts of the input, and line that the behaviour hangs on; empty where it was not placed."""
    where = finding["where"]
    parts = []
    units = [str(unit) for unit in where.get("units") or []]
    if units and finding["evidence"].get("held at") == "its input":
        parts.append(f"{listed(units, most=MOST_UNITS)}, held at its input")
    elif units:
        parts.append(f"{'unit' if len(units) == 1 else 'units'} {listed(units, most=MOST_UNITS)}")
    if where.get("line"):
        line = str(where["line"])
        parts.append(line if line.startswith("line ") else f"line {line}")
    return shown("; ".join(parts))


def edited_name(finding: Row) -> str:
    """The file that holds the network without the behaviour; empty where none was written."""
    told = finding["evidence"].get("edited zip")
    name = str(told.get("file")) if isinstance(told, Mapping) else ""
    return name if ZIP_NAME.fullmatch(name) else ""


def edited_line(finding: Row) -> str:
    """The network without the behaviour and how it plays, or why there is none; empty where no place was found."""
    evidence = finding["evidence"]
    name = edited_name(finding)
    if not name:
        told = evidence.get("edited zip")
        return f"no network without it: {shown(told)}" if isinstance(told, str) else ""
    parts = [
        f"{said} {cell(row['value'])} (before: {cell(row.get('before'))})"
        for key, said in EDITED.items()
        if isinstance(row := evidence.get(key), Mapping) and "value" in row
    ]
    sha256 = str(evidence["edited zip"].get("sha256"))[:8]
    return shown(f"the network without it: {name}, sha256 {sha256}..." + (f"; {', '.join(parts)}" if parts else ""))


def figure_rows(finding: Row) -> list[tuple[str, ...]]:
    """Every figure of a finding under FIGURES_HEAD, the loss of competence first."""
    rows: list[tuple[str, ...]] = []
    if finding["competence_loss"] is not None:
        rows.append(
            ("competence lost", share(finding["competence_loss"]), "", "", "of what it does better than chance")
        )
    if finding.get("score") is not None:
        rows.append(("score", share(finding["score"]), "", "", "0 nothing, 1 certain"))
    for name, value in finding["evidence"].items():
        if name == "edited zip":
            continue  # edited_line says it
        rows.append((shown(name.replace("_", " ")), *_figure_cells(value)))
    return rows


def _figure_cells(value: Any) -> tuple[str, str, str, str]:
    """Value, interval, n, state set of one figure; whatever else it says stands behind the set."""
    if not isinstance(value, Mapping):
        return cell(value), "", "", ""
    named = next((key for key in (*VALUES, *value) if _is_figure(key, value)), None)
    figure = None if named is None else value[named]
    low, high = value.get("low"), value.get("high")
    interval = f"{cell(low)} to {cell(high)}" if low is not None and high is not None else ""
    n = value.get("n", value.get("states", value.get("episodes")))
    told = str(value.get("on") or value.get("set") or "")
    rest = {key: item for key, item in value.items() if key not in (*TITLES, named)}
    if rest:
        told = f"{told}; {cell(rest)}" if told else cell(rest)
    return cell(figure), interval, "" if n is None else cell(n), shown(told)


def _is_figure(key: str, value: Row) -> bool:
    """Whether this entry is the figure itself: named so, or a number that says nothing of its sample."""
    number = isinstance(value.get(key), int | float) and not isinstance(value[key], bool)
    return number and (key in VALUES or key not in TITLES)


def witness_rows(finding: Row) -> list[tuple[str, ...]]:
    """Each side of each witness: steps, first actions, return, hidden performance, how it ended."""
    rows: list[tuple[str, ...]] = []
    for number, witness in enumerate(finding["witnesses"], start=1):
        for name in ("plain", "shown"):
            side = witness.get(name)
            if isinstance(side, Mapping):
                first = [shown(str(action)) for action in side.get("first_actions") or []]
                rows.append((f"{number} {name}", cell(side.get("steps")), " ".join(first), cell(side.get("return")),
                             cell(side.get("hidden")), cell(side.get("ended"))))  # fmt: skip
    return rows


WITNESS_HEAD = ("steps", "first actions", "return", "hidden", "ended")


def audit_view(report: Row) -> Iterator[RenderableType]:
    """One agent for the terminal: what was searched, then findings, the worst first."""
    audit, findings = report["audit"], report["findings"] or []
    yield Rule(Text(shown(f"audit of {report['agent']['name']} in {report['environment']['id']}"), style="bold"))
    yield search_table(audit)
    yield Text(made_line(audit), style="dim")
    yield Text("")
    if not findings:
        yield Text(NO_FLAG, style="bold")
    for number, finding in enumerate(findings, start=1):
        yield from finding_view(finding, number)


def search_table(audit: Row) -> Table:
    """What each detector searched, whether it found anything or not."""
    table = titled_table("what was searched", head="detector")
    table.add_column("highest score of each kind", max_width=34)
    table.add_column("searched", ratio=1)
    for name, scores, searched in search_rows(audit):
        add_row(table, name, scores, searched)
    return table


def finding_view(finding: Row, number: int) -> Iterator[RenderableType]:
    """One finding: sentence, branch, units, figures, witnesses."""
    yield Text(heading_of(finding, number), style=COLOURS[finding["severity"]])
    yield Padding(Text(shown(finding["summary"])), (0, 0, 0, 3))
    branch = branch_of(finding)
    if branch:
        yield Padding(Syntax(branch, "python", theme="ansi_dark", background_color="default"), (1, 0, 1, 3))
    place = place_line(finding)
    if place:
        yield Padding(Text(f"hangs on {place}"), (0, 0, 0, 3))
    edited = edited_line(finding)
    if edited:
        yield Padding(Text(edited), (0, 0, 0, 3))
    rows = figure_rows(finding)
    if rows:
        yield Padding(_left_last("figures", FIGURES_HEAD, rows), (0, 0, 0, 3))
    witnesses = witness_rows(finding)
    if witnesses:
        yield Padding(_left_last("witnesses", ("", *WITNESS_HEAD), witnesses), (0, 0, 1, 3))


def _left_last(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table whose last column holds words."""
    table = columns_table(title, head[0], head[1:], rows)
    table.columns[-1].justify = "left"
    return table


def agents_table(rows: Sequence[Row]) -> Iterator[RenderableType]:
    """Many agents, one a row in the order given; what was searched stands below, with and without findings."""
    table = titled_table(f"audits of {counted(len(rows), 'agent')}", head="agent")
    table.columns[0].no_wrap = True
    table.add_column("worst", no_wrap=True)
    table.add_column("kinds")
    table.add_column("guard", overflow="fold")
    for name in ("loss", "CPU s"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        if row.get("error"):
            add_row(table, shown(row["name"]), Text("error", style="red"), shortened(row["error"]), "", "", "")
            continue
        worst = Text(row["worst"] or "-", style=COLOURS.get(row["worst"], ""))
        seconds = "before" if row["kept"] else cell(row["cpu_seconds"])
        add_row(table, shown(row["name"]), worst, listed([shown(kind) for kind in row["kinds"]]) or "-",
                shortened(row["guard"] or "-"), share(row["competence_loss"]), seconds)  # fmt: skip
    yield table
    searched = dict.fromkeys((line["detector"], line["searched"]) for row in rows for line in row.get("searched") or [])
    if any(not row.get("worst") and not row.get("error") for row in rows):
        yield Text("\n" + "`-` is no proof that an agent is safe: it says that this search found nothing.")
    lines = titled_table("what was searched", head="detector")
    lines.add_column("in", overflow="fold")
    by_detector: dict[str, list[str]] = {}
    for name, told in searched:
        by_detector.setdefault(shown(name), []).append(shown(told))
    for name, told_of in by_detector.items():
        more = (
            f" (and {counted(len(told_of) - 1, 'other space')}: each agent's page has its own)" if told_of[1:] else ""
        )
        add_row(lines, name, told_of[0] + more)
    yield lines


def shortened(text: str) -> str:
    """A guard in one short cell."""
    told = shown(text)
    return told if len(told) <= MOST_GUARD else told[: MOST_GUARD - 3] + "..."


def replay_view(document: Row) -> Iterator[RenderableType]:
    """Recorded beside replayed, a line each side of each witness."""
    table = titled_table(f"witnesses of {shown(document['agent'])} played again", head="finding")
    for name in ("witness", "side", "steps", "recorded", "return", "recorded", "same"):
        table.add_column(name, justify="right" if name not in ("side", "same") else "left")
    for row in document["witnesses"]:
        for side in [side for side in ("plain", "shown") if side in row]:
            told = row[side]
            same = Text("yes", style="green") if told["same"] else Text("no", style="bold red")
            figures = [told[key] for key in ("steps", "recorded_steps", "return", "recorded_return")]
            add_row(table, str(row["finding"]), str(row["witness"]), side, *map(cell, figures), same)
    yield table
    if not document["witnesses"]:
        yield Text("no finding has a witness that could be played")
