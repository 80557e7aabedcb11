"""The rewrites of `shortening`, one function each.

Each gives the network after one rewrite of one stage, and the units that it took; None where it does not apply.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64

from agentscope.decompilation.ranges import Ranges
from agentscope.decompilation.rewriting.rewiring import (
    COUNTED,
    is_plainly_read,
    readings_of,
    reweighed,
    without,
    without_source,
    without_stages,
)  # fmt: skip
from agentscope.integers import IntegerNetwork, Stage


@dataclass(frozen=True)
class Seen:
    """What is known of the values of a network's stages."""

    ranges: Ranges
    values: Mapping[str, Int64[np.ndarray, "states ..."]] | None = None


Rewrite = tuple[IntegerNetwork, tuple[int, ...]]
Rule = Callable[[IntegerNetwork, Stage, Seen], Rewrite | None]


def unread_stage(network: IntegerNetwork, stage: Stage, seen: Seen) -> Rewrite | None:
    if stage is network.stages[-1] or any(stage.name in reader.sources for reader in network.stages):
        return None
    return without_stages(network, [stage.name]), ()


def unread_source(network: IntegerNetwork, stage: Stage, seen: Seen) -> Rewrite | None:
    """A source whose every unit is weighed with zero; a stage keeps one source, and `slide` one with columns."""
    if stage.kind not in ("dense", "slide") or len(set(stage.sources)) < len(stage.sources):
        return None
    readings = [reading for source in stage.sources for reading in readings_of(network, source)
                if reading.reader is stage]  # fmt: skip
    for reading in readings:
        alike = [other for other in readings if stage.kind == "dense" or other.middle is not None]
        if not reading.weights.any() and (len(alike) > 1 or reading not in alike):
            return without_source(network, reading), ()
    return None


def dead_units(network: IntegerNetwork, stage: Stage, seen: Seen) -> Rewrite | None:
    """Units that every reader weighs with zero."""
    if not _has_units(network, stage):
        return None
    read = np.zeros(stage.settings[COUNTED[stage.kind]], bool)
    for reading in readings_of(network, stage.name):
        read |= reading.weights.any(axis=(0, 2))
    return _dropped(network, stage, np.flatnonzero(~read))


def _has_units(network: IntegerNetwork, stage: Stage) -> bool:
    last = stage is network.stages[-1]
    return not last and stage.kind in COUNTED and is_plainly_read(network, stage.name)


def _is_measured(stage: Stage, seen: Seen) -> bool:
    """Whether the observations say something of a stage, if they are what is asked."""
    return seen.values is None or stage.name in seen.values


def _dropped(network: IntegerNetwork, stage: Stage, units: Sequence[int] | np.ndarray) -> Rewrite | None:
    """Take units out; a stage keeps one, since none could have none."""
    total = stage.settings[COUNTED[stage.kind]]
    gone = tuple(int(unit) for unit in units)[: total - 1]
    return (without(network, stage.name, gone), gone) if gone else None


def constant_units(network: IntegerNetwork, stage: Stage, seen: Seen) -> Rewrite | None:
    """Units that never change: their readers' biases take them over."""
    if not _has_units(network, stage) or not _is_measured(stage, seen):
        return None
    parts = (seen.ranges.low[stage.name][None], seen.ranges.high[stage.name][None])
    low, high = (_by_unit(stage, part if seen.values is None else seen.values[stage.name]) for part in parts)
    lowest, highest = low.min(axis=1), high.max(axis=1)
    fixed = np.flatnonzero(lowest == highest)
    folded = [unit for unit in fixed if _weighed(network, stage, int(unit))]
    done = []
    for unit in folded:
        network, moved = _folded(network, stage.name, int(unit), int(lowest[unit]))
        done.extend([int(unit)] if moved else [])
    return (network, tuple(done)) if done else None


def _weighed(network: IntegerNetwork, stage: Stage, unit: int) -> bool:
    return any(reading.weights[:, unit].any() for reading in readings_of(network, stage.name))


def _by_unit(stage: Stage, values: np.ndarray) -> np.ndarray:
    """Values of any number of states, the states first, as (units, states and places)."""
    if stage.kind == "lookup":
        return values.reshape(-1, stage.settings["channels"]).T
    units = stage.settings[COUNTED[stage.kind]]
    return np.moveaxis(values.reshape(len(values), units, -1), 1, 0).reshape(units, -1)


def _folded(network: IntegerNetwork, name: str, unit: int, value: int) -> tuple[IntegerNetwork, bool]:
    """A constant unit's share in its readers' biases, and zero weights for it; unless it is another beyond walls."""
    readings = list(readings_of(network, name))
    for reading in readings:
        if reading.looks_out[unit] and (reading.outside is None or reading.outside[unit] != value):
            return network, False
    for reading in readings:
        weights = reading.weights.copy()
        bias = network.arrays[f"{reading.reader.name}.bias"] + value * weights[:, unit].sum(axis=1)
        weights[:, unit] = 0
        network = reweighed(network, reading, weights, bias)
    return network, True


def duplicate_units(network: IntegerNetwork, stage: Stage, seen: Seen) -> Rewrite | None:
    """Units with the same weights and bias, or with the same value on all observations."""
    if not _has_units(network, stage) or not _is_measured(stage, seen):
        return None
    rows = network.of(stage.name)["table"].T if stage.kind == "lookup" else _rows(network, stage)
    rows = np.ascontiguousarray(rows)
    if seen.values is not None:
        rows = np.ascontiguousarray(_by_unit(stage, seen.values[stage.name]))
    first: dict[bytes, int] = {}
    pairs = []
    for unit, row in enumerate(rows):
        kept = first.setdefault(row.tobytes(), unit)
        if kept != unit and _may_move(network, stage.name, unit, kept, 1):
            pairs.append((unit, kept, 1))
    return _moved(network, stage, pairs)


def _rows(network: IntegerNetwork, stage: Stage) -> np.ndarray:
    """Weights and bias, a row a unit."""
    arrays = network.of(stage.name)
    parts = [
        arrays[name].reshape(len(arrays["bias"]), -1) for name in ("weight", "everywhere", "bias") if name in arrays
    ]
    return np.concatenate(parts, axis=1)


def multiple_units(network: IntegerNetwork, stage: Stage, seen: Seen) -> Rewrite | None:
    """Units that are a whole multiple of another: no rounding between them, and no clamp but the one at 0."""
    if not _has_units(network, stage) or not stage.weighs or stage.kind == "match" or stage.settings.get("shift"):
        return None
    rows, pairs = _rows(network, stage), []
    loose = _unclamped(network, stage, seen)
    sizes = [int(np.gcd.reduce(np.abs(row))) for row in rows]
    first: dict[bytes, int] = {}
    for unit in sorted(range(len(rows)), key=lambda unit: sizes[unit]):
        if sizes[unit] == 0 or not loose[unit]:
            continue
        kept = first.setdefault((rows[unit] // sizes[unit]).tobytes(), unit)
        factor = sizes[unit] // sizes[kept]
        if (
            kept != unit
            and factor > 1
            and sizes[unit] % sizes[kept] == 0
            and _may_move(network, stage.name, unit, kept, factor)
        ):
            pairs.append((unit, kept, factor))
    return _moved(network, stage, pairs)


def _unclamped(network: IntegerNetwork, stage: Stage, seen: Seen) -> np.ndarray:
    """Which units no clamp ever touches, but one at 0, which keeps multiples multiples."""
    units = stage.settings[COUNTED[stage.kind]]
    if "low" not in stage.settings:
        return np.ones(units, bool)
    low = seen.ranges.sum_low[stage.name].reshape(units, -1).min(axis=1)
    high = seen.ranges.sum_high[stage.name].reshape(units, -1).max(axis=1)
    return np.asarray(
        ((low >= stage.settings["low"]) | (stage.settings["low"] == 0)) & (high <= stage.settings["high"])
    )


def _may_move(network: IntegerNetwork, name: str, unit: int, kept: int, factor: int) -> bool:
    """Whether one unit is the other's multiple beyond the walls too, wherever somebody looks there."""
    for reading in readings_of(network, name):
        asked = reading.outside is not None and reading.looks_out[unit]
        if asked and reading.outside[unit] != factor * reading.outside[kept]:  # type: ignore[index]
            return False
    return True


def _moved(network: IntegerNetwork, stage: Stage, pairs: Sequence[tuple[int, int, int]]) -> Rewrite | None:
    """Units whose readers turn to another, of which they are a multiple."""
    if not pairs:
        return None
    for unit, kept, factor in pairs:
        for reading in readings_of(network, stage.name):
            weights = reading.weights.copy()
            weights[:, kept] += factor * weights[:, unit]
            weights[:, unit] = 0
            network = reweighed(network, reading, weights, network.arrays[f"{reading.reader.name}.bias"])
    gone = tuple(unit for unit, _, _ in pairs)
    return without(network, stage.name, gone), gone


def idle_clamp(network: IntegerNetwork, stage: Stage, seen: Seen) -> Rewrite | None:
    """Scale and clamp of a stage that never change anything."""
    if not stage.weighs or stage.settings.get("shift", 1) != 0:
        return None
    low, high = seen.ranges.sum_low[stage.name], seen.ranges.sum_high[stage.name]
    if low.min() < stage.settings["low"] or high.max() > stage.settings["high"]:
        return None
    left = {name: value for name, value in stage.settings.items() if name not in ("shift", "low", "high")}
    return _restaged(network, replace(stage, settings=left)), ()


def common_factor(network: IntegerNetwork, stage: Stage, seen: Seen) -> Rewrite | None:
    """A power of two in all weights of a stage and in its scale: floor(floor(x / a) / b) = floor(x / (a b))."""
    if not stage.weighs or not stage.settings.get("shift"):
        return None
    arrays, shift = network.of(stage.name), stage.settings["shift"]
    names = [name for name in ("weight", "everywhere") if name in arrays]
    common = np.gcd.reduce(np.concatenate([np.abs(arrays[name]).ravel() for name in names]))
    twos = min(shift, (int(common) & -int(common)).bit_length() - 1) if common else 0
    if twos <= 0:
        return None
    half, later = (1 << shift) >> 1, (1 << (shift - twos)) >> 1
    made = {f"{stage.name}.{name}": arrays[name] >> twos for name in names}
    made[f"{stage.name}.bias"] = ((arrays["bias"] + half) >> twos) - later
    smaller = replace(stage, settings={**stage.settings, "shift": shift - twos})
    return _restaged(replace(network, arrays={**network.arrays, **made}), smaller), ()


def _restaged(network: IntegerNetwork, stage: Stage) -> IntegerNetwork:
    return replace(network, stages=tuple(stage if other.name == stage.name else other for other in network.stages))


def unasked_rows(network: IntegerNetwork, stage: Stage, seen: Seen) -> Rewrite | None:
    """Rows of a table for codes that never stand anywhere."""
    if stage.kind != "lookup" or seen.values is None:
        return None
    table = network.of(stage.name)["table"].copy()
    unasked = np.ones(len(table), bool)
    unasked[np.unique(seen.values[stage.sources[0]])] = False
    gone = np.flatnonzero(unasked & table.any(axis=1))
    if not len(gone):
        return None
    table[gone] = 0
    return replace(network, arrays={**network.arrays, f"{stage.name}.table": table}), tuple(map(int, gone))
