"""Leaves proved for all inputs: by truth table where they are few, else by a solver, from the text itself.

A leaf is a function whose inputs are the numbers of other units, or of the observation. It is compared with its unit in
the integer network, clamp(floor((w . x + b) / 2**s + 1/2)), for every combination of inputs within their ranges; what
the inputs themselves are is the matter of their own leaves, so that all leaves together prove the whole text.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import numpy as np
from jaxtyping import Shaped

from agentscope.contracts import ProgressCallback, no_progress
from agentscope.decompilation.parts import Part
from agentscope.decompilation.placing import PlacedPart, placed_parts
from agentscope.decompilation.proofs.following import Follower
from agentscope.decompilation.proofs.forms import Forms, key_of
from agentscope.decompilation.proofs.readings import Input, LeafText, Readings
from agentscope.decompilation.proofs.turning import differing_views, is_turned
from agentscope.decompilation.proofs.wide import Columns, Unfollowed, Unknowns, Wide
from agentscope.decompilation.ranges import bounds
from agentscope.integers import IntegerNetwork
from agentscope.language import Program, tree

MOST_ROWS = 65_536  # of a truth table
EFFORT = 40_000_000  # of the solver, in its own unit of work: the same on every machine
KEPT = 5  # counterexamples and reasons that are kept
_FAR = 1e3  # how far out endless inputs are looked at


@dataclass(frozen=True)
class LeafProof:
    """What was found of one function, for all of its arguments.

    Attributes:
        how: by truth tables; by the solver (at least once: text and unit have one normal form, or z3 finds no inputs
            for which they differ); or `untested`, with the reason under `why`.
        inputs: of the arguments with most of them; rows: of all truth tables together.
        differs: inputs for which it gives something else than its unit, with both values; None where it is equal.
    """

    name: str
    stage: str
    how: Literal["table", "solver", "untested"]
    inputs: int
    rows: int
    differs: Mapping[str, Any] | None = None
    why: str = ""

    @property
    def proved(self) -> bool:
        """Whether it is equal for all inputs."""
        return self.how != "untested" and self.differs is None


def prove_leaves(
    parts: Sequence[Part],
    program: Program,
    network: IntegerNetwork,
    low: Shaped[np.ndarray, "..."],
    high: Shaped[np.ndarray, "..."],
    *,
    progress: ProgressCallback = no_progress,
) -> dict[str, Any]:
    """Prove each function that stands for units, small or OPAQUE, and that the strategy takes the best of the scores.

    Args:
        parts: all of the text's.
        low, high: bounds of the observations that are legal.
    Returns: how many were proved by `table`, by `solver`, are `untested` or `failed`; `rows` of all tables; `differs`
        and `why`: the first counterexamples and reasons, by function; `every_input`: nothing is left to prove, so that
        the text takes the network's action for every legal observation, met or not.
    Raises: ContractBroken: as `placed_parts`. UnsupportedAgent: as `bounds`.
    """
    text = LeafText(program, placed_parts(parts, network), network, bounds(network, low, high))
    turned = [part for part in text.parts if is_turned(text, part) and text.is_written(part)]
    found = _proved_turned(text, turned)
    for part in text.parts:
        if all(part is not other for other in turned):
            found.append(prove_leaf(text, part))
            progress("proving leaves", len(found), len(text.parts))
    proved = Counter(leaf.how for leaf in found if leaf.differs is None)
    differs = {leaf.name: leaf.differs for leaf in found if leaf.differs is not None}
    whys = {leaf.name: leaf.why for leaf in found if leaf.how == "untested" and leaf.differs is None}
    return {
        "table": proved["table"], "solver": proved["solver"], "untested": proved["untested"], "failed": len(differs),
        "rows": sum(leaf.rows for leaf in found), "differs": _first(differs), "why": _first(whys),
        "every_input": all(leaf.proved for leaf in found) and takes_the_best(text),
    }  # fmt: skip


def _proved_turned(text: LeafText, parts: Sequence[PlacedPart]) -> list[LeafProof]:
    """Of functions that see as the agent does."""
    try:
        whys = differing_views(text, parts) if parts else {}
    except Unfollowed as reason:
        whys = {part.name: str(reason) for part in parts}
    return [
        LeafProof(
            part.name, part.stage, "untested" if part.name in whys else "solver", 0, 0, None, whys.get(part.name, "")
        )
        for part in parts
    ]


def takes_the_best(text: LeafText) -> bool:
    """Whether the strategy is argmax over the legal actions by the network's own scores, in their order."""
    body, last = text.program.strategy.body, text.network.stages[-1].name
    choice = body[0].value if len(body) == 1 and isinstance(body[0], tree.Return) else None
    if not isinstance(choice, tree.ArgMax) or choice.domain.name != "actions":
        return False
    readings = Readings(text, Forms(), text.as_atom, None)
    follower = Follower(text.program, readings.algebra, readings, literals=text.literals)
    try:
        keys = [follower.value(choice.key, {choice.variable: action}) for action in range(choice.domain.length)]
        wanted = [readings.at(last, action) for action in range(math.prod(text.shapes[last]))]
    except Unfollowed:
        return False
    return list(map(key_of, keys)) == list(map(key_of, wanted))


def _first(found: Mapping[str, Any]) -> dict[str, Any]:
    return dict(islice(found.items(), KEPT))


def prove_leaf(text: LeafText, part: PlacedPart, *, most_rows: int = MOST_ROWS) -> LeafProof:
    """Prove one function equal to its units, for all values of its arguments and all inputs within their ranges."""
    if not text.is_written(part):
        return LeafProof(part.name, part.stage, "untested", 0, 0, None, "the text has no function like it")
    inputs = rows = 0
    how: Literal["table", "solver", "untested"] = "table"
    whys = []
    places = part.places.reshape(*map(len, part.ranges), -1)
    for index in np.ndindex(*places.shape[:-1]):
        arguments = tuple(values[place] for values, place in zip(part.ranges, index, strict=True))
        for place in places[index]:
            found = _Case(text, part, arguments, int(place)).proof(most_rows)
            inputs, rows = max(inputs, found.inputs), rows + found.rows
            if found.differs is not None:
                return LeafProof(part.name, part.stage, found.how, inputs, rows, found.differs)
            whys += [found.why] if found.why else []
            how = "untested" if "untested" in (how, found.how) else "solver" if "solver" in (how, found.how) else how
    return LeafProof(part.name, part.stage, how, inputs, rows, None, whys[0] if whys else "")


@dataclass(frozen=True)
class _Case:
    """One function with arguments, and one number of its stage."""

    text: LeafText
    part: PlacedPart
    arguments: tuple[int, ...]
    place: int

    def proof(self, most_rows: int) -> LeafProof:
        """Units count as independent inputs; where that shows a difference, those that the text does not read are
        computed from what it reads, since a text may leave a step out."""
        try:
            found, reads = self._compared(most_rows, None)
            return found if found.differs is None else self._compared(most_rows, reads)[0]
        except Unfollowed as reason:
            return self._found("untested", why=str(reason))

    def _compared(self, most_rows: int, only: frozenset[Input] | None) -> tuple[LeafProof, frozenset[Input]]:
        """One normal form, corners (which also tell what is read), all rows, or the solver."""
        text = self.text
        formed = self._of_one_form(only)
        if formed is not None and math.prod(map(text.width, formed)) > most_rows:
            return self._found("solver", formed), frozenset()
        corners = Readings(text, Columns(), lambda one: _column(text.ends(one)), only)
        differs, reads = self._differs(corners)
        inputs = list(corners.known)
        rows = math.prod(map(text.width, inputs))
        if differs is not None:
            return self._found("table", inputs, 2, differs), reads
        if rows > most_rows:
            return self._solved(inputs, only), reads
        grid = np.indices([int(text.width(one)) for one in inputs]).reshape(len(inputs), max(int(rows), 1))
        columns = {one: values + int(text.ends(one)[0]) for one, values in zip(inputs, grid, strict=True)}
        differs, _ = self._differs(Readings(text, Columns(), columns.__getitem__, only))
        return self._found("table", inputs, int(rows), differs), reads

    def _values(self, readings: Readings) -> tuple[Wide, Wide, frozenset[Input]]:
        """What the text and the network give, and what the text reads."""
        follower = Follower(self.text.program, readings.algebra, readings, literals=self.text.literals)
        given = readings.algebra.number(follower.call(self.part.name, self.arguments))
        reads = frozenset(readings.known)
        return given, readings.unfolding.own(self.part.stage, self.place), reads

    def _differs(self, readings: Readings) -> tuple[Mapping[str, Any] | None, frozenset[Input]]:
        """The first row in which they differ."""
        given, wanted, reads = self._values(readings)
        values = np.broadcast_arrays(given, wanted, *readings.known.values())
        wrong = np.flatnonzero(values[0] != values[1])
        if not len(wrong):
            return None, reads
        row = int(wrong[0])
        numbers = [column.reshape(-1)[row].item() for column in values]
        return self._example(numbers[0], numbers[1], dict(zip(readings.known, numbers[2:], strict=True))), reads

    def _solved(self, inputs: Sequence[Input], only: frozenset[Input] | None) -> LeafProof:
        """By z3, which need not be there."""
        text = self.text
        try:
            algebra = Unknowns()
        except ImportError:
            rows = f"more than a truth table of {MOST_ROWS:,} rows holds"
            return self._found("untested", inputs, why=f"{rows}, and no solver: pip install 'agentscope-rl[solver]'")

        def unknown(one: Input) -> Wide:
            return algebra.unknown(_named(one), whole=text.is_whole(one))

        readings = Readings(text, algebra, unknown, only)
        given, wanted, _ = self._values(readings)
        legal = [bound for one, value in readings.known.items() for bound in algebra.bounded(value, *text.ends(one))]
        values = algebra.difference(given, wanted, legal, effort=EFFORT)
        if values is None:
            return self._found("solver", inputs)
        known = {one: values(value) for one, value in readings.known.items()}
        return self._found("solver", inputs, differs=self._example(values(given), values(wanted), known))

    def _of_one_form(self, only: frozenset[Input] | None) -> tuple[Input, ...] | None:
        """What text and network read where they have one normal form; None where that is not so."""
        readings = Readings(self.text, Forms(), self.text.as_atom, only)
        try:
            given, wanted, _ = self._values(readings)
        except Unfollowed:
            return None
        return tuple(readings.known) if key_of(given) == key_of(wanted) else None

    def _example(self, given: Any, wanted: Any, inputs: Mapping[Input, Any]) -> Mapping[str, Any]:
        named = {_named(one): value for one, value in inputs.items()}
        return {"arguments": list(self.arguments), "text": given, "network": wanted, "inputs": named}

    def _found(
        self, how: Literal["table", "solver", "untested"], inputs: Sequence[Input] = (), rows: int = 0,
        differs: Mapping[str, Any] | None = None, why: str = "",
    ) -> LeafProof:  # fmt: skip
        return LeafProof(self.part.name, self.part.stage, how, len(inputs), rows, differs, why)


def _column(ends: tuple[int | float, int | float]) -> np.ndarray:
    """The two ends of a range as a column; of endless ones, numbers far out."""
    return np.array([max(ends[0], -_FAR), min(ends[1], _FAR)]) if max(map(abs, ends)) > _FAR else np.array(ends)


def _named(one: Input) -> str:
    return f"{one[0]}[{one[1]}]"
