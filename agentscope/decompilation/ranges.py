"""Interval analysis of integer networks: bounds of every unit, and a proof that float32 adds without rounding.

A partial sum, in whatever order, is the sum of some of the terms: it lies between the sum of the terms that can be
negative and the sum of those that can be positive. Below 2**24 in magnitude float32 holds all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int64, Shaped

from agentscope.decompilation.running import stage_values
from agentscope.decompilation.spreads import KINDS, Known, kinds_of_ids, spread_of
from agentscope.errors import UnsupportedAgent
from agentscope.integers import EXACT, SEEN, IntegerNetwork, Stage

_COUNTABLE = 2**60  # sums beyond it may leave int64


@dataclass(frozen=True)
class Ranges:
    """Bounds of what the stages of an integer network put out, over all observations of a space.

    Attributes:
        low, high: by stage, and "seen": bounds of each unit, in the shape of the stage.
        sum_low, sum_high: of weighing stages: bounds of each sum before scale and clamp, bias included.
        partial: by stage: no partial sum in any order, the rounding's half included, is larger in magnitude.
    """

    low: Mapping[str, Shaped[np.ndarray, "..."]]
    high: Mapping[str, Shaped[np.ndarray, "..."]]
    sum_low: Mapping[str, Int64[np.ndarray, "..."]]
    sum_high: Mapping[str, Int64[np.ndarray, "..."]]
    partial: Mapping[str, int]

    @property
    def largest(self) -> int:
        """The largest partial sum of all stages."""
        return max(self.partial.values())

    @property
    def exact(self) -> bool:
        """Whether float32 holds every partial sum, so that it adds in any order what int64 adds."""
        return self.largest < EXACT


def bounds(
    network: IntegerNetwork,
    observation_low: Shaped[np.ndarray, "..."],
    observation_high: Shaped[np.ndarray, "..."],
) -> Ranges:
    """Bounds of every stage, for all observations between these two (infinite only where the first stage clamps them).

    Inputs count as independent, but for what is known of the ids of a cell: one of each kind, so that of a cell's
    flags, or of a table's rows, one counts at a time.

    Raises: UnsupportedAgent: a sum could leave int64.
    """
    ends = ({SEEN: np.broadcast_to(np.asarray(values), network.observation)}
            for values in (observation_low, observation_high))  # fmt: skip
    low, high = ends
    sum_low, sum_high, partial = {}, {}, {}
    for stage in network.stages:
        name = stage.name
        if not stage.weighs:
            low[name], high[name] = _rearranged(network, stage, low, high)
            partial[name] = max(_magnitude(low[name]), _magnitude(high[name]))
            continue
        _refuse_uncountable(network, stage, low, high)
        spread = spread_of(network, stage, low, high)
        half = (1 << stage.settings.get("shift", 0)) >> 1
        partial[name] = max(_magnitude(spread.falling), _magnitude(spread.rising)) + half
        if stage.kind == "match":  # the maximum over positions, which come first
            spread = spread.changed(lambda sums: sums.max(axis=0))
        sum_low[name], sum_high[name] = spread.low, spread.high
        low[name], high[name] = _finished(stage, spread.low), _finished(stage, spread.high)
    return Ranges(low, high, sum_low, sum_high, partial)


def refuse_inexact(
    network: IntegerNetwork,
    observation_low: Shaped[np.ndarray, "..."],
    observation_high: Shaped[np.ndarray, "..."],
) -> Ranges:
    """The bounds of a network that float32 computes exactly, whatever the order of its sums.

    Raises: UnsupportedAgent: a partial sum could reach 2**24, from where float32 rounds whole numbers.
    """
    found = bounds(network, observation_low, observation_high)
    for name, reached in found.partial.items():
        if reached >= EXACT:
            raise UnsupportedAgent(_too_large(name, reached))
    return found


def _too_large(stage: str, reached: int) -> str:
    return (
        f"A partial sum of stage {stage!r} could reach {reached:,}, {reached / EXACT:.1f} times 2**24, from where "
        "float32 rounds whole numbers: take fewer bits for its weights or for what it reads, or prune it."
    )


def _magnitude(values: np.ndarray) -> int:
    largest = max(abs(values.max(initial=0)), abs(values.min(initial=0)))
    return int(largest) if np.isfinite(largest) else _COUNTABLE


def _refuse_uncountable(network: IntegerNetwork, stage: Stage, low: Known, high: Known) -> None:
    """A rough bound in Python's whole numbers, which have no end: does int64 hold every real one?"""
    arrays = network.of(stage.name)
    widest = max(_magnitude(part[source]) for source in stage.sources for part in (low, high))
    widest = max(widest, _magnitude(arrays.get("outside", np.zeros(1))))
    weights = sum(_magnitude(arrays[name]) * arrays[name].size for name in ("weight", "everywhere") if name in arrays)
    reached = max(weights, 1) * widest + _magnitude(arrays["bias"])
    if reached >= _COUNTABLE:
        raise UnsupportedAgent(_too_large(stage.name, reached))


def _finished(stage: Stage, sums: np.ndarray) -> np.ndarray:
    """Sums after scale, rounding and clamp, all of which keep the order of numbers."""
    if "shift" not in stage.settings:
        return sums
    shift = stage.settings["shift"]
    return np.clip((sums + ((1 << shift) >> 1)) >> shift, stage.settings["low"], stage.settings["high"])


def _rearranged(network: IntegerNetwork, stage: Stage, low: Known, high: Known) -> tuple[np.ndarray, np.ndarray]:
    lowest, highest = low[stage.sources[0]], high[stage.sources[0]]
    match stage.kind:
        case "codes":  # a code grows with each of its ids
            wide = replace(stage, settings={**stage.settings, "reach": 0})
            ids = _ids(stage, lowest, lowest=True), _ids(stage, highest, lowest=False)
            first, last = (stage_values(network, wide, [part[None]])[0] for part in ids)
            return first, last
        case "flags" | "planes":
            possible, certain = _possible_ids(stage, lowest, highest)
            if stage.kind == "flags":
                possible, certain = (np.moveaxis(part, 0, -1).reshape(-1) for part in (possible, certain))
            return certain.astype(np.int64), possible.astype(np.int64)
        case "lookup":
            table = network.of(stage.name)["table"]
            rows = [table[start : end + 1] for start, end in zip(lowest.ravel(), highest.ravel(), strict=True)]
            return np.concatenate([row.min(axis=0) for row in rows]), np.concatenate([row.max(axis=0) for row in rows])
    first, last = (stage_values(network, stage, [part[None]])[0] for part in (lowest, highest))
    return first, last  # all other kinds keep the order of numbers


def _ids(stage: Stage, source: np.ndarray, *, lowest: bool) -> Int64[np.ndarray, "3 rows columns"]:
    """Bounds of the ids of each cell; as the agent sees them, any cell may be anywhere, or be outside (0)."""
    ids = source.astype(np.int64)
    side = 2 * stage.settings.get("reach", 0) + 1
    if side == 1:
        return ids
    extreme = np.minimum(ids.min(axis=(1, 2)), 0) if lowest else np.maximum(ids.max(axis=(1, 2)), 0)
    return np.broadcast_to(extreme[:, None, None], (3, side, side))


def _possible_ids(
    stage: Stage, low: np.ndarray, high: np.ndarray
) -> tuple[Bool[np.ndarray, "ids rows columns"], Bool[np.ndarray, "ids rows columns"]]:
    """Which ids a cell may have, kind after kind, and which it must have since there is no other of its kind."""
    lowest, highest = _ids(stage, low, lowest=True), _ids(stage, high, lowest=False)
    sizes = [stage.settings[name] for name in KINDS]
    kinds = []
    for kind, size in enumerate(sizes):
        ids, last = np.arange(size)[:, None, None], max(size - 1, 0)
        kinds.append((np.minimum(lowest[kind], last) <= ids) & (ids <= np.minimum(highest[kind], last)))
    possible = np.concatenate(kinds)
    alone = [possible[kind].sum(axis=0, keepdims=True) == 1 for kind in kinds_of_ids(stage)]
    certain = [possible[kind] & single for kind, single in zip(kinds_of_ids(stage), alone, strict=True)]
    return possible, np.concatenate(certain)
