"""What a leaf reads: numbers of other units, ids of cells, the observation; each an input with its range."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from agentscope.decompilation.placing import PlacedPart
from agentscope.decompilation.proofs.forms import atom
from agentscope.decompilation.proofs.unfolding import Unfolding, View, id_at
from agentscope.decompilation.proofs.wide import Algebra, Unfollowed, Wide
from agentscope.decompilation.ranges import Ranges
from agentscope.decompilation.spreads import KINDS, kinds_of_ids
from agentscope.integers import SEEN, IntegerNetwork, Stage, shapes_of
from agentscope.language import Program

OBSERVING = ("seen", "obs")  # concepts that show the observation
Input = tuple[str, int]
"""A stage (or "seen", or "STAGE:objects" and the like, the ids that flags are made of) and a place there, flattened."""


@dataclass(frozen=True)
class LeafText:
    """A text, its functions that stand for units, and the network whose units they are.

    Attributes:
        ranges: bounds of what the stages put out: inputs beyond them are not legal.
    """

    program: Program
    parts: Sequence[PlacedPart]
    network: IntegerNetwork
    ranges: Ranges

    @cached_property
    def by_name(self) -> dict[str, PlacedPart]:
        """The functions by name."""
        return {part.name: part for part in self.parts}

    @cached_property
    def literals(self) -> dict[str, Any]:
        """Of the text's tables, as they are followed."""
        return {}

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the stages' outputs."""
        return shapes_of(self.network.stages, self.network.observation)

    @cached_property
    def first_of(self) -> dict[Input, int]:
        """For each number that functions stand for, the first of those that are equal by the same function."""
        return {(part.stage, int(place)): int(copies[0])
                for part in self.parts for copies in part.places for place in copies}  # fmt: skip

    @cached_property
    def bases(self) -> frozenset[Input]:
        """The inputs of which all numbers are made that functions stand for."""
        return frozenset(self.base(*one) for one in self.first_of)

    def is_written(self, part: PlacedPart) -> bool:
        """Whether the text has this function, with an argument for each of its ranges."""
        found = next((one for one in self.program.functions[:-1] if one.name == part.name), None)
        return found is not None and len(found.parameters) == len(part.ranges)

    def base(self, stage: str, place: int) -> Input:
        """The input that a number is, or is made of: of flags the id, of a table's row the code."""
        kind = "" if stage == SEEN else self.network.stage(stage).kind
        if kind in ("flags", "planes"):
            which, _, cell = self.id_at(stage, place)
            return f"{stage}:{KINDS[which]}", cell
        if kind == "lookup":
            source = self.network.stage(stage)
            return self.base(source.sources[0], place // source.settings["channels"])
        return stage, self.first_of.get((stage, place), place)

    def id_at(self, stage: str, place: int) -> tuple[int, int, int]:
        """As `unfolding.id_at`."""
        return id_at(self.network.stage(stage), place, math.prod(self.shapes[stage][1:]))

    def place_of(self, name: str, arguments: tuple[int, ...]) -> Input | None:
        """The number that a call gives; None where the function, or this argument of it, stands for none."""
        part = self.by_name.get(name)
        if part is None or len(part.ranges) != len(arguments):
            return None
        if any(value not in own for value, own in zip(arguments, part.ranges, strict=True)):
            return None
        row = 0
        for value, own in zip(arguments, part.ranges, strict=True):
            row = row * len(own) + value - own.start
        return part.stage, int(part.places[row, 0])

    def ends(self, one: Input) -> tuple[int | float, int | float]:
        """Lowest and highest value of an input: whole numbers, but of decimals that are observed."""
        stage, _, kind = one[0].partition(":")
        if kind:
            values = np.flatnonzero(self._possible(stage, kind, one[1]))
            return int(values[0]), int(values[-1])
        low, high = self.ranges.low[stage].ravel()[one[1]].item(), self.ranges.high[stage].ravel()[one[1]].item()
        return (int(low), int(high)) if self.is_whole(one) else (low, high)

    def is_whole(self, one: Input) -> bool:
        """Whether an input is a whole number."""
        return one[0] != SEEN or self.network.stages[0].kind != "whole"

    def as_atom(self, one: Input) -> Wide:
        """An input in a normal form.

        Raises: Unfollowed: it is a decimal.
        """
        if not self.is_whole(one):
            raise Unfollowed("decimals")
        low, high = self.ends(one)
        return atom(one, int(low), int(high))

    def width(self, one: Input) -> int | float:
        """How many values an input takes."""
        low, high = self.ends(one)
        return high - low + 1 if self.is_whole(one) else math.inf

    def _possible(self, name: str, kind: str, cell: int) -> np.ndarray:
        """Which ids of a kind a cell may have."""
        stage = self.network.stage(name)
        ids = sum(stage.settings[part] for part in KINDS)
        flat = self.ranges.high[name]
        by_id = flat.reshape(ids, -1)[:, cell] if stage.kind == "planes" else flat.reshape(-1, ids)[cell]
        present = [part for part in KINDS if stage.settings[part]]
        return by_id[kinds_of_ids(stage)[present.index(kind)]] > 0


class Readings:
    """Hands out inputs, to the text and to the unit alike.

    Attributes:
        known: inputs so far.
    Args:
        make: makes the value of an input.
        view: as of an `Unfolding`.
        only: inputs that count as such; other numbers are computed from these where they can be. None: all numbers that
            functions stand for are inputs.
    """

    def __init__(
        self,
        text: LeafText,
        algebra: Algebra,
        make: Callable[[Input], Wide],
        only: frozenset[Input] | None,
        *,
        view: Callable[[Stage], View] | None = None,
    ) -> None:
        self.text, self.algebra, self.make, self.only = text, algebra, make, only
        self.known: dict[Input, Wide] = {}
        self.unfolding = Unfolding(text.network, algebra, self.given, view=view)

    def unit(self, name: str, arguments: tuple[int, ...]) -> Wide | None:
        """For the text: a call of another unit's function."""
        found = self.text.place_of(name, arguments)
        if found is None:
            return None
        value = self.at(*found)
        known = self.text.program.tabulated.get(name)
        return self.algebra.compare("!=", value, 0) if known is not None and known.kind == "bool" else value

    def seen(self, concept: str, indices: tuple[int, ...]) -> Wide:
        """For the text: a number of the observation."""
        shape = self.text.network.observation
        if concept not in OBSERVING or len(indices) != len(shape):
            raise Unfollowed(f"the concept {concept}")
        if any(not 0 <= index < length for index, length in zip(indices, shape, strict=True)):
            raise Unfollowed(f"{concept} outside of the observation")
        value = self._input((SEEN, int(np.ravel_multi_index(indices, shape))))
        flag = self.text.program.vocabulary.concepts[concept].kind == "flag"
        return self.algebra.compare("!=", value, 0) if flag else value

    def given(self, stage: str, place: int) -> Wide | None:
        """For the unit: a number of its sources."""
        if stage == SEEN:
            return self.at(stage, place)
        if self.text.base(stage, place) in (self.text.bases if self.only is None else self.only):
            return self.at(stage, place)
        try:
            return self.unfolding.own(stage, place)
        except Unfollowed:
            return self.at(stage, place)

    def at(self, stage: str, place: int) -> Wide:
        """A number as an input, or made of one: a flag of its id, an item of a table's row of its code."""
        kind = "" if stage == SEEN else self.text.network.stage(stage).kind
        if kind == "lookup":
            source = self.text.network.stage(stage)
            cell, channel = divmod(place, source.settings["channels"])
            table = self.text.network.of(stage)["table"][:, channel].tolist()
            return self.algebra.picked(table, self._input(self.text.base(source.sources[0], cell)))
        value = self._input(self.text.base(stage, place))
        if kind in ("flags", "planes"):
            _, which, _ = self.text.id_at(stage, place)
            return self.algebra.number(self.algebra.compare("==", value, which))
        return value

    def _input(self, one: Input) -> Wide:
        if one not in self.known:
            self.known[one] = self.make(one)
        return self.known[one]
