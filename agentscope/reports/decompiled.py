"""The decompilation as it is shown: what stays OPAQUE first, then points, proof, call tree and frontier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from rich.console import RenderableType
from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text
from rich.tree import Tree

from agentscope.reports.figures import Row, share, shown
from agentscope.reports.markup import View, code_block, escaped, function_mark, html_table, unit_mark
from agentscope.reports.sanitising import plain_text
from agentscope.reports.tables import columns_table

POINT_HEAD = ("numbers", "bits", "agreement", "clear", "edited", "reachable", "return ratio", "95 %")
PROOF_HEAD = (
    "states",
    "differ",
    "functions",
    "failed",
    "substituted",
    "proved",
    "every input",
    "differ in SB3",
    "top sum",
)
PROGRAM_HEAD = ("lines", "functions", "leaves", "in budget", "operations", "OPAQUE", "effect", "naive lines")
FRONTIER_HEAD = ("shape", "bits each", "numbers", "bits", "agreement", "clear", "regret", "return ratio", "95 %")
MOST_UNITS = 8  # of a function by name; its card has them all
SHOWN = 12  # functions of one stage in the terminal; the page holds all
NAMED = ("close", "small")


def points_of(block: Row) -> list[tuple[str, Row]]:
    """The named points that were made."""
    return [(name, block[name]) for name in NAMED if block.get(name)]


def point_rows(block: Row) -> list[tuple[str, ...]]:
    """Each point beside its original: M ~ S, which is measured."""
    rows: list[tuple[str, ...]] = []
    for name, point in points_of(block):
        sets = point["agreement"]
        network = sets.get("network") or {}
        rows.append((
            name + ("" if point["reached"] else " (not reached)"), f"{point['nonzero']:,}", f"{point['bits']:,}",
            share(network.get("agreement")), share(network.get("without_near_ties")),
            *(share((sets.get(part) or {}).get("agreement")) for part in ("edited", "reachable")),
            share(point["return_ratio"]), _ends(point),
        ))  # fmt: skip
    return rows


def proof_rows(block: Row) -> list[tuple[str, ...]]:
    """Each point against its own text: S == P, which is exact."""
    rows: list[tuple[str, ...]] = []
    for name, point in points_of(block):
        proof, leaves = point["equality"], point["equality"]["leaves"]
        proved = leaves["table"] + leaves["solver"]
        rows.append((
            name, f"{proof['states']:,}", f"{proof['disagreements']:,}", f"{proof['nodes']:,}",
            f"{proof['nodes_failed']:,}", f"{proof['substituted_changed']:,}",
            f"{proved:,} of {proved + leaves['untested'] + leaves['failed']:,}",
            "yes" if leaves["every_input"] else "no",
            f"{proof['sb3']['disagreements']:,} of {proof['sb3']['states']:,}", f"2^{proof['largest_sum_bits']:.1f}",
        ))  # fmt: skip
    return rows


def program_rows(block: Row) -> list[tuple[str, ...]]:
    """Each text's size beside that of the naive one."""
    rows: list[tuple[str, ...]] = []
    for name, point in points_of(block):
        program = point["program"]
        rows.append((
            name, f"{program['lines']:,}", f"{len(program['functions']):,}", f"{program['leaves']:,}",
            f"{program['leaves_in_budget']:,}", f"{program['operations']:,}", f"{len(program['opaque']):,}",
            share(program["opaque_effect"]), f"{program['naive']['lines']:,}",
        ))  # fmt: skip
    return rows


def frontier_rows(block: Row) -> list[tuple[str, ...]]:
    """All simplified networks that were tried, from many bits to few."""
    return [
        (row["name"], shown(row["shape"]), f"{row['weights']}/{row['activations']}", f"{row['numbers']:,}",
         f"{row['bits']:,}", share(row["agreement"]), share(row["clear"]), share(row["regret"]),
         share(row["return_ratio"]), _ends(row))
        for row in block.get("frontier") or []
    ]  # fmt: skip


def _ends(row: Row) -> str:
    low, high = row["return_ratio_low"], row["return_ratio_high"]
    return "-" if low is None else f"{low:.3f}-{high:.3f}"


def opaque_line(name: str, point: Row) -> str:
    """What of a text cannot be opened, and what it decides."""
    program = point["program"]
    if not program["opaque"]:
        return f"{name}: no function is OPAQUE."
    stages = ", ".join(sorted({row["stage"] for row in program["opaque"]}))
    effect = "not measured" if program["opaque_effect"] is None else f"{program['opaque_effect']:.2f}"
    units = sum(len(row["units"]) for row in program["opaque"])
    return f"{name}: {units} units of {stages} are OPAQUE; share of decisions that change without them: {effect}."


def recovered_line(program: Row) -> str:
    """The program that was read back out of the network, in a line."""
    return (
        f"the program read back: {program['lines']} lines, another action in {program['disagreements']:,} of all "
        f"{program['states']:,} states"
    )


def decompilation_view(block: Row) -> Iterator[RenderableType]:
    """For the terminal: OPAQUE first, then tables, then the call tree of the closest point."""
    yield Rule(Text("decompilation", style="bold"))
    for name, point in points_of(block):
        yield Text(shown(opaque_line(name, point)), style="bold yellow" if point["program"]["opaque"] else "")
    yield columns_table("simplified network beside its original (measured)", "point", POINT_HEAD, point_rows(block))
    yield columns_table("text beside the simplified network (exact)", "point", PROOF_HEAD, proof_rows(block))
    yield columns_table("size of the text", "point", PROGRAM_HEAD, program_rows(block))
    if block.get("frontier"):
        rows = [(name, *figures) for name, _, *figures in frontier_rows(block)]  # shapes are too wide for a terminal
        yield columns_table("frontier, many bits to few", "name", FRONTIER_HEAD[1:], rows)
    if block.get("recovered"):
        yield Text("")
        yield Rule(Text(shown(recovered_line(block["recovered"])), style="bold"))
        yield Syntax(plain_text(block["recovered"]["text"], multiline=True), "python", background_color="default")
    for name, point in points_of(block)[-1:]:
        yield Text("")
        yield call_tree(name, point["program"])


def call_tree(name: str, program: Row) -> Tree:
    """The functions of a text under those that call them; each stands where it is called first."""
    by_name = {row["name"]: row for row in program["functions"]}
    tree = Tree(Text(f"strategy ({name})", style="bold"))
    _grow(tree, program["calls"], by_name, set())
    return tree


def _grow(tree: Tree, calls: Sequence[str], by_name: Mapping[str, Row], seen: set[str]) -> None:
    fresh = [call for call in dict.fromkeys(calls) if call in by_name and call not in seen]
    seen.update(fresh)
    for call in fresh[:SHOWN]:
        row = by_name[call]
        style = "yellow" if row["opaque"] else "" if row["in_budget"] else "dim"
        _grow(tree.add(Text(shown(told(row)), style=style)), row["calls"], by_name, seen)
    if len(fresh) > SHOWN:
        tree.add(Text(f"... {len(fresh) - SHOWN} more", style="dim"))


def told(row: Row) -> str:
    """One function in a line: name, budget, bounds, effect."""
    if row["rows"]:
        size = f"table of {row['rows']:,}"
    elif row["stage"]:
        size = f"{row['inputs']} inputs, {row['weights']} weights up to {row['largest_weight']}"
    else:
        size = "reads the observation" if not row["calls"] else "helps others"
    effect = "" if row["effect"] is None else f", touches {row['effect']:.2f} of decisions"
    many = f" ({len(row['units'])} units)" if len(row["units"]) > 1 else ""
    mark = " OPAQUE" if row["opaque"] else ""
    return f"{row['name']}{many}{mark}: {size}, {row['low']:,} to {row['high']:,}{effect}"


def decompilation_section(report: Row, view: View) -> str:
    """The page's part: the same, the call tree as folds."""
    block = report["decompilation"]
    if not block or not points_of(block):
        return ""
    parts = ["<h2>Decompilation</h2>"]
    parts += [f"<p class=note>{escaped(opaque_line(name, point))}</p>" for name, point in points_of(block)]
    parts.append("<h3>Simplified network beside its original: measured</h3>")
    parts.append(html_table(("point", *POINT_HEAD), point_rows(block)))
    parts.append("<h3>Text beside the simplified network: exact</h3>")
    parts.append(html_table(("point", *PROOF_HEAD), proof_rows(block)))
    parts.append(html_table(("point", *PROGRAM_HEAD), program_rows(block)))
    if block.get("frontier"):
        parts.append("<h3>Size against agreement and return</h3>")
        parts.append(html_table(("name", *FRONTIER_HEAD), frontier_rows(block)))
    if block.get("recovered"):
        code = code_block(str(block["recovered"]["text"]))
        parts.append(f"<h3>{escaped(recovered_line(block['recovered']))}</h3>{code}")
    parts += [_folded(name, point["program"], view) for name, point in points_of(block)]
    return "".join(parts)


def _folded(name: str, program: Row, view: View) -> str:
    """The call tree behind a fold, what the marks mean over it."""
    by_name = {row["name"]: row for row in program["functions"]}
    key = "<p class=note><span class=opaque>OPAQUE</span>: no named function explains it.</p>"
    inner = key + _branches(program["calls"], by_name, set(), name=name, view=view)
    opened = " open" if view.live else ""
    return f"<details class=tree{opened}><summary>Call tree of the {escape(name)} text</summary>{inner}</details>"


def _branches(calls: Sequence[str], by_name: Mapping[str, Any], seen: set[str], *, name: str, view: View) -> str:
    """The functions that are called here first, each with those that it calls behind a fold."""
    fresh = [call for call in dict.fromkeys(calls) if call in by_name and call not in seen]
    seen.update(fresh)
    items = []
    for call in fresh:
        line = _function_line(by_name[call], name, view)
        inner = _branches(by_name[call]["calls"], by_name, seen, name=name, view=view)
        items.append(f"<details><summary>{line}</summary>{inner}</details>" if inner else f"<p>{line}</p>")
    return f"<div class=branch>{''.join(items)}</div>" if items else ""


def _function_line(row: Row, point: str, view: View) -> str:
    """One function: its line, what is known of it, its units by name."""
    mark = " class=opaque" if row["opaque"] else ""
    rest = told(row).removeprefix(row["name"])
    line = f"<span{mark}>{function_mark(row['name'], point, view)}{escaped(rest)}</span>"
    note = f"<br><span class=note>{escaped(row['note'])}</span>" if row["note"] else ""
    if not row["units"] or not row["stage"]:
        return line + note
    units = ", ".join(unit_mark(f"{row['stage']}[{unit}]", view) for unit in row["units"][:MOST_UNITS])
    more = f" and {len(row['units']) - MOST_UNITS:,} more" if len(row["units"]) > MOST_UNITS else ""
    return f"{line}{note}<br><span class=units>{units}{more}</span>"
