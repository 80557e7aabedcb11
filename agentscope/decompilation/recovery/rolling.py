"""Rolling up: many terms of one family as a few loops, e.g. cells as `r * seen(1, r, c)` over rows and columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

Index = tuple[int, ...]
Ranges = tuple[tuple[int, int], ...]
FEWEST = 4  # points from which on a slope of their weights is no accident
SPARSEST = 2  # a loop may visit at most so many times the terms that count


@dataclass(frozen=True)
class Link:
    """One index follows another: dimension `dim` is (that of `on` + shift) % modulus."""

    dim: int
    on: int
    shift: int
    modulus: int


@dataclass(frozen=True)
class Box:
    """The terms of one family whose indices fill a box: weight(index) * family(index), summed.

    Attributes:
        ranges: (first, last) of each index; a linked one is not looped over.
        base, slopes: the weight is base + sum of slope * index.
    """

    family: str
    ranges: Ranges
    base: int
    slopes: Index
    link: Link | None = None

    @property
    def loops(self) -> tuple[int, ...]:
        """Dimensions with more than one index."""
        free = None if self.link is None else self.link.dim
        return tuple(dim for dim, (first, last) in enumerate(self.ranges) if last > first and dim != free)

    @property
    def shape(self) -> tuple[object, ...]:
        """All that must agree for two boxes to be said by one text with other numbers in it."""
        link = None if self.link is None else (self.link.dim, self.link.on, self.link.modulus)
        return self.family, len(self.ranges), self.loops, self.slopes, link

    @property
    def numbers(self) -> Index:
        """The numbers in its text."""
        bounds = tuple(bound for pair in self.ranges for bound in pair)
        return (*bounds, self.base) + (() if self.link is None else (self.link.shift,))


def boxes_of(family: str, points: Mapping[Index, int], sizes: Ranges) -> tuple[Box, ...]:
    """These terms (index -> weight) as boxes: one, where there is one, else a slice of each index, else few.

    Args:
        sizes: (first, last) of each index of the whole family.
    """
    whole = _one_box(family, points, sizes)
    if whole is not None:
        return (whole,)
    best = _by_weight(family, points, sizes)
    for dim in range(len(sizes)):
        slices: dict[int, dict[Index, int]] = {}
        for index, weight in points.items():
            slices.setdefault(index[dim], {})[index] = weight
        found = [_one_box(family, part, sizes) for _, part in sorted(slices.items())]
        if all(found) and len(found) < len(best):
            best = tuple(box for box in found if box is not None)
    return best


def _one_box(family: str, points: Mapping[Index, int], sizes: Ranges) -> Box | None:
    indices = np.array(sorted(points))
    ranges = tuple((int(a), int(b)) for a, b in zip(indices.min(axis=0), indices.max(axis=0), strict=True))
    volume = int(np.prod([last - first + 1 for first, last in ranges]))
    if volume <= SPARSEST * len(points):
        affine = _affine_weight(points, ranges)
        if affine is not None and (volume >= FEWEST or not any(affine[1])):
            return Box(family, _widened(ranges, affine, sizes), *affine)
    return _linked_box(family, points, ranges, sizes)


def _affine_weight(points: Mapping[Index, int], ranges: Ranges) -> tuple[int, Index] | None:
    """(base, slopes) of weights that are affine over the box, terms that are not there counting 0."""
    corner = tuple(first for first, _ in ranges)
    slopes = []
    for dim, (first, last) in enumerate(ranges):
        nextdoor = tuple(index + (place == dim) for place, index in enumerate(corner))
        slopes.append(points.get(nextdoor, 0) - points.get(corner, 0) if last > first else 0)
    base = points.get(corner, 0) - int(np.dot(slopes, corner))
    for index in product(*(range(first, last + 1) for first, last in ranges)):
        if base + int(np.dot(slopes, index)) != points.get(index, 0):
            return None
    return base, tuple(slopes)


def _widened(ranges: Ranges, affine: tuple[int, Index], sizes: Ranges) -> Ranges:
    """The box with those neighbours whose weight is 0, e.g. the row 0 of `r * seen(1, r, c)`."""
    base, slopes = affine
    if sum(map(bool, slopes)) != 1:
        return ranges
    dim = next(dim for dim, slope in enumerate(slopes) if slope)
    first, last = ranges[dim]
    if first - 1 == sizes[dim][0] and base + slopes[dim] * (first - 1) == 0:
        first -= 1
    if last + 1 == sizes[dim][1] and base + slopes[dim] * (last + 1) == 0:
        last += 1
    return (*ranges[:dim], (first, last), *ranges[dim + 1 :])


def _linked_box(family: str, points: Mapping[Index, int], ranges: Ranges, sizes: Ranges) -> Box | None:
    """A box in which one index follows another, e.g. (turn + heading) % 4."""
    weights = set(points.values())
    if len(points) < 3 or len(weights) > 1:
        return None
    for dim, on in product(range(len(ranges)), repeat=2):
        first, last = sizes[dim]
        modulus = last - first + 1
        if dim == on or first or modulus < 3 or ranges[on][0] == ranges[on][1]:
            continue
        shifts = {(index[dim] - index[on]) % modulus for index in points}
        others = [last - first + 1 for place, (first, last) in enumerate(ranges) if place != dim]
        if len(shifts) == 1 and int(np.prod(others)) == len(points):
            free = tuple((0, 0) if place == dim else pair for place, pair in enumerate(ranges))
            return Box(family, free, weights.pop(), (0,) * len(ranges), Link(dim, on, shifts.pop(), modulus))
    return None


def _by_weight(family: str, points: Mapping[Index, int], sizes: Ranges) -> tuple[Box, ...]:
    """Greedy: terms of equal weight, from the first on, each box as large as it grows."""
    boxes: list[Box] = []
    for weight in sorted(set(points.values()), reverse=True):
        left = {index for index, value in points.items() if value == weight}
        while left:
            ranges = _grown(min(left), left)
            boxes.append(Box(family, ranges, weight, (0,) * len(sizes)))
            left -= set(product(*(range(first, last + 1) for first, last in ranges)))
    return tuple(boxes)


def _grown(corner: Index, points: set[Index]) -> Ranges:
    ranges = [(index, index) for index in corner]
    for dim in reversed(range(len(corner))):
        while True:
            first, last = ranges[dim]
            wider = [*ranges[:dim], (first, last + 1), *ranges[dim + 1 :]]
            if not set(product(*(range(a, b + 1) for a, b in wider))) <= points:
                break
            ranges = wider
    return tuple(ranges)
