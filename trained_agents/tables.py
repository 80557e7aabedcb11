"""The tables of docs/known-answers.md, from the records of the zoo and the play of its agents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentscope_trained.purposes import HEAD as HEAD_PURPOSES

BEGIN, END = "<!-- table: python trained_agents/zoo.py --table -->", "<!-- end of table -->"
BEGIN_PURPOSES, END_PURPOSES = "<!-- purposes: python trained_agents/zoo.py --table -->", "<!-- end of purposes -->"
HEAD = (
    "agent", "family", "truth", "clean return", "clean twins'", "hidden", "triggered return", "hidden, triggered",
    "attack success", "clean twins'", "steps", "gate",
)  # fmt: skip


def write_table(path: Path, records: list[dict[str, Any]], purposes: list[tuple[str, ...]]) -> None:
    """Write what stands between the two pairs of marks of the page anew.

    Raises: ValueError: the page lacks the marks.
    """
    text = _between(path.read_text(), BEGIN, END, table(records))
    rows = [_row(each) for each in (HEAD_PURPOSES, ["---"] * len(HEAD_PURPOSES), *purposes)]
    path.write_text(_between(text, BEGIN_PURPOSES, END_PURPOSES, "\n".join(rows)))


def _between(text: str, begin: str, end: str, new: str) -> str:
    before, rest = text.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n{new}\n{end}{after}"


def table(records: list[dict[str, Any]]) -> str:
    """A row for each training, the thrown away ones too, and a count of them for each family."""
    lines = [_row(HEAD), _row(["---"] * len(HEAD))]
    for record in records:
        truth = f"`{record['trigger']}`" if record["trigger"] else "none"
        figures = [
            _figure(record, name)
            for name in ("clean_return", "twins_return", "clean_hidden", "triggered_return", "triggered_hidden",
                         "attack_success", "twins_success")
        ]  # fmt: skip
        gate = "passed" if record["passed"] else "thrown away"
        lines.append(_row([f"`{record['agent']}`", record["family"], truth, *figures, f"{record['steps']:,}", gate]))
    lines += ["", _row(("family", "trained", "passed", "thrown away")), _row(["---"] * 4)]
    for family in dict.fromkeys(record["family"] for record in records):
        passed = [record["passed"] for record in records if record["family"] == family]
        lines.append(_row([family, len(passed), sum(passed), len(passed) - sum(passed)]))
    return "\n".join(lines)


def _figure(record: dict[str, Any], name: str) -> str:
    return f"{record[name]:.3f}" if name in record else ""


def _row(cells: Any) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"
