"""Sizes of the functions of a decompiled text, and which of them a person could follow with pen and paper.

A *leaf* is a function that stands for units of the network, whole, or for a look-up; what only helps others (a choice
among functions, a turned view) is none, and neither is a summand of a unit. Of a leaf count

* inputs: the values that it reads, those of a loop one by one (of `match`: in one position);
* weights: the whole numbers that multiply something, a loop of equal ones counting once; its bias is none;
* non-linearities: rounding with its clamp, and the maximum over positions;
* operations: arithmetic, comparisons and look-ups, loops multiplied out; places (`c + 1`) and edges are free;
* rows: of its truth table, where the bounds of its inputs leave at most MOST_ROWS of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from agentscope.decompilation.parts import Decompilation, Part
from agentscope.language import Program, tree


@dataclass(frozen=True)
class Ledger:
    """How much of a program a person could follow.

    Attributes:
        leaves: units of the network and look-ups, each once for every place where it is computed.
        distinct_leaves: the same, each once; in_budget: how many of those a person could follow.
        operations: bound on the elementary operations for one state.
        opaque: functions of units above the budget that no evidence names.
    """

    leaves: int
    distinct_leaves: int
    in_budget: int
    operations: int
    opaque: tuple[str, ...]


def ledger_of(decompilation: Decompilation) -> Ledger:
    """Count the leaves of a program; a function of a whole stage counts as many as it has units."""
    found = [part for part in decompilation.parts if part.stage]
    distinct = {part.name: max(len(part.units), 1) if _of_units(part) else 1 for part in found}
    places = sum(math.prod(stop - start for start, stop in part.ranges) for part in found)
    in_budget = sum(distinct[part.name] for part in found if part.in_budget)
    opaque = tuple(part.name for part in found if part.opaque)
    return Ledger(places, sum(distinct.values()), in_budget, decompilation.program.operations, opaque)


def _of_units(part: Part) -> bool:
    """Whether a function takes the number of the unit: a stage with weights in tables."""
    return bool(part.weights) and len(part.units) > 1


def sized(parts: Sequence[Part], program: Program, *, named: Mapping[str, str]) -> tuple[Part, ...]:
    """The parts with their calls, operations and verdicts, from the text that was parsed.

    Args:
        named: units that evidence names; they are not OPAQUE whatever their size.
    """
    functions = {function.name: function for function in program.functions}
    found = []
    for part in (_asked(part, program) for part in parts):
        calls = [node.name for node in tree.walk(functions[part.name]) if isinstance(node, tree.FunctionCall)]
        made = replace(part, calls=tuple(dict.fromkeys(calls)), operations=_operations(functions[part.name]))
        known = len(part.units) == 1 and f"{part.stage}[{part.units[0]}]" in named
        found.append(replace(made, opaque=_of_network(part) and not made.in_budget and not known))
    return tuple(found)


def _asked(part: Part, program: Program) -> Part:
    """The part as far as the text calls it: a cell that nobody reads has no value."""
    tabulation = program.tabulated.get(part.name)
    if tabulation is None or not part.ranges:
        return part
    cut = [(max(start, asked.start), min(stop, asked.stop))
           for (start, stop), asked in zip(part.ranges, tabulation.ranges, strict=True)]  # fmt: skip
    if any(low >= high for low, high in cut):  # only asked beyond the edges
        return replace(part, stage="", units=(), ranges=())
    lengths = [stop - start for start, stop in part.ranges]
    inside = tuple(slice(low - start, high - start) for (low, high), (start, _) in zip(cut, part.ranges, strict=True))
    units = np.array(part.units, dtype=np.int64)
    if len(units) == math.prod(lengths):
        units = units.reshape(lengths)[inside].ravel()
    elif len(units) == lengths[0] and len(units) > 1:
        units = units[inside[0]]
    return replace(part, ranges=tuple(cut), units=tuple(map(int, units)))


def _of_network(part: Part) -> bool:
    """Whether it weighs; what only reads the observation is a named function."""
    return bool(part.stage) and part.weights > 0


def _operations(function: tree.Function) -> int:
    """Of the longest way through a body."""
    return sum(_cost(statement) for statement in function.body)


def _cost(node: tree.Node) -> int:
    match node:
        case tree.If():  # edges: which of the branches is taken does not add up
            blocks = [[*branch.body] for branch in node.branches] + [[*node.otherwise]]
            return max(sum(map(_cost, block)) for block in blocks)
        case tree.FunctionCall() | tree.ConceptCall():
            return 0
        case tree.Index():
            return 1 + _cost(node.container)
        case tree.Tuple():
            return max(map(_cost, node.items))
        case tree.Aggregate():
            times = math.prod(clause.domain.length for clause in node.clauses)
            return times * (_cost(node.element) + 1) - 1
        case tree.ArgMax():
            return node.domain.length * (_cost(node.key) + 1) - 1
        case tree.Builtin():
            return len(node.arguments) - 1 + sum(map(_cost, node.arguments))
        case tree.Arithmetic() | tree.Compare():
            return len(node.steps) + _cost(node.first) + sum(_cost(operand) for _, operand in node.steps)
        case tree.Logic():
            return len(node.operands) - 1 + sum(map(_cost, node.operands))
        case tree.Choose():
            return 1 + _cost(node.condition) + max(_cost(node.yes), _cost(node.no))
        case tree.Unary():
            return 1 + _cost(node.operand)
    return sum(map(_cost, tree.children(node)))
