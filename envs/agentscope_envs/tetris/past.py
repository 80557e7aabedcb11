"""What fell before: the pieces that were placed last, shown in the observation, and what that adds to a state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Int16, UInt8

from agentscope.concepts import Concept
from agentscope.contracts import Scalar, States
from agentscope.errors import BadOption
from agentscope_envs.tetris.pieces import PIECES
from agentscope_envs.tetris.shown import NONE, read_shown, show_pieces
from agentscope_envs.tetris.upcoming import copy_fields

PAST_PIECES = (*PIECES, "none")
MOST_PAST = 4


@dataclass(frozen=True)
class Past:
    """The pieces that were placed last; by default none is remembered, and a state holds nothing of them.

    Attributes:
        count: how many of them a state holds, in scalar fields `past_piece` (the last one), `past_piece2`, ..., and the
            observation shows, each unturned at the top left of a plane of its own. Where the game is younger, the field
            is NONE and the plane is empty.
    Raises: BadOption.
    """

    count: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.count <= MOST_PAST:
            raise BadOption(f"past={self.count}: 0 to {MOST_PAST} past pieces are supported")

    @property
    def options(self) -> Mapping[str, Scalar]:
        """The argument of the world, where it is not what it is by default."""
        return {"past": self.count} if self.count else {}

    @property
    def names(self) -> tuple[str, ...]:
        """The fields, which are the concepts' names too: the piece that was placed last comes first."""
        return tuple("past_piece" if back == 0 else f"past_piece{back + 1}" for back in range(self.count))

    @property
    def fields(self) -> list[tuple[Any, ...]]:
        """What a state holds: the index of a piece, or NONE."""
        return [(name, np.uint8) for name in self.names]

    def begin(self, states: States) -> None:
        """Let nothing be past, in place."""
        for name in self.names:
            states[name] = NONE

    def remember(self, before: States, after: States) -> States:
        """The successors, with the piece that was just placed as their last one.

        Args:
            after: the successors, perhaps without these fields (returned as they are where nothing is remembered).
        """
        if not self.count:
            return after
        after = copy_fields(after, before.copy())
        for newer, older in zip(("piece", *self.names), self.names, strict=False):
            after[older] = before[newer]
        return after

    def pieces(self, states: States) -> UInt8[np.ndarray, "states past"]:
        """The past pieces, the last one first."""
        found = np.empty((len(states), self.count), dtype=np.uint8)
        for back, name in enumerate(self.names):
            found[:, back] = states[name]
        return found

    def planes(self, states: States, height: int, width: int) -> UInt8[np.ndarray, "states past rows columns"]:
        """A plane for each past piece, the last one first."""
        return show_pieces(self.pieces(states), height, width)

    def read(self, planes: UInt8[np.ndarray, "states past rows columns"], states: States) -> None:
        """Set the pieces that the planes show, in place, and that so many were placed."""
        if self.count:
            pieces = read_shown(planes)
            for back, name in enumerate(self.names):
                states[name] = pieces[:, back]
            states["placed"] = (pieces != NONE).sum(axis=1)

    def identity(self, states: States) -> Int16[np.ndarray, "states past"]:
        """The past pieces."""
        return self.pieces(states).astype(np.int16)

    def is_possible(self, states: States) -> Bool[np.ndarray, "states"]:
        """Whether no more and no fewer pieces are past than were placed, and the bags, if any, can have given them."""
        pieces = self.pieces(states)
        known = np.arange(self.count) < states["placed"][:, None]
        possible = np.asarray(((pieces != NONE) == known).all(axis=1))
        if self.count and "bag" in (states.dtype.names or ()):
            possible &= _could_come_from_bags(states, pieces)
        return possible

    def concepts(self, *, matter: bool) -> tuple[Concept, ...]:
        """Which pieces were placed last; they `matter` where a bag links them to what falls later."""
        return tuple(
            Concept(name=name, kind="choice", choices=PAST_PIECES, low=0, high=NONE, should_matter=matter,
                    measure=partial(_past_piece, name=name),
                    doc="which tetromino was placed " + ("last" if back == 0 else f"{back} before the last"))
            for back, name in enumerate(self.names)
        )  # fmt: skip


def _could_come_from_bags(states: States, pieces: np.ndarray) -> np.ndarray:
    """Whether each seven draws can be the seven pieces: going back, first those of the falling piece's own bag."""
    left = (states["bag"][:, None] >> np.arange(NONE)) & 1
    older = NONE - 1 - left.sum(axis=1, dtype=np.int64)  # drawn from that bag before the falling piece
    placed = (pieces != NONE).sum(axis=1)
    possible = (placed == pieces.shape[1]) | (placed == older)  # a young game has opened no bag but this one
    taken = states["bag"] | (1 << states["piece"])
    for back in range(pieces.shape[1]):
        taken = np.where(older == back, 0, taken)  # from here on, the bag before
        bit = np.where(pieces[:, back] == NONE, 0, 1 << pieces[:, back])
        possible &= (taken & bit) == 0
        taken = taken | bit
    return np.asarray(possible)


def _past_piece(states: States, name: str) -> np.ndarray:
    return states[name].astype(np.int64)
