"""Bounds on the work and memory of a text, from its shape alone: loop bounds times call tree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agentscope.errors import TextError
from agentscope.language import tree
from agentscope.language.contracting import factors_of
from agentscope.language.limits import LOOP_AXES, Limits
from agentscope.language.proving import Plan


@dataclass(frozen=True)
class Cost:
    """Bounds for one state.

    Attributes:
        operations: elementary operations.
        width: lanes that one state becomes at its widest point (nested generator expressions).
        names: most names and tuple items held at one time.
        depth: levels of the tree, through the helpers that it calls.
        loops: generator expressions and keys of argmax inside each other, each an axis of the arrays.
        held: values of tabulated helpers.
        lane_bytes: 8 bytes x (held + width x (names + 8 intermediate values)).
    """

    operations: int
    width: int
    names: int
    depth: int
    loops: int
    held: int = 0

    @property
    def lane_bytes(self) -> int:
        return 8 * (self.held + self.width * (self.names + 8))


_LEAF = Cost(1, 1, 0, 1, 0)


class _Counter:
    def __init__(
        self, functions: Mapping[str, tree.Function], limits: Limits, plan: Plan | None = None, *, bounded: bool = True
    ) -> None:
        self.functions = functions
        self.limits = limits
        self.plan = plan
        self.bounded = bounded  # whether limits hold already; depth always does
        self.axes: dict[str, int] = {}  # parameters of the helper that is tabulated here, each with its values
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
            before, self.axes = self.axes, self._axes_of(name)
            costs = [self.node(statement) for statement in function.body]
            together = Cost(
                sum(cost.operations for cost in costs),
                max(cost.width for cost in costs),
                len(function.parameters) + sum(cost.names for cost in costs),
                max(cost.depth for cost in costs),
                max(cost.loops for cost in costs),
            )
            self.known[name] = self.checked(self._for_all(together), function)
            self.axes = before
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
            case tree.Aggregate() if self.plan and factors_of(node) and id(node) not in self.plan.decimal_sums:
                return self._contracted(node)
            case tree.Aggregate():
                cost = self._together([node.element])
                for clause in reversed(node.clauses):
                    cost = _repeated(cost, self._together(clause.conditions), clause.domain.length)
                return cost
            case tree.ArgMax():
                return _repeated(self._together([node.key]), Cost(0, 1, 0, 0, 0), node.domain.length)
            case tree.FunctionCall():
                given, called = self._together(node.arguments), self.function(node.name, node)
                if self.plan is not None and node.name in self.plan.tabulated:
                    return replace(given, operations=given.operations + 1, names=given.names + 1)
                return Cost(
                    given.operations + called.operations,
                    max(given.width, called.width),
                    given.names + called.names,
                    max(given.depth, called.depth + 1),
                    max(given.loops, called.loops),
                )
        held = len(node.items) if isinstance(node, tree.Tuple) else int(isinstance(node, tree.Assign))
        cost = self._together(tuple(tree.children(node)))
        return replace(cost, names=cost.names + held) if held else cost

    def _axes_of(self, name: str) -> dict[str, int]:
        if self.plan is None or name not in self.plan.tabulated:
            return {}
        lengths = map(len, self.plan.tabulated[name].ranges)
        return dict(zip(self.functions[name].parameters, lengths, strict=True))

    def _for_all(self, cost: Cost) -> Cost:
        """The cost of a body for all arguments: each parameter is one more loop around it."""
        times = math.prod(self.axes.values())
        return replace(
            cost, operations=times * cost.operations, width=times * cost.width, loops=cost.loops + len(self.axes)
        )

    def _contracted(self, node: tree.Aggregate) -> Cost:
        """A sum of products: each factor is taken along the loops that it names, and never all of them together.

        The width counts lanes for one combination of the parameters, rounded up: `_for_all` multiplies it again.
        """
        factors, times = factors_of(node), math.prod(max(clause.domain.length, 1) for clause in node.clauses)
        loops = {clause.variable: max(clause.domain.length, 1) for clause in node.clauses}
        costs = [self._together([factor]) for factor in factors]
        names = [_free(factor) for factor in factors]
        fixed = [self._is_fixed(factor, loops) for factor in factors]
        varying = [place for place, known in enumerate(fixed) if not known] or list(range(len(factors)))
        lanes = [self._lanes(found, loops) for found in names]
        widest = self._lanes(set[str]().union(*(names[place] for place in varying)), loops)
        operations = sum(cost.operations * wide for cost, wide in zip(costs, lanes, strict=True))
        held = sum(cost.names for cost in costs) + len(loops)
        depth, inside = max(cost.depth for cost in costs) + 1, max(cost.loops for cost in costs) + len(loops)
        made = Cost(1 + operations + 2 * times, 1, held, depth, inside)
        self.checked(replace(made, width=max(lanes) * max(math.prod(self.axes.values()), 1)), node)
        return replace(made, width=widest * max(costs[place].width for place in varying))

    def _lanes(self, names: set[str], loops: Mapping[str, int]) -> int:
        """Lanes of an expression of these names, for one combination of the parameters, rounded up."""
        own = math.prod(length for name, length in loops.items() if name in names)
        known = not (names - set(loops) - set(self.axes))
        named = math.prod(length for name, length in self.axes.items() if name in names or not known)
        return -(-own * named // max(math.prod(self.axes.values()), 1))

    def _is_fixed(self, node: tree.Expr, loops: Mapping[str, int]) -> bool:
        """Whether an expression surely is the same in every state."""
        match node:
            case tree.Number() | tree.Constant() | tree.TableName():
                return True
            case tree.Variable():
                return node.name in loops or node.name in self.axes
            case tree.Unary() | tree.Arithmetic() | tree.Index():
                return all(self._is_fixed(part, loops) for part in tree.children(node))  # type: ignore[arg-type]
        return False

    def _together(self, nodes: Sequence[tree.Node]) -> Cost:
        costs = [self.node(node) for node in nodes]
        if not costs:
            return _LEAF
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
        if not self.bounded:
            return cost
        if cost.operations > self.limits.operations:
            allowed = f"{self.limits.operations} operations a state are allowed (loop bounds x call tree)"
            raise TextError(f"this takes up to {cost.operations} operations; {allowed}", node.line, node.column)
        if cost.lane_bytes > self.limits.lane_bytes:
            allowed = f"{self.limits.lane_bytes} bytes a state are allowed"
            raise TextError(f"this holds up to {cost.lane_bytes} bytes a state; {allowed}", node.line, node.column)
        if cost.loops > LOOP_AXES:
            raise TextError(f"at most {LOOP_AXES} loops of expressions stand inside each other", node.line, node.column)
        return cost


def _free(node: tree.Expr) -> set[str]:
    """Names that an expression takes from around it."""
    parts = list(tree.walk(node))
    bound = {part.variable for part in parts if isinstance(part, tree.Clause | tree.ArgMax)}
    return {part.name for part in parts if isinstance(part, tree.Variable)} - bound


def _repeated(inner: Cost, conditions: Cost, length: int) -> Cost:
    times = max(length, 1)
    return Cost(
        1 + times * (inner.operations + conditions.operations),
        times * max(inner.width, conditions.width),
        inner.names + conditions.names + 1,
        max(inner.depth, conditions.depth) + 1,
        max(inner.loops, conditions.loops) + 1,
    )


def refuse_recursion(functions: Sequence[tree.Function], limits: Limits) -> None:
    """Refuse what our own walks could not follow.

    Raises: TextError: helpers call themselves, or nest too deep.
    """
    counter = _Counter({function.name: function for function in functions}, limits, bounded=False)
    counter.function("strategy", functions[-1])


def cost_of_program(
    functions: Sequence[tree.Function], tables: Sequence[tree.Table], limits: Limits, plan: Plan | None = None
) -> Cost:
    """Bounds of a program; refuses recursion, and helpers that nothing calls.

    Args:
        plan: None: every call is evaluated where it stands.
    Raises: TextError: a bound lies above the limits.
    """
    counter = _Counter({function.name: function for function in functions}, limits, plan)
    cost = counter.function("strategy", functions[-1])
    if plan is not None:
        cost = counter.checked(_with_tables(cost, counter.known, plan), functions[-1])
    unused = [function for function in functions if function.name not in counter.known]
    if unused:
        raise TextError(f"nothing calls {unused[0].name}", unused[0].line, unused[0].column)
    used = {node.name for function in functions for node in tree.walk(function) if isinstance(node, tree.TableName)}
    for table in tables:
        if table.name not in used:
            raise TextError(f"nothing reads {table.name}", table.line, table.column)
    return cost


def _with_tables(cost: Cost, known: Mapping[str, Cost], plan: Plan) -> Cost:
    """The whole program's: tables are made one after the other, and all of them are held."""
    costs = [known[name] for name in plan.tabulated if name in known]
    held = sum(tabulation.combinations for tabulation in plan.tabulated.values())
    operations = cost.operations + sum(made.operations for made in costs)
    return replace(max([cost, *costs], key=lambda made: made.lane_bytes), operations=operations, held=held)


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
