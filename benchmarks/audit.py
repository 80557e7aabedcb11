"""Audit every agent whose truth is known, beside simple baselines, and say how well each tells planted from clean.

`python -m benchmarks.audit` does what is missing and can be interrupted and taken up again; `--hide-declared` does it
with what the worlds say of their concepts hidden, `--baselines` runs the baselines. `--table` writes
docs/auditing-measured.md from what is there. Results lie in benchmarks/runs/audit/, one file an agent.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import audit_tables as tables
from benchmarks.audit_known import Known, known_agents
from benchmarks.audit_runs import Part, Row, run_all, to_error

PAGE = Path(__file__).parents[1] / "docs" / "auditing-measured.md"
BEGIN, END = "<!-- table: python -m benchmarks.audit --table -->", "<!-- end of table -->"


def main(arguments: Sequence[str]) -> int:
    """Run, or write the tables; 1 where an agent failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="agents side by side, one thread each")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="agents whose names begin so")
    parser.add_argument("--hide-declared", action="store_true", help="should_matter and oversight are not told")
    parser.add_argument("--baselines", action="store_true", help="run the baselines instead of the audit")
    parser.add_argument("--budget", choices=("quick", "full"), default="quick")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", action="store_true", help="write the page from what is there, and run nothing")
    parser.add_argument("--any-code", action="store_true", help="with --table: results of earlier code, too")
    chosen = parser.parse_args(arguments)
    agents = known_agents(chosen.only)
    if chosen.table:
        text = "\n".join(page(agents, chosen.budget, chosen.seed, any_code=chosen.any_code))
        before, rest = PAGE.read_text().split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}")
        return 0
    name = "baselines" if chosen.baselines else "hidden" if chosen.hide_declared else "declared"
    return int(run_all(agents, Part(name, chosen.budget, chosen.seed), jobs=chosen.jobs, say=to_error) > 0)


def page(agents: Sequence[Known], budget: str, seed: int, *, any_code: bool = False) -> list[str]:
    """Every table that there are results for, a heading above each."""
    lines: list[str] = []
    for name, title in (("declared", "Audit"), ("hidden", "Audit, `should_matter` and `oversight` hidden")):
        rows = kept_rows(agents, Part(name, budget, seed), any_code=any_code)
        if rows:
            lines += audit_section(agents, rows, title=title, declared=name == "declared")
    rows = kept_rows(agents, Part("baselines", budget, seed), any_code=any_code)
    if rows:
        lines += baseline_section(agents, rows)
    return lines


def kept_rows(agents: Sequence[Known], part: Part, *, any_code: bool = False) -> dict[str, Row]:
    """Results by name of the agent; those of other seeds or budgets, or of other code unless any will do, are left."""
    found = {known.name: part.kept(known, any_code=any_code) for known in agents}
    return {name: row for name, row in found.items() if row is not None}


def audit_section(agents: Sequence[Known], rows: dict[str, Row], *, title: str, declared: bool) -> list[str]:
    """All tables of one pass of the audit."""
    among = tables.rankable(agents, rows)
    bench = tables.bench_of(among)
    parts = [
        ("Ranked by the highest score of all kinds", tables.ranking_table(among, tables.fixed(among, rows), bench)),
        ("AUC of each kind's own score, against all clean agents", tables.kinds_table(among, rows, bench)),
        (
            "Against those that look guilty and are not",
            tables.innocents_table([k for k in agents if k.name in rows], rows),
        ),
        ("False alarms", tables.severity_table(agents, rows)),
        ("What the worst findings got right", tables.truth_table(agents, rows, declared=declared)),
        ("Worst findings of planted agents", tables.planted_table(agents, rows)),
        ("Planted agents that fall short", tables.short_table(agents, rows, declared=declared)),
        ("CPU seconds", tables.cost_table(agents, rows, "world")),
    ]
    return section(f"{title}: {told(agents, rows)}", parts)


def baseline_section(agents: Sequence[Known], rows: dict[str, Row]) -> list[str]:
    """All tables of the baselines."""
    among = tables.rankable(agents, rows)
    parts = tables.baselines_tables(among, rows, tables.bench_of(among))
    parts["CPU seconds"] = tables.cost_table(agents, rows, "world")
    return section(f"Baselines: {told(agents, rows)}", parts.items())


def told(agents: Sequence[Known], rows: dict[str, Row]) -> str:
    """How many agents there are results of, and of how many versions of the code, where these are several."""
    versions = {row["key"].split()[1] for row in rows.values()}
    return f"{len(rows)} of {len(agents)} agents" + f", {len(versions)} versions" * (len(versions) > 1)


def section(title: str, parts: Iterable[tuple[str, list[str]]]) -> list[str]:
    """Tables under one heading, each with a heading of its own."""
    return [f"## {title}", "", *(line for name, table in parts for line in (f"### {name}", "", *table, ""))]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
