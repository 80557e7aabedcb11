"""The look of the report and of the page: one style sheet, no fonts or pictures from elsewhere, light and dark."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from agentscope.drawing.theme import DARK, LIGHT

RULES = """
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1000px;margin:0 auto;padding:16px}
h1{font-size:1.5rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--rule)}
p,li,summary,figcaption{overflow-wrap:anywhere}
.gist{padding-left:1.6rem}
.gist li:first-child{font-weight:600;color:var(--warn)}
.note,figcaption{color:var(--faint)}
figure{margin:12px 0}
figure img{display:block;max-width:100%;border-radius:6px}
.chart{overflow-x:auto}
.chart svg{min-width:480px}
.code{background:var(--panel);padding:12px;overflow-x:auto;border-radius:6px;font:13px/1.45 ui-monospace,monospace}
.k,.kn,.ow,.kc{color:var(--keyword)}
.mi,.mf,.mb{color:var(--literal)}
.nf,.nb{color:var(--name)}
.c1,.c{color:var(--faint)}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:3px 10px 3px 0;text-align:left;white-space:nowrap;border-bottom:1px solid var(--rule)}
td:last-child{white-space:normal;min-width:7rem}
th{color:var(--faint);font-weight:500}
details{margin:10px 0}
summary{cursor:pointer;color:var(--name)}
h3{font-size:1rem;margin:1.2rem 0 .3rem}
.branch{margin-left:1.1rem;border-left:1px solid var(--rule);padding-left:.6rem}
.branch p,.branch details{margin:3px 0;font-size:13px}
.branch .units{margin-left:1rem;color:var(--faint)}
.opaque{color:var(--opaque);font-weight:600}
.opaque::before{content:"\\25c6  "}
.finding{border-left:4px solid var(--rule);padding:2px 0 2px 14px;margin:18px 0}
.finding.high{border-color:var(--bad)}.finding.medium{border-color:var(--warn)}.finding.low{border-color:var(--bar)}
.severity{font-weight:600}.high .severity{color:var(--bad)}.medium .severity{color:var(--warn)}
.finding h3{overflow-wrap:anywhere}
a{color:var(--name)}
.watch-link{margin-right:1rem}
button{padding:8px 14px;font:inherit;color:var(--ink);background:var(--panel);
border:1px solid var(--faint);border-radius:6px;cursor:pointer}
button[aria-pressed=true]{border-color:var(--name);box-shadow:inset 0 0 0 1px var(--name)}
.themes{display:flex;gap:6px;justify-content:flex-end}
.themes button{padding:3px 10px;font-size:13px}
:focus-visible{outline:3px solid var(--name);outline-offset:2px}
"""
PRINT = """
body{font-size:11pt}
main{max-width:none;padding:0}
button,.themes,.watch,.watch-link{display:none}
.wide,.chart,.code{overflow:visible}
.code{white-space:pre-wrap;overflow-wrap:anywhere}
td,th{white-space:normal;overflow-wrap:break-word}
table{font-size:7.5pt}
.chart svg{min-width:0}
h2,h3,summary{break-after:avoid}
figure,tr,.gist li{break-inside:avoid}
"""


def _variables(colours: Mapping[str, str], scheme: str) -> str:
    return "".join(f"--{role}:{colour};" for role, colour in colours.items()) + f"color-scheme:{scheme}"


def _style() -> str:
    """The system's theme, unless the root names one; on paper always the light one, which therefore stands last."""
    light, dark = _variables(LIGHT, "light"), _variables(DARK, "dark")
    chosen = f":root[data-theme=dark]{{{dark}}}"
    system = f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}"
    everywhere = ":root,:root[data-theme],:root:not([data-theme=light])"
    paper = f"@media print{{{everywhere}{{{light}}}{PRINT}}}"
    return f":root{{{light}}}\n{chosen}\n{system}\n{RULES}\n{paper}\n"


STYLE = _style()


def page_head(name: str, policy: str, more: str = "") -> str:
    """All of a page before its body: the content security policy, and a title (escaped by the caller).

    Args:
        more: a style sheet beside ours, e.g. of the viewer.
    """
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{escape(policy, quote=True)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>AgentScope: {name}</title>
<style>{STYLE}{more}</style>
</head>
"""
