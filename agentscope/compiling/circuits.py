"""Circuits: the non-linear steps of a compiled program, each once, in the order in which they were needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from agentscope.compiling.forms import Form, Wire, constant

NodeKind = Literal["input", "ramp", "step"]


@dataclass(frozen=True)
class Node:
    """What one wire is made of.

    Attributes:
        kind: input (component `component` of what the network reads), ramp (max(0, form)), or step (1 where
            form >= 1, else 0).
        label: keeps a wire that carries a concept apart from an equal one that does not; "" for all others.
    """

    kind: NodeKind
    form: Form | None = None
    component: int = -1
    label: str = ""


@dataclass
class Circuit:
    """All wires of one network; an equal step is taken once only.

    Attributes:
        inputs: how many numbers the network reads.
    """

    inputs: int
    nodes: list[Node] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    known: dict[Node, Form] = field(default_factory=dict)

    def read(self, component: int, low: int, high: int) -> Form:
        """A component of what the network reads, which lies between these bounds."""
        if low == high:
            return constant(low)
        return self._wire(Node("input", component=component), 0, low, high)

    def ramp(self, form: Form, label: str = "") -> Form:
        """max(0, form)."""
        if form.low >= 0 and not label:
            return form
        if form.high <= 0:
            return constant(0)
        return self._wire(Node("ramp", form, label=label), form.depth + 1, 0, form.high)

    def step(self, form: Form) -> Form:
        """1 where the form is at least 1, else 0."""
        if form.is_flag:
            return form
        if form.low >= 1 or form.high <= 0:
            return constant(int(form.low >= 1))
        if form.high == 1:
            return self.ramp(form)
        return self._wire(Node("step", form), form.depth + 1, 0, 1)

    def labelled(self) -> list[Wire]:
        """The wires that carry concepts."""
        return [wire for wire in self.wires if self.nodes[wire.index].label]

    def _wire(self, node: Node, depth: int, low: int, high: int) -> Form:
        if node not in self.known:
            wire = Wire(len(self.nodes), depth, low, high)
            self.nodes.append(node)
            self.wires.append(wire)
            self.known[node] = Form(((wire, 1),), 0, low, high)
        return self.known[node]
