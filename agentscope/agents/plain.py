"""Strings from a stranger's file, made fit to be shown: one line, printable, bounded."""

from __future__ import annotations


def plain_text(text: object, limit: int = 120) -> str:
    """The text without control, surrogate and other unprintable characters, cut at `limit` characters."""
    raw = str(text)[: 4 * limit]
    clean = "".join(character if character.isprintable() else " " for character in raw)
    return clean if len(clean) <= limit else clean[: limit - 3] + "..."
