"""The look of report.html: one style sheet, no fonts or pictures from elsewhere."""

from __future__ import annotations

from html import escape

STYLE = """
:root{--ink:#1d2330;--faint:#667085;--rule:#d5dae2;--bar:#3b6ea5;--good:#2e8b57;--warn:#c46a1b;--bad:#b3261e;
--paper:#fff;--panel:#f5f7fa;
--keyword:#8d3a9e;--literal:#1f6f54;--name:#2459a6}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--faint:#98a2b3;--rule:#343b49;--bar:#6ea3dc;
--good:#5cc28b;--warn:#e59a4f;--bad:#f2837a;
--paper:#14181f;--panel:#1c222c;--keyword:#d08be0;--literal:#7fd1ae;--name:#8fb8f2}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1000px;margin:0 auto;padding:16px}
h1{font-size:1.5rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--rule)}
.gist{padding-left:1.6rem}
.gist li:first-child{font-weight:600;color:var(--warn)}
.note,figcaption{color:var(--faint)}
figure{margin:12px 0}
figure img{display:block;max-width:100%;border-radius:6px}
.code{background:var(--panel);padding:12px;overflow-x:auto;border-radius:6px;font:13px/1.45 ui-monospace,monospace}
.code .k,.code .kn,.code .ow,.code .kc{color:var(--keyword)}
.code .mi,.code .mf,.code .mb{color:var(--literal)}
.code .nf,.code .nb{color:var(--name)}
.code .c1,.code .c{color:var(--faint)}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:3px 10px 3px 0;text-align:left;white-space:nowrap;border-bottom:1px solid var(--rule)}
td:last-child{white-space:normal}
th{color:var(--faint);font-weight:500}
details{margin:10px 0}
summary{cursor:pointer;color:var(--name)}
h3{font-size:1rem;margin:1.2rem 0 .3rem}
.branch{margin-left:1.1rem;border-left:1px solid var(--rule);padding-left:.6rem}
.branch p,.branch details{margin:3px 0;font-size:13px}
.opaque{color:var(--warn);font-weight:600}
.finding{border-left:4px solid var(--rule);padding:2px 0 2px 14px;margin:18px 0}
.finding.high{border-color:var(--bad)}.finding.medium{border-color:var(--warn)}.finding.low{border-color:var(--bar)}
.severity{font-weight:600}.high .severity{color:var(--bad)}.medium .severity{color:var(--warn)}
.finding h3{overflow-wrap:anywhere}
a{color:var(--name)}
button{margin:16px 0;padding:8px 14px;font:inherit;color:var(--ink);background:var(--panel);
border:1px solid var(--rule);border-radius:6px;cursor:pointer}
"""


def page_head(name: str, policy: str) -> str:
    """All of a page before its body: the content security policy, and a title (escaped by the caller)."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{escape(policy, quote=True)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>AgentScope: {name}</title>
<style>{STYLE}</style>
</head>
"""
