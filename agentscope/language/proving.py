"""Which helpers can be evaluated once for all of their arguments: those that are few-valued and cannot fail.

The same walk as the checker's, but what the checker leaves to run time (an index that may be out of range, a divisor
that may be zero) is refused here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentscope.errors import TextError
from agentscope.language import tree
from agentscope.language.checking import Checker
from agentscope.language.intervals import Abstract, Items, Scalar, hull_of_few
from agentscope.language.kinds import fail
from agentscope.language.limits import LOOP_AXES, Limits
from agentscope.language.narrowing import Names

Arguments = tuple[Abstract, ...]


@dataclass(frozen=True)
class Plan:
    """How a program is evaluated where limits allow tables.

    Attributes:
        tabulated: helpers that are evaluated once for all arguments that they are called with, callees first.
        decimal_sums: sums (`id` of their nodes) that add decimals: their order counts, so they are never regrouped.
    """

    tabulated: Mapping[str, tree.Tabulation]
    decimal_sums: frozenset[int]


def plan_of(program: tree.Program, limits: Limits) -> Plan:
    """Prove a program sound, as `check_program` does, and find the helpers that become tables.

    Such a helper cannot fail for any of its arguments, takes whole numbers and flags, gives one number, and has at
    most `limits.tabulated` combinations of arguments. `floor` of what is no number is refused when it comes, in any
    case.

    Raises: TextError: as `check_program`.
    """
    tabulator = _Tabulator(program, limits)
    return Plan(tabulator.found(), frozenset(tabulator.open.decimal_sums))


@dataclass
class _Calls:
    """Direct calls of helpers while one body is walked: the arguments of each, without repeats."""

    made: dict[str, dict[Arguments, None]] = field(default_factory=dict)


class _Prover(Checker):
    """The checker's walk that keeps the calls it meets; `strict` refuses whatever could fail in some lane."""

    strict = True
    calls: _Calls | None = None

    @property
    def asks(self) -> bool:
        """Whether what could fail here is refused."""
        return self.strict and not self.dead

    def function(self, name: str, arguments: Arguments, node: tree.Node) -> Abstract:
        if self.calls is not None and not self.dead:
            self.calls.made.setdefault(name, {})[arguments] = None
        before, self.calls = self.calls, None  # only direct calls are of interest
        result = super().function(name, arguments, node)
        self.calls = before
        return result

    def index(self, node: tree.Expr, names: Names, length: int, what: str) -> None:
        super().index(node, names, length, what)
        value = self.number(node, names)
        if self.asks and (value.low < 0 or value.high >= length):
            fail(f"{what} may lie outside", node)

    def divisor(self, operand: tree.Expr, value: Scalar) -> Scalar:
        known = isinstance(operand, tree.Number) and operand.value != 0
        if self.asks and not known and not (value.kind != "float" and (value.low > 0 or value.high < 0)):
            fail("this may be zero", operand)
        return value

    def concept(self, node: tree.ConceptCall | tree.After, names: Names) -> Abstract:
        if self.asks and isinstance(node, tree.After):
            fail("the action may be illegal", node)
        return super().concept(node, names)

    def looped(self, node: tree.Aggregate | tree.ArgMax, names: Names) -> Abstract:
        if self.asks and isinstance(node, tree.ArgMax) and node.domain.name == "actions":
            fail("no action may be legal", node)
        if self.asks and isinstance(node, tree.Aggregate) and node.name in ("min", "max"):
            for clause in node.clauses:
                if clause.conditions or clause.domain.name == "actions" or clause.domain.length == 0:
                    fail("no element may be left", node)
        return super().looped(node, names)


class _Tabulator:
    """Goes from callers to callees, so that every call of a helper is known when its turn comes."""

    def __init__(self, program: tree.Program, limits: Limits) -> None:
        self.program = program
        self.limits = limits
        self.functions = {function.name: function for function in program.functions}
        self.direct = {name: _called(function) for name, function in self.functions.items()}
        self.strict, self.open = self._prover(strict=True), self._prover(strict=False)
        self.contexts: dict[str, dict[Arguments, None]] = {name: {} for name in self.functions}

    def found(self) -> dict[str, tree.Tabulation]:
        self.contexts["strategy"][()] = None
        order = _callees_first(self.direct)
        proven: dict[str, tuple[tuple[Scalar, ...], str]] = {}
        for name in reversed(order):
            arguments = None if name == "strategy" else self._arguments(name)
            kind = None if arguments is None else self._kind(name, arguments)
            if arguments is not None and kind is not None:
                proven[name] = arguments, kind
            else:  # the walk of the strategy, which comes first, checks the whole program
                for context in self.contexts[name]:
                    self._visit(self.open, name, context)
        reached: dict[str, tuple[str, ...]] = {}
        made: dict[str, tree.Tabulation] = {}
        for name in order:
            through = [(part,) if part in proven else reached[part] for part in self.direct[name]]
            reached[name] = tuple(dict.fromkeys(part for parts in through for part in parts))
            if name in proven:
                arguments, kind = proven[name]
                ranges = tuple(range(given.low, given.high + 1) for given in arguments)
                flags = tuple(given.kind == "bool" for given in arguments)
                made[name] = tree.Tabulation(ranges, flags, kind, reached[name])
        return made

    def _prover(self, *, strict: bool) -> _Prover:
        prover = _Prover(self.program.vocabulary, self.limits, self.functions)
        prover.strict = strict
        prover.read_tables(self.program)
        return prover

    def _arguments(self, name: str) -> tuple[Scalar, ...] | None:
        """The bounds of each argument over all calls, or None where it is no whole number or there are too many."""
        contexts = list(self.contexts[name])
        whole: tuple[Scalar, ...] | None = None
        for context in contexts:
            whole = hull_of_few(contexts[0] if whole is None else whole, context, self.limits.tabulated)
            if whole is None:
                return None
        return None if whole is None or len(whole) >= LOOP_AXES else whole

    def _kind(self, name: str, arguments: tuple[Scalar, ...]) -> str | None:
        """The kind of what the helper gives, if it surely gives one number for all of these arguments."""
        try:
            result = self._visit(self.strict, name, arguments)
        except TextError:
            return None
        return None if isinstance(result, Items) else result.kind

    def _visit(self, prover: _Prover, name: str, arguments: Arguments) -> Abstract:
        """Walk one body; the calls that it makes are kept if nothing in it is refused."""
        prover.calls = calls = _Calls()
        prover.returned, prover.in_strategy, prover.dead = [], True, 0
        result = prover.returns_of(name, arguments)
        prover.calls = None
        for callee, made in calls.made.items():
            self.contexts[callee].update(made)
        return result


def _called(function: tree.Function) -> tuple[str, ...]:
    """Helpers that a body calls."""
    return tuple(dict.fromkeys(node.name for node in tree.walk(function) if isinstance(node, tree.FunctionCall)))


def _callees_first(direct: Mapping[str, tuple[str, ...]]) -> list[str]:
    """All helpers, each after those that it calls; there is no recursion among them."""
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        if name not in order:
            for callee in direct[name]:
                visit(callee)
            order[name] = None

    visit("strategy")
    return list(order)
