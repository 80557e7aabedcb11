"""One concept in depth in the terminal: the verdict first, then what it looks like, then every control."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.text import Text

from agentscope.reports.figures import Row, cell, shown
from agentscope.reports.gist import listed
from agentscope.reports.group_rows import picture_line, probed_group_lines
from agentscope.reports.tables import records_table
from agentscope.reports.terminal import primitives_table

VERDICTS = {"computed": "is computed by the network", "input": "can be read from the input as it is",
            "absent": "is not held by any layer"}  # fmt: skip
MOST_ROWS = 6  # of a table; --json has them all
TOLD = ("pictures", "groups", "why")  # parts that have sentences of their own
INDICES = ("state", "output")  # for programs: rows of the state set, positions among the concept's values
LAST = ("values", "each_value", "scores", "gains", "beside", "top_states", "near_misses")


def probe_view(block: Row) -> Group:
    """One or more concepts in depth."""
    parts: list[RenderableType] = []
    for row in block["primitives"]:
        details = (block.get("probes") or {}).get(row["concept"])
        parts += [*_verdict(row), *_details(row, details if isinstance(details, Mapping) else {})]
    return Group(*parts)


def _verdict(row: Row) -> Iterator[RenderableType]:
    """The sentence that answers, the figures that decided, and the table of controls."""
    yield Rule(Text(shown(row["concept"]), style="bold"))
    yield Text(shown(f"{row['concept']} ({row['kind']}, {row['metric']}) {VERDICTS[row['where']]}; use: {row['use']}."))
    if row.get("decided"):
        yield Text(shown(f"Where: {row['decided']}."), style="dim")
    if row.get("use_decided"):
        yield Text(shown(f"Use: {str(row['use_decided']).rstrip('.')}."), style="dim")
    if row.get("episodes"):
        told = f"Measured on {row['states']:,} held-out states of {row['episodes']:,} episodes."
        yield Text(told, style="dim")
    if row["units"]:
        yield Text(shown(f"Units: {listed(row['units'])}."))
    yield primitives_table([row])


def _details(row: Row, details: Row) -> Iterator[RenderableType]:
    """What else a probe says: use first, pictures and groups in sentences, then tables."""
    ordered = [name for name in details if name not in (*TOLD, *LAST)]
    for name in ordered:
        yield from _part(name, details[name])
    lines = [picture_line(each) for each in details.get("pictures") or []]
    lines += probed_group_lines(details.get("groups") or [], row["concept"])
    lines += [f"No {part}: {reason}." for part, reason in (details.get("why") or {}).items()]
    if lines:
        yield Text("")
    yield from (Text(shown(line)) for line in lines)
    for name in LAST:
        yield from _part(name, details.get(name))
    if row.get("layers") and not details:
        yield records_table("each layer", row["layers"])


def _part(name: str, value: Any) -> Iterator[RenderableType]:
    """A table for a list of records, a line for everything else, nothing for what is empty."""
    title = name.replace("_", " ")
    if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        rows = _least_first(value) if name == "each_value" else value
        rows = [{key: cell for key, cell in each.items() if key not in INDICES} for each in rows]
        left = len(rows) - MOST_ROWS
        yield records_table(title if left <= 0 else f"{title} (the first {MOST_ROWS} of {len(rows)})", rows[:MOST_ROWS])
    elif value not in (None, [], {}):
        yield Text(shown(f"{title}: {cell(value)}"))


def _least_first(rows: Sequence[Row]) -> list[Row]:
    """The values that are read worst first; those without a score last."""
    return sorted(rows, key=lambda row: (row.get("score") is None, row.get("score") or 0.0))
