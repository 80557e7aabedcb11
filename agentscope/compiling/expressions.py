"""Expressions of the language as forms over a circuit: loops are unrolled, calls are written out, constants folded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import NoReturn, Protocol

from agentscope.compiling import gadgets
from agentscope.compiling.circuits import Circuit
from agentscope.compiling.forms import Form, add, constant, negated
from agentscope.errors import DoesNotCompile
from agentscope.language import tree

Value = Form | tuple["Value", ...]
Names = Mapping[str, Value]

MOST_CASES = 256  # values that one number may be told apart into: more would be a table without end
MOST_STEPS = 200_000  # work of unrolling one text


class Primitives(Protocol):
    """Where the values of concept calls come from."""

    def value(self, name: str, arguments: tuple[int, ...], node: tree.Node) -> Form:
        """The value of the concept at these indices."""
        ...


def refuse(message: str, node: tree.Node) -> NoReturn:
    """Say that a part of a sound text lies outside the subset."""
    raise DoesNotCompile(f"{message} (docs/compiling.md)", node.line, node.column)


class Expressions(ABC):
    """Turns expressions of one program into forms; statements.py adds what surrounds them."""

    def __init__(self, circuit: Circuit, program: tree.Program, primitives: Primitives) -> None:
        self.circuit = circuit
        self.vocabulary = program.vocabulary
        self.primitives = primitives
        self.functions = {function.name: function for function in program.functions}
        self.steps = 0
        self.tables: dict[str, Value] = {}
        for table in program.tables:
            self.tables[table.name] = self.value(table.value, {})

    @abstractmethod
    def call(self, name: str, arguments: Sequence[Value], node: tree.Node) -> Value:
        """What a helper returns; statements.py knows how."""

    def number(self, node: tree.Expr, names: Names) -> Form:
        """The form of an expression that is no tuple."""
        value = self.value(node, names)
        assert isinstance(value, Form), "the checker of the language proved that this is a number"
        return value

    def value(self, node: tree.Expr, names: Names) -> Value:
        """The form of an expression, or the tuple of its items' forms."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            refuse(f"unrolled, the text takes more than {MOST_STEPS} steps; shorten its loops", node)
        match node:
            case tree.Number(kind="float"):
                refuse("decimals do not compile; scale them to whole numbers", node)
            case tree.Number() | tree.Constant():
                return constant(int(node.value))
            case tree.Variable():
                return names[node.name]
            case tree.TableName():
                return self.tables[node.name]
            case tree.Tuple():
                return tuple(self.value(item, names) for item in node.items)
            case tree.Index():
                return self.pick(self.number(node.index, names), self.value(node.container, names), node)
            case tree.ConceptCall():
                return self.concept(node, names)
            case tree.After():
                refuse("after() does not compile: a network cannot try an action out", node)
            case tree.FunctionCall():
                return self.call(node.name, [self.value(argument, names) for argument in node.arguments], node)
            case tree.Choose():
                flag = self.number(node.condition, names)
                if flag.is_constant:  # as in the language, a side that is not taken is not looked at
                    return self.value(node.yes if flag.low else node.no, names)
                return self.either(flag, self.value(node.yes, names), self.value(node.no, names), node)
            case tree.Aggregate():
                return self.aggregate(node, names)
            case tree.ArgMax():
                return gadgets.best_of(self.circuit, self.keys(node, names))
        return self.operation(node, names)

    def operation(self, node: tree.Expr, names: Names) -> Form:
        """Operators and the functions min, max and abs."""
        circuit = self.circuit
        match node:
            case tree.Unary(operator="not"):
                return negated(self.number(node.operand, names))
            case tree.Unary():
                return add((-1, self.number(node.operand, names)))
            case tree.Arithmetic():
                return self.arithmetic(node, names)
            case tree.Compare():
                return self.comparison(node, names)
            case tree.Logic():
                return self.logic(node, names)
            case tree.Builtin(name="abs"):
                return gadgets.magnitude(circuit, self.number(node.arguments[0], names))
            case tree.Builtin():
                return self.extreme(node.name, [self.number(argument, names) for argument in node.arguments])
        raise AssertionError(f"no gadget for {type(node).__name__}")

    def logic(self, node: tree.Logic, names: Names) -> Form:
        """`and` or `or`, no further than a constant that decides it."""
        flags: list[Form] = []
        decided = int(node.operator == "or")
        for operand in node.operands:
            flags.append(self.number(operand, names))
            if flags[-1].is_constant and flags[-1].low == decided:
                return constant(decided)
        return (gadgets.any_of if decided else gadgets.all_of)(self.circuit, flags)

    def either(self, flag: Form, yes: Value, no: Value, node: tree.Node) -> Value:
        """`yes if flag else no`, item by item for tuples."""
        if yes == no:
            return no
        if isinstance(yes, Form) and isinstance(no, Form):
            return gadgets.choose(self.circuit, flag, yes, no)
        if isinstance(yes, tuple) and isinstance(no, tuple) and len(yes) == len(no):
            return tuple(self.either(flag, *items, node) for items in zip(yes, no, strict=True))
        refuse("a name holds tuples of different shapes on two paths", node)

    def arithmetic(self, node: tree.Arithmetic, names: Names) -> Form:
        """A chain of sums, or of products by a constant or a flag."""
        result = self.number(node.first, names)
        for operator, operand in node.steps:
            other = self.number(operand, names)
            if operator in "+-":
                result = add((1, result), (1 if operator == "+" else -1, other))
            elif operator == "*":
                result = self.product(result, other, operand)
            elif operator == "/" or not (result.is_constant and other.is_constant and other.low):
                refuse(f"{operator} compiles between whole constants only, and / nowhere", operand)
            else:
                result = constant(result.low // other.low if operator == "//" else result.low % other.low)
        return result

    def product(self, left: Form, right: Form, node: tree.Node) -> Form:
        """A product of which one side is a constant or a flag."""
        for one, other in ((left, right), (right, left)):
            if one.is_constant:
                return add((one.low, other))
            if one.is_flag:
                return gadgets.gate(self.circuit, one, other)
        refuse("a product compiles only where one side is a constant or a flag", node)

    def comparison(self, node: tree.Compare, names: Names) -> Form:
        """A chain of comparisons: each link is a threshold of a difference."""
        left, links = self.number(node.first, names), []
        for operator, operand in node.steps:
            right = self.number(operand, names)
            links.append(self.link(operator, left, right))
            left = right
        return gadgets.all_of(self.circuit, links)

    def link(self, operator: str, left: Form, right: Form) -> Form:
        """One comparison of two numbers."""
        circuit = self.circuit
        match operator:
            case ">=":
                return gadgets.at_least(circuit, add((1, left), (-1, right)), 0)
            case ">":
                return gadgets.at_least(circuit, add((1, left), (-1, right)), 1)
            case "<=":
                return gadgets.at_least(circuit, add((1, right), (-1, left)), 0)
            case "<":
                return gadgets.at_least(circuit, add((1, right), (-1, left)), 1)
        if right.is_constant:
            same = gadgets.equal(circuit, left, right.low)
        elif left.is_constant:
            same = gadgets.equal(circuit, right, left.low)
        else:
            same = gadgets.equal(circuit, add((1, left), (-1, right)), 0)
        return same if operator == "==" else negated(same)

    def extreme(self, name: str, values: Sequence[Form]) -> Form:
        """min or max of several numbers, in pairs: n numbers take log n layers."""
        pair = gadgets.larger if name == "max" else gadgets.smaller
        level = list(values)
        while len(level) > 1:
            level = [reduce(lambda x, y: pair(self.circuit, x, y), level[i : i + 2]) for i in range(0, len(level), 2)]
        return level[0]

    def pick(self, index: Form, items: Value, node: tree.Node) -> Value:
        """items[index]; where the index depends on the state, a table."""
        assert isinstance(items, tuple)
        self.check_index(index, len(items), node)
        if index.is_constant:
            return items[index.low]
        if all(isinstance(item, Form) for item in items):
            return gadgets.look_up(self.circuit, index, [item for item in items if isinstance(item, Form)])
        return tuple(self.pick(index, column, node) for column in zip(*items, strict=True))  # type: ignore[arg-type]

    def concept(self, node: tree.ConceptCall, names: Names) -> Form:
        """A concept; an index that depends on the state makes a table of its values."""
        signature = self.vocabulary.signature(node.name)
        assert signature is not None
        if signature.of_action:
            refuse(f"{node.name} is an action concept: it does not compile", node)
        lengths = [len(self.vocabulary.axes[axis]) for axis in signature.axis]
        given = [self.number(argument, names) for argument in node.arguments]
        return self.at(node, given, lengths, ())

    def at(
        self, node: tree.ConceptCall, given: Sequence[Form], lengths: Sequence[int], before: tuple[int, ...]
    ) -> Form:
        """The concept at `before` and the given indices."""
        if not given:
            return self.primitives.value(node.name, before, node)
        index = given[0]
        self.check_index(index, lengths[0], node)
        items = [
            self.at(node, given[1:], lengths[1:], (*before, value)) if index.low <= value <= index.high else constant(0)
            for value in range(lengths[0])
        ]
        return items[index.low] if index.is_constant else gadgets.look_up(self.circuit, index, items)

    def check_index(self, index: Form, length: int, node: tree.Node) -> None:
        """Refuse an index that is never in range, or would make too long a table."""
        if index.high < 0 or index.low >= length:
            refuse(f"an index goes from 0 to {length - 1}; here it is {index.low}", node)
        if not index.cases and index.high - index.low >= MOST_CASES:
            refuse(f"an index with more than {MOST_CASES} possible values does not compile", node)

    def keys(self, node: tree.ArgMax, names: Names) -> list[Form]:
        """The key of each member of an argmax; all actions count as legal."""
        return [
            self.number(node.key, {**names, node.variable: constant(member)}) for member in range(node.domain.length)
        ]

    def aggregate(self, node: tree.Aggregate, names: Names) -> Form:
        """sum, min, max, any, all, count over an unrolled generator."""
        members = list(self.members(node, node.clauses, names, []))
        circuit = self.circuit
        if node.name in ("min", "max"):
            if any(not condition.is_constant for condition, _ in members) or not members:
                refuse(
                    f"{node.name} compiles over members that do not depend on the state, and over one at least", node
                )
            return self.extreme(node.name, [element for _, element in members])
        if node.name == "sum":
            return add(*((1, gadgets.gate(circuit, condition, element)) for condition, element in members))
        if node.name == "all":
            failing = [gadgets.all_of(circuit, [condition, negated(element)]) for condition, element in members]
            return gadgets.all_of(circuit, [negated(flag) for flag in failing])
        holding = [gadgets.all_of(circuit, [condition, element]) for condition, element in members]
        return gadgets.any_of(circuit, holding) if node.name == "any" else add(*((1, flag) for flag in holding))

    def members(
        self, node: tree.Aggregate, clauses: Sequence[tree.Clause], names: Names, conditions: list[Form]
    ) -> Iterator[tuple[Form, Form]]:
        """(condition, element) of each member whose condition is not constantly false."""
        if not clauses:
            yield gadgets.all_of(self.circuit, conditions), self.number(node.element, names)
            return
        clause, rest = clauses[0], clauses[1:]
        for member in range(clause.domain.length):
            inner = {**names, clause.variable: constant(member)}
            flags: list[Form] = []
            for condition in clause.conditions:
                flags.append(self.number(condition, inner))
                if flags[-1].high == 0:
                    break
            else:
                yield from self.members(node, rest, inner, conditions + flags)
