"""The page's fixed parts as Dash components: head, tabs, and in each tab the places that scripts and plots fill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html

from agentscope.drawing.plots import PLOT_CONFIG
from agentscope.viewer.data import POINTS, Shown

Row = Mapping[str, Any]
TABS = ("Watch", "Primitives", "Program", "Findings", "Frontier", "Fidelity", "Try")
PLOTTED = ("primitives", "program", "frontier", "fidelity")  # tabs whose plots wait until they are opened
EPISODES = 20  # of a comparison, unless the user asks for more
# Sections of the report below each tab's own parts, by the names that `reports.section_html` knows
SECTIONS: Mapping[str, Sequence[str]] = {
    "primitives": ("primitives", "pictures", "groups"),
    "program": ("program",),
    "findings": ("findings",),
    "frontier": ("frontier",),
    "fidelity": ("fidelity", "episodes", "levels", "residual", "comparisons"),
}


def page_layout(shown: Shown) -> html.Div:
    """The whole page; every text in it is escaped by React."""
    panels = {
        "watch": watch_panel(), "primitives": primitives_panel(shown.report), "program": program_panel(shown.report),
        "findings": findings_panel(shown.report), "frontier": plot_panel("frontier", "size against agreement"),
        "fidelity": plot_panel("fidelity", "agreement by state set"), "try": try_panel(shown.report),
    }  # fmt: skip
    stores = [dcc.Store(id="shade", data=None), dcc.Store(id="place", data=None)]
    stores += [dcc.Store(id=f"seen-{name}", data=False) for name in PLOTTED]
    return html.Div(
        [
            head(shown), tab_row(), *stores,
            html.P(id="page-error", role="alert", hidden=True),
            html.Main([
                html.Section(
                    panels[name.lower()], id=f"panel-{name.lower()}", role="tabpanel", hidden=name != "Watch",
                    **attributes({"aria-labelledby": f"tab-{name.lower()}"}),
                )
                for name in TABS
            ]),
        ],
        id="page",
    )  # fmt: skip


def head(shown: Shown) -> html.Header:
    """Agent and environment, the theme, what can be saved."""
    agent, environment = shown.report["agent"]["name"], shown.report["environment"]["id"]
    saved = [
        html.A("report.json", href="/data/report.json", download=""),
        html.A("episodes.csv", href="/data/table.csv?name=episodes", download=""),
        html.A("probes.csv", href="/data/table.csv?name=probes", download=""),
        html.A("steps of this episode.csv", id="save-steps", href="/data/table.csv?name=steps", download=""),
        button("Print, or save as PDF", id="save-print"),
    ]
    return html.Header([
        html.H1(f"{agent} in {environment}"),
        html.Div([
            html.Details([html.Summary("Save"), html.Div(saved, className="menu")], id="save"),
            html.Div(id="theme"),
        ], className="tools"),
    ])  # fmt: skip


def tab_row() -> html.Div:
    """The tabs, one of which can be reached by Tab and the others by arrows (WAI-ARIA's pattern of tabs)."""
    tabs = []
    for name in TABS:
        first = name == TABS[0]
        marks = {"aria-controls": f"panel-{name.lower()}", "aria-selected": "true" if first else "false"}
        tabs.append(
            button(name, id=f"tab-{name.lower()}", role="tab", tabIndex=0 if first else -1, **attributes(marks))
        )
    return html.Div(tabs, id="tabs", role="tablist", **attributes({"aria-label": "parts of the page"}))


def watch_panel() -> list[Any]:
    """The place of the viewer, and the gaps of the whole episode, which the script puts below the board."""
    told = "how far the best action leads in each step of the episode; a click goes to that step"
    return [
        html.Div(id="watch"),
        html.Div([html.H3("Lead of the best action along the episode"), graph("gaps", told)], id="gaps-part"),
    ]


def primitives_panel(report: Row) -> list[Any]:
    """Gain map, the concept's card, the unit's card, the report's own tables."""
    rows = report["primitives"] or []
    names = [str(row["concept"]) for row in rows]
    if not names:
        return [missing(report, "primitives"), *sections("primitives")]
    return [
        graph("gain-map", "gain of each concept over its best control, by layer; a click opens the concept's card"),
        html.Label(["Concept ", choice("concept-choice", names)]),
        html.Div([card("concept-card", "concept"), card("unit-card", "unit")], className="cards"),
        *sections("primitives"),
    ]


def program_panel(report: Row) -> list[Any]:
    """Call tree, the function's card, the report's own tables."""
    programs = programs_of(report)
    if not programs:
        return [missing(report, "decompilation"), dcc.Store(id="program-point", data=None), *sections("program")]
    options = [{"label": f"{point} program", "value": point} for point in programs]
    return [
        dcc.RadioItems(options, next(iter(programs)), id="program-point", inline=True),
        graph("call-tree", "functions of the program by who calls them; a click opens the function's card"),
        html.Label(["Function ", function_choice(programs)]),
        html.Div([card("function-card", "function")], className="cards"),
        *sections("program"),
    ]


def findings_panel(report: Row) -> list[Any]:
    """The report's own cards, which lead to witnesses and units, and what was searched."""
    told = [] if report["findings"] or report["audit"] else [missing(report, "findings")]
    return [*told, *sections("findings")]


def plot_panel(name: str, told: str) -> list[Any]:
    """A plot over the report's own section."""
    return [graph(f"{name}-plot", told), *sections(name)]


def try_panel(report: Row) -> list[Any]:
    """A text to be checked and compared, and a board to be edited; the script puts both where they belong."""
    text = str((report["strategy"] or {}).get("text") or "")
    run = html.P([
        button("Check", id="try-check"), button("Compare", id="try-compare"), button("Cancel", id="try-cancel"),
        button("Reset", id="try-reset"),
    ], className="tools")  # fmt: skip
    left = html.Div([
        html.H2("A text of your own"),
        html.Div(id="try-place", **attributes({"data-text": text, "data-episodes": str(EPISODES)})), run,
        html.P(id="try-error", role="alert", hidden=True),
        html.Div(id="try-progress", role="status", hidden=True),
        html.Div(id="try-result"),
    ])  # fmt: skip
    right = html.Div([html.H2("A board of your own"), html.Div(id="editor")])
    return [html.Div([left, right], className="halves")]


def programs_of(report: Row) -> dict[str, Row]:
    """The programs of a decompilation by point, those that name their functions."""
    block = report["decompilation"] or {}
    programs = {point: (block.get(point) or {}).get("program") or {} for point in POINTS}
    return {point: program for point, program in programs.items() if program.get("functions")}


def missing(report: Row, part: str) -> html.P:
    """Why a part of the report is not there."""
    reason = report["why"].get(part) or "this run has none"
    return html.P(f"Nothing to show here: {reason}.", className="note")


def sections(tab: str) -> list[Any]:
    """Where the report's own sections go; the page fetches each when its tab is first opened."""
    return [
        html.Div(id=f"section-{name}", className="section", **attributes({"data-section": name}))
        for name in SECTIONS[tab]
    ]


def graph(name: str, told: str) -> html.Div:
    """A plot with the words that a screen reader says for it."""
    config: Any = PLOT_CONFIG
    inner = dcc.Graph(id=name, config=config, figure={"data": [], "layout": {"height": 120}})
    return html.Div(inner, role="group", className="plot", **attributes({"aria-label": told}))


def card(name: str, what: str) -> html.Div:
    """The place of a card; what is put there is read out."""
    told = html.P(f"Choose a {what}.", className="note")
    return html.Div(told, id=name, className="card", **attributes({"aria-live": "polite"}))


def choice(name: str, values: Sequence[str]) -> html.Select:
    """A list to choose from, which keys and screen readers reach where a plot can only be clicked."""
    options = [html.Option("choose", value=""), *(html.Option(value, value=value) for value in values)]
    return html.Select(options, id=name)


def function_choice(programs: Mapping[str, Row]) -> html.Select:
    """The functions of every program; a value is the program's point and the name."""
    groups = [
        html.Optgroup([html.Option(row["name"], value=f"{point} {row['name']}") for row in program["functions"]],
                      label=f"{point} program")
        for point, program in programs.items()
    ]  # fmt: skip
    return html.Select([html.Option("choose", value=""), *groups], id="function-choice")


def attributes(values: Mapping[str, str]) -> dict[str, Any]:
    """Attributes whose names hold a dash, which the types of Dash's components do not know."""
    return dict(values)


def button(text: str, **properties: Any) -> html.Button:
    """A button that sends no form."""
    return html.Button(text, type="button", **properties)
