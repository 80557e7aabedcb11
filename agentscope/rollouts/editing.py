"""Edited state sets: one change of one feature of each state of an exam."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from agentscope.contracts import Edits, InspectableEnv
from agentscope.records import StateSet

CHUNK = 256  # states whose edits are listed at once: a Tetris board has over 200 edits


def edited_states(
    env: InspectableEnv, exam: StateSet, generator: np.random.Generator, *, legal_only: bool | None = None
) -> StateSet | None:
    """One edit of each exam state: a feature uniformly among those that can be edited, then a value uniformly.

    Args:
        legal_only: leave out edited states that the rules do not allow. None: where the environment knows of any
            legal edit at all (a plain Gymnasium environment does not).
    Returns: a set that may be shorter than the exam (a state without edits drops out); None where there are none.
    """
    editor: Any = env
    if getattr(editor, "edits", None) is None:
        return None
    if getattr(editor, "with_values_of", None) is not None:
        editor = editor.with_values_of(exam.states)
    draws = generator.random((len(exam), 2))
    parts: list[tuple[np.ndarray, ...]] = []
    names: tuple[str, ...] = ()
    for start in range(0, len(exam), CHUNK):
        edits: Edits = editor.edits(exam.states[start : start + CHUNK])
        names = edits.feature_names
        if legal_only is None and len(edits.legal):
            legal_only = bool(edits.legal.any())
        rows = one_edit_each(edits, draws[start : start + CHUNK], legal_only=bool(legal_only))
        parts.append((edits.states[rows], edits.parent[rows].astype(np.int64) + start, edits.feature[rows]))
    states, parent, feature = (np.concatenate(column) for column in zip(*parts, strict=True))
    if not len(states):
        return None
    return StateSet("edited", states, exam.episode[parent], exam.step[parent], feature.astype(np.int64), names)


def one_edit_each(
    edits: Edits, draws: Float[np.ndarray, "parents 2"], *, legal_only: bool
) -> Int64[np.ndarray, "chosen"]:
    """Rows of `edits`, one a parent: a feature by the first draw of the parent, a value of it by the second."""
    rows = np.flatnonzero(edits.legal) if legal_only else np.arange(len(edits.parent))
    if not len(rows):
        return rows
    rows = rows[np.lexsort((edits.value[rows], edits.feature[rows], edits.parent[rows]))]
    parent, feature = edits.parent[rows], edits.feature[rows]
    new_parent = np.r_[True, parent[1:] != parent[:-1]]
    group_start = np.flatnonzero(new_parent | np.r_[True, feature[1:] != feature[:-1]])
    group_size = np.diff(np.r_[group_start, len(rows)])
    group_parent = parent[group_start]
    first_group = np.flatnonzero(np.r_[True, group_parent[1:] != group_parent[:-1]])
    groups = np.diff(np.r_[first_group, len(group_start)])
    drawn = draws[group_parent[first_group]]
    group = first_group + (drawn[:, 0] * groups).astype(np.int64)
    return rows[group_start[group] + (drawn[:, 1] * group_size[group]).astype(np.int64)]
