"""Where the values of each function of a decompiled text stand in the output of the stage that they compute."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from agentscope.decompilation.parts import Part
from agentscope.errors import ContractBroken
from agentscope.integers import IntegerNetwork, shapes_of


@dataclass(frozen=True)
class PlacedPart:
    """One function and its places.

    Attributes:
        ranges: values of its arguments.
        places: for each combination of them, in the order of the ranges, the places in the stage's output, flattened,
            that its value stands for: more than one where units are equal, or a unit is alike in all columns.
    """

    name: str
    stage: str
    ranges: tuple[range, ...]
    places: Int64[np.ndarray, "values copies"]


def placed_parts(parts: Sequence[Part], network: IntegerNetwork) -> tuple[PlacedPart, ...]:
    """The functions of a text that stand for units, with their places.

    Raises: ContractBroken: a part names a stage or unit that the network does not have, or its ranges do not fill it.
    """
    shapes = shapes_of(network.stages, network.observation)
    return tuple(_placed(part, shapes) for part in parts if part.stage)


def _placed(part: Part, shapes: Mapping[str, tuple[int, ...]]) -> PlacedPart:
    shape = shapes.get(part.stage)
    if shape is None or not part.units or any(not 0 <= unit < shape[0] for unit in part.units):
        what = f"units {list(part.units[:4])} of {part.stage!r}"
        raise ContractBroken(f"Function {part.name!r} stands for {what}, which the network does not have.")
    ranges = tuple(range(*bounds) for bounds in part.ranges)
    values, units, rest = math.prod(map(len, ranges)), len(part.units), math.prod(shape[1:])
    places = np.asarray(part.units, dtype=np.int64)[:, None] * rest + np.arange(rest)
    if values == units * rest:
        return PlacedPart(part.name, part.stage, ranges, places.reshape(-1, 1))
    if values == rest:  # equal units
        return PlacedPart(part.name, part.stage, ranges, places.T.copy())
    if values == units:  # alike in all columns
        return PlacedPart(part.name, part.stage, ranges, places)
    raise ContractBroken(
        f"Function {part.name!r} gives {values} values for {units} units of {part.stage!r}, each of {rest}: "
        "they match neither all, nor one unit, nor one number a unit."
    )
