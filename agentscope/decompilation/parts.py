"""The parts of a decompiled program: which function of the text stands for which units of the integer network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentscope.language import tree

MOST_INPUTS, MOST_WEIGHTS, LARGEST_WEIGHT = 12, 16, 15  # what can be followed with pen and paper within an hour
MOST_NONLINEARITIES, MOST_OPERATIONS, MOST_ROWS = 2, 120, 4_096


@dataclass(frozen=True)
class Part:
    """One function of a decompiled text.

    A *node* is the whole output tensor of a stage. The values of the functions of one stage, each over all of its
    `ranges`, are together that tensor: function values have shape (states, *lengths of ranges), the unit first where
    the function takes the unit's number, then the column (or row and column).

    Attributes:
        name: in the text.
        stage: whose output it computes; "" for what only helps others (a clamp, a look-up).
        units: the stage's units (index along the first axis of its output) that it stands for.
        ranges: values of its arguments for which it gives the stage's own output, as (first, beyond the last).
        calls: the functions that it calls, in the order of the text.
        inputs, weights, largest_weight, nonlinearities, operations, rows: its size, by which `in_budget` judges; of a
            function of many units those of its largest unit. rows: of a table, else 0.
        low, high: bounds of its value.
        opaque: a unit above the budget that no named function replaces.
    """

    name: str
    stage: str
    units: tuple[int, ...]
    ranges: tuple[tuple[int, int], ...]
    calls: tuple[str, ...]
    inputs: int = 0
    weights: int = 0
    largest_weight: int = 0
    nonlinearities: int = 0
    operations: int = 0
    rows: int = 0
    low: int = 0
    high: int = 0
    opaque: bool = False
    note: str = ""

    @property
    def in_budget(self) -> bool:
        """Whether a person could follow it with pen and paper within an hour."""
        small = (
            self.inputs <= MOST_INPUTS and self.weights <= MOST_WEIGHTS and self.largest_weight <= LARGEST_WEIGHT
            and self.nonlinearities <= MOST_NONLINEARITIES and self.operations <= MOST_OPERATIONS
        )  # fmt: skip
        return small or 0 < self.rows <= MOST_ROWS


@dataclass(frozen=True)
class Decompilation:
    """A text and what each of its functions stands for.

    Attributes:
        text: as it is written to decompiled.py, header included; `program` is what that text parses to.
        parts: one for each function but `strategy`, in the order of the text.
        names: why each name was given: "hidden_1[3]" -> "height(2)", where a probe's evidence named it.
    """

    text: str
    program: tree.Program = field(repr=False)
    parts: tuple[Part, ...]
    names: Mapping[str, str] = field(default_factory=dict)
