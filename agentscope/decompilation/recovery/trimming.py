"""What nothing reads, taken away: taps, sources, stages and units that are weighed by 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from agentscope.errors import BadOption
from agentscope.integers import IntegerNetwork, Stage, shapes_of


def without_unread(network: IntegerNetwork) -> IntegerNetwork:
    """The network without hidden units that no reader weighs: what a network computes in vain."""
    arrays = dict(network.arrays)
    shapes = shapes_of(network.stages, network.observation)
    sizes: dict[str, int] = {}
    for place in reversed(range(len(network.stages) - 1)):
        stage = network.stages[place]
        if not stage.weighs:
            continue
        readers = [reader for reader in network.stages[place + 1 :] if stage.name in reader.sources]
        if any(len(reader.sources) > 1 for reader in readers):
            continue
        inputs = [arrays[f"{reader.name}.weight"].reshape(len(arrays[f"{reader.name}.bias"]), -1) for reader in readers]
        repeats = shapes[stage.name][1] if stage.kind == "slide" else 1
        used = np.any(np.concatenate(inputs) != 0, axis=0)
        flat = len(used) != len(arrays[f"{stage.name}.bias"])
        kept = np.flatnonzero(used.reshape(-1, repeats).any(axis=1) if flat else used)
        columns = (kept[:, None] * repeats + np.arange(repeats)).ravel() if flat else kept
        for reader in readers:
            arrays[f"{reader.name}.weight"] = arrays[f"{reader.name}.weight"][:, columns]
        for name in ("weight", "bias", "everywhere"):
            if f"{stage.name}.{name}" in arrays:
                arrays[f"{stage.name}.{name}"] = arrays[f"{stage.name}.{name}"][kept]
        sizes[stage.name] = len(kept)
    stages = tuple(_sized(stage, sizes[stage.name]) if stage.name in sizes else stage for stage in network.stages)
    return replace(network, stages=stages, arrays=arrays)


def _sized(stage: Stage, units: int) -> Stage:
    return replace(stage, settings={**stage.settings, "channels" if stage.kind == "slide" else "units": units})


def trimmed(
    stages: Sequence[Stage], arrays: Mapping[str, np.ndarray], observation: tuple[int, ...]
) -> tuple[tuple[Stage, ...], dict[str, np.ndarray]]:
    """Without outer taps of `slide` that are all 0, sources that are weighed by 0, and stages that nothing reads."""
    shapes, kept, found = shapes_of(stages, observation), [], dict(arrays)
    read = {stages[-1].name}
    for stage in reversed(stages):
        if stage.name not in read:
            for name in [name for name in found if name.startswith(f"{stage.name}.")]:
                del found[name]
            continue
        if stage.kind == "slide":
            stage = _trimmed_slide(stage, found, shapes)
        kept.append(stage)
        read |= set(stage.sources)
    return tuple(reversed(kept)), found


def _trimmed_slide(stage: Stage, arrays: dict[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]) -> Stage:
    """The slide as one that reads its own column only."""
    name, middle = stage.name, stage.settings["kernel"] // 2
    weight = arrays[f"{name}.weight"]
    if np.any(np.delete(weight, middle, axis=2)):
        raise BadOption(f"Stage {name!r} reads neighbouring columns; only columns that stand alone are made exact.")
    arrays[f"{name}.weight"] = weight[:, :, middle : middle + 1]
    arrays.pop(f"{name}.outside", None)
    parts = {source: (weight[:, :, middle], f"{name}.weight") for source in stage.sources if len(shapes[source]) == 2}
    parts |= {source: (arrays[f"{name}.everywhere"], f"{name}.everywhere")
              for source in stage.sources if len(shapes[source]) == 1}  # fmt: skip
    kept, start = [], {f"{name}.weight": 0, f"{name}.everywhere": 0}
    chosen: dict[str, list[np.ndarray]] = {f"{name}.weight": [], f"{name}.everywhere": []}
    for source, (values, array) in parts.items():
        own = values[:, start[array] : start[array] + shapes[source][0]]
        start[array] += shapes[source][0]
        if np.any(own) or (source == stage.sources[0]):
            kept.append(source)
            chosen[array].append(own)
    arrays[f"{name}.weight"] = np.concatenate(chosen[f"{name}.weight"], axis=1)[:, :, None]
    arrays.pop(f"{name}.everywhere", None)
    if chosen[f"{name}.everywhere"]:
        arrays[f"{name}.everywhere"] = np.concatenate(chosen[f"{name}.everywhere"], axis=1)
    return replace(stage, sources=tuple(kept), settings={**stage.settings, "kernel": 1})
