"""Pieces of the page: text and tables in which no string of the report can do anything."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from agentscope.reports.sanitising import plain_text


def escaped(value: Any) -> str:
    """One line of text, free of control characters and escaped."""
    return escape(plain_text(str(value)))


def html_table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table that scrolls sideways on a narrow screen; every cell is escaped here."""
    top = "".join(f"<th>{escaped(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{_block(item)}</td>" for item in row) + "</tr>" for row in rows)
    return f"<div class=wide><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def _block(value: Any) -> str:
    """A cell, escaped; lines are kept where there are several."""
    plain = str(value)
    return f"<pre>{escape(plain_text(plain, multiline=True))}</pre>" if "\n" in plain else escaped(plain)
