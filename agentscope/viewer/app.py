"""The page as a Dash app: guard, documents, downloads, comparisons, plots and the scripts that hold them together."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial
from html import escape
from importlib import resources
from typing import Any, Literal, cast

from dash import Dash
from flask import Flask

from agentscope.drawing import assets
from agentscope.errors import AgentScopeError
from agentscope.pipeline.watching.leads import step_leads
from agentscope.pipeline.watching.running import Watch
from agentscope.reports import RunFolder
from agentscope.reports.audit_pages import read_films
from agentscope.reports.depth import read_pictures
from agentscope.reports.style import STYLE
from agentscope.viewer import data, downloading, guarding, plotting, trying
from agentscope.viewer.layout import page_layout

Theme = Literal["auto", "light", "dark"]
PARTS = ("asking.js", "tabs.js", "cards.js", "trying.js", "starting.js")  # in this order, as one script
INDEX = """<!doctype html>
<html lang="en"{shade}>
<head>
{{%metas%}}
<meta name="color-scheme" content="light dark">
<title>{{%title%}}</title>
<link rel="icon" href="data:,">
{{%css%}}
<link rel="stylesheet" href="/page/page.css">
</head>
<body>
{{%app_entry%}}
<footer>
{{%config%}}
<script src="/page/viewer.js"></script>
<script src="/page/page.js"></script>
{{%scripts%}}
{{%renderer%}}
</footer>
</body>
</html>
"""


@dataclass(frozen=True)
class Page:
    """The page, ready to be served.

    Attributes:
        server: its Flask server; desk: to be closed at the end.
        shown: the run that it shows.
    """

    server: Flask
    desk: trying.Desk
    shown: data.Shown

    def warm(self) -> None:
        """Look at the first step before anyone asks: a long program is parsed when it is first looked at."""
        with contextlib.suppress(AgentScopeError):  # whoever asks for the step is told
            self.shown.watch.steps(self.shown.document["episodes"][0]["episode"], 0, 1)


def open_shown(watch: Watch) -> data.Shown:
    """A run that is open to be watched, with its report and the pictures of its folder."""
    scene = watch.scene
    pictures: dict[str, bytes] = {}
    if scene.folder is not None:
        folder = RunFolder(scene.folder, sha256=str(scene.report["agent"]["sha256"]))
        pictures = read_pictures(folder, scene.report) | read_films(folder, scene.report)
    return data.Shown(watch, watch.document(), scene.report, pictures, partial(step_leads, watch))


def make_page(shown: data.Shown, port: int, *, theme: Theme = "auto") -> Page:
    """The page of a run, for this port of 127.0.0.1.

    Dash and Plotly come from their own packages on this machine; debugging, reloading and every kind of telemetry are
    off, and the content security policy forbids requests to anywhere else.
    """
    server = Flask(__name__, static_folder=None)
    guarding.guard(server, port)
    guarding.answer_errors(server)
    desk = trying.Desk(shown.watch)
    trying.add_routes(server, desk)
    downloading.add_routes(server, shown)
    _add_scripts(server)
    data.add_routes(server, shown)
    name = f"{shown.report['agent']['name']} in {shown.report['environment']['id']}"
    app = Dash(
        __name__, server=cast(Any, server), serve_locally=True, include_assets_files=False, assets_folder="no-assets",
        title=f"AgentScope: {escape(name)}", update_title="", add_log_handler=False, enable_mcp=False,
        index_string=INDEX.format(shade="" if theme == "auto" else f' data-theme="{theme}"'),
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )  # fmt: skip
    app.enable_dev_tools(
        debug=False, dev_tools_ui=False, dev_tools_hot_reload=False, dev_tools_silence_routes_logging=True,
        dev_tools_disable_version_check=True,
    )  # fmt: skip
    app.layout = page_layout(shown)
    plotting.add_plots(app, shown)
    guarding.send_headers(server, app.csp_hashes)
    return Page(server, desk, shown)


def page_script() -> str:
    """The page's own scripts, which hold Dash and the viewer together, as one."""
    folder = resources.files("agentscope.viewer") / "page"
    parts = "\n".join((folder / name).read_text(encoding="utf-8") for name in PARTS)
    return f'(function () {{\n"use strict";\n{parts}}})();\n'


def page_style() -> str:
    """The report's look, the viewer's, and the page's own."""
    own = (resources.files("agentscope.viewer") / "page" / "page.css").read_text(encoding="utf-8")
    return f"{STYLE}\n{assets.viewer_style()}\n{own}"


def _add_scripts(server: Flask) -> None:
    served = {
        "viewer.js": (assets.viewer_script(), "text/javascript"),
        "page.js": (page_script(), "text/javascript"),
        "page.css": (page_style(), "text/css"),
    }
    for name, (text, mimetype) in served.items():
        response = (text, 200, {"Content-Type": f"{mimetype}; charset=utf-8"})
        server.add_url_rule(f"/page/{name}", f"page {name}", lambda sent=response: sent)
