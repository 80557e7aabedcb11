"""report.html: the report as one static file, readable offline, on a phone, in light and dark, and on paper."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from agentscope.reports.figures import Row
from agentscope.reports.markup import View, escaped
from agentscope.reports.sections import SECTIONS
from agentscope.reports.style import page_head
from agentscope.reports.watch_section import NO_WATCH, Watched, watch_parts

SCRIPT = """\
(function () {
  var root = document.documentElement, buttons = document.querySelectorAll("[data-set-theme]");
  function paint(theme) {
    if (theme === "light" || theme === "dark") root.setAttribute("data-theme", theme);
    else root.removeAttribute("data-theme");
    buttons.forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.getAttribute("data-set-theme") === (theme || "auto")));
    });
  }
  var kept = null;
  try { kept = localStorage.getItem("agentscope-theme"); } catch (refused) { kept = null; }
  paint(kept);
  buttons.forEach(function (button) {
    button.addEventListener("click", function () {
      var theme = button.getAttribute("data-set-theme");
      paint(theme);
      try { localStorage.setItem("agentscope-theme", theme); } catch (refused) { kept = theme; }
      dispatchEvent(new CustomEvent("agentscope:theme", {detail: {theme: theme}}));
    });
  });
  document.getElementById("download").addEventListener("click", function () {
    var link = document.createElement("a");
    var text = document.getElementById("report").textContent;
    link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
    link.download = "report.json";
    link.click();
  });
})();
"""
THEMES = "".join(
    f"<button type=button data-set-theme={name} aria-pressed={'true' if name == 'auto' else 'false'}>{name}</button>"
    for name in ("auto", "light", "dark")
)


def report_page(report: Row, pictures: Mapping[str, bytes] | None = None, *, watched: Watched = NO_WATCH) -> str:
    """The report as an HTML document that asks nothing of any other place.

    Its content security policy allows no request at all, pictures only as data in the page, and of scripts only our
    own, each by its hash. Every string of the report is escaped; the report itself lies in the page as inert JSON.

    Args:
        pictures: files that the report names, by name (`read_pictures`, `read_films`).
        watched: episodes to step through (`read_watch`).
    """
    watch = watch_parts(watched)
    scripts = [script for script in (SCRIPT, watch.script) if script]
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src "
    policy += " ".join(_hash(script) for script in scripts) + "; base-uri 'none'; form-action 'none'"
    name = escaped(f"{report['agent']['name']} in {report['environment']['id']}")
    view = View(files=pictures or {}, episodes=watched.episodes, why=watched.why)
    drawn = {part: section(report, view) for part, section in SECTIONS.items()}
    wrapped = {part: f"<section id={part}>{html}</section>" for part, html in drawn.items() if html}
    gist = wrapped.pop("gist", "")
    documents = f'<script type="application/json" id="report">{embedded(report)}</script>'
    if watched.document is not None:
        documents += f'<script type="application/json" id="watch-data">{embedded(watched.document)}</script>'
    return f"""{page_head(name, policy, watch.style)}<body>
<main>
<div class=themes role=group aria-label="colours">{THEMES}</div>
<h1>{name}</h1>
{gist}{watch.html}{"".join(wrapped.values())}
<button id=download type=button>Save report.json</button>
</main>
{documents}
{"".join(f"<script>{script}</script>" for script in scripts)}
</body>
</html>
"""


def embedded(document: Mapping[str, Any]) -> str:
    """A document as JSON inside a script element: no `<`, `>` or `&`, so that no string in it can end the element."""
    text = json.dumps(document, ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
