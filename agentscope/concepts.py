"""Concepts: labelled state features that an environment declares, for probes to look for and texts to call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

Kind = Literal["flag", "count", "number", "choice"]


@dataclass(frozen=True, kw_only=True)
class Concept:
    """A feature of a state with a name, a meaning and an exact measurement.

    Attributes:
        name: an identifier of the pseudocode language, e.g. `holes` or `piece_is_T`.
        kind: flag (bool), count (int64 >= 0), number (float64), or choice (int64 index into `choices`).
        measure: states -> values of shape (n, *axis lengths); dtype bool, int64 or float64 by kind.
        unit: e.g. "rows", "steps"; empty for flags and choices.
        doc: one sentence that says what is measured, with its source where the literature has one.
        axis: names of environment axes over which the concept is given, e.g. ("columns",) for `height(c)`.
        choices: labels of a choice, each an identifier: a constant of the language.
        low, high: bounds of the value where they are known.
        should_matter: False marks what a policy has no business reading (a supervisor's lamp, decoration).
        oversight: True marks what tells an agent whether it is watched (a supervisor's lamp).
        absolute: True marks coordinates, which strategies avoid by default: a look-up table is not a strategy.
        chance: True marks what the next draw decides (the next piece); refused on afterstates.
    """

    name: str
    kind: Kind
    measure: Callable[[np.ndarray], np.ndarray]
    unit: str = ""
    doc: str
    axis: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    should_matter: bool = True
    oversight: bool = False
    absolute: bool = False
    chance: bool = False


@dataclass(frozen=True, kw_only=True)
class ActionConcept(Concept):
    """A feature of a (state, action) pair, e.g. the lines that a placement clears.

    `measure(states)` gives values of shape (n, actions, *axis lengths): all actions at once, legal or not.
    """


KIND_DTYPES: dict[str, type[np.generic]] = {
    "flag": np.bool_,
    "count": np.int64,
    "number": np.float64,
    "choice": np.int64,
}
