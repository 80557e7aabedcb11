"""What falls next: how pieces are drawn, how many of the next ones are shown, and what that adds to a state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypedDict

import numpy as np
from jaxtyping import Bool, Int16, UInt8

from agentscope.concepts import Concept
from agentscope.contracts import Scalar, States
from agentscope.errors import BadOption
from agentscope_envs.tetris import kernels
from agentscope_envs.tetris.pieces import PIECES
from agentscope_envs.tetris.shown import NONE, read_shown, show_pieces

MOST_SHOWN = 6
FULL_BAG = np.uint8(2 ** len(PIECES) - 1)
BAGS = sorted(range(2 ** len(PIECES)), key=lambda bag: (-bag.bit_count(), -bag))  # the fullest first


class UpcomingOptions(TypedDict, total=False):
    """The arguments of a Tetris world that are about the next pieces: see `Upcoming`."""

    preview: int
    bag: str


@dataclass(frozen=True)
class Upcoming:
    """The next pieces of a game; with the values by default, a state holds none and each piece is drawn by itself.

    Attributes:
        preview: how many next pieces the observation shows, each unturned at the top left of a plane of its own.
        bag: 'uniform' (every piece is as likely at every draw) or '7-bag' (each seven draws are all seven pieces in a
            random order).
    Raises: BadOption.
    """

    preview: int = 0
    bag: str = "uniform"

    def __post_init__(self) -> None:
        if not 0 <= self.preview <= MOST_SHOWN:
            raise BadOption(f"preview={self.preview}: 0 to {MOST_SHOWN} next pieces are supported")
        if self.bag not in ("uniform", "7-bag"):
            raise BadOption(f"bag={self.bag!r}: 'uniform' or '7-bag' is supported")

    @property
    def options(self) -> Mapping[str, Scalar]:
        """The arguments that are not what they are by default."""
        chosen: dict[str, Scalar] = {"preview": self.preview} if self.preview else {}
        return chosen | ({"bag": self.bag} if self.from_bag else {})

    @property
    def from_bag(self) -> bool:
        """Whether pieces are drawn from bags of seven."""
        return self.bag == "7-bag"

    @property
    def fields(self) -> list[tuple[Any, ...]]:
        """What a state holds beside the falling piece: the next pieces, and the set of those left in its bag."""
        held: list[tuple[Any, ...]] = [("next_pieces", np.uint8, (max(self.preview, 1),))] if self.options else []
        return held + ([("bag", np.uint8)] if self.from_bag else [])

    def draw_first(self, states: States, width: int) -> None:
        """Give first states their falling and next pieces, in place."""
        if not self.options:
            kernels.draw_batch(states, width)
            return
        self._draw(states, width, -1)
        if self.from_bag:
            states["bag"] = _without(FULL_BAG, states["piece"])

    def draw_next(self, before: States, moved: States, width: int) -> States:
        """The successors: the first of the next pieces falls, and the last of them is drawn anew.

        Args:
            moved: the successors as they are without next pieces (returned as they are where there are none).
        """
        if not self.options:
            return moved
        after = copy_fields(moved, before.copy())
        after["piece"] = before["next_pieces"][:, 0]
        after["next_pieces"][:, :-1] = before["next_pieces"][:, 1:]
        self._draw(after, width, after["next_pieces"].shape[1] - 1)
        if self.from_bag:
            after["bag"] = _without(np.where(before["bag"] == 0, FULL_BAG, before["bag"]), after["piece"])
        return after

    def keep_drawn(self, after: States, states: States) -> None:
        """Give successors what the draw after the action decides as it was before, in place.

        Without a preview that is the falling piece with all that follows it; else the last next piece only, since the
        others were known and have moved up.
        """
        if self.preview:
            after["next_pieces"][:, -1] = states["next_pieces"][:, -1]
            return
        for name in {"piece", "draw", "next_pieces", "bag"} & set(states.dtype.names or ()):
            after[name] = states[name]

    def _draw(self, states: States, width: int, known: int) -> None:
        pieces = np.concatenate([states["piece"][:, None], states["next_pieces"]], axis=1)
        poses = np.empty((len(states), 2), dtype=np.uint8)
        seeds, draws = (np.ascontiguousarray(states[name]) for name in ("seed", "draw"))  # compiled for one layout
        kernels.draw_upcoming(seeds, draws, (width, self.from_bag, known + 1), pieces, poses)
        states["piece"], states["next_pieces"] = pieces[:, 0], pieces[:, 1:]
        states["pose_rotation"], states["pose_column"] = poses.T

    def planes(self, states: States, height: int, width: int) -> UInt8[np.ndarray, "states shown rows columns"]:
        """A plane for each next piece that is shown."""
        following = states["next_pieces"][:, : self.preview] if self.preview else np.zeros((len(states), 0), np.uint8)
        return show_pieces(following, height, width)

    def read(self, planes: UInt8[np.ndarray, "states shown rows columns"], states: States) -> None:
        """Set the next pieces that the planes show, in place."""
        if self.preview:
            states["next_pieces"] = read_shown(planes) % NONE

    def fill_bag(self, states: States, possible: Callable[[States], np.ndarray]) -> None:
        """Set the fullest bag with which a state is possible, in place, and a next piece where none is shown."""
        states["bag"] = _without(FULL_BAG, states["piece"])
        wrong = np.flatnonzero(~possible(states))
        for bag in BAGS:
            tried = states[wrong]
            tried["bag"] = bag
            fits = possible(tried)
            states["bag"][wrong[fits]] = bag
            wrong = wrong[~fits]
        if not self.preview:
            states["next_pieces"][:, 0] = _in_bag(states).argmax(axis=1)

    def identity(self, states: States) -> Int16[np.ndarray, "states fields"]:
        """The next pieces that are shown, and what is left in the bag."""
        parts = [states["next_pieces"][:, : self.preview]] if self.preview else []
        parts += [states["bag"][:, None]] if self.from_bag else []
        return np.concatenate([np.zeros((len(states), 0), dtype=np.int16), *parts], axis=1).astype(np.int16)

    def is_possible(self, states: States) -> Bool[np.ndarray, "states"]:
        """Whether the falling piece has left its bag and the next pieces that are shown can come from the bags."""
        possible = np.ones(len(states), dtype=bool)
        if not self.from_bag:
            return possible
        left = states["bag"]
        possible &= _without(left, states["piece"]) == left
        for ahead in range(self.preview):
            left = np.where(left == 0, FULL_BAG, left)
            later = _without(left, states["next_pieces"][:, ahead])
            possible &= later != left
            left = later
        return possible

    def concepts(self) -> tuple[Concept, ...]:
        """The next pieces, and where there is a bag, what is left in it.

        `chance` is what the draw after the action decides: the last next piece, for it moves up in the successor.
        """
        if not self.options:
            return ()
        count = max(self.preview, 1)
        following = tuple(
            Concept(name="next_piece" if ahead == 0 else f"next_piece{ahead + 1}", kind="choice", choices=PIECES,
                    measure=partial(_next_piece, ahead=ahead), chance=ahead == count - 1, low=0, high=len(PIECES) - 1,
                    doc="which tetromino falls " + ("next" if ahead == 0 else f"{ahead} pieces after the next")
                        + ("" if self.preview else "; not shown"))
            for ahead in range(count)
        )  # fmt: skip
        left = Concept(
            name="in_bag",
            kind="flag",
            axis=("pieces",),
            measure=_in_bag,
            chance=self.preview == 0,
            doc="this tetromino is still left in the bag that the falling one came from; not shown",
        )
        return (*following, left) if self.from_bag else following


def copy_fields(states: States, target: States) -> States:
    """The target, in place, with the values of the fields that both have."""
    for name in set(states.dtype.names or ()) & set(target.dtype.names or ()):
        target[name] = states[name]
    return target


def _without(bags: np.ndarray | np.uint8, pieces: np.ndarray) -> np.ndarray:
    return np.asarray(bags & ~(1 << pieces).astype(np.uint8), dtype=np.uint8)


def _next_piece(states: States, ahead: int) -> np.ndarray:
    return states["next_pieces"][:, ahead].astype(np.int64)


def _in_bag(states: States) -> np.ndarray:
    return (states["bag"][:, None] >> np.arange(len(PIECES))) & 1 > 0
