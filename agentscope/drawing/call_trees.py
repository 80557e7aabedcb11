"""The call tree of a decompilation as a plotly figure: budgets and effect shares on hover, OPAQUE in its own colour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from agentscope.drawing.plots import empty_layout, number, plain
from agentscope.drawing.theme import theme

Row = Mapping[str, Any]
ROOT = "strategy"
MOST = 2_000  # functions that are drawn; the folds of the section hold all
DEPTH = 4  # levels that are shown at once: a phone has room for no more, and a click goes deeper
LEAF = 28  # pixels of a function that calls nothing: its label, and a finger
MARK = "◆"  # of what is OPAQUE, beside its colour


def call_tree(functions: Sequence[Row], calls: Sequence[str], *, dark: bool) -> go.Figure:
    """Each function under the one that calls it first, the callers on the left; a click's `customdata` is its name.

    Args:
        functions: rows of a program in report.json: name, calls, units, opaque, in_budget, effect and sizes.
        calls: what the strategy itself calls.
    """
    colours = theme(dark=dark)
    by_name = {str(row["name"]): row for row in functions}
    placed = list(_placed(calls, by_name))[:MOST]
    rows = [by_name[name] for name, _ in placed]
    fills = [colours["panel"], *(_fill(row, colours) for row in rows)]
    leaves = len({name for name, _ in placed} - {caller for _, caller in placed})
    figure = go.Figure(
        go.Icicle(
            ids=[ROOT, *(name for name, _ in placed)], parents=["", *(caller for _, caller in placed)],
            labels=[ROOT, *map(_label, rows)], customdata=[ROOT, *(name for name, _ in placed)],
            hovertext=[f"<b>{ROOT}</b>", *map(_told, rows)], hovertemplate="%{hovertext}<extra></extra>",
            marker={"colors": fills, "line": {"color": colours["rule"], "width": 1}}, maxdepth=DEPTH,
            level=ROOT if len(calls) != 1 or not placed else placed[0][0],
            textfont={"color": [colours["ink" if fill == colours["panel"] else "paper"] for fill in fills]},
            tiling={"orientation": "h", "pad": 1}, textposition="middle left", leaf={"opacity": 1},
            pathbar={"thickness": 22},
        ),
        empty_layout(dark=dark, height=100 + LEAF * max(6, leaves)),
    )  # fmt: skip
    figure.update_layout(
        uniformtext={"minsize": 10, "mode": "hide"}, xaxis=None, yaxis=None, margin_t=60, title=_key(colours)
    )
    return figure


def _placed(calls: Sequence[str], by_name: Mapping[str, Row]) -> Iterator[tuple[str, str]]:
    """(name, caller) of every function that is reached, each once, callers first; a ring of calls does no harm."""
    seen: set[str] = {ROOT}
    waiting = [(ROOT, calls)]
    while waiting:
        caller, called = waiting.pop(0)
        for name in called:
            if name in by_name and name not in seen:
                seen.add(name)
                yield name, caller
                waiting.append((name, by_name[name]["calls"]))


def _fill(row: Row, colours: Mapping[str, str]) -> str:
    if row["opaque"]:
        return colours["opaque"]
    return colours["bar"] if row["in_budget"] else colours["panel"]


def _key(colours: Mapping[str, str]) -> dict[str, Any]:
    """What the colours mean, over the tree."""
    marks = {"opaque": f"{MARK} OPAQUE", "bar": "■ within budget", "faint": "□ made of named parts"}
    text = "   ".join(f'<span style="color:{colours[role]}">{words}</span>' for role, words in marks.items())
    return {"text": text, "font": {"size": 12}, "x": 0, "xanchor": "left", "y": 1, "yref": "container",
            "yanchor": "top", "pad": {"t": 8, "l": 8}}  # fmt: skip


def _label(row: Row) -> str:
    effect = number(row.get("effect"))
    mark = f"{MARK} " if row["opaque"] else ""
    return mark + plain(row["name"]) + ("" if effect is None else f"  {effect:.2f}")


def _told(row: Row) -> str:
    """All figures of one function, a line each."""
    effect = number(row.get("effect"))
    budget = "OPAQUE: no named function explains it" if row["opaque"] else (
        "within an hour of pen and paper" if row["in_budget"] else "more than an hour of pen and paper, by named parts"
    )  # fmt: skip
    touched = "effect not measured" if effect is None else f"decisions that change without it: {effect:.3f}"
    lines = [f"<b>{plain(row['name'])}</b>", budget, touched]
    sizes = {"inputs": "inputs", "weights": "weights", "largest_weight": "largest weight", "operations": "operations",
             "rows": "rows of a table"}  # fmt: skip
    lines += [f"{told}: {row[key]:,}" for key, told in sizes.items() if row.get(key)]
    if row.get("units"):
        lines.append(f"units: {len(row['units']):,} of {plain(row.get('stage') or '-')}")
    return "<br>".join(lines)
