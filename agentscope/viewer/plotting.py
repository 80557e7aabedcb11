"""The page's plots: built from report and run when their tab is first opened, and again when the theme changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
from dash import ClientsideFunction, Dash, Input, Output, State, no_update

from agentscope.drawing import call_trees, plots
from agentscope.reports.figures import by_agreement, by_gain
from agentscope.viewer.data import TRACKS, Shown
from agentscope.viewer.layout import programs_of

Row = Mapping[str, Any]


def add_plots(app: Dash, shown: Shown) -> None:
    """Register what fills each plot."""
    report = shown.report
    _when_seen(app, "frontier-plot", "frontier", lambda dark: frontier_plot(report, dark=dark))
    _when_seen(app, "fidelity-plot", "fidelity", lambda dark: fidelity_plot(report, dark=dark))
    if report["primitives"]:
        _when_seen(app, "gain-map", "primitives", lambda dark: plots.gain_map(by_gain(report["primitives"]), dark=dark))
    programs = programs_of(report)
    if programs:

        @app.callback(
            *_outputs("call-tree"),
            Input("shade", "data"), Input("seen-program", "data"), Input("program-point", "value"),
        )  # fmt: skip
        def call_tree(shade: Row | None, seen: bool, point: str) -> Any:
            if not shade or not seen or point not in programs:
                return no_update, no_update
            program = programs[point]
            return sized(call_trees.call_tree(program["functions"], program["calls"], dark=bool(shade["dark"])))

    @app.callback(*_outputs("gaps"), Input("shade", "data"), Input("place", "data"))
    def gaps(shade: Row | None, place: Row | None) -> Any:
        if not shade or not place:
            return no_update, no_update
        key = str(place["episode"])
        shown.episode(key)  # refuses what is no episode of the run
        track = place["track"] if place["track"] in TRACKS else TRACKS[0]
        drawn = plots.gaps(shown.leads(key, track), dark=bool(shade["dark"]))
        return sized(drawn.update_layout(hovermode="x", clickmode="event"))  # a click anywhere finds its step

    _on_click(app, "gaps", "toStep")
    if report["primitives"]:
        _on_click(app, "gain-map", "toConcept")
    if programs:
        _on_click(app, "call-tree", "toFunction", State("program-point", "value"))


def frontier_plot(report: Row, *, dark: bool) -> go.Figure:
    """Size against agreement, with baseline, other seed and student as lines across.

    Those of the network's states are named so: where all states can be listed, the texts were measured on them instead.
    """
    strategy = report["strategy"] or {}
    floor = report["noise_floor"] or {}
    levels = {
        "optimal values alone": (strategy.get("baseline") or {}).get("agreement"),
        "boosted trees, network's states": (report["vocabulary"] or {}).get("black_box"),
        "student, network's states": (floor.get("student") or {}).get("agreement"),
        "other seed, network's states": floor.get("other_seed"),
    }
    return plots.frontier(strategy.get("frontier") or [], dark=dark, chosen=strategy or None, levels=levels)


def fidelity_plot(report: Row, *, dark: bool) -> go.Figure:
    """Agreement by state set."""
    rows = [{"set": name, **part} for name, part in by_agreement(report["fidelity"] or {})]
    return plots.fidelity(rows, dark=dark)


def sized(figure: go.Figure) -> tuple[go.Figure, dict[str, str]]:
    """A figure with the height of its place: Plotly fills the place that it is given, however low that is."""
    return figure, {"height": f"{figure.layout.height:.0f}px"}


def _outputs(graph: str) -> tuple[Output, Output]:
    return Output(graph, "figure"), Output(graph, "style")


def _when_seen(app: Dash, graph: str, tab: str, draw: Any) -> None:
    """Draw a plot once its tab has been opened, in the theme of the page."""

    @app.callback(*_outputs(graph), Input("shade", "data"), Input(f"seen-{tab}", "data"))
    def figure(shade: Row | None, seen: bool) -> Any:
        return sized(draw(bool(shade["dark"]))) if shade and seen else (no_update, no_update)


def _on_click(app: Dash, graph: str, function: str, *more: State) -> None:
    """Hand a click on a plot to the page's script (by name: an inline script would need a hole in the policy)."""
    app.clientside_callback(ClientsideFunction("page", function), Input(graph, "clickData"), *more)
