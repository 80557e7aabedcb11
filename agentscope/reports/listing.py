"""The shipped agents in the terminal, as rich renderables, family by family. Nothing is printed here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agentscope.reports.figures import Row, cell, shown


def agents_view(rows: Sequence[Row], titles: Mapping[str, str]) -> Group:
    """A heading with a count for each family, and under it a line for each agent.

    Args:
        rows: name, algorithm, environment, return, family, title; those of one family one after another.
        titles: what each family is; a family without a title stands there by its name.
    """
    parts: list[RenderableType] = []
    for family, group in groupby(rows, key=lambda row: str(row.get("family") or "")):
        members = list(group)
        heading = Text(shown(f"{family or 'no family'} ({len(members)})"), style="bold")
        if titles.get(family):
            heading.append(shown(f": {titles[family]}"), style="dim")
        parts += [Text(""), heading, _members(members)]
    parts.append(Text(f"\n{len(rows)} agents. `agentscope inspect NAME` explains one.", style="dim"))
    return Group(*parts)


def _members(rows: Sequence[Row]) -> Table:
    """Name, algorithm, environment without module and namespace, return; the title takes what width is left."""
    lines = [
        [cell(word) for word in (row.get("name"), row.get("algorithm"), _short(row), row.get("return"))] for row in rows
    ]
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    for place, justify in enumerate(("left", "left", "left", "right")):
        table.add_column(justify=justify, no_wrap=True, min_width=max(len(line[place]) for line in lines))  # type: ignore[arg-type]
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for line, row in zip(lines, rows, strict=True):
        table.add_row(*map(Text, [*line, cell(row.get("title"))]))
    return table


def _short(row: Row) -> str:
    return re.split("[:/]", str(row.get("environment") or ""))[-1]
