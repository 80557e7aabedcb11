"""The colours of pages, charts and plots, light and dark: one list, so that all of them change together.

Text keeps a contrast of at least 4.5 on paper and on panels (WCAG 2.2, 1.4.3), marks one of 3 (1.4.11). Blue stands
against orange, never red against green, and whatever has a colour has a word or a shape too.
"""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "ink": "#1d2330",
    "faint": "#5b6475",
    "rule": "#d5dae2",
    "bar": "#3b6ea5",
    "good": "#1f7a48",
    "warn": "#a3520b",
    "bad": "#b3261e",
    "opaque": "#7a3db8",
    "paper": "#ffffff",
    "panel": "#f5f7fa",
    "keyword": "#8d3a9e",
    "literal": "#1f6f54",
    "name": "#2459a6",
}
DARK: Mapping[str, str] = {
    "ink": "#e6e9ef",
    "faint": "#a3adbd",
    "rule": "#343b49",
    "bar": "#6ea3dc",
    "good": "#5cc28b",
    "warn": "#e59a4f",
    "bad": "#f2837a",
    "opaque": "#c9a0f5",
    "paper": "#14181f",
    "panel": "#1c222c",
    "keyword": "#d08be0",
    "literal": "#7fd1ae",
    "name": "#8fb8f2",
}


def theme(*, dark: bool) -> Mapping[str, str]:
    """Colour of each role, as #rrggbb."""
    return DARK if dark else LIGHT
