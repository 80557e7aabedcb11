"""States cut into chunks, each with the concept values measured on it so far."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped

from agentscope.concepts import KIND_DTYPES
from agentscope.contracts import States
from agentscope.language.binding import Binding, Reader
from agentscope.language.limits import CHUNK_BYTES, CHUNK_STATES


class Chunk:
    """Concept values of a few thousand states, the state axis last so that loops broadcast over it."""

    def __init__(self, binding: Binding, states: States) -> None:
        self.binding = binding
        self.states = states
        self._reader: Reader | None = None
        self._successors: Reader | None = None
        self._here: dict[str, np.ndarray] = {}
        self._after: dict[str, np.ndarray] = {}
        self._legal: tuple[np.ndarray | None] | None = None

    def __len__(self) -> int:
        return len(self.states)

    def legal(self) -> Bool[np.ndarray, "actions states"] | None:
        """Legal actions, or None where all are."""
        if self._legal is None:
            legal = self.binding.legal(self.states)
            self._legal = (None if legal is None or legal.all() else np.ascontiguousarray(legal.T),)
        return self._legal[0]

    def here(self, name: str) -> Shaped[np.ndarray, "*axes states"]:
        """Values of a concept in these states."""
        if name not in self._here:
            if self._reader is None:
                self._reader = self.binding.open(self.states)
            self._here[name] = np.ascontiguousarray(np.moveaxis(self._reader.read(name), 0, -1))
        return self._here[name]

    def after(self, name: str) -> Shaped[np.ndarray, "actions *axes states"]:
        """Values of a concept in the successors; zero where the action is illegal. All actions step once."""
        if name not in self._after:
            actions = self.binding.vocabulary.actions
            legal = self.legal()
            lanes = np.ones((len(self), actions), dtype=bool) if legal is None else legal.T
            rows, taken = np.nonzero(lanes)
            if self._successors is None:
                self._successors = self.binding.successors(self.states[rows], taken)
            values = self._successors.read(name)
            dense = np.zeros((len(self), actions, *values.shape[1:]), dtype=values.dtype)
            dense[rows, taken] = values
            self._after[name] = np.ascontiguousarray(np.moveaxis(dense, 0, -1))
        return self._after[name]

    def mixed(self, other: Chunk, names: Collection[str]) -> Chunk:
        """The same states with the values that another binding measured of these concepts."""
        made = Chunk(self.binding, self.states)
        made._legal = self._legal
        for mine, theirs, own in ((self._here, other._here, made._here), (self._after, other._after, made._after)):
            own.update({name: values for name, values in mine.items() if name not in names})
            own.update({name: values for name, values in theirs.items() if name in names})
        return made

    def dtype_of(self, name: str) -> np.dtype[Any]:
        """The dtype of a concept's values, without measuring them."""
        signature = self.binding.vocabulary.signature(name)
        assert signature is not None
        return np.dtype(KIND_DTYPES[signature.kind])

    def release(self) -> None:
        """Forget successors and activations, which are large; the values measured on them stay."""
        self._reader = self._successors = None


class Batch:
    """States whose concept values are measured once and shared by many evaluations.

    Hand it to `evaluate` in place of states, when many texts are tried on the same states.
    """

    def __init__(self, binding: Binding, states: States, *, lane_bytes: int = 0) -> None:
        self.binding = binding
        self.states = states
        width = binding.vocabulary.actions * max(states.dtype.itemsize, 8)
        self.chunk_states = chunk_states(max(lane_bytes, width))
        starts = range(0, len(states), self.chunk_states)
        self.chunks = [Chunk(binding, states[start : start + self.chunk_states]) for start in starts]

    def __len__(self) -> int:
        return len(self.states)

    def measure(self, here: Sequence[str], after: Sequence[str] = ()) -> None:
        """Measure these concepts at once, of the states and of their successors."""
        for chunk in self.chunks:
            for name in here:
                chunk.here(name)
            for name in after:
                chunk.after(name)
            chunk.release()

    def mixed(self, other: Batch, names: Collection[str]) -> Batch:
        """This batch, but with the values that `other`, cut alike, has measured of these concepts.

        So one text is tried with one primitive read from the network and all others from the state, at no cost.
        """
        assert [len(chunk) for chunk in self.chunks] == [len(chunk) for chunk in other.chunks]
        made = Batch(self.binding, self.states[:0])
        made.states, made.chunk_states = self.states, self.chunk_states
        made.chunks = [mine.mixed(theirs, names) for mine, theirs in zip(self.chunks, other.chunks, strict=True)]
        return made


def chunk_states(lane_bytes: int) -> int:
    """How many states are evaluated at once, so that a chunk stays within its memory."""
    return max(1, min(CHUNK_STATES, CHUNK_BYTES // max(lane_bytes, 1)))
