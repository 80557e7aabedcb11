"""What an expression is: its type, its bounds, and where it could go wrong."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NoReturn

from agentscope.errors import TextError
from agentscope.language import tree
from agentscope.language.intervals import (
    BOOL,
    FLOAT,
    Abstract,
    Items,
    Scalar,
    Unsound,
    as_float,
    combine,
    extreme,
    join,
    magnitude,
    negate,
    rounded_down,
    total,
    whole,
)  # fmt: skip
from agentscope.language.limits import LOOSE_TUPLE, Limits
from agentscope.language.narrowing import Names, narrowed
from agentscope.language.tables import packed
from agentscope.language.vocabulary import Signature, Vocabulary


def value_of(signature: Signature) -> Scalar:
    """What a concept's call gives."""
    if signature.kind == "flag":
        return BOOL
    if signature.kind == "number":
        return FLOAT
    assert signature.low is not None and signature.high is not None
    return Scalar("int", int(signature.low), int(signature.high))


def fail(message: str, node: tree.Node) -> NoReturn:
    """Raise a TextError at a node of our tree."""
    raise TextError(message, node.line, node.column)


class ExpressionChecker(ABC):
    """Follows the types and bounds of expressions; who checks a whole text adds its helpers.

    Attributes:
        tables: what the tables at the top are.
        decimal_sums: the `sum`s, by identity, that add decimals for some call: their order counts.
    """

    def __init__(self, vocabulary: Vocabulary, limits: Limits) -> None:
        self.vocabulary = vocabulary
        self.limits = limits
        self.tables: Names = {}
        self.joined: dict[Items, Abstract] = {}  # what some item of a tuple is
        self.steps = 0
        self.dead = 0  # above 0 where bounds show that nothing gets here: then an index may lie outside
        self.decimal_sums: set[int] = set()

    @abstractmethod
    def function(self, name: str, arguments: tuple[Abstract, ...], node: tree.Node) -> Abstract:
        """What a helper returns for arguments within these bounds."""

    def at(self, node: tree.Node, rule: object, *arguments: object) -> Abstract:
        """Apply a rule of intervals.py; what it refuses becomes an error at this node."""
        try:
            return rule(*arguments)  # type: ignore[operator,no-any-return]
        except Unsound as refusal:
            fail(str(refusal), node)

    def assume(self, condition: tree.Expr, names: Names, *, holds: bool) -> Names:
        """The names where a condition holds, or where it does not; where that cannot be, what follows is dead.

        Whoever assumes sets `dead` back in the end.
        """
        steps = self.steps
        inside = narrowed(condition, names, holds, self.value)
        self.steps = steps  # a second look at what was walked is no part of the work that is limited
        self.dead += inside is None
        return names if inside is None else inside

    def divisor(self, operand: tree.Expr, value: Scalar) -> Scalar:
        """What a division divides by; zero is refused when it comes."""
        return value

    def step(self, node: tree.Node) -> None:
        self.steps += 1
        if self.steps > self.limits.analysis_steps:
            fail("the bounds of this text take too long to settle; bound its sums with min() and max()", node)

    def loose(self, node: tree.Node, value: Abstract) -> Abstract:
        """Only tables are long: a tuple that is assigned or chosen takes memory in every lane."""
        if isinstance(value, Items) and value.leaves > LOOSE_TUPLE:
            fail(f"a tuple of more than {LOOSE_TUPLE} numbers is a table: name it at the top and index it", node)
        return value

    def flag(self, node: tree.Expr, names: Names) -> Scalar:
        value = self.value(node, names)
        if not isinstance(value, Scalar) or value.kind != "bool":
            fail("a condition is a flag; write a comparison, e.g. holes() > 0", node)
        return value

    def number(self, node: tree.Expr, names: Names) -> Scalar:
        value = self.value(node, names)
        if not isinstance(value, Scalar):
            fail("a number is needed here, found a tuple", node)
        return value

    def index(self, node: tree.Expr, names: Names, length: int, what: str) -> None:
        value = self.number(node, names)
        if value.kind != "int":
            fail(f"{what} is a whole number, found a {'flag' if value.kind == 'bool' else 'decimal'}", node)
        literal = isinstance(node, tree.Number | tree.Constant)
        if (value.high < 0 or value.low >= length) and (literal or not self.dead):
            fail(f"{what} goes from 0 to {length - 1}, found {value.low}", node)

    def value(self, node: tree.Expr, names: Names) -> Abstract:
        self.step(node)
        match node:
            case tree.Number():
                exact = int(node.value) if node.kind != "float" else 0
                return Scalar(node.kind, exact, exact) if node.kind != "bool" else BOOL
            case tree.Constant():
                return Scalar("int", node.value, node.value)
            case tree.Variable():
                if node.name not in names:
                    fail(f"{node.name} has no value on some path to this line", node)
                return names[node.name]
            case tree.TableName():
                return self.tables[node.name]
            case tree.Tuple():
                return Items(tuple(self.value(item, names) for item in node.items), packed(node) is not None)
            case tree.Index():
                return self.indexed(node, names)
            case tree.ConceptCall() | tree.After():
                return self.concept(node, names)
            case tree.FunctionCall():
                given = tuple(self.value(argument, names) for argument in node.arguments)
                return self.function(node.name, given, node)
            case tree.Aggregate() | tree.ArgMax():
                return self.looped(node, names)
        return self.operation(node, names)

    def operation(self, node: tree.Expr, names: Names) -> Abstract:
        match node:
            case tree.Unary(operator="not"):
                return self.flag(node.operand, names)
            case tree.Unary():
                return self.at(node, negate, self.number(node.operand, names))
            case tree.Arithmetic():
                result = self.number(node.first, names)
                for operator, operand in node.steps:
                    right = self.number(operand, names)
                    if operator in ("/", "//", "%"):
                        right = self.divisor(operand, right)
                    combined = self.at(operand, combine, operator, result, right)
                    assert isinstance(combined, Scalar)
                    result = combined
                return result
            case tree.Compare():
                self.comparison(node, names)
                return BOOL
            case tree.Logic():
                before, current = self.dead, names
                for operand in node.operands:
                    self.flag(operand, current)
                    current = self.assume(operand, current, holds=node.operator == "and")
                self.dead = before
                return BOOL
            case tree.Choose():
                return self.chosen(node, names)
            case tree.Builtin(name="abs"):
                return self.at(node, magnitude, self.number(node.arguments[0], names))
            case tree.Builtin(name="floor"):
                return self.at(node, rounded_down, self.number(node.arguments[0], names))
            case tree.Builtin():
                found: Abstract = self.number(node.arguments[0], names)
                for argument in node.arguments[1:]:
                    found = self.at(argument, extreme, node.name, found, self.number(argument, names))
                return found
        raise AssertionError(f"no rule for {type(node).__name__}")

    def chosen(self, node: tree.Choose, names: Names) -> Abstract:
        self.flag(node.condition, names)
        before = self.dead
        yes = self.loose(node.yes, self.value(node.yes, self.assume(node.condition, names, holds=True)))
        self.dead = before
        no = self.loose(node.no, self.value(node.no, self.assume(node.condition, names, holds=False)))
        self.dead = before
        return self.at(node, join, yes, no)

    def comparison(self, node: tree.Compare, names: Names) -> None:
        left = self.number(node.first, names)
        for _, operand in node.steps:
            right = self.number(operand, names)
            if "float" in (left.kind, right.kind):
                self.at(operand, as_float, left), self.at(operand, as_float, right)
            left = right

    def indexed(self, node: tree.Index, names: Names) -> Abstract:
        container = self.value(node.container, names)
        if not isinstance(container, Items):
            fail("only tuples are indexed", node)
        self.index(node.index, names, len(container.items), "an index of this tuple")
        if isinstance(node.index, tree.Number):
            return container.items[int(node.index.value)]
        if not container.packed and container.leaves > LOOSE_TUPLE:
            fail(f"a table of more than {LOOSE_TUPLE} numbers has rows of one length and one kind of number", node)
        if container not in self.joined:
            result = container.items[0]
            for item in container.items[1:]:
                result = self.at(node, join, result, item)
            if isinstance(result, Items):
                result = Items(result.items, container.packed)
            self.joined[container] = result
        return self.joined[container]

    def concept(self, node: tree.ConceptCall | tree.After, names: Names) -> Abstract:
        signature = self.vocabulary.signature(node.name)
        assert signature is not None
        lengths = [(len(self.vocabulary.axes[axis]), f"an index of {axis}") for axis in signature.axis]
        arguments = list(node.arguments)
        if isinstance(node, tree.After):
            arguments.insert(0, node.action)
        if isinstance(node, tree.After) or signature.of_action:
            lengths.insert(0, (self.vocabulary.actions, "an action"))
        for argument, (length, what) in zip(arguments, lengths, strict=True):
            self.index(argument, names, length, what)
        return value_of(signature)

    def looped(self, node: tree.Aggregate | tree.ArgMax, names: Names) -> Abstract:
        inner, before = dict(names), self.dead
        if isinstance(node, tree.ArgMax):
            inner[node.variable] = member(node.domain)
            self.number(node.key, inner)
            if node.domain.length == 0:
                fail("argmax of an empty domain", node)
            return member(node.domain)
        times = 1
        for clause in node.clauses:
            inner[clause.variable] = member(clause.domain)
            times *= clause.domain.length
            for condition in clause.conditions:
                self.flag(condition, inner)
                inner = dict(self.assume(condition, inner, holds=True))
        if node.name in ("any", "all", "count"):
            self.flag(node.element, inner)
            self.dead = before
            return BOOL if node.name != "count" else self.at(node, whole, 0, times)
        element = self.number(node.element, inner)
        self.dead = before
        if node.name == "sum" and element.kind == "float":
            self.decimal_sums.add(id(node))
        return self.at(node, total, element, times) if node.name == "sum" else element


def member(domain: tree.Domain) -> Scalar:
    """What a loop variable is."""
    return Scalar("int", 0, max(domain.length - 1, 0))
