"""The viewer that page and report share: its script as one closure, its style as one sheet, read from `page/`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

from agentscope.drawing.theme import DARK, LIGHT

# In the order in which they need each other: classes and constants are not there before their line
SCRIPTS = (
    "making.js", "sources.js", "theme.js", "links.js", "board.js", "scores.js", "values.js", "levels.js",
    "timeline.js", "bookmarks.js", "why.js", "saving.js", "keys.js", "head.js", "watch.js", "editing.js", "mounting.js",
)  # fmt: skip
STYLES = ("viewer.css",)


@cache
def viewer_script() -> str:
    """The viewer as one script: strict, in a closure of its own, whose only trace is `window.AgentScope`.

    It has no `</script` and no `<!--`, so that it may stand inside a script element.
    """
    parts = "\n".join(f"// {name}\n{_read(name)}" for name in SCRIPTS)
    return f'(function () {{\n"use strict";\n{parts}}})();\n'


@cache
def viewer_style() -> str:
    """The viewer's style sheet; the colours in it give way to those of any page that names its own."""
    light, dark = _variables(LIGHT), _variables(DARK)
    fallback = (
        f":where(:root){{{light}}}\n:where(:root[data-theme=dark]){{{dark}}}\n"
        f"@media (prefers-color-scheme:dark){{:where(:root:not([data-theme=light])){{{dark}}}}}\n"
    )
    return fallback + "".join(_read(name) for name in STYLES)


def _variables(colours: Mapping[str, str]) -> str:
    return "".join(f"--{role}:{colour};" for role, colour in colours.items())


def _read(name: str) -> str:
    return (resources.files("agentscope.drawing") / "page" / name).read_text(encoding="utf-8")
