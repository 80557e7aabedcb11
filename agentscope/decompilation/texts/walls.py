"""What stands beyond the edges of a stage's output, for those functions of a text that look there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from agentscope.integers import PATTERN, IntegerNetwork, Stage, shapes_of

Wall = dict[int, int]  # by index along the first axis of the stage's output


@dataclass(frozen=True)
class Walls:
    """Values beyond the edges.

    Attributes:
        own: by stage, where all who look there find the same.
        by_reader: by (stage, reader), where they do not: the stage has then no wall of its own.
    """

    own: Mapping[str, Wall]
    by_reader: Mapping[tuple[str, str], Wall]


def walls_of(network: IntegerNetwork, tabled: frozenset[str]) -> Walls:
    """What each reader finds beyond the edges of what it reads.

    Args:
        tabled: stages that are written with tables of weights, and so look everywhere.
    """
    found: dict[str, dict[str, Wall]] = {}
    for stage in network.stages:
        for source, values, looks in _looks(network, stage):
            asked = np.ones(len(looks), bool) if stage.name in tabled else looks
            wall = {int(index): int(values[index]) for index in np.flatnonzero(asked)}
            if wall:
                found.setdefault(source, {})[stage.name] = wall
    own: dict[str, Wall] = {}
    by_reader: dict[tuple[str, str], Wall] = {}
    for source, readers in found.items():
        joined = {index: value for wall in readers.values() for index, value in wall.items()}
        if all(joined[index] == value for wall in readers.values() for index, value in wall.items()):
            own[source] = joined
        else:
            by_reader |= {(source, reader): wall for reader, wall in readers.items()}
    return Walls(own, by_reader)


def _looks(
    network: IntegerNetwork, stage: Stage
) -> Iterator[tuple[str, Int64[np.ndarray, "units"], Bool[np.ndarray, "units"]]]:
    """Sources of a stage with what stands outside, and which of their units it asks for there."""
    if stage.kind not in ("slide", "match", "around"):
        return
    weight = network.of(stage.name)["weight"]
    if stage.kind == "match":
        yield stage.sources[0], np.zeros(PATTERN, np.int64), np.asarray(weight.any(axis=(0, 2)))
    elif stage.kind == "around":
        edge = weight.copy()
        edge[:, :, 1, 1] = 0
        yield stage.sources[0], np.zeros(weight.shape[1], np.int64), np.asarray(edge.any(axis=(0, 2, 3)))
    elif stage.settings["kernel"] > 1:
        outside, start = network.of(stage.name)["outside"], 0
        edge = weight.copy()
        edge[:, :, stage.settings["kernel"] // 2] = 0
        shapes = shapes_of(network.stages, network.observation)
        for source in stage.sources:
            if len(shapes[source]) == 2:
                own = slice(start, start + shapes[source][0])
                start += shapes[source][0]
                yield source, outside[own], np.asarray(edge[:, own].any(axis=(0, 2)))
