"""One-feature changes: edited state sets for exams, and pools of pairs (a state, its edit) for interventions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Int64

from agentscope.contracts import Edits, InspectableEnv, States
from agentscope.records import StateSet
from agentscope.rollouts.sampling import enumerated_states

CHUNK = 256  # states whose edits are listed at once: a Tetris board has over 200 edits
EACH_FAMILY = 24  # edits of one family of features, e.g. of all cells, that a state keeps in a pool


@dataclass(frozen=True)
class EditPool:
    """Pairs of a state and one of its legal one-feature edits.

    Attributes:
        bases: states that a policy visited; episode: of each base (a level where levels recur).
        edited: the changed states; parent: index of the base that each came from.
        feature: index into `feature_names` of what was changed.
    """

    bases: States
    episode: Int[np.ndarray, "bases"]
    edited: States
    parent: Int[np.ndarray, "edits"]
    feature: Int[np.ndarray, "edits"]
    feature_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.edited)


def edited_states(
    env: InspectableEnv, exam: StateSet, generator: np.random.Generator, *, legal_only: bool | None = None
) -> StateSet | None:
    """One edit of each exam state: a feature uniformly among those that can be edited, then a value uniformly.

    Args:
        legal_only: leave out edited states that the rules do not allow. None: where the environment knows of any
            legal edit at all (a plain Gymnasium environment does not).
    Returns: a set that may be shorter than the exam (a state without edits drops out); None where there are none.
    """
    editor = _editor(env, exam.states)
    if editor is None:
        return None
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


def _editor(env: InspectableEnv, states: States) -> Any:
    """What lists edits of these states: a plain environment swaps in values that occur among them."""
    editor: Any = env
    if getattr(editor, "edits", None) is None:
        return None
    return editor.with_values_of(states) if getattr(editor, "with_values_of", None) is not None else editor


def states_to_edit(
    env: InspectableEnv, visited: StateSet, generator: np.random.Generator, *, most: int = 3_000
) -> StateSet:
    """States for a pool of edits: visited ones, and as many of all that can be reached where they can be listed.

    What a policy visits may never tell two concepts apart (a door that it never closes again). A state that was drawn
    from the list is an episode of its own, with a negative number: it hangs together with no other.
    """
    listed = enumerated_states(env)
    count = min(len(visited), most if listed is None else most // 2)
    rows = np.sort(generator.permutation(len(visited))[:count])
    states, episode, step = visited.states[rows], visited.episode[rows], visited.step[rows]
    if listed is not None:
        drawn = np.sort(generator.permutation(len(listed))[: most // 2])
        states = np.concatenate([states, listed.states[drawn]])
        episode = np.concatenate([episode, -1 - np.arange(len(drawn))])
        step = np.concatenate([step, np.zeros(len(drawn), dtype=step.dtype)])
    return StateSet("to_edit", states, episode, step)


def edit_pool(
    env: InspectableEnv, visited: StateSet, generator: np.random.Generator, *, most: int = 40_000
) -> EditPool | None:
    """Legal edits of an even sample of visited states, every family of features alike.

    A board has two hundred cells and one piece: each state keeps at most EACH_FAMILY edits of each family (features
    whose names differ in numbers only), drawn uniformly.

    Returns: a pool of at most about `most` edits; None where the environment offers no edits, or none of these states
        has one.
    """
    editor = _editor(env, visited.states)
    if editor is None or not len(visited):
        return None
    order = generator.permutation(len(visited))
    parts: list[tuple[np.ndarray, ...]] = []
    rows: list[np.ndarray] = []
    names: tuple[str, ...] = ()
    total = 0
    for start in range(0, len(order), CHUNK // 4):
        chosen = np.sort(order[start : start + CHUNK // 4])
        edits: Edits = editor.edits(visited.states[chosen])
        names = edits.feature_names
        kept = _of_each_family(edits, generator)
        parts.append((edits.states[kept], edits.parent[kept].astype(np.int64) + start, edits.feature[kept]))
        rows.append(chosen)
        total += len(kept)
        if total >= most:
            break
    if not total:
        return None
    bases = np.concatenate(rows)
    edited, parent, feature = (np.concatenate(column) for column in zip(*parts, strict=True))
    return EditPool(
        visited.states[bases], visited.episode[bases], edited, parent, feature.astype(np.int64), tuple(names)
    )


def _of_each_family(edits: Edits, generator: np.random.Generator) -> Int64[np.ndarray, "chosen"]:
    """Rows of `edits`: legal ones (all, where none is known to be), at most EACH_FAMILY of a family a parent."""
    rows = np.flatnonzero(edits.legal) if edits.legal.any() else np.arange(len(edits.parent))
    names, family = np.unique([re.sub(r"\d+", "#", name) for name in edits.feature_names], return_inverse=True)
    group = edits.parent[rows].astype(np.int64) * len(names) + family[edits.feature[rows]]
    rows = rows[np.lexsort((generator.random(len(rows)), group))]
    group = np.sort(group)
    place = np.arange(len(rows)) - np.searchsorted(group, group)
    return np.sort(rows[place < EACH_FAMILY])
