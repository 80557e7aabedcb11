"""The checker: one walk over the calls of a text that proves types, indices, bounds and that every path returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from agentscope.language.tables import packed
from agentscope.language.vocabulary import Signature, Vocabulary

Names = dict[str, Abstract]


def check_program(program: tree.Program, limits: Limits) -> frozenset[int]:
    """Prove a program sound.

    Returns: the sums (`id` of their nodes) that add decimals: their order counts, so they are never regrouped.
    Raises: TextError: at the part that could go wrong, with what is allowed.
    """
    checker = Checker(program.vocabulary, limits, {function.name: function for function in program.functions})
    checker.read_tables(program)
    checker.function("strategy", (), program.strategy)
    return frozenset(checker.decimal_sums)


def check_expression(
    value: tree.Expr, vocabulary: Vocabulary, limits: Limits, loops: Mapping[str, tree.Domain] | None = None
) -> Scalar:
    """Prove an expression sound and say its kind (bool, int or float) and the bounds of a whole number.

    Args:
        loops: variables that stand free in it, each with what it runs over.
    Raises: TextError: as `check_program`, or when the expression is a tuple.
    """
    names: Names = {name: member(domain) for name, domain in (loops or {}).items()}
    return Checker(vocabulary, limits, {}).number(value, names)


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


class Checker:
    """Follows the types and bounds of one text; `proving.py` asks more of the same walk.

    Attributes:
        decimal_sums: the `sum`s, by identity, that add decimals for some call: their order counts.
    """

    def __init__(self, vocabulary: Vocabulary, limits: Limits, functions: dict[str, tree.Function]) -> None:
        self.vocabulary = vocabulary
        self.limits = limits
        self.functions = functions
        self.tables: Names = {}
        self.known: dict[tuple[str, tuple[Abstract, ...]], Abstract] = {}
        self.joined: dict[Items, Abstract] = {}  # what some item of a tuple is
        self.returned: list[Abstract] = []
        self.in_strategy = True
        self.steps = 0
        self.decimal_sums: set[int] = set()

    def read_tables(self, program: tree.Program) -> None:
        """The types and bounds of the tables at the top."""
        for table in program.tables:
            self.tables[table.name] = self.value(table.value, {})

    def function(self, name: str, arguments: tuple[Abstract, ...], node: tree.Node) -> Abstract:
        """What a helper returns for arguments within these bounds."""
        if (name, arguments) not in self.known:
            self.known[name, arguments] = self.returns_of(name, arguments)
        return self.known[name, arguments]

    def returns_of(self, name: str, arguments: tuple[Abstract, ...]) -> Abstract:
        """The same, whatever is known already."""
        function = self.functions[name]
        before, self.returned, was = self.returned, [], self.in_strategy
        self.in_strategy = name == "strategy"
        names = {} if self.in_strategy else dict(zip(function.parameters, arguments, strict=True))
        if self.block(function.body, names) is not None:
            fail(f"every path of {name} ends in a return; this one can end without", function)
        result = self.returned[0]
        for other in self.returned[1:]:
            result = self.at(function, join, result, other)
        self.returned, self.in_strategy = before, was
        return result

    def at(self, node: tree.Node, rule: object, *arguments: object) -> Abstract:
        """Apply a rule of intervals.py; what it refuses becomes an error at this node."""
        try:
            return rule(*arguments)  # type: ignore[operator,no-any-return]
        except Unsound as refusal:
            fail(str(refusal), node)

    # statements: each takes the names that surely have a value and gives them back; None when every path returned

    def block(self, statements: Sequence[tree.Statement], names: Names) -> Names | None:
        current: Names | None = names
        for statement in statements:
            if current is None:
                fail("this line can never run: every path before it returns", statement)
            current = self.statement(statement, current)
        return current

    def statement(self, node: tree.Statement, names: Names) -> Names | None:
        self.step(node)
        match node:
            case tree.Assign():
                return {**names, node.name: self.loose(node.value, self.value(node.value, names))}
            case tree.Return():
                value = self.action(node, names) if self.in_strategy else self.value(node.value, names)
                self.returned.append(self.loose(node, value))
                return None
            case tree.If():
                return self.branches(node, names)
            case tree.For():
                return self.loop(node, names)

    def branches(self, node: tree.If, names: Names) -> Names | None:
        ends: list[Names | None] = []
        current: Names | None = names
        for branch in node.branches:
            if current is None:
                break
            self.flag(branch.condition, current)
            inside = self.narrowed(branch.condition, current, True)
            ends.append(None if inside is None else self.block(branch.body, dict(inside)))
            current = self.narrowed(branch.condition, current, False)
        ends.append(None if current is None else self.block(node.otherwise, dict(current)))
        left = [end for end in ends if end is not None]
        if not left:
            return None
        joined = left[0]
        for end in left[1:]:
            joined = self.meet(node, joined, end)
        return joined

    def meet(self, node: tree.Node, first: Names, second: Names) -> Names:
        """Names that have a value on both paths."""
        return {name: self.at(node, join, value, second[name]) for name, value in first.items() if name in second}

    def loop(self, node: tree.For, names: Names) -> Names | None:
        """Go round until the bounds settle, at most as often as the loop itself."""
        names = {name: value for name, value in names.items() if name != node.variable}
        for _ in range(node.domain.length):
            end = self.block(node.body, {**names, node.variable: member(node.domain)})
            if end is None:
                break
            end.pop(node.variable, None)
            joined = self.meet(node, names, end)
            if joined == names:
                break
            names = joined
        return names

    def action(self, node: tree.Return, names: Names) -> Abstract:
        """A returned action; a flag is one where the actions are 0 and 1."""
        value = self.number(node.value, names)
        actions = self.vocabulary.actions
        if value.kind == "float":
            fail("strategy returns an action (a whole number), not a decimal", node)
        if value.kind == "bool" and actions != 2:
            fail(f"a flag is an action only where the actions are 0 and 1; here there are {actions}", node)
        if value.high < 0 or value.low >= actions:
            fail(f"actions go from 0 to {actions - 1}, found {value.low}", node)
        return value

    # what the prover refines

    def narrowed(self, condition: tree.Expr, names: Names, holds: bool) -> Names | None:
        """The names where a condition holds, or where it does not; None where that cannot be."""
        return names

    def divisor(self, operand: tree.Expr, value: Scalar) -> None:
        """What a division divides by; zero is refused when it comes."""

    # expressions

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
        if value.high < 0 or value.low >= length:
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
                        self.divisor(operand, right)
                    combined = self.at(operand, combine, operator, result, right)
                    assert isinstance(combined, Scalar)
                    result = combined
                return result
            case tree.Compare():
                self.comparison(node, names)
                return BOOL
            case tree.Logic():
                open_names: Names | None = names
                for operand in node.operands:
                    if open_names is not None:
                        self.flag(operand, open_names)
                        open_names = self.narrowed(operand, open_names, node.operator == "and")
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
        found: Abstract | None = None
        for arm, holds in ((node.yes, True), (node.no, False)):
            inside = self.narrowed(node.condition, names, holds)
            if inside is not None:
                value = self.loose(arm, self.value(arm, inside))
                found = value if found is None else self.at(node, join, found, value)
        assert found is not None, "a condition holds or does not"
        return found

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
        inner = dict(names)
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
                inner = dict(self.narrowed(condition, inner, True) or inner)
        if node.name in ("any", "all", "count"):
            self.flag(node.element, inner)
            return BOOL if node.name != "count" else self.at(node, whole, 0, times)
        element = self.number(node.element, inner)
        if node.name == "sum" and element.kind == "float":
            self.decimal_sums.add(id(node))
        return self.at(node, total, element, times) if node.name == "sum" else element


def member(domain: tree.Domain) -> Scalar:
    """What a loop variable is."""
    return Scalar("int", 0, max(domain.length - 1, 0))
