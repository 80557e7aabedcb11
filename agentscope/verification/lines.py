"""The line of a text that most often decides wrongly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Int


def worst_line(
    lines: Int[np.ndarray, "states"], wrong: Bool[np.ndarray, "states"], *, text: str | None = None
) -> Mapping[str, Any] | None:
    """The line with the most disagreements (the first among equals).

    Args:
        lines: the line that decided each state, counted from 1.
        wrong: where text and network choose actions that are not equivalent.
        text: the whole text, to quote the line from.
    Returns: line, states (that it decides), disagreements, and its `text` where one is given; None if none is wrong.
    """
    if not wrong.any():
        return None
    counts = np.bincount(lines[wrong])
    line = int(counts.argmax())
    found: dict[str, Any] = {
        "line": line, "states": int((lines == line).sum()), "disagreements": int(counts[line]),
    }  # fmt: skip
    rows = text.splitlines() if text is not None else []
    if 0 < line <= len(rows):
        found["text"] = rows[line - 1].strip()
    return found
