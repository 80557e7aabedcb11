"""From a circuit to dense layers: each wire at its depth, copied from layer to layer for as long as it is needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from agentscope.compiling.circuits import Circuit, Node
from agentscope.compiling.forms import Form, Wire, add
from agentscope.compiling.units import ERROR, GAIN, SLACK, Activation, Encoding, ramp, step
from agentscope.errors import BadOption

EXACT = 2**24  # float32 holds every whole number below it


@dataclass(frozen=True)
class Dense:
    """One dense layer: weight @ x + bias, all of it exact in float32."""

    weight: Float64[np.ndarray, "units inputs"]
    bias: Float64[np.ndarray, "units"]


@dataclass(frozen=True)
class Held:
    """The units that hold a wire in one hidden layer (numbered from 1).

    Attributes:
        thresholds: of each unit, the wire's value above which it rises (ReLU), or from which on it is +1 (Tanh).
    """

    layer: int
    units: tuple[int, ...]
    thresholds: tuple[float, ...]


@dataclass(frozen=True)
class Stack:
    """A circuit as dense layers, the last of them the scores.

    Attributes:
        held: every wire in every hidden layer that holds it, first layer first.
        largest_sum: bound on the magnitude of any partial sum in the network; below 2**24.
        margin: share of the slack that saturation errors could take; 0 for ReLU, below 1 for Tanh.
    """

    layers: tuple[Dense, ...]
    held: dict[int, tuple[Held, ...]]
    largest_sum: float
    margin: float


@dataclass
class _Rows:
    """One layer under construction."""

    inputs: int
    weights: list[np.ndarray] = field(default_factory=list)
    biases: list[float] = field(default_factory=list)
    highest: list[float] = field(default_factory=list)  # magnitude that each unit may reach
    shared: dict[tuple[bytes, float], int] = field(default_factory=dict)

    def unit(self, row: np.ndarray, bias: float, highest: float, share: bool) -> int:
        """Index of the unit with this row; pieces of steps are shared, wires that stand alone are not."""
        key = (row.tobytes(), bias)
        if share and key in self.shared:
            return self.shared[key]
        self.weights.append(row)
        self.biases.append(bias)
        self.highest.append(highest)
        if share:
            self.shared[key] = len(self.weights) - 1
        return len(self.weights) - 1

    def dense(self) -> Dense:
        return Dense(np.array(self.weights).reshape(-1, self.inputs), np.array(self.biases, dtype=np.float64))


class _Stacker:
    def __init__(self, circuit: Circuit, activation: Activation) -> None:
        self.circuit, self.activation = circuit, activation
        self.width, self.highest = circuit.inputs, np.zeros(circuit.inputs)
        self.now: dict[int, tuple[np.ndarray, float]] = {}  # wire -> (row over the layer before, offset)
        self.held: dict[int, tuple[Held, ...]] = {}
        self.layers: list[Dense] = []
        self.largest_sum = 0.0

    def start(self, wires: Iterable[Wire]) -> None:
        """Layer 0: the observation's components."""
        for wire in wires:
            component = self.circuit.nodes[wire.index].component
            row = np.zeros(self.width)
            row[component] = 1.0
            self.now[wire.index] = (row, 0.0)
            self.highest[component] = max(abs(wire.low), abs(wire.high))

    def row(self, form: Form) -> tuple[np.ndarray, float]:
        """A form over the units of the layer before."""
        row, offset = np.zeros(self.width), float(form.constant)
        for wire, weight in form.terms:
            inner, constant = self.now[wire.index]
            row += weight * inner
            offset += weight * constant
        return row, offset

    def check(self, row: np.ndarray, offset: float, gain: float) -> None:
        """Keep the bound on which exactness rests."""
        self.largest_sum = max(self.largest_sum, gain * (float(np.abs(row) @ self.highest) + abs(offset)))

    def layer(self, depth: int, wires: Sequence[Wire]) -> None:
        """Add one hidden layer that holds these wires, those of this depth anew, the others as copies."""
        rows = _Rows(self.width)
        following: dict[int, tuple[dict[int, float], float]] = {}
        for wire in wires:
            node = self.circuit.nodes[wire.index]
            copied = wire.depth < depth
            form = add((1, Form(((wire, 1),), 0, wire.low, wire.high)), offset=-wire.low) if copied else node.form
            assert form is not None
            encoding = self.encoding(node, wire, copied)
            units = self.place(rows, form, encoding, share=node.kind == "step" and not copied)
            offset = encoding.offset + (wire.low if copied else 0)
            thresholds = tuple(shift + (wire.low if copied else 0) for shift in encoding.shifts)
            held = Held(depth, units, thresholds)
            self.held[wire.index] = (*self.held.get(wire.index, ()), held)
            following[wire.index] = (dict(zip(units, encoding.coefficients, strict=True)), offset)
        if not rows.weights:  # the program is one constant, and a layer needs a unit
            rows.unit(np.zeros(self.width), 0.0, 0.0, share=False)
        self.layers.append(rows.dense())
        self.width, self.highest = len(rows.weights), np.array(rows.highest)
        self.now = {}
        for index, (coefficients, offset) in following.items():
            row = np.zeros(self.width)
            row[list(coefficients)] = list(coefficients.values())
            self.now[index] = (row, offset)

    def encoding(self, node: Node, wire: Wire, copied: bool) -> Encoding:
        if node.kind == "step" and not copied:
            return step(self.activation)
        return ramp(self.activation, wire.high - wire.low if copied else wire.high)

    def place(self, rows: _Rows, form: Form, encoding: Encoding, share: bool) -> tuple[int, ...]:
        row, offset = self.row(form)
        units = []
        for shift in encoding.shifts:
            self.check(row, offset - shift, encoding.gain)
            highest = 1.0 if self.activation == "Tanh" else max(form.high - shift, 0.0)
            units.append(rows.unit(encoding.gain * row, encoding.gain * (offset - shift), highest, share))
        return tuple(units)

    def head(self, scores: Sequence[Form], gain: float) -> None:
        rows = [self.row(form) for form in scores]
        for row, offset in rows:
            self.check(row, offset, gain)
        self.layers.append(Dense(gain * np.array([row for row, _ in rows]), gain * np.array([b for _, b in rows])))


def stack_layers(
    circuit: Circuit, scores: Sequence[Form], *, activation: Activation, gain: int = 1, depth: int = 1
) -> Stack:
    """Dense layers that compute these forms; concepts are held up to the last hidden one, read by a score or not.

    Args:
        gain: of all scores; it leaves the greedy action as it is and sharpens a sampled one.
        depth: least number of hidden layers.

    Raises: BadOption: a sum could reach 2**24, or a saturation error could grow: the program's numbers are too large.
    """
    until = _needed_until(circuit, scores, depth)
    deepest = max([*until.values(), depth])
    stacker = _Stacker(circuit, activation)
    stacker.start(wire for wire in circuit.wires if wire.index in until and wire.depth == 0)
    for layer in range(1, deepest + 1):
        stacker.layer(layer, [wire for wire in circuit.wires if wire.depth <= layer <= until.get(wire.index, -1)])
    stacker.head(scores, float(gain))
    margin = error_share(stacker.layers, activation, gain)
    if stacker.largest_sum >= EXACT or margin >= 1:
        raise BadOption(
            f"The program's numbers are too large to be exact in float32: a sum could reach {stacker.largest_sum:.0f} "
            f"(below {EXACT} is needed), errors take {margin:.2g} of the slack (below 1). Use smaller numbers."
        )
    return Stack(tuple(stacker.layers), stacker.held, stacker.largest_sum, margin)


def error_share(layers: Sequence[Dense], activation: Activation, head_gain: int) -> float:
    """Share of the slack that saturation errors could take anywhere; ReLU has none (units.py says why)."""
    if activation == "ReLU":
        return 0.0
    rows = [float(np.abs(layer.weight).sum(axis=1).max()) / GAIN for layer in layers[1:-1]]
    rows.append(float(np.abs(layers[-1].weight).sum(axis=1).max()) / head_gain)
    return max(rows) * ERROR / SLACK


def _needed_until(circuit: Circuit, scores: Sequence[Form], depth: int) -> dict[int, int]:
    """For each wire that is needed at all, the last layer in which it is read; the observation is layer 0."""
    ends = [wire for form in scores for wire, _ in form.terms] + circuit.labelled()
    deepest = max([wire.depth for wire in ends] + [depth])
    until = {wire.index: deepest for wire in ends}
    for wire in reversed(circuit.wires):  # a node reads only wires that were made before it
        form = circuit.nodes[wire.index].form
        if wire.index in until and form is not None:
            for source, _ in form.terms:
                until[source.index] = max(until.get(source.index, 0), wire.depth - 1)
    return until
