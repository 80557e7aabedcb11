"""Pieces of the page: text, tables, folds and code in which no string of the report can do anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import urlencode

from pygments import highlight  # type: ignore[import-untyped]
from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
from pygments.lexers import PythonLexer  # type: ignore[import-untyped]

from agentscope.reports.figures import Row, cell, columns_of
from agentscope.reports.sanitising import plain_text


@dataclass(frozen=True)
class View:
    """Where a section is shown.

    Attributes:
        files: pictures that the report names, by name (`read_pictures`, `read_films`).
        live: in the page of `agentscope view`, which draws its own plots over the tables and follows links; the report
            draws charts and has neither server nor tabs.
        episodes: keys of the episodes that the report's own viewer holds.
        why: reasons beside those of the report, e.g. why it has no viewer.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    live: bool = False
    episodes: frozenset[str] = frozenset()
    why: Mapping[str, str] = field(default_factory=dict)


class Markup(str):
    """A piece of a page that is finished: every string in it was escaped where it was made."""


def escaped(value: Any) -> str:
    """One line of text, free of control characters and escaped."""
    return escape(plain_text(str(value)))


def html_table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table that scrolls sideways on a narrow screen; every cell is escaped here, except Markup."""
    top = "".join(f"<th>{escaped(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{_block(item)}</td>" for item in row) + "</tr>" for row in rows)
    # what scrolls must be reached by the keyboard too
    return f"<div class=wide tabindex=0><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def folded_records(title: str, rows: Sequence[Row]) -> str:
    """Records behind a fold, the keys of the first as the head."""
    if not rows:
        return ""
    keys = columns_of(rows)
    head = [key.replace("_", " ") for key in keys]
    table = html_table(head, [[_value(row.get(key)) for key in keys] for row in rows])
    return f"<details><summary>{escaped(title)} ({len(rows)})</summary>{table}</details>"


def chart(svg: str) -> str:
    """A chart that keeps its size on a phone and scrolls sideways there."""
    return f"<figure class=chart tabindex=0>{svg}</figure>"


def code_block(text: str) -> str:
    """A text of the pseudocode language, coloured."""
    return f"<pre class=code tabindex=0><code>{_coloured(plain_text(text, multiline=True))}</code></pre>"


def coloured_lines(text: str) -> list[str]:
    """Each line of a text of the pseudocode language as HTML of its own, for the page and the report."""
    return coloured(plain_text(text, multiline=True).rstrip("\n").split("\n"))


def coloured(lines: Sequence[str]) -> list[str]:
    """Plain lines as HTML, as many as before; no token reaches over the end of a line."""
    return _coloured("\n".join(lines)).split("\n")[: len(lines)]


def unit_mark(unit: str, view: View) -> Markup:
    """A unit by its name, e.g. hidden_1[4]; in the page a link to its card."""
    return _mark(unit, "unit", {"tab": "primitives", "unit": unit}, view)


def function_mark(name: str, point: str, view: View) -> Markup:
    """A function of a decompilation; in the page a link to its card."""
    return _mark(name, "function", {"tab": "program", "point": point, "function": name}, view)


def concept_mark(name: str, view: View) -> Markup:
    """A concept; in the page a link to its card."""
    return _mark(name, "concept", {"tab": "primitives", "concept": name}, view)


def episode_link(key: str, told: str, view: View) -> Markup:
    """A link to an episode in Watch; empty where the report does not hold it."""
    if not view.live and key not in view.episodes:
        return Markup("")
    query = urlencode({"tab": "watch", "episode": key})
    address = f"{'?' if view.live else '#'}{query}"
    return Markup(f'<a class=watch-link data-episode="{escaped(key)}" href="{escape(address)}">{escaped(told)}</a>')


def _mark(name: str, kind: str, query: Mapping[str, str], view: View) -> Markup:
    attribute = f'data-{kind}="{escaped(name)}"'
    if not view.live:
        return Markup(f"<span {attribute}>{escaped(name)}</span>")
    address = escape("?" + urlencode({key: plain_text(value) for key, value in query.items()}))
    return Markup(f'<a {attribute} href="{address}">{escaped(name)}</a>')


def _coloured(text: str) -> str:
    """The text with a span for each token."""
    return highlight(text, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True))


def _block(value: Any) -> str:
    """A cell, escaped; lines are kept where there are several."""
    if isinstance(value, Markup):
        return value
    plain = str(value)
    return f"<pre>{escape(plain_text(plain, multiline=True))}</pre>" if "\n" in plain else escaped(plain)


def _value(value: Any) -> str:
    """A value of a record in one line, but a drawn state as it is."""
    return value if isinstance(value, str) and "\n" in value else cell(value)
