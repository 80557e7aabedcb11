"""Each value of a concept with axes by itself, beside every control: where on the board a readout holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from agentscope.probes.fitting import Outcome, Plan
from agentscope.probes.scoring import truth, value_accuracies, value_scores

Values = Float[np.ndarray, "values"]


def value_rows(
    real: Outcome, task: Outcome, controls: Mapping[str, Sequence[Values]], plan: Plan
) -> tuple[Mapping[str, Any], ...]:
    """One row a value: its scores on held-out states, None where it has none, and in how many of them a flag is true.

    Args:
        controls: by name the scores of each value in each control of that name; the best of them stands in the row.
    Returns: rows of `at` (index on each of the target's axes; actions by their own number) and figures.
    """
    target = real.target
    accuracies = value_accuracies(real, plan)
    columns = {"score": value_scores(real, plan)}
    if accuracies is not None:
        columns["balanced_accuracy"] = accuracies
    columns |= {name: np.fmax.reduce(list(found)) for name, found in controls.items() if found}
    columns["task"] = value_scores(task, plan)
    true = truth(target, np.flatnonzero(plan.split.scored), ()).sum(axis=0) if target.concept.kind == "flag" else None
    rows = []
    for value, at in enumerate(np.ndindex(target.shape)):
        place = at if target.actions is None else (target.actions[at[0]], *at[1:])
        cases = {} if true is None else {"true": int(true[value])}
        rows.append({"at": place, **cases, **{name: _known(column[value]) for name, column in columns.items()}})
    return tuple(rows)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
