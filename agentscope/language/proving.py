"""Which helpers can be evaluated once for all of their arguments: those that are few-valued and cannot fail.

The same walk as the checker's, but what the checker leaves to run time (an index that may be out of range, a divisor
that may be zero) is refused here, and conditions on names narrow their bounds: after `if c < 0 or c > 9: return 0`,
c lies between 0 and 9.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agentscope.errors import TextError
from agentscope.language import tree
from agentscope.language.checking import Checker, Names, fail
from agentscope.language.intervals import Abstract, Items, Scalar, join
from agentscope.language.limits import LOOP_AXES, Limits

Arguments = tuple[Abstract, ...]
_OPPOSITE = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}


def tabulated_helpers(program: tree.Program, limits: Limits) -> dict[str, tree.Tabulation]:
    """The helpers that are evaluated once for all arguments that they are called with, callees before callers.

    Such a helper cannot fail for any of them, takes whole numbers and flags, gives one number, and has at most
    `limits.tabulated` combinations of arguments. `floor` of what is no number is refused when it comes, in any case.
    """
    return _Tabulator(program, limits).found()


@dataclass
class _Calls:
    """Direct calls of helpers while one body is walked: the arguments of each, without repeats."""

    made: dict[str, dict[Arguments, None]] = field(default_factory=dict)


class _Prover(Checker):
    """The checker's walk with narrowed names; `strict` refuses whatever could fail in some lane."""

    strict = True
    calls: _Calls | None = None

    def function(self, name: str, arguments: Arguments, node: tree.Node) -> Abstract:
        if self.calls is not None:
            self.calls.made.setdefault(name, {})[arguments] = None
        if (name, arguments) not in self.known:
            before, self.calls = self.calls, None  # only direct calls are of interest
            try:
                self.known[name, arguments] = self.returns_of(name, arguments)
            finally:
                self.calls = before
        return self.known[name, arguments]

    def block(self, statements: Sequence[tree.Statement], names: Names) -> Names | None:
        """Bounds may show that a line is never reached: then neither is what follows."""
        current: Names | None = names
        for statement in statements:
            current = None if current is None else self.statement(statement, current)
        return current

    def index(self, node: tree.Expr, names: Names, length: int, what: str) -> None:
        super().index(node, names, length, what)
        value = self.number(node, names)
        if self.strict and (value.low < 0 or value.high >= length):
            fail(f"{what} may lie outside", node)

    def divisor(self, operand: tree.Expr, value: Scalar) -> None:
        known = isinstance(operand, tree.Number) and operand.value != 0
        if self.strict and not known and not (value.kind != "float" and (value.low > 0 or value.high < 0)):
            fail("this may be zero", operand)

    def concept(self, node: tree.ConceptCall | tree.After, names: Names) -> Abstract:
        if self.strict and isinstance(node, tree.After):
            fail("the action may be illegal", node)
        return super().concept(node, names)

    def looped(self, node: tree.Aggregate | tree.ArgMax, names: Names) -> Abstract:
        if self.strict and isinstance(node, tree.ArgMax) and node.domain.name == "actions":
            fail("no action may be legal", node)
        if self.strict and isinstance(node, tree.Aggregate) and node.name in ("min", "max"):
            for clause in node.clauses:
                if clause.conditions or clause.domain.name == "actions" or clause.domain.length == 0:
                    fail("no element may be left", node)
        return super().looped(node, names)

    # conditions

    def narrowed(self, condition: tree.Expr, names: Names, holds: bool) -> Names | None:
        match condition:
            case tree.Unary(operator="not"):
                return self.narrowed(condition.operand, names, not holds)
            case tree.Logic():
                parts: list[tree.Expr] = list(condition.operands)
                return self._together(parts, names, holds, every=condition.operator == "and")
            case tree.Compare(steps=((operator, right),)):
                return self._compared(condition.first, operator if holds else _OPPOSITE[operator], right, names)
            case tree.Compare():
                sides = [condition.first, *(operand for _, operand in condition.steps)]
                links: list[tree.Expr] = [
                    tree.Compare(left, (step,), line=left.line, column=left.column)
                    for left, step in zip(sides, condition.steps, strict=False)
                ]
                return self._together(links, names, holds, every=True)
        return names

    def _together(self, parts: Sequence[tree.Expr], names: Names, holds: bool, *, every: bool) -> Names | None:
        """`and` that holds and `or` that does not narrow by each part; else any one part may have decided."""
        current: Names | None = names
        ends: list[Names] = []
        for part in parts:
            if current is None:
                break
            decided = self.narrowed(part, current, not every)
            if decided is not None:
                ends.append(decided)
            current = self.narrowed(part, current, every)
        if holds == every:
            return current
        return None if not ends else {name: _hull([end[name] for end in ends]) for name in names}

    def _compared(self, left: tree.Expr, operator: str, right: tree.Expr, names: Names) -> Names | None:
        for side, sign, other in ((left, operator, right), (right, _TURNED[operator], left)):
            if isinstance(side, tree.Variable) and _is_plain(other):
                known, bound = names.get(side.name), self.value(other, names)
                if isinstance(known, Scalar) and isinstance(bound, Scalar) and {known.kind, bound.kind} == {"int"}:
                    low, high = _cut(known, sign, bound)
                    if low > high:
                        return None
                    names = {**names, side.name: Scalar("int", low, high)}
        return names


def _cut(known: Scalar, sign: str, bound: Scalar) -> tuple[int, int]:
    """What is left of a whole number's bounds when it compares so with another."""
    low, high = known.low, known.high
    if sign in ("<", "<=", "=="):
        high = min(high, bound.high - (sign == "<"))
    if sign in (">", ">=", "=="):
        low = max(low, bound.low + (sign == ">"))
    if sign == "!=" and bound.low == bound.high:
        low, high = low + (low == bound.low), high - (high == bound.low)
    return low, high


def _is_plain(node: tree.Expr) -> bool:
    """An expression of names and numbers alone."""
    match node:
        case tree.Number() | tree.Constant() | tree.Variable() | tree.TableName():
            return True
        case tree.Unary():
            return _is_plain(node.operand)
        case tree.Arithmetic():
            return _is_plain(node.first) and all(_is_plain(operand) for _, operand in node.steps)
    return False


def _hull(values: Sequence[Abstract]) -> Abstract:
    result = values[0]
    for value in values[1:]:
        result = join(result, value)
    return result


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
            else:
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
        whole: list[Scalar] = []
        for values in zip(*self.contexts[name], strict=True):
            kinds = {value.kind if isinstance(value, Scalar) else "tuple" for value in values}
            if kinds not in ({"int"}, {"bool"}):
                return None
            joined = _hull(values)
            assert isinstance(joined, Scalar)
            whole.append(joined)
        combinations = math.prod(given.high - given.low + 1 for given in whole)
        many = combinations > self.limits.tabulated or len(whole) >= LOOP_AXES
        return None if many or not self.contexts[name] else tuple(whole)

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
        prover.returned, prover.in_strategy = [], True
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
