"""The values of a text's functions, each at its places in the output of the stage that it stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64, Shaped

from agentscope.contracts import States
from agentscope.language import Batch, Binding, Program, evaluate, evaluate_functions


@runtime_checkable
class NodePart(Protocol):
    """One function of a text that stands for units of a stage.

    Attributes:
        ranges: values of its arguments.
        places: for each combination of them, in the order of the ranges, the places in the stage's output, flattened,
            that its value stands for.
    """

    @property
    def name(self) -> str: ...
    @property
    def stage(self) -> str: ...
    @property
    def ranges(self) -> tuple[range, ...]: ...
    @property
    def places(self) -> Int64[np.ndarray, "values copies"]: ...


@dataclass(frozen=True)
class NodeValues:
    """What a text gives in some states: its actions, and the values of its functions, arguments flattened."""

    actions: Int64[np.ndarray, "states"]
    of: Mapping[str, Shaped[np.ndarray, "states values"]]


@dataclass(frozen=True)
class NodeText:
    """A decompiled text, bound, with the functions that stand for units of the network."""

    program: Program
    binding: Binding
    parts: Sequence[NodePart]

    @cached_property
    def called(self) -> Mapping[str, tuple[range, ...]]:
        """Of each function that the text calls, the arguments of its part that it is called with."""
        found = {}
        for part in self.parts:
            known = self.program.tabulated.get(part.name)
            if known is None or len(known.ranges) != len(part.ranges):
                continue
            both = [range(max(own.start, most.start), min(own.stop, most.stop))
                    for own, most in zip(part.ranges, known.ranges, strict=True)]  # fmt: skip
            if all(both):
                found[part.name] = tuple(both)
        return found

    @property
    def unread(self) -> tuple[str, ...]:
        """Functions that stand for units but have no table of values: the text never calls them, or not as it says."""
        return tuple(part.name for part in self.parts if part.name not in self.called)

    def places(self, part: NodePart) -> Int64[np.ndarray, "values copies"]:
        """The places of the values of a function that the text calls."""
        inside = tuple(slice(both.start - own.start, both.stop - own.start)
                       for both, own in zip(self.called[part.name], part.ranges, strict=True))  # fmt: skip
        copies = part.places.shape[-1]
        return part.places.reshape(*map(len, part.ranges), copies)[inside].reshape(-1, copies)

    def read(self, states: States) -> NodeValues:
        """One pass: all functions, and from their values the actions.

        Raises: TextError, ContractBroken: as `language.evaluate`.
        """
        batch = Batch(self.binding, states, lane_bytes=self.program.lane_bytes)
        values = evaluate_functions(self.program, self.binding, batch, self.called)
        whole = {name: values[name] for name, ranges in self.called.items()
                 if ranges == self.program.tabulated[name].ranges}  # fmt: skip
        actions = evaluate(self.program, self.binding, batch, given=whole).actions
        return NodeValues(actions, {name: found.reshape(len(states), -1) for name, found in values.items()})
