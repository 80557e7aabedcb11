"""The smallest part of an observation that suffices: with it kept and all else resampled, the drive stays.

The idea is that of sufficient input subsets (Carter, Mueller, Jain and Gifford 2019) and anchors (Ribeiro, Singh and
Guestrin 2018); the rest is taken from states that the policy visits, never blanked, since a blank board is a state too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int, Shaped

KEEPS = 0.9  # of the drive, relative to its mean over visited states
IN_SHARE = 0.95  # of the resamples
MOST_CELLS = 512  # more would take minutes: every round tries each of them
AT_ONCE = 16_384  # mixed observations that are read at once


@dataclass(frozen=True)
class Cells:
    """How an observation falls into parts that are kept or resampled as one.

    Attributes:
        shape: (rows, columns) of a board, whose planes go together; else (components,).
        of: the part that each component of the flattened observation belongs to.
        channels_last: the board's planes are the last axis of an observation.
    """

    shape: tuple[int, ...]
    of: Int[np.ndarray, "components"]
    channels_last: bool = False

    def __len__(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    def differing(self, one: Shaped[np.ndarray, "..."], other: Shaped[np.ndarray, "..."]) -> Int[np.ndarray, "cells"]:
        """Cells in which two observations differ, in rising order."""
        return np.unique(self.of[one.ravel() != other.ravel()])

    def place(self, cell: int) -> tuple[int, ...]:
        """Row and column, or the component's index."""
        return tuple(int(i) for i in np.unravel_index(cell, self.shape))


def cells_of(observation: tuple[int, ...], network: tuple[int, ...]) -> Cells:
    """The cells of observations of this shape.

    Args:
        network: the shape that the network reads, images with channels first: tells which axis holds the planes.
    """
    last = len(observation) == 3 and observation != network and (observation[2], *observation[:2]) == network
    if len(observation) not in (2, 3):
        count = int(np.prod(observation, dtype=np.int64))
        return Cells((count,), np.arange(count))
    board = observation[-2:] if len(observation) == 2 or not last else observation[:2]
    index = np.arange(board[0] * board[1]).reshape(board)
    spread = np.broadcast_to(index[..., None] if last else index, observation)
    return Cells(board, spread.ravel().copy(), last)


@dataclass(frozen=True)
class KeptCells:
    """Cells that suffice for the drive of one state, none of which can be spared.

    Attributes:
        cells: row and column of each, or index of a component; () where any other state drives it as much.
        share: of resamples in which the drive keeps 90 %; without_one: the highest such share with one cell fewer.
        fresh: the same share in states that chose nothing; fresh_keeps: mean part of the drive that stays there.
        resamples, fresh_resamples: how many states the rest was taken from.
        read: mixed observations that were read.
    """

    cells: tuple[tuple[int, ...], ...]
    share: float
    without_one: float | None
    fresh: float
    fresh_keeps: float
    resamples: int
    fresh_resamples: int
    read: int


@dataclass(frozen=True)
class Mixer:
    """Mixes of one observation and its donors, read as the part of the drive that stays: 1 is all of it, 0 the mean.

    Attributes:
        read: the drive of a batch of observations, at the position that counts.
        value, mean: drive of the observation, and its mean over visited states.
    """

    observation: Shaped[np.ndarray, "..."]
    cells: Cells
    read: Callable[[np.ndarray], np.ndarray]
    value: float
    mean: float

    def stays(
        self, kept: Bool[np.ndarray, "sets cells"], donors: Shaped[np.ndarray, "donors ..."]
    ) -> Float64[np.ndarray, "sets donors"]:
        """Part of the drive that stays with these sets of cells kept, the rest from each donor."""
        own, others = self.observation.ravel(), donors.reshape(len(donors), -1)
        step = max(1, AT_ONCE // max(1, len(donors)))
        parts = [np.empty((0, len(donors)))]
        for start in range(0, len(kept), step):
            chosen = kept[start : start + step][:, None, self.cells.of]
            mixed = np.where(chosen, own, others[None]).reshape(-1, *self.observation.shape)
            parts.append(self.read(mixed).reshape(-1, len(donors)))
        return (np.concatenate(parts) - self.mean) / (self.value - self.mean)


@dataclass(frozen=True)
class Donors:
    """Observations of visited states that what is not kept is taken from.

    Attributes:
        deciding: a set of cells suffices if it does in these; the first `ranking` of them say what to try first.
        fresh: others, for the share that is reported.
    """

    deciding: Shaped[np.ndarray, "deciding ..."]
    fresh: Shaped[np.ndarray, "fresh ..."]
    ranking: int = 60


def smallest_cells(mixer: Mixer, donors: Donors) -> KeptCells:
    """Cells that suffice and of which none can be spared, by backward deletion, least influence first.

    Each round tries to spare every cell by itself, in what is left by then, and spares the longest run (of 1, 2, 4,
    ...) that can be, from the cell with the least influence on. Where not even that cell can, all of them are tried
    in all deciding states: the last round spares none, which is the proof. Which of several minimal sets is found
    depends on the order; a smaller one of other cells may exist.
    """
    kept = _differing(mixer, donors.deciding)
    read, without_one = 0, None
    first = donors.deciding[: donors.ranking]
    while kept.any():
        order, stays = _ranked(mixer, kept, first)
        runs = _without_runs(kept, order)
        tried = mixer.stays(runs, donors.deciding)
        suffices = np.flatnonzero(_share(tried) >= IN_SHARE)
        read += stays.size + tried.size
        if len(suffices):
            kept = runs[suffices.max()]
            continue
        order, stays = _ranked(mixer, kept, donors.deciding)
        read, without_one = read + stays.size, float(_share(stays).max())
        if without_one < IN_SHARE:
            break
        kept = _without_runs(kept, order)[0]
    found, again = mixer.stays(kept[None], donors.deciding), mixer.stays(kept[None], donors.fresh)
    return KeptCells(
        tuple(mixer.cells.place(int(cell)) for cell in np.flatnonzero(kept)), float(_share(found)[0]),
        without_one if kept.any() else None, float(_share(again)[0]), float(again.mean()), len(donors.deciding),
        len(donors.fresh), read + found.size + again.size,
    )  # fmt: skip


def _differing(mixer: Mixer, donors: Shaped[np.ndarray, "donors ..."]) -> Bool[np.ndarray, "cells"]:
    """Cells that differ in some donor: sparing the others changes nothing."""
    varies = (donors.reshape(len(donors), -1) != mixer.observation.ravel()).any(axis=0)
    kept = np.zeros(len(mixer.cells), dtype=bool)
    kept[mixer.cells.of[varies]] = True
    return kept


def _ranked(
    mixer: Mixer, kept: Bool[np.ndarray, "cells"], donors: Shaped[np.ndarray, "donors ..."]
) -> tuple[Int[np.ndarray, "left"], Float64[np.ndarray, "left donors"]]:
    """The kept cells, least influence first, and what stays without each of them, in the order of their index."""
    left = np.flatnonzero(kept)
    alone = np.repeat(kept[None], len(left), axis=0)
    alone[np.arange(len(left)), left] = False
    stays = mixer.stays(alone, donors)
    return left[np.lexsort((left, -stays.mean(axis=1), -_share(stays)))], stays


def _share(stays: Float64[np.ndarray, "sets donors"]) -> Float64[np.ndarray, "sets"]:
    """Share of donors in which each set of cells keeps the drive."""
    return np.asarray((stays >= KEEPS).mean(axis=1))


def _without_runs(kept: Bool[np.ndarray, "cells"], order: Int[np.ndarray, "left"]) -> Bool[np.ndarray, "runs cells"]:
    """The kept cells without the first 1, 2, 4, ... and without all of the order."""
    lengths = sorted({1 << power for power in range(len(order).bit_length()) if 1 << power <= len(order)})
    if lengths[-1] != len(order):
        lengths.append(len(order))
    runs = np.repeat(kept[None], len(lengths), axis=0)
    for run, length in zip(runs, lengths, strict=True):
        run[order[:length]] = False
    return runs
