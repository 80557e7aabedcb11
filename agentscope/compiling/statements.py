"""Statements of the language as forms: what a path returns counts where all conditions on the way to it hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentscope.compiling import gadgets
from agentscope.compiling.expressions import Expressions, Value
from agentscope.compiling.forms import Form, add, bounded, choice, constant, negated
from agentscope.language import tree

Path = tuple[Form, ...]  # flags that all hold on the way to a statement


@dataclass(frozen=True)
class Returned:
    """One return: the flags that all hold where it decides, and its value."""

    path: Path
    value: Value


class Translator(Expressions):
    """One program of the language, written into a circuit."""

    def scores(self) -> list[Form]:
        """One whole number an action; the greatest, the first among equals, is what the program returns.

        A program that is one argmax keeps its keys: n * key - i leaves the order as it is and puts the first of equal
        keys ahead. Any other gets 1 for the action that it returns and 0 for the rest.
        """
        body = self.functions["strategy"].body
        actions = range(self.vocabulary.actions)
        if len(body) == 1 and isinstance(body[0], tree.Return) and isinstance(body[0].value, tree.ArgMax):
            keys = self.keys(body[0].value, {})
            ranked = [add((len(keys), key), offset=-index) for index, key in enumerate(keys)]
            last = constant(min(form.low for form in ranked) - 1)
            return [*ranked, *[last] * (len(actions) - len(ranked))]
        taken = self.merged(self.run("strategy", ()), self.functions["strategy"])
        assert isinstance(taken, Form)
        return [gadgets.equal(self.circuit, taken, action) for action in actions]

    def call(self, name: str, arguments: Sequence[Value], node: tree.Node) -> Value:
        """What a helper returns for these arguments."""
        return self.merged(self.run(name, arguments), node)

    def run(self, name: str, arguments: Sequence[Value]) -> list[Returned]:
        """All returns of a function, in the order of the text."""
        function = self.functions[name]
        names: dict[str, Value] = {} if name == "strategy" else dict(zip(function.parameters, arguments, strict=True))
        found: list[Returned] = []
        self.block(function.body, names, (), found)
        return found

    def merged(self, found: Sequence[Returned], node: tree.Node) -> Value:
        """The value of whichever return decides; one of them always does, and only one."""
        values = [returned.value for returned in found]
        if len(found) == 1:
            return values[0]
        if isinstance(values[0], tuple):
            columns = zip(*values, strict=True)  # type: ignore[arg-type]
            paths = [returned.path for returned in found]
            return tuple(self.merged(list(map(Returned, paths, column)), node) for column in columns)
        pairs = [(returned.path, returned.value) for returned in found if isinstance(returned.value, Form)]
        circuit = self.circuit
        if all(value.cases or value.is_constant for _, value in pairs):
            parts = [(path, case) for path, value in pairs for case in gadgets.cases_of(circuit, value)]
            return choice((number, gadgets.all_of(circuit, [*path, flag])) for path, (number, flag) in parts)
        total = add(*((1, gadgets.gate(circuit, gadgets.all_of(circuit, path), value)) for path, value in pairs))
        return bounded(total, min(value.low for _, value in pairs), max(value.high for _, value in pairs))

    def block(
        self, statements: Sequence[tree.Statement], names: dict[str, Value], path: Path, found: list[Returned]
    ) -> Path | None:
        """Run statements; the path of those who have not returned, None where all have. Changes names and found."""
        for statement in statements:
            match statement:
                case tree.Assign():
                    names[statement.name] = self.value(statement.value, names)
                case tree.Return():
                    found.append(Returned(path, self.value(statement.value, names)))
                    return None
                case tree.For():
                    for member in range(statement.domain.length):
                        names[statement.variable] = constant(member)
                        going = self.block(statement.body, names, path, found)
                        if going is None:
                            return None
                        path = going
                case tree.If():
                    going = self.branches(statement, names, path, found)
                    if going is None:
                        return None
                    path = going
        return path

    def branches(self, node: tree.If, names: dict[str, Value], path: Path, found: list[Returned]) -> Path | None:
        """if / elif / else: names are joined where branches meet again."""
        ends: list[tuple[Path, Path, dict[str, Value]]] = []  # conditions of the branch, path at its end, names there
        refused: Path = ()  # conditions that failed so far
        first = len(found)
        for branch in [*node.branches, None]:
            condition = constant(1) if branch is None else self.number(branch.condition, names)
            body = node.otherwise if branch is None else branch.body
            if condition.high == 1:
                here, inner = _conjoined(refused, condition), dict(names)
                going = self.block(body, inner, path + here, found)
                if going is not None:
                    ends.append((here, going, inner))
            if condition.low == 1:
                break
            refused = _conjoined(refused, negated(condition))
        if not ends:
            return None
        self.join(names, [(here, inner) for here, _, inner in ends], node)
        if len(ends) == 1:
            return ends[0][1]
        returned = [gadgets.all_of(self.circuit, event.path[len(path) :]) for event in found[first:]]
        return path + tuple(negated(flag) for flag in returned)

    def join(self, names: dict[str, Value], ends: Sequence[tuple[Path, dict[str, Value]]], node: tree.Node) -> None:
        """Each name's value after the branches: that of the branch which was taken."""
        _, last = ends[-1]
        joined = {name: value for name, value in last.items() if all(name in inner for _, inner in ends)}
        for conditions, inner in reversed(ends[:-1]):
            flag = gadgets.all_of(self.circuit, conditions)
            for name, value in joined.items():
                joined[name] = self.either(flag, inner[name], value, node)
        names.clear()
        names.update(joined)


def _conjoined(path: Path, flag: Form) -> Path:
    return path if flag.low == 1 else (*path, flag)
