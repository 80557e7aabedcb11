"""Plots of the page as plotly figures: gains, size against agreement, state sets, gaps of an episode.

They take rows as report.json and the page's documents hold them, in the light or the dark theme. The package does not
re-export them: plotly is slow to import, and only the page needs it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from agentscope.drawing.theme import DARK, LIGHT, theme

Row = Mapping[str, Any]
# Nothing leaves the machine: no upload button, no server to upload to (plotly 7 has one otherwise)
PLOT_CONFIG: dict[str, Any] = {
    "displaylogo": False,
    "showSendToCloud": False,
    "showEditInChartStudio": False,
    "showLink": False,
    "plotlyServerURL": "",
    "responsive": True,
    "modeBarButtonsToRemove": ["sendDataToCloud", "lasso2d", "select2d", "autoScale2d"],
    "toImageButtonOptions": {"format": "png", "scale": 2},
}
CONTROLS = {"input": "raw input", "untrained": "untrained twins", "random": "random features", "task": "control task"}
STRONGEST = 0.5  # a gain whose colour is full; larger ones look the same and are told on hover
LONGEST = 24  # letters of a label on an axis: a phone has 390 pixels; hovering tells all of it
ROW = 20  # pixels of a concept or of a state set
# Okabe and Ito's palette, two of its hues darkened or lightened where they would be too faint on this paper
HUES_LIGHT = ("#0072b2", "#b8480a", "#00795a", "#a8507f", "#8a6d00", "#2b7aa8", "#555d6b")
HUES_DARK = ("#56b4e9", "#e69f00", "#2fbf94", "#dd93bb", "#f0e442", "#8fb8f2", "#b9c0cc")
SHAPES = ("circle", "square", "diamond", "triangle-up", "x", "triangle-down", "star", "cross", "hexagon", "bowtie")


def gain_map(primitives: Sequence[Row], *, dark: bool) -> go.Figure:
    """How much better each layer tells each concept than its best control does: blue is better, orange is worse.

    Args:
        primitives: rows of report.json from the top down, each with `concept` and `layers`.
    """
    layers = list(dict.fromkeys(str(row["layer"]) for each in primitives for row in each.get("layers") or []))
    gains: list[list[float | None]] = []
    told: list[list[str]] = []
    for primitive in primitives:
        by_layer = {str(row["layer"]): row for row in primitive.get("layers") or []}
        gains.append([number(by_layer.get(layer, {}).get("gain")) for layer in layers])
        told.append([_cell_told(primitive, by_layer.get(layer, {"layer": layer})) for layer in layers])
    colours = theme(dark=dark)
    scale = [(0.0, colours["warn"]), (0.5, colours["panel"]), (1.0, colours["bar"])]
    bar = {"title": {"text": "gain", "side": "right"}, "thickness": 10, "outlinewidth": 0}
    names = [plain(row["concept"]) for row in primitives]
    figure = go.Figure(
        go.Heatmap(
            z=gains, x=list(range(len(layers))), y=list(range(len(names))), text=told, colorscale=scale, zmid=0,
            zmin=-STRONGEST, zmax=STRONGEST, xgap=2, ygap=2, hoverongaps=False, colorbar=bar,
            customdata=[[name] * len(layers) for name in [str(row["concept"]) for row in primitives]],
            hovertemplate="%{text}<extra></extra>",
        ),
        empty_layout(dark=dark, height=110 + ROW * max(3, len(names))),
    )  # fmt: skip
    figure.update_xaxes(
        tickvals=list(range(len(layers))), ticktext=[short(plain(layer)) for layer in layers], side="top", tickangle=-60
    )
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=[short(name) for name in names], autorange="reversed"
    )
    figure.update_layout(xaxis_showgrid=False, yaxis_showgrid=False)
    return figure


def frontier(
    points: Sequence[Row], *, dark: bool, chosen: Row | None = None, levels: Mapping[str, float | None] | None = None
) -> go.Figure:
    """Agreement of every text that was tried against its length; the one that was printed has a ring.

    Args:
        points: rows with form, lines, constants, bits, agreement.
        chosen: form, lines, constants and bits of the printed text.
        levels: baselines and the noise floor by name: agreement, drawn as lines across; None is left out.
    """
    forms = list(dict.fromkeys(str(point["form"]) for point in points))
    hues = HUES_DARK if dark else HUES_LIGHT
    across = levels or {}
    # on a phone each entry of the legend takes a line of its own, and the plot must keep its height
    figure = go.Figure(layout=empty_layout(dark=dark, height=320 + ROW * (len(forms) + len(across))))
    for index, form in enumerate(forms):
        rows = [point for point in points if point["form"] == form and number(point["agreement"]) is not None]
        marker = {"symbol": SHAPES[index % len(SHAPES)], "size": 9, "color": hues[index % len(hues)]}
        _add_texts(figure, rows, name=short(plain(form), longest=2 * LONGEST), marker=marker)
    ringed = [point for point in points if chosen is not None and _same_text(point, chosen)][:1]
    ring = {"symbol": "circle-open", "size": 18, "color": theme(dark=dark)["ink"], "line": {"width": 2.5}}
    if ringed:
        _add_texts(figure, ringed, name="printed text", marker=ring)
    _add_levels(figure, across, dark=dark)
    figure.update_xaxes(type="log", dtick="D2")
    figure.update_yaxes(tickformat=".2f")
    # over the plot: a title under the axis would lie on a legend of many lines
    figure.add_annotation(text="agreement ↑, lines of text →", xref="paper", yref="paper", x=0, y=1, xanchor="left",
                          yanchor="bottom", showarrow=False, font={"color": theme(dark=dark)["faint"]})  # fmt: skip
    figure.update_layout(legend={"orientation": "h", "yref": "container", "yanchor": "bottom", "y": 0, "x": 0})
    return figure


def fidelity(sets: Sequence[Row], *, dark: bool) -> go.Figure:
    """Agreement of text and network by state set, from 0 to 1, with its interval.

    Args:
        sets: rows with set, agreement, low, high (None where every state was measured), states, episodes.
    """
    rows = [row for row in sets if number(row["agreement"]) is not None]
    colours = theme(dark=dark)
    ends = [(number(row.get("low")), number(row.get("high")), row["agreement"]) for row in rows]
    up = [0.0 if high is None else max(0.0, high - value) for _, high, value in ends]
    down = [0.0 if low is None else max(0.0, value - low) for low, _, value in ends]
    figure = go.Figure(
        go.Bar(
            x=[row["agreement"] for row in rows], y=list(range(len(rows))), orientation="h",
            marker={"color": colours["bar"]}, text=[_share(row["agreement"]) for row in rows], textposition="inside",
            insidetextanchor="start", insidetextfont={"color": colours["paper"]}, cliponaxis=False,
            error_x={"type": "data", "array": up, "arrayminus": down, "color": colours["ink"], "thickness": 2},
            hovertext=[_set_told(row) for row in rows], hovertemplate="%{hovertext}<extra></extra>",
        ),
        empty_layout(dark=dark, height=90 + 2 * ROW * max(1, len(rows))),
    )  # fmt: skip
    figure.update_xaxes(range=[0, 1.02], title="agreement")
    names = [short(plain(str(row["set"]).replace("_", " "))) for row in rows]
    figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=names, autorange="reversed", showgrid=False)
    return figure


def gaps(steps: Sequence[Row], *, dark: bool) -> go.Figure:
    """Lead of the network's choice over the next best along an episode; where the text acts otherwise is marked.

    Args:
        steps: rows with step, gap (None where there is no other choice), same (None where the text was not asked).
    """
    colours = theme(dark=dark)
    figure = go.Figure(layout=empty_layout(dark=dark, height=260))
    at = [row["step"] for row in steps]
    lead = [number(row["gap"]) for row in steps]
    figure.add_scatter(x=at, y=lead, mode="lines", name="gap", line={"color": colours["bar"], "width": 1.5},
                       hovertemplate="step %{x}: gap %{y:.3f}<extra></extra>")  # fmt: skip
    parted = [row for row in steps if row.get("same") is False]
    figure.add_scatter(
        x=[row["step"] for row in parted], y=[number(row["gap"]) or 0.0 for row in parted], mode="markers",
        name="text acts otherwise", marker={"color": colours["warn"], "symbol": "x", "size": 9},
        hovertemplate="step %{x}: the text acts otherwise, gap %{y:.3f}<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(title="step")
    figure.update_yaxes(title="gap (units)", rangemode="tozero")
    figure.update_layout(legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0})
    return figure


def empty_layout(*, dark: bool, height: int) -> dict[str, Any]:
    """The look that all plots share: the page's own paper, its ink, margins that grow with their labels."""
    colours = theme(dark=dark)
    axis = {
        "gridcolor": colours["rule"], "zeroline": False, "linecolor": colours["rule"], "automargin": True,
        "title": {"standoff": 8},
    }  # fmt: skip
    hover = {"bgcolor": colours["panel"], "bordercolor": colours["faint"], "font": {"color": colours["ink"]}}
    return {
        "template": "none", "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "height": height,
        "font": {"color": colours["ink"], "family": "system-ui,sans-serif", "size": 12}, "xaxis": axis, "yaxis": axis,
        "margin": {"l": 8, "r": 12, "t": 36, "b": 8}, "hoverlabel": {**hover, "align": "left"},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": colours["faint"], "activecolor": colours["ink"]},
    }  # fmt: skip


def plain(value: Any) -> str:
    """A stranger's text for a plot: printable, and never markup (plotly reads tags and links in its labels)."""
    return escape("".join(letter for letter in str(value) if letter.isprintable()), quote=False)


def short(label: str, *, longest: int = LONGEST) -> str:
    """A label that leaves a phone room for its plot; an escaped letter is never cut in two."""
    if len(label) <= longest:
        return label
    cut = label[: longest - 1]
    return (cut[: cut.rindex("&")] if "&" in cut and ";" not in cut[cut.rindex("&") :] else cut) + "…"


def number(value: Any) -> float | None:
    """A finite number, else None: JSON holds no NaN, and plotly leaves out what is None."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known else None


def _add_texts(figure: go.Figure, points: Sequence[Row], *, name: str, marker: Mapping[str, Any]) -> None:
    """One marker a text, its figures on hover."""
    figure.add_scatter(
        x=[max(1, point["lines"]) for point in points], y=[point["agreement"] for point in points], mode="markers",
        name=name, marker=marker, text=[_point_told(point) for point in points],
        hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip


def _add_levels(figure: go.Figure, levels: Mapping[str, float | None], *, dark: bool) -> None:
    """Lines across the plot; they are traces, so that the legend names them and no label lies on a point."""
    colours = theme(dark=dark)
    known = {name: value for name, value in levels.items() if number(value) is not None}
    drawn = [x for trace in figure.data for x in trace.x] or [1]
    ends = [min(drawn), max(*drawn, 2)]
    for (name, value), dash in zip(known.items(), ("dash", "dot", "dashdot", "longdash", "solid") * 3, strict=False):
        figure.add_scatter(x=ends, y=[value, value], mode="lines", name=f"{plain(name)} {_share(value)}",
                           line={"dash": dash, "width": 1.5, "color": colours["faint"]},
                           hovertemplate=f"{plain(name)}: %{{y:.3f}}<extra></extra>")  # fmt: skip


def _cell_told(primitive: Row, row: Row) -> str:
    """Gain with its interval, score and every control of one concept in one layer."""
    gain, low, high = (number(row.get(key)) for key in ("gain", "gain_low", "gain_high"))
    between = "" if low is None or high is None else f" ({low:+.3f} to {high:+.3f})"
    lines = [f"<b>{plain(primitive['concept'])}</b> in {plain(row['layer'])}",
             f"gain {'-' if gain is None else format(gain, '+.3f')}{between}",
             f"score {_share(row.get('score'))} {plain(primitive.get('metric') or '')}"]  # fmt: skip
    lines += [f"{told}: {_share(row.get(name))}" for name, told in CONTROLS.items()]
    return "<br>".join([*lines, f"use: {plain(primitive.get('use') or '-')}"])


def _point_told(point: Row) -> str:
    sizes = ", ".join(f"{point[key]:,} {key}" for key in ("lines", "constants", "bits") if key in point)
    clear = number(point.get("without_near_ties"))
    beside = "" if clear is None else f"<br>without near-ties {_share(clear)}"
    return f"<b>{plain(point['form'])}</b><br>agreement {_share(point['agreement'])}{beside}<br>{sizes}"


def _set_told(row: Row) -> str:
    low, high = number(row.get("low")), number(row.get("high"))
    between = "every state" if low is None or high is None else f"{_share(low)} to {_share(high)}"
    counted = ", ".join(f"{row[key]:,} {key}" for key in ("states", "episodes") if row.get(key) is not None)
    return f"<b>{plain(row['set'])}</b><br>agreement {_share(row['agreement'])} ({between})<br>{counted}"


def _same_text(point: Row, chosen: Row) -> bool:
    return all(point.get(key) == chosen.get(key) for key in ("form", "lines", "constants", "bits"))


def _share(value: Any) -> str:
    """Three decimals, `-` where there is none; what is short of 1 is never printed as 1."""
    known = number(value)
    if known is None:
        return "-"
    return ">.999" if 0.9995 <= known < 1 else f"{known:.3f}"


__all__ = ["DARK", "LIGHT", "PLOT_CONFIG", "fidelity", "frontier", "gain_map", "gaps"]
