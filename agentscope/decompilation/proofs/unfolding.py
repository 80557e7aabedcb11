"""The numbers of an integer network one by one, over wide numbers: what a leaf of a text must equal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from agentscope.decompilation.proofs.wide import Algebra, Unfollowed, Wide
from agentscope.integers import PATTERN, SEEN, IntegerNetwork, Stage, shapes_of

MOST_STEPS = 20_000  # numbers that are computed
Term = tuple[int, str, int]  # weight, source, place in its output; a source "" stands for 1
View = Sequence[int] | np.ndarray
Given = Callable[[str, int], Wide | None]


class Unfolding:
    """Computes single numbers of a network's stages from others.

    Args:
        given: the value of a stage (or "seen") at a place of its output, flattened, where it is an input; None where it
            is to be computed.
        view: for a stage that sees as the agent does, the cell of the grid (-1 outside) at each of its places; None
            where it is not known where the agent stands.
    """

    def __init__(
        self, network: IntegerNetwork, algebra: Algebra, given: Given, *, view: Callable[[Stage], View] | None = None
    ) -> None:
        self.network, self.algebra, self.given, self.view = network, algebra, given, view
        self.shapes = shapes_of(network.stages, network.observation)
        self.steps = 0

    def value(self, stage: str, place: int) -> Wide:
        """One number, as it is given or computed."""
        found = self.given(stage, place)
        return self.algebra.number(self.own(stage, place) if found is None else found)

    def own(self, name: str, place: int) -> Wide:
        """One number, computed from the stage's sources.

        Raises: Unfollowed: the stage turns the observation to where the agent looks.
        """
        self.steps += 1
        if name == SEEN or self.steps > MOST_STEPS:
            raise Unfollowed(f"more than {MOST_STEPS:,} numbers of the network")
        stage = self.network.stage(name)
        if not stage.weighs:
            return self._rearranged(stage, place)
        arrays = self.network.of(name)
        unit = int(np.unravel_index(place, self.shapes[name])[0])
        alternatives = [self._summed(terms) for terms in self._terms(stage, place)]
        total = self.algebra.arithmetic("+", self.algebra.extreme("max", alternatives), int(arrays["bias"][unit]))
        if "shift" not in stage.settings:
            return total
        shift, low, high = (stage.settings[key] for key in ("shift", "low", "high"))
        total = self.algebra.arithmetic("+", total, (1 << shift) >> 1)
        total = self.algebra.arithmetic("//", total, 1 << shift)
        return self.algebra.extreme("min", [self.algebra.extreme("max", [total, low]), high])

    def _summed(self, terms: Sequence[Term]) -> Wide:
        total: Wide = 0
        for weight, source, place in terms:
            value = self.value(source, place) if source else 1
            total = self.algebra.arithmetic("+", total, self.algebra.arithmetic("*", value, weight))
        return total

    def _terms(self, stage: Stage, place: int) -> list[list[Term]]:
        """What one unit adds up; of a `match` for each position."""
        weight = self.network.of(stage.name)["weight"]
        unit, *at = map(int, np.unravel_index(place, self.shapes[stage.name]))
        match stage.kind:
            case "dense":
                return [self._flat_terms(weight[unit], stage.sources)]
            case "slide":
                return [self._column_terms(stage, unit, at[0])]
            case "around":
                return [self._window(stage.sources[0], weight[unit], (at[0] - 1, at[1] - 1))]
        columns = self.shapes[stage.sources[0]][1]
        window = weight[unit][None]
        return [self._window(stage.sources[0], window, (0, start)) for start in range(1 - PATTERN, columns)]

    def _flat_terms(self, weights: np.ndarray, sources: Sequence[str]) -> list[Term]:
        """Weights of whole sources, one after the other."""
        ends = np.cumsum([0, *(math.prod(self.shapes[source]) for source in sources)])
        places = np.flatnonzero(weights)
        owners = np.searchsorted(ends, places, side="right") - 1
        return [
            (int(weights[j]), sources[owner], int(j - ends[owner])) for j, owner in zip(places, owners, strict=True)
        ]

    def _column_terms(self, stage: Stage, unit: int, column: int) -> list[Term]:
        arrays = self.network.of(stage.name)
        described = [source for source in stage.sources if len(self.shapes[source]) == 2]
        same = [source for source in stage.sources if len(self.shapes[source]) == 1]
        width, reach = self.shapes[stage.name][1], stage.settings["kernel"] // 2
        rows = [(source, row) for source in described for row in range(self.shapes[source][0])]
        terms: list[Term] = []
        for feature, step in np.argwhere(arrays["weight"][unit]):
            weight, there = int(arrays["weight"][unit, feature, step]), column + int(step) - reach
            if 0 <= there < width:
                source, row = rows[feature]
                terms.append((weight, source, row * width + there))
            else:
                terms.append((weight * int(arrays["outside"][feature]), "", 0))
        return terms + (self._flat_terms(arrays["everywhere"][unit], same) if same else [])

    def _window(self, source: str, weights: np.ndarray, corner: tuple[int, int]) -> list[Term]:
        """Weights (channels, rows, columns) of a window whose upper left cell is here; beyond the edges all is 0."""
        rows, columns = self.shapes[source][-2:]
        terms: list[Term] = []
        for channel, row, column in np.argwhere(weights):
            y, x = corner[0] + int(row), corner[1] + int(column)
            if 0 <= y < rows and 0 <= x < columns:
                terms.append((int(weights[channel, row, column]), source, (int(channel) * rows + y) * columns + x))
        return terms

    def _rearranged(self, stage: Stage, place: int) -> Wide:
        algebra, source = self.algebra, stage.sources[0]
        shape = self.shapes[source]
        match stage.kind:
            case "whole":
                arrays = {name: array.ravel()[place] for name, array in self.network.of(stage.name).items()}
                scaled = algebra.arithmetic("*", self.value(source, place), 2.0 ** int(arrays["exponent"]))
                above = algebra.extreme("max", [algebra.floor(scaled), int(arrays["low"])])
                return algebra.extreme("min", [above, int(arrays["high"])])
            case "plane":
                return self.value(source, stage.settings["index"] * math.prod(shape[1:]) + place)
            case "covered":
                row, column = divmod(place, shape[1])
                return algebra.extreme("max", [self.value(source, y * shape[1] + column) for y in range(row + 1)])
            case "counted":
                row = place // shape[1]
                return self._summed([(1, source, row * shape[1] + column) for column in range(shape[1])])
            case "summed":
                return self._summed([(1, source, row * shape[1] + place) for row in range(shape[0])])
            case "lookup":
                cell, channel = divmod(place, stage.settings["channels"])
                table = self.network.of(stage.name)["table"][:, channel].tolist()
                return self._row(table, self.value(source, cell))
        return self._of_ids(stage, place)

    def _row(self, table: list[int], index: Wide) -> Wide:
        return table[index] if isinstance(index, int) else self.algebra.picked(table, index)

    def _of_ids(self, stage: Stage, place: int) -> Wide:
        """`codes`, `flags` and `planes`: what is made of the ids of one cell."""
        turned = bool(stage.settings.get("reach"))
        if turned and self.view is None:
            raise Unfollowed("the observation as the agent sees it")
        cells = math.prod(self.shapes[stage.sources[0]][1:])
        sizes = [stage.settings[name] for name in ("objects", "colours", "states")]

        def id_of(kind: int, cell: int) -> Wide:
            if turned and self.view is not None:
                cell = int(self.view(stage)[cell])
            if cell < 0:
                return 0
            there = self.value(stage.sources[0], kind * cells + cell)
            return self.algebra.extreme("min", [there, sizes[kind] - 1])

        if stage.kind == "codes":
            code: Wide = 0
            for kind, size in enumerate(sizes):
                if size:
                    code = self.algebra.arithmetic("+", self.algebra.arithmetic("*", code, size), id_of(kind, place))
            return code
        kind, value, cell = id_at(stage, place, cells)  # `planes` are never turned, so that cells fit
        return self.algebra.number(self.algebra.compare("==", id_of(kind, cell), value))


def id_at(stage: Stage, place: int, cells: int) -> tuple[int, int, int]:
    """Which id of which kind, in which cell, a place in the output of `flags` or `planes` stands for."""
    sizes = [stage.settings[name] for name in ("objects", "colours", "states")]
    spread, cell = divmod(place, cells) if stage.kind == "planes" else divmod(place, sum(sizes))[::-1]
    kind = 0
    while spread >= sizes[kind]:
        spread -= sizes[kind]
        kind += 1
    return kind, spread, cell
