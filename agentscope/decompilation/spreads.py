"""What the sums of a weighing stage can be, given bounds of what it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64, Shaped

from agentscope.decompilation.running import stage_sums
from agentscope.integers import PATTERN, SEEN, IntegerNetwork, Stage

KINDS = ("objects", "colours", "states")
Known = Mapping[str, np.ndarray]  # by stage, and "seen": one bound of each of its units


@dataclass(frozen=True)
class Spread:
    """What sums can be: their bounds, and the sums of the terms that can be negative (`falling`) and positive."""

    low: Int64[np.ndarray, "..."]
    high: Int64[np.ndarray, "..."]
    falling: Int64[np.ndarray, "..."]
    rising: Int64[np.ndarray, "..."]

    def __add__(self, other: Spread) -> Spread:
        return Spread(self.low + other.low, self.high + other.high, self.falling + other.falling,
                      self.rising + other.rising)  # fmt: skip

    def changed(self, change: Callable[[np.ndarray], np.ndarray]) -> Spread:
        """All four, each changed alike."""
        return Spread(change(self.low), change(self.high), change(self.falling), change(self.rising))


def spread_of(network: IntegerNetwork, stage: Stage, low: Known, high: Known) -> Spread:
    """Of each sum of a stage, bias included; of a `match` one row a position, since it takes their maximum.

    Inputs count as independent, but for the ids of a cell, of which there is one of each kind: of its flags one counts
    at a time, and of a table one row.
    """
    arrays = network.of(stage.name)
    bias = arrays["bias"].reshape(-1, *[1] * {"slide": 1, "around": 2}.get(stage.kind, 0))
    total = Spread(bias, bias, np.minimum(bias, 0), np.maximum(bias, 0))
    weight = arrays["weight"].copy()
    if stage.kind == "match":
        windows = [_windows(part[stage.sources[0]]) for part in (low, high)]
        dense = Stage(stage.name, "dense", (SEEN,), {"units": len(bias)})
        return _linear(dense, {"weight": weight.reshape(len(bias), -1)}, [windows[0]], [windows[1]]) + total
    if stage.kind == "around" and _named(network, stage.sources[0]) == "planes":
        return _around_planes(network.stage(stage.sources[0]), weight, high[stage.sources[0]]) + total
    start = 0
    for name in stage.sources if stage.kind == "dense" else ():
        kind, end = _named(network, name), start + low[name].size
        if kind in ("flags", "lookup"):
            own = weight[:, start:end]
            total = total + (_of_flags if kind == "flags" else _of_rows)(network, name, own, (low, high))
            weight[:, start:end] = 0
        start = end
    lows, highs = ([part[name][None] for name in stage.sources] for part in (low, high))
    return _linear(stage, {**arrays, "weight": weight}, lows, highs).changed(lambda sums: sums[0]) + total


def kinds_of_ids(stage: Stage) -> list[slice]:
    """Where, among the ids that `flags` and `planes` spread, those of each kind lie."""
    ends = np.cumsum([0, *(stage.settings[name] for name in KINDS)])
    return [slice(int(start), int(end)) for start, end in pairwise(ends) if end > start]


def _named(network: IntegerNetwork, name: str) -> str:
    """The kind of the stage of this name."""
    return "" if name == SEEN else network.stage(name).kind


def _windows(source: np.ndarray) -> np.ndarray:
    """The 4 x 4 windows that `match` looks at, one a row."""
    side = PATTERN - 1
    padded = np.pad(source[:PATTERN].astype(np.int64), ((0, 0), (side, side)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, PATTERN, axis=1)
    return np.moveaxis(windows, 1, 0).reshape(windows.shape[1], -1)


def _linear(
    stage: Stage, arrays: Mapping[str, np.ndarray], low: Sequence[np.ndarray], high: Sequence[np.ndarray]
) -> Spread:
    """The weights times independent inputs: a positive weight takes the highest to the highest, a negative one the
    lowest."""
    shared = [name for name in ("weight", "everywhere") if name in arrays]
    signs = [{name: sign(arrays[name], 0) for name in shared} for sign in (np.maximum, np.minimum)]
    outside = arrays.get("outside")

    def summed(positive: Sequence[np.ndarray], negative: Sequence[np.ndarray], walls: Sequence[np.ndarray]) -> Any:
        parts = []
        for own, sources, wall in zip(signs, (positive, negative), walls, strict=True):
            given = {**own, "bias": np.zeros(len(arrays["weight"]), dtype=np.int64), "outside": wall}
            part = IntegerNetwork((), {f"{stage.name}.{name}": values for name, values in given.items()}, ())
            parts.append(stage_sums(part, stage, sources))
        return parts[0] + parts[1]

    wall = np.zeros(0, dtype=np.int64) if outside is None else outside
    walls = np.minimum(wall, 0), np.maximum(wall, 0)
    below, above = [np.minimum(source, 0) for source in low], [np.maximum(source, 0) for source in high]
    return Spread(
        summed(low, high, (wall, wall)), summed(high, low, (wall, wall)),
        summed(below, above, walls), summed(above, below, walls[::-1]),
    )  # fmt: skip


def _one_of(contributions: Shaped[np.ndarray, "..."], possible: Bool[np.ndarray, "..."], axis: int) -> Spread:
    """One of these contributions counts, of those that are possible; nothing where none is."""
    none = ~possible.any(axis=axis)
    far = np.int64(2**62)
    lowest = np.where(possible, contributions, far).min(axis=axis)
    highest = np.where(possible, contributions, -far).max(axis=axis)
    lowest, highest = np.where(none, 0, lowest), np.where(none, 0, highest)
    return Spread(lowest, highest, np.minimum(lowest, 0), np.maximum(highest, 0))


def _of_flags(network: IntegerNetwork, name: str, weight: np.ndarray, known: tuple[Known, Known]) -> Spread:
    stage = network.stage(name)
    kinds = kinds_of_ids(stage)
    by_cell = weight.reshape(len(weight), -1, kinds[-1].stop)
    possible = known[1][name].reshape(1, -1, kinds[-1].stop) > 0
    total = None
    for kind in kinds:
        part = _one_of(by_cell[:, :, kind], possible[:, :, kind], 2).changed(lambda cells: cells.sum(axis=1))
        total = part if total is None else total + part
    assert total is not None
    return total


def _of_rows(network: IntegerNetwork, name: str, weight: np.ndarray, known: tuple[Known, Known]) -> Spread:
    """Of what reads rows of a table: the row of one code for each cell, all of its numbers together."""
    table, codes = network.of(name)["table"], network.stage(name).sources[0]
    first, last = (part[codes].reshape(-1, 1) for part in known)
    rows = np.arange(len(table))
    possible = (first <= rows) & (rows <= last)
    found = []
    for unit in weight.reshape(len(weight), -1, table.shape[1]):  # one by one: all at once may not fit the memory
        choice = _one_of(unit @ table.T, possible, 1)
        rising, falling = (sign(unit, 0) @ np.maximum(table, 0).T + other(unit, 0) @ np.minimum(table, 0).T
                           for sign, other in ((np.maximum, np.minimum), (np.minimum, np.maximum)))  # fmt: skip
        parts = (choice.low, choice.high, _one_of(falling, possible, 1).low, _one_of(rising, possible, 1).high)
        found.append([int(part.sum()) for part in parts])
    return Spread(*np.array(found, dtype=np.int64).reshape(-1, 4).T)


def _around_planes(stage: Stage, weight: np.ndarray, possible: np.ndarray) -> Spread:
    """Cells beyond the edge have no id at all."""
    padded = np.pad(possible > 0, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))  # ids, rows, columns, 3, 3
    total = None
    for kind in kinds_of_ids(stage):
        spread = _one_of(weight[:, kind, None, None], windows[None, kind], 1)
        part = spread.changed(lambda cells: cells.sum(axis=(-1, -2)))
        total = part if total is None else total + part
    assert total is not None
    return total
