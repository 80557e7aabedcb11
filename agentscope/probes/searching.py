"""The legal state that drives it most: hill climbing over one-feature edits, never an unconstrained gradient image.

A gradient image is no state of the world and showed nothing on CoinRun (Hilton et al. 2020, Understanding RL Vision).
One state a climb, not a beam: on grids and boards a beam spends the same budget on fewer steps and ends lower.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Int

from agentscope.contracts import Edits, InspectableEnv, States


@dataclass(frozen=True)
class Found:
    """The state that the search ended at.

    Attributes:
        state: a batch of one.
        reading: its drive; position: where in the layer.
        start, start_state: the visited state that the search came from, as an index and a batch of one; start_reading:
            its drive.
        edits: (feature, value) of each change from there, in order.
        visited_best: the highest drive of any visited state.
        starts, at_maximum: how many states were started from, and how many of these climbs ended at a local maximum;
            the rest ended at the budget.
        evaluated: edited states that were read.
        stopped: why the climb to this state ended.
        legality: unknown where the environment's edits know no rules (a plain Gymnasium environment).
    """

    state: States
    reading: float
    position: int
    start: int
    start_state: States
    start_reading: float
    edits: tuple[tuple[str, int], ...]
    visited_best: float
    starts: int
    at_maximum: int
    evaluated: int
    stopped: Literal["local maximum", "budget"]
    legality: Literal["legal", "unknown"]

    @property
    def above_visited(self) -> bool:
        """Whether it drives the unit more than any visited state does."""
        return self.reading > self.visited_best + 1e-9 * max(1.0, abs(self.visited_best))


@dataclass
class _Climb:
    """One climb: where it is by now, and what led there."""

    start: int
    state: States
    reading: float
    position: int
    edits: tuple[tuple[str, int], ...] = ()
    stopped: Literal["local maximum", "budget"] | None = None


@dataclass(frozen=True)
class Search:
    """What is searched, and from where.

    Attributes:
        read: observations -> drive at each position.
        states: visited states; readings: their drive; position: where in the layer.
        starts: indices of the states to climb from.
        budget: edited states that may be read; a round that would go beyond it is not begun.
    """

    env: InspectableEnv
    read: Callable[[np.ndarray], np.ndarray]
    states: States
    readings: Float64[np.ndarray, "states"]
    position: Int[np.ndarray, "states"]
    starts: tuple[int, ...]
    budget: int


def climb(search: Search) -> Found | None:
    """Change one feature at a time, each time to the legal state that drives it most, all climbs in one batch.

    A climb ends where no legal edit of its state is above it.

    Returns: the best of all climbs, ties to the earlier start; None where the environment offers no edits.
    """
    editor: Any = search.env
    if getattr(editor, "edits", None) is None or not search.starts:
        return None
    plain = getattr(editor, "with_values_of", None) is not None
    if plain:
        editor = editor.with_values_of(search.states)
    climbs = [
        _Climb(start, search.states[[start]], float(search.readings[start]), int(search.position[start]))
        for start in search.starts
    ]
    evaluated = 0
    while going := [each for each in climbs if each.stopped is None]:
        edits: Edits = editor.edits(np.concatenate([each.state for each in going]))
        rows = np.arange(len(edits.parent)) if plain else np.flatnonzero(edits.legal)
        if evaluated + len(rows) > search.budget:
            for each in going:
                each.stopped = "budget"
            break
        evaluated += len(rows)
        readings = search.read(search.env.observe(edits.states[rows])) if len(rows) else np.empty((0, 1))
        for i, each in enumerate(going):
            mine = np.flatnonzero(edits.parent[rows] == i)
            _step(each, edits, rows[mine], readings[mine])
    return _outcome(search, climbs, evaluated, "unknown" if plain else "legal")


def _step(climb: _Climb, edits: Edits, rows: Int[np.ndarray, "edits"], readings: np.ndarray) -> None:
    """Move to the best of these edits, ties to the earlier one, or stop where none is better."""
    best = int(readings.max(axis=1).argmax()) if len(rows) else -1
    if best < 0 or readings[best].max() <= climb.reading:
        climb.stopped = "local maximum"
        return
    row = rows[best]
    climb.state, climb.reading = edits.states[[row]], float(readings[best].max())
    climb.position = int(readings[best].argmax())
    climb.edits = (*climb.edits, (edits.feature_names[int(edits.feature[row])], int(edits.value[row])))


def _outcome(search: Search, climbs: list[_Climb], evaluated: int, legality: Literal["legal", "unknown"]) -> Found:
    top = max(climbs, key=lambda each: each.reading)
    assert top.stopped is not None
    at_maximum = sum(each.stopped == "local maximum" for each in climbs)
    return Found(
        top.state, top.reading, top.position, top.start, search.states[[top.start]],
        float(search.readings[top.start]), top.edits, float(search.readings.max()), len(climbs), at_maximum,
        evaluated, top.stopped, legality,
    )  # fmt: skip
