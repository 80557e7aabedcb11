"""Bounds on the work and memory of a text, from its shape alone: loop bounds times call tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentscope.errors import TextError
from agentscope.language import tree
from agentscope.language.limits import Limits


@dataclass(frozen=True)
class Cost:
    """Bounds for one state.

    Attributes:
        operations: elementary operations.
        width: lanes that one state becomes at its widest point (nested generator expressions).
        names: most names bound at one time.
        lane_bytes: 8 bytes x width x (names + 8 intermediate values).
    """

    operations: int
    width: int
    names: int

    @property
    def lane_bytes(self) -> int:
        return 8 * self.width * (self.names + 8)


class _Counter:
    def __init__(self, functions: Mapping[str, tree.Function], limits: Limits) -> None:
        self.functions = functions
        self.limits = limits
        self.known: dict[str, Cost] = {}
        self.open: list[str] = []

    def function(self, name: str, node: tree.Node) -> Cost:
        if name in self.open:
            route = " -> ".join([*self.open[self.open.index(name) :], name])
            raise TextError(f"recursion is no part of the language: {route}", node.line, node.column)
        if len(self.open) > self.limits.nesting:
            raise TextError(f"calls nest at most {self.limits.nesting} deep", node.line, node.column)
        if name not in self.known:
            self.open.append(name)
            function = self.functions[name]
            operations, width, names = 0, 1, len(function.parameters)
            for statement in function.body:
                cost = self.node(statement)
                operations, width, names = operations + cost.operations, max(width, cost.width), names + cost.names
            self.known[name] = self._checked(Cost(operations, width, names), function)
            self.open.pop()
        return self.known[name]

    def node(self, node: tree.Node) -> Cost:
        """Operations add up; a loop multiplies them, a generator expression the lanes too."""
        match node:
            case tree.For():
                inner = self._together(node.body)
                operations = 1 + node.domain.length * inner.operations
                return self._checked(Cost(operations, inner.width, inner.names + 1), node)
            case tree.Aggregate():
                cost = self._together([node.element])
                for clause in reversed(node.clauses):
                    cost = self._repeated(cost, self._together(clause.conditions), clause.domain.length)
                return self._checked(cost, node)
            case tree.ArgMax():
                cost = self._together([node.key])
                return self._checked(self._repeated(cost, Cost(0, 1, 0), node.domain.length), node)
            case tree.FunctionCall():
                given = self._together(node.arguments)
                called = self.function(node.name, node)
                total = given.operations + called.operations
                return self._checked(Cost(total, max(given.width, called.width), given.names + called.names), node)
        cost = self._together(tuple(tree.children(node)))
        held = len(node.items) if isinstance(node, tree.Tuple) else isinstance(node, tree.Assign)
        return Cost(cost.operations, cost.width, cost.names + held)

    def _together(self, nodes: Sequence[tree.Node]) -> Cost:
        costs = [self.node(node) for node in nodes]
        return Cost(
            1 + sum(cost.operations for cost in costs),
            max((cost.width for cost in costs), default=1),
            sum(cost.names for cost in costs),
        )

    def _repeated(self, inner: Cost, conditions: Cost, length: int) -> Cost:
        times = max(length, 1)
        return Cost(
            1 + times * (inner.operations + conditions.operations),
            times * max(inner.width, conditions.width),
            inner.names + conditions.names + 1,
        )

    def _checked(self, cost: Cost, node: tree.Node) -> Cost:
        if cost.operations > self.limits.operations:
            allowed = f"{self.limits.operations} operations a state are allowed (loop bounds x call tree)"
            raise TextError(f"this takes up to {cost.operations} operations; {allowed}", node.line, node.column)
        if cost.lane_bytes > self.limits.lane_bytes:
            allowed = f"{self.limits.lane_bytes} bytes a state are allowed"
            raise TextError(f"this holds up to {cost.lane_bytes} bytes a state; {allowed}", node.line, node.column)
        return cost


def cost_of_program(functions: Sequence[tree.Function], tables: Sequence[tree.Table], limits: Limits) -> Cost:
    """Bounds of a program; refuses recursion, and helpers that nothing calls.

    Raises: TextError: a bound lies above the limits.
    """
    counter = _Counter({function.name: function for function in functions}, limits)
    cost = counter.function("strategy", functions[-1])
    unused = [function for function in functions if function.name not in counter.known]
    if unused:
        raise TextError(f"nothing calls {unused[0].name}", unused[0].line, unused[0].column)
    used = {node.name for function in functions for node in tree.walk(function) if isinstance(node, tree.TableName)}
    for table in tables:
        if table.name not in used:
            raise TextError(f"nothing reads {table.name}", table.line, table.column)
    return cost


def cost_of_expression(value: tree.Expr, limits: Limits) -> Cost:
    """Bounds of one expression.

    Raises: TextError: a bound lies above the limits.
    """
    counter = _Counter({}, limits)
    return counter._checked(counter.node(value), value)
