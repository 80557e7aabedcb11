"""Where the values of each function of a decompiled text stand in the output of the stage that they compute."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from agentscope.decompilation.parts import Part
from agentscope.errors import ContractBroken
from agentscope.integers import SEEN, IntegerNetwork, shapes_of


@dataclass(frozen=True, eq=False)
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

    The last arguments are the column, or row and column, and may be some of them; those before count the part's units.
    A function without arguments before them stands for all of its units, which are equal; one of a `counted` stage may
    leave out the column, since there it makes no difference.

    Raises: ContractBroken: a part names a stage, unit or place that the network does not have, or leaves out units.
    """
    shapes = shapes_of(network.stages, network.observation)
    return tuple(_placed(part, network, shapes) for part in parts if part.stage)


def _placed(part: Part, network: IntegerNetwork, shapes: Mapping[str, tuple[int, ...]]) -> PlacedPart:
    shape = shapes.get(part.stage)
    if shape is None or part.stage == SEEN or not part.units or any(not 0 <= u < shape[0] for u in part.units):
        what = f"units {list(part.units[:4])} of {part.stage!r}"
        raise ContractBroken(f"Function {part.name!r} stands for {what}, which the network does not have.")
    ranges = tuple(range(*bounds) for bounds in part.ranges)
    alike = network.stage(part.stage).kind == "counted" and len(ranges) == 1
    first = len(ranges) if alike else len(ranges) - len(shape[1:])
    grid = np.arange(math.prod(shape)).reshape(shape)[list(part.units)].reshape(len(part.units), *shape[1:])
    units = math.prod(map(len, ranges[: max(first, 0)]))
    fits = all(
        0 <= own.start < own.stop <= length for own, length in zip(ranges[max(first, 0) :], shape[1:], strict=False)
    )
    if first < 0 or not fits or (first and units != len(part.units)):
        raise ContractBroken(
            f"Function {part.name!r} takes arguments in {[tuple(bounds) for bounds in part.ranges]}, which do not go "
            f"over its {len(part.units)} units of {part.stage!r}, each of shape {shape[1:]}."
        )
    if alike:
        return PlacedPart(part.name, part.stage, ranges, grid)
    columns = (slice(None), *(slice(own.start, own.stop) for own in ranges[first:]))
    inside = grid[columns].reshape(len(part.units), -1)
    places = inside.reshape(-1, 1) if first else inside.T.copy()
    return PlacedPart(part.name, part.stage, ranges, places)
