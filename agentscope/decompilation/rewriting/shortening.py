"""Exact rewrites: an integer network with fewer numbers and the same scores.

Each rewrite has an argument that holds for all observations between the bounds; where observations are given, the
scores are run again after every step all the same. What holds on the given observations only (a unit that never changes
on them, two units that are never different) is applied only if `reachable` says that there are no others, and is listed
so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Shaped

from agentscope.decompilation.ranges import bounds
from agentscope.decompilation.rewriting import rewrites
from agentscope.decompilation.rewriting.rewrites import Rule, Seen
from agentscope.decompilation.running import run, scores
from agentscope.integers import IntegerNetwork

Proved = Literal["always", "observations"]
Kind = Literal["dead", "constant", "duplicate", "multiple", "clamp", "factor", "rows"]
_CHUNK = 4_096  # observations that are run at once


@dataclass(frozen=True)
class Step:
    """One rewrite.

    Attributes:
        kind: dead units, sources and stages (nobody reads them), constant units (folded into biases), duplicate and
            multiple ones (their readers' weights go to another), clamp (that never acts), factor (common to sums and
            scale), rows (of a table, never asked for).
        units: in the numbering of the network before the step.
        saved: numbers that are not zero, fewer.
        proved: for all observations between the bounds, or on the given ones only.
    """

    kind: Kind
    stage: str
    units: tuple[int, ...]
    saved: int
    proved: Proved = "always"


RULES: tuple[tuple[Kind, Rule, bool], ...] = (
    ("constant", rewrites.constant_units, False),
    ("dead", rewrites.dead_units, False),
    ("dead", rewrites.unread_source, False),
    ("dead", rewrites.unread_stage, False),
    ("duplicate", rewrites.duplicate_units, False),
    ("multiple", rewrites.multiple_units, False),
    ("factor", rewrites.common_factor, False),
    ("clamp", rewrites.idle_clamp, False),
    ("constant", rewrites.constant_units, True),
    ("duplicate", rewrites.duplicate_units, True),
    ("rows", rewrites.unasked_rows, True),
)


def shorten(
    network: IntegerNetwork, low: Shaped[np.ndarray, "..."], high: Shaped[np.ndarray, "..."], *,
    observations: Shaped[np.ndarray, "states ..."] | None = None, reachable: bool = False,
) -> tuple[IntegerNetwork, tuple[Step, ...]]:  # fmt: skip
    """A network with the same scores and fewer numbers, and the steps that led to it.

    Args:
        low, high: bounds of the observations (as of `ranges.bounds`).
        observations: on which the scores are compared after every step.
        reachable: these are all observations that there are: what holds on them may be used.
    Raises: AssertionError: a step changed a score, which is our mistake.
    """
    steps: list[Step] = []
    before = None if observations is None else _scores(network, observations)
    rules = [rule for rule in RULES if not rule[2] or (observations is not None and reachable)]
    measured: tuple[IntegerNetwork | None, dict[str, np.ndarray] | None] = (None, None)
    changed = True
    while changed:
        changed = False
        for kind, rule, from_states in rules:
            for name in [stage.name for stage in network.stages]:
                if all(stage.name != name for stage in network.stages):
                    continue  # an earlier rewrite of this round took it
                if from_states and observations is not None and measured[0] is not network:
                    measured = network, _values(network, observations)
                seen = Seen(bounds(network, low, high), measured[1] if from_states else None)
                found = rule(network, network.stage(name), seen)
                if found is None:
                    continue
                made, units = found
                assert before is None or np.array_equal(_scores(made, observations), before), f"{kind} of {name}"
                proved: Proved = "observations" if from_states else "always"
                steps.append(Step(kind, name, units, network.nonzero - made.nonzero, proved))
                network, changed = made, True
    return network, tuple(steps)


def _scores(network: IntegerNetwork, observations: np.ndarray | None) -> np.ndarray:
    assert observations is not None
    parts = [scores(network, observations[start : start + _CHUNK]) for start in range(0, len(observations), _CHUNK)]
    return np.concatenate(parts)


def _values(network: IntegerNetwork, observations: np.ndarray) -> dict[str, np.ndarray]:
    """What the stages put out whose units can be told apart by it; scores and rows of tables are left out."""
    wanted = [stage.name for stage in network.stages[:-1] if stage.weighs or stage.kind == "codes"]
    found: dict[str, list[np.ndarray]] = {name: [] for name in wanted}
    for start in range(0, len(observations), _CHUNK):
        chunk = run(network, observations[start : start + _CHUNK])
        for name in wanted:
            found[name].append(chunk[name])
    return {name: np.concatenate(parts) for name, parts in found.items()}
