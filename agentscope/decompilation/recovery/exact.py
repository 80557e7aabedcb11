"""Networks whose weights are whole numbers in disguise: brought back to whole numbers, without training or loss.

A unit's weights may all be multiplied by a power of two, if its readers divide by it (ReLU), or be turned in sign
(Tanh). Undone, twins are equal row by row. A Tanh unit becomes a clamp to -1 and 1: the same function wherever its sum
is far from 0, and *parity* proves that it is: in whole numbers the sum is odd, whatever the inputs are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float64, Int64

from agentscope.decompilation.recovery.trimming import trimmed, without_unread
from agentscope.errors import BadOption
from agentscope.integers import EXACT, SEEN, IntegerNetwork, Stage, shapes_of

FINEST = 14  # a weight with more binary places than this is no whole number in disguise
KINDS = ("plane", "codes", "lookup", "dense", "slide")
STEEP = 16.0  # from here on float32's tanh is 1 or -1


@dataclass(frozen=True)
class Exact:
    """A network in whole numbers.

    Attributes:
        network: its scores are `scale` times those of the network it came from (Tanh: but for errors of saturation).
        merged: (stage, unit, earlier unit that it equals but for scale or sign).
        constant: (stage, unit) of units that never change, by interval analysis; folded into their readers' biases.
        largest_sum: bound on any partial sum; below 2**24.
        unproven: (stage, unit) of Tanh units whose sums parity does not keep away from 0.
    """

    network: IntegerNetwork
    scale: float
    merged: tuple[tuple[str, int, int], ...]
    constant: tuple[tuple[str, int], ...]
    largest_sum: int
    unproven: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class _Values:
    """What became of one stage's output: the original is `old @ kept + offset`, channel by channel.

    Attributes:
        odd: which kept channels are always 1 or -1.
    """

    old: Float64[np.ndarray, "channels kept"]
    offset: Float64[np.ndarray, "channels"]
    low: Int64[np.ndarray, "kept"]
    high: Int64[np.ndarray, "kept"]
    odd: Bool[np.ndarray, "kept"]

    def spread(self, places: int) -> _Values:
        """For a reader that has a weight for each place: every channel that often."""
        bounds = (self.low.repeat(places), self.high.repeat(places), self.odd.repeat(places))
        return _Values(np.kron(self.old, np.eye(places)), self.offset.repeat(places), *bounds)


@dataclass(frozen=True)
class _Rows:
    """One stage in whole numbers, before its equal units are merged; `scales` times the original's sums.

    Attributes:
        odd: whose sums are proved to be odd, and so not 0.
    """

    weight: Int64[np.ndarray, "units inputs"]
    bias: Int64[np.ndarray, "units"]
    scales: Float64[np.ndarray, "units"]
    low: Int64[np.ndarray, "units"]
    high: Int64[np.ndarray, "units"]
    odd: Bool[np.ndarray, "units"]
    largest: int


@dataclass
class _Progress:
    shapes: Mapping[str, tuple[int, ...]]
    stages: list[Stage] = field(default_factory=list)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    values: dict[str, _Values] = field(default_factory=dict)
    merged: list[tuple[str, int, int]] = field(default_factory=list)
    constant: list[tuple[str, int]] = field(default_factory=list)
    unproven: list[tuple[str, int]] = field(default_factory=list)
    largest: int = 0


def exact_integers(
    stages: Sequence[Stage],
    arrays: Mapping[str, np.ndarray],
    *,
    activation: str,
    observation: tuple[int, ...],
    highest: int,
) -> Exact:
    """The network of these stages with real weights, in whole numbers.

    Args:
        stages: without scales; the last gives the scores, all others that weigh are followed by the activation.
        arrays: real weights by "stage.array".
        observation: shape of an observation, whose components are whole numbers from 0 to `highest`.

    Raises: BadOption: a stage of another kind, weights that are no whole numbers in disguise, or sums beyond 2**24.
    """
    stages, arrays = trimmed(stages, arrays, observation)
    progress = _Progress(shapes_of(stages, observation))
    progress.values[SEEN] = _plain(_channels(observation), 0, highest)
    for stage in stages:
        if stage.kind not in KINDS:
            raise BadOption(f"Stage {stage.name!r} ({stage.kind}) has no exact whole-number form; quantise it instead.")
        if not stage.weighs:
            _rearrange(progress, stage, arrays)
        elif stage is not stages[-1]:
            _hidden(progress, stage, _rows(progress, stage, arrays), activation == "Tanh")
    last = stages[-1]
    rows = _rows(progress, last, arrays, common=True)
    _add(progress, last, rows.weight, rows.bias)
    largest = max(progress.largest, rows.largest)
    if largest >= EXACT:
        raise BadOption(f"In whole numbers a sum could reach {largest}; below {EXACT} is needed.")
    network = without_unread(IntegerNetwork(tuple(progress.stages), progress.arrays, observation))
    found = (tuple(progress.merged), tuple(progress.constant), largest, tuple(progress.unproven))
    return Exact(network, float(rows.scales.max()), *found)


def _channels(shape: tuple[int, ...]) -> int:
    """How many separate weights a `slide` has for a source of this shape: columns share theirs."""
    return shape[0] if len(shape) == 2 else int(np.prod(shape))


def _plain(channels: int, low: int, high: int) -> _Values:
    bounds = np.full(channels, low, dtype=np.int64), np.full(channels, high, dtype=np.int64)
    return _Values(np.eye(channels), np.zeros(channels), *bounds, np.zeros(channels, dtype=bool))


def _rearrange(progress: _Progress, stage: Stage, arrays: Mapping[str, np.ndarray]) -> None:
    shape = progress.shapes[stage.name]
    low, high = 0, int(progress.values[SEEN].high.max())
    progress.stages.append(stage)
    if stage.kind == "lookup":
        table = arrays[f"{stage.name}.table"]
        if np.any(table != np.round(table)):
            raise BadOption(f"The table of stage {stage.name!r} holds fractions, so that it has no exact form.")
        progress.arrays[f"{stage.name}.table"] = table.astype(np.int64)
        low, high = int(table.min()), int(table.max())
    progress.values[stage.name] = _plain(_channels(shape), low, high)


def _inputs(progress: _Progress, stage: Stage) -> _Values:
    """What the stage reads, in the order of its weights."""
    found = []
    for source in stage.sources:
        shape, values = progress.shapes[source], progress.values[source]
        found.append(values.spread(shape[1]) if stage.kind == "dense" and len(shape) == 2 else values)
    channels, kept = sum(len(one.old) for one in found), sum(one.old.shape[1] for one in found)
    old, row, column = np.zeros((channels, kept)), 0, 0
    for one in found:
        height, width = one.old.shape
        old[row : row + height, column : column + width] = one.old
        row, column = row + height, column + width
    joined = [np.concatenate([getattr(one, name) for one in found]) for name in ("offset", "low", "high", "odd")]
    return _Values(old, *joined)


def _rows(progress: _Progress, stage: Stage, arrays: Mapping[str, np.ndarray], *, common: bool = False) -> _Rows:
    """The stage's weights over whole numbers, each unit scaled until its own are whole; `common`: all alike."""
    inputs = _inputs(progress, stage)
    real = arrays[f"{stage.name}.weight"]
    real = real[:, :, 0] if real.ndim == 3 else real
    if f"{stage.name}.everywhere" in arrays:
        real = np.concatenate([real, arrays[f"{stage.name}.everywhere"]], axis=1)
    weight, bias = real @ inputs.old, arrays[f"{stage.name}.bias"] + real @ inputs.offset
    scales = np.array([_scale(stage, row) for row in np.column_stack([weight, bias])])
    scales = np.full(len(scales), scales.max()) if common else scales
    rows, offsets = np.rint(weight * scales[:, None]).astype(np.int64), np.rint(bias * scales).astype(np.int64)
    up, down = np.maximum(rows, 0), np.minimum(rows, 0)
    low, high = up @ inputs.low + down @ inputs.high + offsets, up @ inputs.high + down @ inputs.low + offsets
    largest = np.abs(rows) @ np.maximum(np.abs(inputs.low), np.abs(inputs.high)) + np.abs(offsets)
    even = ~np.any(rows[:, ~inputs.odd] % 2, axis=1)
    odd = (rows[:, inputs.odd].sum(axis=1) + offsets) % 2 == 1
    return _Rows(rows, offsets, scales, low, high, even & odd, int(largest.max(initial=0)))


def _scale(stage: Stage, row: Float64[np.ndarray, "numbers"]) -> float:
    """The power of two that makes these numbers whole, and not all of them even.

    Raises: BadOption: no power within reason does.
    """
    if not np.any(row):
        return 1.0
    scale = 2.0**FINEST
    numbers = row * scale
    if np.any(numbers != np.rint(numbers)):
        raise BadOption(
            f"Stage {stage.name!r} has weights that no power of two makes whole: it is no program in disguise. "
            "Decompile it by quantising."
        )
    whole = numbers.astype(np.int64)
    return scale / float(np.gcd.reduce(whole) & -np.gcd.reduce(whole))


def _hidden(progress: _Progress, stage: Stage, rows: _Rows, tanh: bool) -> None:
    """Add a hidden stage, its equal units once and its constant ones not at all."""
    places: dict[bytes, int] = {}
    units = len(rows.bias)
    kept: list[tuple[int, int]] = []
    old, offset = np.zeros((units, units)), np.zeros(units)
    for unit in range(units):
        low, high, scale = int(rows.low[unit]), int(rows.high[unit]), rows.scales[unit]
        if low == high or high <= 0 or (tanh and low > 0):
            offset[unit] = np.sign(high) if tanh else max(high, 0) / scale
            progress.constant.append((stage.name, unit))
            continue
        numbers = np.append(rows.weight[unit], rows.bias[unit])
        sign = int(np.sign(numbers[np.flatnonzero(numbers)[0]])) if tanh else 1
        key = (sign * numbers).tobytes()
        if key in places:
            progress.merged.append((stage.name, unit, kept[places[key]][0]))
        else:
            places[key] = len(kept)
            kept.append((unit, sign))
        old[unit, places[key]] = sign if tanh else 1 / scale
        if tanh and 1 / scale < STEEP:
            raise BadOption(f"Unit {unit} of {stage.name!r} is a Tanh that rises slowly, so it is no threshold.")
    chosen, signs = [unit for unit, _ in kept], np.array([sign for _, sign in kept], dtype=np.int64)
    highs = np.ones(len(kept), dtype=np.int64) if tanh else rows.high[chosen]
    lows = -highs if tanh else np.zeros_like(highs)
    progress.values[stage.name] = _Values(old[:, : len(kept)], offset, lows, highs, np.full(len(kept), tanh))
    progress.largest = max(progress.largest, rows.largest)
    if tanh:
        progress.unproven += [(stage.name, unit) for unit in chosen if not rows.odd[unit]]
    weight, bias = rows.weight[chosen] * signs[:, None], rows.bias[chosen] * signs
    _add(progress, stage, weight, bias, shift=0, low=-1 if tanh else 0, high=int(highs.max(initial=1)))


def _add(progress: _Progress, stage: Stage, weight: np.ndarray, bias: np.ndarray, **limits: int) -> None:
    """Write the stage and its arrays down."""
    slide = stage.kind == "slide"
    sizes = {"channels": len(bias), "kernel": 1} if slide else {"units": len(bias)}
    progress.stages.append(replace(stage, settings={**sizes, **limits}))
    described = sum(
        progress.values[source].old.shape[1] for source in stage.sources if len(progress.shapes[source]) == 2
    )
    if slide:
        progress.arrays[f"{stage.name}.weight"] = weight[:, :described, None]
        if described < weight.shape[1]:
            progress.arrays[f"{stage.name}.everywhere"] = weight[:, described:]
    else:
        progress.arrays[f"{stage.name}.weight"] = weight
    progress.arrays[f"{stage.name}.bias"] = bias
