"""Integer networks rewritten unit by unit: what reads a unit, other weights for it, and the network without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64

from agentscope.integers import SEEN, IntegerNetwork, Stage, shapes_of

COUNTED = {"dense": "units", "slide": "channels", "around": "channels", "match": "channels", "lookup": "channels"}


@dataclass(frozen=True)
class Reading:
    """How one stage with weights reads another.

    Attributes:
        array: which of the reader's arrays holds the weights: weight or everywhere.
        start: where the source's part of that array begins.
        weights: of the reader's units, the source's units, and the places of each.
        middle: of these places the only one that is never beyond the walls; None where none ever is.
        outside: what the reader finds beyond the walls, for each of the source's units.
    """

    reader: Stage
    source: str
    array: str
    start: int
    weights: Int64[np.ndarray, "units sources places"]
    middle: int | None = None
    outside: Int64[np.ndarray, "sources"] | None = None

    @property
    def looks_out(self) -> np.ndarray:
        """Which of the source's units it asks for beyond the walls."""
        if self.middle is None:
            return np.zeros(self.weights.shape[1], bool)
        return np.asarray(np.delete(self.weights, self.middle, axis=2).any(axis=(0, 2)))


def readings_of(network: IntegerNetwork, source: str) -> Iterator[Reading]:
    """Every reading of a stage by stages that weigh it."""
    shapes = shapes_of(network.stages, network.observation)
    for reader in network.stages:
        if source in reader.sources and reader.kind in ("dense", "slide", "around"):
            yield _reading(network, reader, source, shapes)


def is_plainly_read(network: IntegerNetwork, stage: str) -> bool:
    """Whether only stages that weigh read it, each once, so that its units can be taken apart."""
    readers = [reader for reader in network.stages if stage in reader.sources]
    return all(reader.kind in ("dense", "slide", "around") and reader.sources.count(stage) == 1 for reader in readers)


def _reading(network: IntegerNetwork, reader: Stage, source: str, shapes: Mapping[str, tuple[int, ...]]) -> Reading:
    arrays, shape = network.of(reader.name), shapes[source]
    before = reader.sources[: reader.sources.index(source)]
    stage = None if source == SEEN else network.stage(source)
    flat, units = int(np.prod(shape)), _units(stage, shape)
    if reader.kind == "around":
        weights = arrays["weight"].reshape(len(arrays["weight"]), units, 9)
        return Reading(reader, source, "weight", 0, weights, 4, np.zeros(units, np.int64))
    if reader.kind == "slide" and len(shape) == 2:
        start = sum(shapes[name][0] for name in before if len(shapes[name]) == 2)
        weights, outside = arrays["weight"][:, start : start + units], arrays.get("outside")
        own = None if outside is None else outside[start : start + units]
        return Reading(reader, source, "weight", start, weights, reader.settings["kernel"] // 2, own)
    name = "everywhere" if reader.kind == "slide" else "weight"
    alike = [other for other in before if reader.kind == "dense" or len(shapes[other]) == 1]
    start = sum(int(np.prod(shapes[other])) for other in alike)
    rows = arrays[name][:, start : start + flat]
    return Reading(reader, source, name, start, _by_unit(stage, rows, units))


def _units(stage: Stage | None, shape: tuple[int, ...]) -> int:
    """How many units a stage has: a table's columns, else the first axis of what it puts out."""
    return stage.settings["channels"] if stage is not None and stage.kind == "lookup" else shape[0]


def _by_unit(stage: Stage | None, rows: np.ndarray, units: int) -> np.ndarray:
    if stage is not None and stage.kind == "lookup":  # cell by cell, the columns of the table last
        return np.moveaxis(rows.reshape(len(rows), -1, units), 2, 1)
    return rows.reshape(len(rows), units, -1)


def reweighed(network: IntegerNetwork, reading: Reading, weights: np.ndarray, bias: np.ndarray) -> IntegerNetwork:
    """The network in which a reader weighs a source so, with this bias."""
    name, stage = f"{reading.reader.name}.{reading.array}", network.stage(reading.source)
    array = network.arrays[name].copy()
    flat = _flat(reading, stage, weights)
    if array.ndim == 2:
        array[:, reading.start : reading.start + flat.shape[1]] = flat
    else:
        array[:, reading.start : reading.start + weights.shape[1]] = flat
    return replace(network, arrays={**network.arrays, name: array, f"{reading.reader.name}.bias": bias})


def _flat(reading: Reading, source: Stage, weights: np.ndarray) -> np.ndarray:
    """Weights by unit and place as the reader's array holds them."""
    if reading.reader.kind == "around":
        return weights.reshape(*weights.shape[:2], 3, 3)
    if reading.middle is not None:
        return weights
    ordered = np.moveaxis(weights, 1, 2) if source.kind == "lookup" else weights
    return ordered.reshape(len(weights), -1)


def without(network: IntegerNetwork, name: str, units: Sequence[int]) -> IntegerNetwork:
    """The network without some units of a stage, whatever their readers made of them; one unit stays at least."""
    stage = network.stage(name)
    arrays = dict(network.arrays)
    for reading in readings_of(network, name):
        kept = np.delete(reading.weights, units, axis=1)
        key, flat = f"{reading.reader.name}.{reading.array}", _flat(reading, stage, kept)
        size = reading.weights.shape[1] if arrays[key].ndim > 2 else reading.weights.shape[1] * reading.weights.shape[2]
        stop = reading.start + size
        arrays[key] = np.concatenate([arrays[key][:, : reading.start], flat, arrays[key][:, stop:]], axis=1)
        if reading.reader.kind == "slide" and reading.outside is not None:
            key = f"{reading.reader.name}.outside"
            arrays[key] = np.delete(arrays[key], [reading.start + unit for unit in units])
    for own in ("table",) if stage.kind == "lookup" else ("weight", "bias", "everywhere"):
        if f"{name}.{own}" in arrays:
            arrays[f"{name}.{own}"] = np.delete(arrays[f"{name}.{own}"], units, axis=1 if own == "table" else 0)
    counted = COUNTED[stage.kind]
    smaller = replace(stage, settings={**stage.settings, counted: stage.settings[counted] - len(units)})
    return replace(
        network, stages=tuple(smaller if part.name == name else part for part in network.stages), arrays=arrays
    )


def without_stages(network: IntegerNetwork, names: Sequence[str]) -> IntegerNetwork:
    """The network without whole stages that nobody reads."""
    stages = tuple(stage for stage in network.stages if stage.name not in names)
    arrays = {key: array for key, array in network.arrays.items() if key.rsplit(".", 1)[0] not in names}
    return replace(network, stages=stages, arrays=arrays)


def without_source(network: IntegerNetwork, reading: Reading) -> IntegerNetwork:
    """The network in which a reader no longer reads a source, whatever it made of it."""
    reader, arrays = reading.reader, dict(network.arrays)
    key = f"{reader.name}.{reading.array}"
    size = reading.weights.shape[1] if arrays[key].ndim > 2 else reading.weights.shape[1] * reading.weights.shape[2]
    gone = list(range(reading.start, reading.start + size))
    arrays[key] = np.delete(arrays[key], gone, axis=1)
    if arrays[key].ndim > 2 and f"{reader.name}.outside" in arrays:
        arrays[f"{reader.name}.outside"] = np.delete(arrays[f"{reader.name}.outside"], gone)
    if reading.array == "everywhere" and not arrays[key].shape[1]:
        del arrays[key]
    kept = replace(reader, sources=tuple(source for source in reader.sources if source != reading.source))
    return replace(network, stages=tuple(kept if part is reader else part for part in network.stages), arrays=arrays)
