"""The trace: which primitives an evaluation called, and what they gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Shaped

from agentscope.language.printing import print_expression
from agentscope.language.tree import After, ConceptCall

Site = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class TracedCall:
    """One call of a primitive.

    Attributes:
        line, column: in the text that was parsed.
        text: the call as printed, e.g. "after(a, holes)".
        called_from: lines of the helper calls and loop rounds around it, outermost first.
        mask: the lanes that really called it: (n,), with one leading axis for each generator expression around.
        values: what it gave there; anything where the mask is False.
    """

    line: int
    column: int
    text: str
    called_from: tuple[int, ...]
    mask: Bool[np.ndarray, "*loops states"]
    values: Shaped[np.ndarray, "*loops states"]


@dataclass(frozen=True)
class TracedReturn:
    """One return of a helper that was called for each state once, not in a loop over lanes.

    Attributes:
        line: in the text that was parsed.
        called_from: as of a call: the first is the line of the strategy's own call.
        mask: the states in which it was the one that returned.
    """

    line: int
    called_from: tuple[int, ...]
    mask: Bool[np.ndarray, "states"]


class Recorder:
    """Collects the calls of one chunk, in the order of evaluation, and where helpers returned."""

    def __init__(self) -> None:
        self.route: list[tuple[int, int, int]] = []
        self.calls: list[tuple[Site, TracedCall]] = []
        self.returns: list[tuple[int, TracedReturn]] = []

    def enter(self, line: int, column: int, turn: int = 0) -> None:
        """A helper's call, or one round of a loop, begins."""
        self.route.append((line, column, turn))

    def leave(self) -> None:
        """It ends."""
        self.route.pop()

    def record(self, node: ConceptCall | After, mask: np.ndarray, values: np.ndarray, states: int) -> None:
        """Keep one call."""
        shape = np.broadcast_shapes(mask.shape, values.shape, (states,))
        site = (*self.route, (node.line, node.column, 64 * len(self.calls) + len(shape)))
        lines = tuple(line for line, _, _ in self.route)
        text = print_expression(node)
        full = np.array(np.broadcast_to(mask, shape)), np.array(np.broadcast_to(values, shape))
        self.calls.append((site, TracedCall(node.line, node.column, text, lines, *full)))

    def returned(self, line: int, mask: np.ndarray, states: int) -> None:
        """Keep where a helper returned; returns in the lanes of a loop are not told apart, and left out."""
        if self.route and mask.ndim == 1:
            lines = tuple(each for each, _, _ in self.route)
            found = TracedReturn(line, lines, np.array(np.broadcast_to(mask, (states,))))
            self.returns.append((len(self.calls), found))

    def mark(self) -> int:
        """Where the trace stands, for `rewind`."""
        return len(self.calls)

    def rewind(self, mark: int) -> None:
        """Forget the calls since the mark."""
        del self.calls[mark:]
        self.returns = [(at, found) for at, found in self.returns if at <= mark]


def joined(chunks: Sequence[Recorder], sizes: Sequence[int]) -> tuple[TracedCall, ...]:
    """The traces of all chunks as one: a call that some chunk never made is masked out there."""
    found: dict[Site, dict[int, TracedCall]] = {}
    for number, recorder in enumerate(chunks):
        for site, call in recorder.calls:
            found.setdefault(site, {})[number] = call
    return tuple(_joined(calls, sizes) for calls in found.values())


def _joined(calls: dict[int, TracedCall], sizes: Sequence[int]) -> TracedCall:
    known = next(iter(calls.values()))
    loops = known.mask.shape[:-1]
    masks, values = [], []
    for number, size in enumerate(sizes):
        call = calls.get(number)
        masks.append(np.zeros((*loops, size), dtype=bool) if call is None else call.mask)
        values.append(np.zeros((*loops, size), dtype=known.values.dtype) if call is None else call.values)
    mask, value = np.concatenate(masks, axis=-1), np.concatenate(values, axis=-1)
    return TracedCall(known.line, known.column, known.text, known.called_from, mask, value)


def joined_returns(chunks: Sequence[Recorder], sizes: Sequence[int]) -> tuple[TracedReturn, ...]:
    """The returns of all chunks as one, each place once."""
    starts = np.cumsum([0, *sizes])
    masks: dict[tuple[tuple[int, ...], int], np.ndarray] = {}
    for number, recorder in enumerate(chunks):
        for _, found in recorder.returns:
            mask = masks.setdefault((found.called_from, found.line), np.zeros(starts[-1], dtype=bool))
            mask[starts[number] : starts[number + 1]] |= found.mask
    return tuple(TracedReturn(line, called_from, mask) for (called_from, line), mask in masks.items())
