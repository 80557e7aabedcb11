"""Circuits: an integer network as whole numbers made of whole numbers, whichever units happen to hold them.

Units that weigh the same sum, at whatever threshold and scale, hold pieces of functions of that one sum: Tanh steps of
a count, a ramp and its copies, the two halves of a step. Put together, layer by layer, what remains are *sums*, and of
them *steps* (x >= t) and *ramps* max(0, x - t): the same circuit for ReLU and Tanh, disguised or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int64, Shaped

from agentscope.errors import BadOption
from agentscope.integers import SEEN, IntegerNetwork, Stage, shapes_of

WIDEST = 100_000  # values that one sum may range over
AFFINE, STEP, RAMP = 0.5, 1.0, 1.5  # what it costs to say a function in each way; the cheapest is taken


@dataclass(frozen=True)
class Atom:
    """One whole number of a circuit.

    Attributes:
        kind: cell (of what is seen, or of a stage that only rearranges), sum, step (1 where its sum is at least
            `threshold`, else 0) or ramp (what its sum exceeds `threshold` by, at least 0).
        indices, source: of a cell. terms: of a sum, (atom, weight), the weights without a common factor.
        of: the atom that a step or ramp is made of.
    """

    kind: str
    source: str = ""
    indices: tuple[int, ...] = ()
    terms: tuple[tuple[int, int], ...] = ()
    of: int = -1
    threshold: int = 0


@dataclass(frozen=True)
class Form:
    """A weighted sum of atoms plus a constant."""

    terms: Mapping[int, int]
    constant: int


@dataclass
class Circuit:
    """All atoms of a network, each once, in an order in which they can be computed.

    Attributes:
        low, high: proven bounds of each. values: what each is in every given state.
        scores: of each action.
    """

    atoms: list[Atom] = field(default_factory=list)
    low: list[int] = field(default_factory=list)
    high: list[int] = field(default_factory=list)
    values: list[Int64[np.ndarray, "states"]] = field(default_factory=list)
    scores: list[Form] = field(default_factory=list)
    known: dict[Atom, int] = field(default_factory=dict)

    def number(self, atom: Atom, low: int, high: int, values: np.ndarray) -> int:
        """The index of this atom, added where it is new."""
        if atom not in self.known:
            self.known[atom] = len(self.atoms)
            self.atoms.append(atom)
            self.low.append(low)
            self.high.append(high)
            self.values.append(values)
        return self.known[atom]

    def is_flag(self, atom: int) -> bool:
        """Whether it is 0 or 1 by its bounds."""
        return self.low[atom] >= 0 and self.high[atom] <= 1

    def value_of(self, form: Form) -> Int64[np.ndarray, "states"]:
        """What the form is in every state."""
        states = len(self.values[0]) if self.values else 0
        total = np.full(states, form.constant, dtype=np.int64)
        for atom, weight in form.terms.items():
            total += weight * self.values[atom]
        return total

    def needed(self, forms: Sequence[Form] | None = None) -> set[int]:
        """All atoms that these forms depend on; without forms, the scores."""
        stack = [atom for form in (self.scores if forms is None else forms) for atom in form.terms]
        found: set[int] = set()
        while stack:
            atom = stack.pop()
            if atom not in found:
                found.add(atom)
                one = self.atoms[atom]
                stack += [inner for inner, _ in one.terms] + ([one.of] if one.of >= 0 else [])
        return found


@dataclass
class _Steps:
    """A function of several sums: constant + sum over sums x of sum over t of rises[x][t - low - 1] * (x >= t)."""

    constant: int = 0
    rises: dict[int, np.ndarray] = field(default_factory=dict)

    def add(self, weight: int, other: _Steps) -> None:
        self.constant += weight * other.constant
        for atom, rises in other.rises.items():
            self.rises[atom] = self.rises.get(atom, 0) + weight * rises


def circuit_of(network: IntegerNetwork, rearranged: Mapping[str, Shaped[np.ndarray, "states ..."]]) -> Circuit:
    """The circuit of a network whose weighing stages are `dense`, or `slide` along columns that stand alone.

    Args:
        rearranged: what "seen" and every stage without weights put out in all states that count; a threshold that no
            state reaches may be left out where that makes the function of a sum simpler.

    Raises: BadOption: a stage of another kind.
    """
    circuit = Circuit()
    shapes = shapes_of(network.stages, network.observation)
    outputs: dict[str, list[_Steps]] = {}
    for source, values in rearranged.items():
        plane = source != SEEN and network.stage(source).kind == "plane"  # its cells are those of what is seen
        before = (network.stage(source).settings["index"],) if plane else ()
        places = places_of(network, source, shapes[source])
        outputs[source] = _cells(circuit, SEEN if plane else source, values, places, before)
    for stage in network.stages:
        if not stage.weighs:
            continue
        forms = _forms(circuit, network, stage, outputs, shapes)
        if stage is network.stages[-1]:
            circuit.scores = forms
        else:
            outputs[stage.name] = [_unit(circuit, form, stage.settings) for form in forms]
    return circuit


def places_of(network: IntegerNetwork, source: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """How the numbers of a source are counted: looked-up cells by row, column and channel, all others as they lie."""
    if source == SEEN or network.stage(source).kind != "lookup":
        return shape
    stage = network.stage(source)
    reach = network.stage(stage.sources[0]).settings.get("reach", 0)
    sides = (2 * reach + 1, 2 * reach + 1) if reach else network.observation[1:]
    return (*sides, stage.settings["channels"])


def _cells(
    circuit: Circuit, source: str, values: np.ndarray, shape: tuple[int, ...], before: tuple[int, ...]
) -> list[_Steps]:
    """Every cell of a source as an atom; all bounds are those of the whole array."""
    flat = values.reshape(len(values), -1).astype(np.int64)
    low, high = min(int(flat.min()), 0), int(flat.max())
    found = []
    for place, indices in enumerate(np.ndindex(*shape)):
        where = (*before, *map(int, indices))
        atom = circuit.number(Atom("cell", source, where), low, high, flat[:, place])
        found.append(_Steps(low, {atom: np.ones(high - low, dtype=np.int64)}))
    return found


def _forms(
    circuit: Circuit,
    network: IntegerNetwork,
    stage: Stage,
    outputs: Mapping[str, list[_Steps]],
    shapes: Mapping[str, tuple[int, ...]],
) -> list[Form]:
    """The sum of each unit of a stage, over atoms."""
    arrays = network.of(stage.name)
    weight, bias = arrays["weight"], arrays["bias"]
    if stage.kind == "dense":
        inputs = [output for source in stage.sources for output in outputs[source]]
        return [_weighed(circuit, row, int(offset), inputs) for row, offset in zip(weight, bias, strict=True)]
    if stage.kind != "slide" or stage.settings["kernel"] != 1:
        raise BadOption(f"Stage {stage.name!r} ({stage.kind}) is not read as a circuit: `dense` and `slide` of 1 are.")
    columns = shapes[stage.name][1]
    found = []
    everywhere = arrays.get("everywhere", np.zeros((len(bias), 0), dtype=np.int64))
    rows = np.concatenate([weight[:, :, 0], everywhere], axis=1)
    same = [output for source in stage.sources if len(shapes[source]) == 1 for output in outputs[source]]
    described = [outputs[source] for source in stage.sources if len(shapes[source]) == 2]
    for row, offset in zip(rows, bias, strict=True):
        for column in range(columns):
            inputs = [output for source in described for output in source[column::columns]] + same
            found.append(_weighed(circuit, row, int(offset), inputs))
    return found


def _weighed(circuit: Circuit, row: np.ndarray, offset: int, inputs: Sequence[_Steps]) -> Form:
    """One unit's sum: functions of the same sum are added up before they are said in the shortest way."""
    total = _Steps(offset)
    for place in np.flatnonzero(row):
        total.add(int(row[place]), inputs[int(place)])
    terms: dict[int, int] = {}
    constant = total.constant
    for atom, rises in total.rises.items():
        constant += _say(circuit, atom, rises, terms)
    return Form({atom: terms[atom] for atom in sorted(terms) if terms[atom]}, constant)


def _say(circuit: Circuit, atom: int, rises: np.ndarray, terms: dict[int, int]) -> int:
    """Add a function of one atom to the terms, said in the cheapest way; what it adds to the constant."""
    low, high = circuit.low[atom], circuit.high[atom]
    if not np.any(rises):
        return 0
    cost, found, constant = _cheapest(rises, low)
    values = circuit.values[atom]
    least, most = int(values.min()), int(values.max())
    if cost > STEP and (least > low or most < high):  # thresholds that never fire
        other = _cheapest(rises[least - low : most - low], least)
        if other[0] < cost:
            cost, found, constant = other
            constant += int(rises[: least - low].sum())
    for (kind, threshold), weight in found.items():
        one = atom if kind == "whole" else _threshold(circuit, atom, kind, threshold)
        terms[one] = terms.get(one, 0) + weight
    return constant


def _cheapest(rises: np.ndarray, low: int) -> tuple[float, dict[tuple[str, int], int], int]:
    """(cost, terms by kind and threshold, constant) of a function of x that is 0 at `low` and rises so."""
    if not np.any(rises):
        return 0.0, {}, 0
    counts = dict(zip(*np.unique(rises, return_counts=True), strict=True))
    slopes = {0, int(max(counts, key=lambda slope: counts[slope]))}
    ways: list[tuple[float, dict[tuple[str, int], int], int]] = []
    for slope in sorted(slopes):
        found = {("step", low + 1 + int(place)): int(rises[place]) - slope for place in np.flatnonzero(rises - slope)}
        cost = STEP * len(found) + (AFFINE if slope else 0.0)
        ways.append((cost, {("whole", 0): slope, **found} if slope else found, -slope * low))
    bends = {("ramp", low + int(place)): int(bend) for place, bend in enumerate(np.diff(rises, prepend=0)) if bend}
    first = bends.pop(("ramp", low), 0)
    cost = RAMP * len(bends) + (AFFINE if first else 0.0)
    ways.append((cost, {("whole", 0): first, **bends} if first else bends, -first * low))
    return min(ways, key=lambda way: way[0])


def _threshold(circuit: Circuit, atom: int, kind: str, threshold: int) -> int:
    """The step or ramp of an atom at this threshold."""
    above = circuit.values[atom] - threshold
    if kind == "step":
        return circuit.number(Atom("step", of=atom, threshold=threshold), 0, 1, (above >= 0).astype(np.int64))
    high = max(circuit.high[atom] - threshold, 0)
    return circuit.number(Atom("ramp", of=atom, threshold=threshold), 0, high, np.maximum(above, 0))


def _unit(circuit: Circuit, form: Form, settings: Mapping[str, int]) -> _Steps:
    """A unit as a function of the sum that it weighs."""
    shift, low, high = settings["shift"], settings["low"], settings["high"]
    half = (1 << shift) >> 1
    if not form.terms:
        return _Steps(int(np.clip((form.constant + half) >> shift, low, high)))
    atom, factor = _sum(circuit, form.terms)
    first, last = circuit.low[atom], circuit.high[atom]
    if last - first > WIDEST:
        raise BadOption(f"A sum could take {last - first} values; at most {WIDEST} are followed.")
    sums = factor * np.arange(first, last + 1) + form.constant
    values = np.clip((sums + half) >> shift, low, high)
    return _Steps(int(values[0]), {atom: np.diff(values)} if last > first else {})


def _sum(circuit: Circuit, terms: Mapping[int, int]) -> tuple[int, int]:
    """(atom, factor): the terms are factor times a sum whose weights have no common factor and are positive mostly."""
    weights = np.array(list(terms.values()))
    factor = int(np.gcd.reduce(weights))
    positive = int((weights > 0).sum())
    if 2 * positive < len(weights) or (2 * positive == len(weights) and weights[-1] < 0):
        factor = -factor
    shared = {atom: weight // factor for atom, weight in terms.items()}
    if len(shared) == 1:
        return next(iter(shared)), factor
    low = sum(min(w * circuit.low[a], w * circuit.high[a]) for a, w in shared.items())
    high = sum(max(w * circuit.low[a], w * circuit.high[a]) for a, w in shared.items())
    values = circuit.value_of(Form(shared, 0))
    return circuit.number(Atom("sum", terms=tuple(shared.items())), low, high, values), factor
