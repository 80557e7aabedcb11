"""Bounds on the work and memory of a text, from its shape alone: loop bounds times call tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agentscope.errors import TextError
from agentscope.language import tree
from agentscope.language.limits import LOOP_AXES, Limits


@dataclass(frozen=True)
class Cost:
    """Bounds for one state.

    Attributes:
        operations: elementary operations.
        width: lanes that one state becomes at its widest point (nested generator expressions).
        names: most names and tuple items held at one time.
        depth: levels of the tree, through the helpers that it calls.
        loops: generator expressions and keys of argmax inside each other, each an axis of the arrays.
        lane_bytes: 8 bytes x width x (names + 8 intermediate values).
    """

    operations: int
    width: int
    names: int
    depth: int
    loops: int

    @property
    def lane_bytes(self) -> int:
        return 8 * self.width * (self.names + 8)


class _Counter:
    def __init__(self, functions: Mapping[str, tree.Function], limits: Limits) -> None:
        self.functions = functions
        self.limits = limits
        self.known: dict[str, Cost] = {}
        self.open: list[str] = []
        self.level = 0

    def function(self, name: str, node: tree.Node) -> Cost:
        if name in self.open:
            route = " -> ".join([*self.open[self.open.index(name) :], name])
            raise TextError(f"recursion is no part of the language: {route}", node.line, node.column)
        if name not in self.known:
            self.open.append(name)
            function = self.functions[name]
            costs = [self.node(statement) for statement in function.body]
            together = Cost(
                sum(cost.operations for cost in costs),
                max(cost.width for cost in costs),
                len(function.parameters) + sum(cost.names for cost in costs),
                max(cost.depth for cost in costs),
                max(cost.loops for cost in costs),
            )
            self.known[name] = self.checked(together, function)
            self.open.pop()
        self._refuse_deep(self.known[name].depth, node)
        return self.known[name]

    def node(self, node: tree.Node) -> Cost:
        """Operations add up; a loop multiplies them, a generator expression the lanes too."""
        self.level += 1
        self._refuse_deep(0, node)
        cost = self.checked(self._node(node), node)
        self.level -= 1
        return cost

    def _node(self, node: tree.Node) -> Cost:
        match node:
            case tree.For():
                inner = self._together(node.body)
                times = node.domain.length
                return replace(inner, operations=1 + times * inner.operations, names=inner.names + 1)
            case tree.Aggregate():
                cost = self._together([node.element])
                for clause in reversed(node.clauses):
                    cost = _repeated(cost, self._together(clause.conditions), clause.domain.length)
                return cost
            case tree.ArgMax():
                return _repeated(self._together([node.key]), Cost(0, 1, 0, 0, 0), node.domain.length)
            case tree.FunctionCall():
                given, called = self._together(node.arguments), self.function(node.name, node)
                return Cost(
                    given.operations + called.operations,
                    max(given.width, called.width),
                    given.names + called.names,
                    max(given.depth, called.depth + 1),
                    max(given.loops, called.loops),
                )
        cost = self._together(tuple(tree.children(node)))
        held = len(node.items) if isinstance(node, tree.Tuple) else isinstance(node, tree.Assign)
        return replace(cost, names=cost.names + held)

    def _together(self, nodes: Sequence[tree.Node]) -> Cost:
        costs = [self.node(node) for node in nodes]
        return Cost(
            1 + sum(cost.operations for cost in costs),
            max((cost.width for cost in costs), default=1),
            sum(cost.names for cost in costs),
            1 + max((cost.depth for cost in costs), default=0),
            max((cost.loops for cost in costs), default=0),
        )

    def _refuse_deep(self, more: int, node: tree.Node) -> None:
        """Our walks recurse over the tree and its calls: their depth must stay far from Python's own limit."""
        if self.level + more > 2 * self.limits.nesting:
            allowed = f"{2 * self.limits.nesting} levels are allowed"
            raise TextError(f"helpers and expressions together nest too deep; {allowed}", node.line, node.column)

    def checked(self, cost: Cost, node: tree.Node) -> Cost:
        """The cost, if it lies within the limits."""
        if cost.operations > self.limits.operations:
            allowed = f"{self.limits.operations} operations a state are allowed (loop bounds x call tree)"
            raise TextError(f"this takes up to {cost.operations} operations; {allowed}", node.line, node.column)
        if cost.lane_bytes > self.limits.lane_bytes:
            allowed = f"{self.limits.lane_bytes} bytes a state are allowed"
            raise TextError(f"this holds up to {cost.lane_bytes} bytes a state; {allowed}", node.line, node.column)
        if cost.loops > LOOP_AXES:
            raise TextError(f"at most {LOOP_AXES} loops of expressions stand inside each other", node.line, node.column)
        return cost


def _repeated(inner: Cost, conditions: Cost, length: int) -> Cost:
    times = max(length, 1)
    return Cost(
        1 + times * (inner.operations + conditions.operations),
        times * max(inner.width, conditions.width),
        inner.names + conditions.names + 1,
        max(inner.depth, conditions.depth) + 1,
        max(inner.loops, conditions.loops) + 1,
    )


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


def cost_of_expression(value: tree.Expr, limits: Limits, loops: Sequence[int] = ()) -> Cost:
    """Bounds of one expression, taken for each combination of the variables that stand free in it.

    Args:
        loops: how many values each of those variables takes.
    Raises: TextError: a bound lies above the limits.
    """
    counter = _Counter({}, limits)
    cost = counter.node(value)
    for length in loops:
        cost = _repeated(cost, Cost(0, 1, 0, 0, 0), length)
    return counter.checked(cost, value)
