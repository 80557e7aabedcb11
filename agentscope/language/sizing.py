"""How long a text is: lines, conditions, constants and bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentscope.language import tree
from agentscope.language.printing import print_program

NODE_BITS = 5  # which of the language's two dozen constructs and operators comes next
NAME_BITS = 6  # which of some sixty names: a concept, a constant, a local
DIGIT_BITS = 4  # one character of a number as printed


@dataclass(frozen=True)
class Size:
    """The size of a text.

    Attributes:
        lines: non-blank, non-comment lines of the canonical print, helpers and tables included, the
            `def strategy` line not.
        conditions: comparisons (each link of a chain) and flags that are tested.
        constants: numeric literals other than range bounds, indices and returned actions.
        bits: description length: 5 for each node of the tree, 6 for each name, 4 for each character of a number.
    """

    lines: int
    conditions: int
    constants: int
    bits: int


def measure_size(program: tree.Program) -> Size:
    """The size of a program, from its canonical print and its tree."""
    printed = [line.strip() for line in print_program(program).splitlines()]
    lines = sum(bool(line) and not line.startswith("#") for line in printed) - 1
    counter = _Counter()
    for part in (*program.tables, *program.functions):
        counter.visit(part)
    for function in program.functions:
        counter.visit_returns(function)
    return Size(lines, counter.conditions, counter.constants, counter.bits)


def called_concepts(program: tree.Program | tree.Expression) -> tuple[str, ...]:
    """The primitives that a text calls, in the order in which they first appear."""
    roots: tuple[tree.Node, ...] = program.functions if isinstance(program, tree.Program) else (program.value,)
    calls = (node for root in roots for node in tree.walk(root))
    return tuple(dict.fromkeys(node.name for node in calls if isinstance(node, tree.ConceptCall | tree.After)))


def expression_bits(expression: tree.Expression) -> int:
    """Description length of one expression, counted as in `measure_size`."""
    counter = _Counter()
    counter.visit(expression.value)
    return counter.bits


def calls_by_place(program: tree.Program) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The primitives that a text reads of the state itself, and those that it reads of successors (`after`)."""
    nodes = [node for function in program.functions for node in tree.walk(function)]
    here = dict.fromkeys(node.name for node in nodes if isinstance(node, tree.ConceptCall))
    return tuple(here), tuple(dict.fromkeys(node.name for node in nodes if isinstance(node, tree.After)))


class _Counter:
    def __init__(self) -> None:
        self.conditions = 0
        self.constants = 0
        self.bits = 0

    def visit(self, node: tree.Node) -> None:
        self.bits += NODE_BITS
        if isinstance(node, tree.Number):
            self.constants += node.kind != "bool"
            self.bits += DIGIT_BITS * len(repr(node.value))
        elif isinstance(node, tree.Compare):
            self.conditions += len(node.steps)
        elif hasattr(node, "name") or hasattr(node, "variable"):
            self.bits += NAME_BITS
        self.conditions += sum(_is_flag(part) for part in _tested(node))
        self.constants -= sum(_is_number(part) for part in _indices(node))
        for child in tree.children(node):
            self.visit(child)

    def visit_returns(self, function: tree.Function) -> None:
        """Numbers that the strategy returns are actions."""
        if function.name == "strategy":
            found = [node for node in tree.walk(function) if isinstance(node, tree.Return)]
            self.constants -= sum(map(_actions_in, (node.value for node in found)))


def _tested(node: Any) -> tuple[tree.Expr, ...]:
    match node:
        case tree.Branch() | tree.Choose():
            return (node.condition,)
        case tree.Clause():
            return node.conditions
        case tree.Logic():
            return node.operands
        case tree.Unary(operator="not"):
            return (node.operand,)
        case tree.Aggregate(name="any" | "all" | "count"):
            return (node.element,)
    return ()


def _is_flag(node: tree.Expr) -> bool:
    """A tested part that is no comparison and no formula of tested parts."""
    formula = isinstance(node, tree.Compare | tree.Logic) or (isinstance(node, tree.Unary) and node.operator == "not")
    return not formula


def _indices(node: Any) -> tuple[tree.Expr, ...]:
    match node:
        case tree.ConceptCall():
            return node.arguments
        case tree.After():
            return (node.action, *node.arguments)
        case tree.Index():
            return (node.index,)
    return ()


def _is_number(node: tree.Expr) -> bool:
    return isinstance(node, tree.Number) and node.kind != "bool"


def _actions_in(value: tree.Expr) -> int:
    if isinstance(value, tree.Choose):
        return _actions_in(value.yes) + _actions_in(value.no)
    return int(_is_number(value))
