"""Proofs of what a text reads as the agent sees it: case by case, for every cell and direction that it may stand in.

Where the agent stands decides which cell of the grid is seen where; once that is fixed, text and stage read the same
inputs, and have one normal form or not. The first cell with the agent's id is where it stands, or cell 0 where none has
it: all observations are one of these cases.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int64

from agentscope.decompilation.placing import PlacedPart
from agentscope.decompilation.proofs.following import Follower
from agentscope.decompilation.proofs.forms import Forms, atom, key_of
from agentscope.decompilation.proofs.readings import Input, LeafText, Readings
from agentscope.decompilation.proofs.wide import Unfollowed, Wide
from agentscope.decompilation.running import AGENT, agents_view
from agentscope.integers import SEEN, Stage

_HEADINGS = 4


@dataclass(frozen=True)
class _Standing:
    """One case: where the agent is, and the bounds of inputs that this changes."""

    text: LeafText
    cell: int
    heading: int
    ends: dict[Input, tuple[int, int]]
    views: dict[str, Int64[np.ndarray, "cells"]] = field(default_factory=dict)

    def as_atom(self, one: Input) -> Wide:
        """An input, its bounds as they are in this case."""
        return atom(one, *self.ends[one]) if one in self.ends else self.text.as_atom(one)

    def view(self, stage: Stage) -> Int64[np.ndarray, "cells"]:
        """The cell of the grid that is seen at each place; -1 outside. The reference itself turns numbers of cells."""
        if stage.name not in self.views:
            rows, columns = self.text.network.observation[1:]
            ids = np.zeros((1, 3, rows * columns), dtype=np.int64)
            ids[0, 0, self.cell], ids[0, 2, self.cell] = AGENT, self.heading
            ids[0, 1] = np.arange(1, rows * columns + 1)
            turned = agents_view(ids.reshape(1, 3, rows, columns), stage.settings["reach"])
            self.views[stage.name] = turned[0, 1].ravel() - 1
        return self.views[stage.name]


def is_turned(text: LeafText, part: PlacedPart) -> bool:
    """Whether a function stands for ids as the agent sees them."""
    return bool(text.network.stage(part.stage).settings.get("reach"))


def differing_views(text: LeafText, parts: Sequence[PlacedPart]) -> dict[str, str]:
    """For each of these functions that is not proved, why; the others equal their stage for every observation."""
    left = {part.name: part for part in parts}
    found: dict[str, str] = {}
    for standing in _cases(text):
        readings = Readings(text, Forms(), standing.as_atom, None, view=standing.view)
        follower = Follower(text.program, readings.algebra, readings, literals=text.literals)
        for name, part in list(left.items()):
            why = _difference(follower, readings, part)
            if why:
                found[name] = f"{why}, the agent in cell {standing.cell} and looking in direction {standing.heading}"
                del left[name]
    return found


def _difference(follower: Follower, readings: Readings, part: PlacedPart) -> str:
    places = part.places.reshape(*map(len, part.ranges), -1)
    for index in np.ndindex(*places.shape[:-1]):
        arguments = [values[place] for values, place in zip(part.ranges, index, strict=True)]
        try:
            follower.steps = readings.unfolding.steps = 0
            given = key_of(readings.algebra.number(follower.call(part.name, arguments)))
            wanted = [key_of(readings.unfolding.own(part.stage, int(place))) for place in places[index]]
        except Unfollowed as reason:
            return str(reason)
        if any(one != given for one in wanted):
            return f"no one normal form for arguments {tuple(arguments)}"
    return ""


def _cases(text: LeafText) -> Iterator[_Standing]:
    """Every cell whose id is the first to be the agent's, none, and every direction.

    Raises: Unfollowed: ids beyond the agent's, of which an interval cannot leave out the agent's.
    """
    cells = int(np.prod(text.network.observation[1:]))
    objects = [text.ends((SEEN, cell)) for cell in range(cells)]
    if max(high for _, high in objects) > AGENT:
        raise Unfollowed(f"ids beyond {AGENT}, the agent's")
    for cell in [*range(cells), None]:
        stands = 0 if cell is None else cell
        others = range(cells) if cell is None else range(cell)
        ends = {(SEEN, other): (int(objects[other][0]), min(int(objects[other][1]), AGENT - 1)) for other in others}
        if cell is not None:
            ends[SEEN, cell] = (AGENT, AGENT)
        lowest, highest = map(int, text.ends((SEEN, 2 * cells + stands)))
        for heading in range(min(lowest, _HEADINGS - 1), min(highest, _HEADINGS - 1) + 1):
            last = highest if heading == _HEADINGS - 1 else heading  # higher states count as the last direction
            yield _Standing(text, stands, heading, {**ends, (SEEN, 2 * cells + stands): (max(heading, lowest), last)})
