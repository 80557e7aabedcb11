"""Following one function of a text for all of its inputs at once; calls of other units' functions are its inputs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from agentscope.decompilation.proofs.wide import Algebra, Unfollowed, Wide, is_known
from agentscope.language import tree

Names = dict[str, Wide]
MOST_STEPS = 200_000  # of one function: each node that is visited
_MISSING = object()


@runtime_checkable
class Inputs(Protocol):
    """What counts as an input of a function."""

    def unit(self, name: str, arguments: tuple[int, ...]) -> Wide | None:
        """The value of a call of another unit's function; None where the function is to be followed itself."""
        ...

    def seen(self, concept: str, indices: tuple[int, ...]) -> Wide:
        """A number of the observation."""
        ...


class Follower:
    """Evaluates functions of one program over wide numbers.

    Args:
        literals: of the program's tables, kept from one follower to the next.
    Raises: Unfollowed: from `call`, for what cannot be followed for all inputs at once.
    """

    def __init__(
        self, program: tree.Program, algebra: Algebra, inputs: Inputs, *, literals: dict[str, Any] | None = None
    ) -> None:
        self.functions = {function.name: function for function in program.functions}
        self.tables = {table.name: table.value for table in program.tables}
        self.literals = {} if literals is None else literals
        self.algebra, self.inputs = algebra, inputs
        self.found: dict[tuple[str, tuple[int, ...]], Any] = {}  # values of calls, each followed once
        self.steps = 0

    def call(self, name: str, arguments: Sequence[Wide]) -> Wide:
        """The value of a function, its body followed."""
        function = self.functions[name]
        found = self._block(function.body, dict(zip(function.parameters, arguments, strict=True)))
        assert found is not _MISSING, "every path of a checked text returns"
        return found

    def _block(self, statements: Sequence[tree.Statement], names: Names) -> Any:
        """The value that is returned; where a condition is not known, both ways are followed to their ends."""
        for place, statement in enumerate(statements):
            match statement:
                case tree.Return():
                    return self.value(statement.value, names)
                case tree.Assign():
                    names = {**names, statement.name: self.value(statement.value, names)}
                case tree.For():
                    rest = (*self._rounds(statement), *statements[place + 1 :])
                    return self._block(rest, names)
                case tree.If():
                    return self._branches(statement, names, statements[place + 1 :])
        return _MISSING

    def _rounds(self, node: tree.For) -> Iterator[tree.Statement]:
        """A loop as its rounds, one after the other."""
        for index in self._domain(node.domain):
            yield tree.Assign(node.variable, tree.Number("int", index))
            yield from node.body

    def _branches(self, node: tree.If, names: Names, rest: Sequence[tree.Statement]) -> Any:
        ways: list[tuple[Wide, Any]] = []
        for branch in node.branches:
            condition = self.value(branch.condition, names)
            if condition is False:
                continue
            ways.append((condition, self._block((*branch.body, *rest), names)))
            if condition is True:
                break
        else:
            ways.append((True, self._block((*node.otherwise, *rest), names)))
        found = ways.pop()[1]
        for condition, value in reversed(ways):
            found = self._chosen(condition, value, found)
        return found

    def _chosen(self, condition: Wide, yes: Any, no: Any) -> Any:
        if isinstance(yes, tuple):
            return tuple(self._chosen(condition, a, b) for a, b in zip(yes, no, strict=True))
        return self.algebra.choose(condition, yes, no)

    def value(self, node: tree.Expr, names: Names) -> Any:
        """The value of an expression."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise Unfollowed(f"more than {MOST_STEPS:,} steps")
        algebra = self.algebra
        match node:
            case tree.Number() | tree.Constant():
                return node.value
            case tree.Variable():
                return names[node.name]
            case tree.TableName():
                if node.name not in self.literals:
                    self.literals[node.name] = self.value(self.tables[node.name], {})
                return self.literals[node.name]
            case tree.Tuple():
                return tuple(self.value(item, names) for item in node.items)
            case tree.Index():
                return self._item(node, names)
            case tree.Unary(operator="not"):
                return algebra.opposite(self.value(node.operand, names))
            case tree.Unary():
                return -algebra.number(self.value(node.operand, names))
            case tree.Arithmetic():
                total = self.value(node.first, names)
                for operator, operand in node.steps:
                    total = algebra.arithmetic(operator, total, self.value(operand, names))
                return total
            case tree.Compare():
                return self._compared(node, names)
            case tree.Logic():
                return self._logic(node, names)
            case tree.Choose():
                return self._choice(node, names)
            case tree.FunctionCall() | tree.ConceptCall():
                return self._called(node, names)
            case tree.Builtin():
                return self._builtin(node, names)
            case tree.Aggregate():
                return self._aggregate(node, names)
            case tree.ArgMax():
                return self._argmax(node, names)
        raise Unfollowed(f"{type(node).__name__.lower()} in line {node.line}")

    def _item(self, node: tree.Index, names: Names) -> Any:
        index = self.algebra.number(self.value(node.index, names))
        if is_known(index) and isinstance(node.container, tree.Tuple):
            return self.value(node.container.items[_inside(index, node.container.items)], names)  # the others are not
        return self._picked(self.value(node.container, names), index)

    def _picked(self, container: Sequence[Any], index: Wide) -> Any:
        """An item; of tuples of tuples item by item."""
        if is_known(index):
            return container[_inside(index, container)]
        if isinstance(container[0], tuple):
            return tuple(self._picked(items, index) for items in zip(*container, strict=True))
        return self.algebra.picked(container, index)

    def _compared(self, node: tree.Compare, names: Names) -> Wide:
        left, links = self.algebra.number(self.value(node.first, names)), []
        for operator, operand in node.steps:
            right = self.algebra.number(self.value(operand, names))
            links.append(self.algebra.compare(operator, left, right))
            if links[-1] is False:
                return False
            left = right
        return self.algebra.every(links)

    def _logic(self, node: tree.Logic, names: Names) -> Wide:
        decisive = node.operator == "or"
        parts: list[Wide] = []
        for operand in node.operands:
            parts.append(self.value(operand, names))
            if parts[-1] is decisive:
                break
        return self.algebra.some(parts) if decisive else self.algebra.every(parts)

    def _choice(self, node: tree.Choose, names: Names) -> Any:
        condition = self.value(node.condition, names)
        if is_known(condition):
            return self.value(node.yes if condition else node.no, names)
        return self._chosen(condition, self.value(node.yes, names), self.value(node.no, names))

    def _called(self, node: tree.FunctionCall | tree.ConceptCall, names: Names) -> Any:
        arguments = [self.value(argument, names) for argument in node.arguments]
        known = tuple(int(argument) for argument in arguments if is_known(argument))
        if isinstance(node, tree.ConceptCall):
            if len(known) < len(arguments):
                raise Unfollowed(f"{node.name} at a place that depends on the inputs")
            return self.inputs.seen(node.name, known)
        if len(known) == len(arguments):
            if (node.name, known) not in self.found:
                found = self.inputs.unit(node.name, known)
                self.found[node.name, known] = self.call(node.name, arguments) if found is None else found
            return self.found[node.name, known]
        return self.call(node.name, arguments)

    def _builtin(self, node: tree.Builtin, names: Names) -> Wide:
        values = [self.algebra.number(self.value(argument, names)) for argument in node.arguments]
        if node.name == "floor":
            return self.algebra.floor(values[0])
        if node.name == "abs":
            return self.algebra.choose(values[0] < 0, -values[0], values[0])
        return self.algebra.extreme(node.name, values)

    def _aggregate(self, node: tree.Aggregate, names: Names) -> Wide:
        algebra = self.algebra
        found = []
        for inner, condition in self._elements(node, names):
            value = self.value(node.element, inner)
            if node.name in ("any", "all"):
                found.append(algebra.every([condition, value]) if node.name == "any" else
                             algebra.some([algebra.opposite(condition), value]))  # fmt: skip
            elif node.name in ("sum", "count"):
                found.append(algebra.choose(condition, algebra.number(value), 0))
            elif condition is True:
                found.append(value)
            else:
                raise Unfollowed(f"{node.name} over what depends on the inputs")
        if node.name in ("any", "all"):
            return algebra.some(found) if node.name == "any" else algebra.every(found)
        if node.name not in ("sum", "count"):
            return algebra.extreme(node.name, found)
        total: Wide = 0
        for value in found:
            total = algebra.arithmetic("+", total, value)
        return total

    def _argmax(self, node: tree.ArgMax, names: Names) -> Wide:
        """The first member with the greatest key."""
        best: Wide = None
        chosen: Wide = 0
        for member in self._domain(node.domain):
            key = self.algebra.number(self.value(node.key, {**names, node.variable: member}))
            better = True if best is None else self.algebra.compare(">", key, best)
            chosen, best = self.algebra.choose(better, member, chosen), self.algebra.choose(better, key, best)
        return chosen

    def _elements(self, node: tree.Aggregate, names: Names) -> Iterator[tuple[Names, Wide]]:
        """Names and condition of each element that may count."""
        domains = [self._domain(clause.domain) for clause in node.clauses]
        for place in itertools.product(*domains):
            inner: Names = dict(names)
            conditions: list[Wide] = []
            for clause, index in zip(node.clauses, place, strict=True):
                inner[clause.variable] = index
                conditions.extend(self.value(condition, inner) for condition in clause.conditions)
                if conditions and conditions[-1] is False:
                    break
            if not any(condition is False for condition in conditions):
                yield inner, self.algebra.every(conditions)

    def _domain(self, domain: tree.Domain) -> range:
        if domain.name == "actions":
            raise Unfollowed("a loop over the legal actions")
        return range(domain.length)


def _inside(index: int, items: Sequence[Any]) -> int:
    """An index that is known; what never happens may ask for any."""
    if not 0 <= index < len(items):
        raise Unfollowed(f"item {index} of {len(items)}")
    return index
