"""The checker: one walk over the calls of a text that proves types, indices, bounds and that every path returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentscope.errors import TextError
from agentscope.language import tree
from agentscope.language.intervals import Abstract, Scalar, hull_of_few, join
from agentscope.language.kinds import ExpressionChecker, fail, member
from agentscope.language.limits import Limits
from agentscope.language.narrowing import Names
from agentscope.language.vocabulary import Vocabulary


def check_program(program: tree.Program, limits: Limits) -> None:
    """Prove a program sound.

    Raises: TextError: at the part that could go wrong, with what is allowed.
    """
    checker = Checker(program.vocabulary, limits, {function.name: function for function in program.functions})
    checker.read_tables(program)
    checker.function("strategy", (), program.strategy)


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


class Checker(ExpressionChecker):
    """Follows the types and bounds of one text; `proving.py` asks more of the same walk."""

    def __init__(self, vocabulary: Vocabulary, limits: Limits, functions: dict[str, tree.Function]) -> None:
        super().__init__(vocabulary, limits)
        self.functions = functions
        self.known: dict[tuple[str, tuple[Abstract, ...], bool], Abstract] = {}
        self.widest: dict[str, tuple[Abstract, ...] | None] = {}
        self.returned: list[Abstract] = []
        self.in_strategy = True

    def read_tables(self, program: tree.Program) -> None:
        """The types and bounds of the tables at the top."""
        for table in program.tables:
            self.tables[table.name] = self.value(table.value, {})

    def function(self, name: str, arguments: tuple[Abstract, ...], node: tree.Node) -> Abstract:
        key = name, arguments, self.dead > 0
        if key not in self.known:
            wider = self._for_wider(name, arguments)
            self.known[key] = self.returns_of(name, arguments) if wider is None else wider
        return self.known[key]

    def _for_wider(self, name: str, arguments: tuple[Abstract, ...]) -> Abstract | None:
        """The same for the few arguments of all calls so far together: a unit that has hundreds of callers, each with
        another bound, is walked a few times. None where that is refused, or where helpers are no tables.
        """
        before = self.widest.get(name, arguments)
        wider = None if self.dead or before is None else hull_of_few(before, arguments, self.limits.tabulated)
        if wider is None:
            return None
        self.widest[name] = wider
        if (name, wider, False) not in self.known:
            held = self.returned, self.in_strategy
            try:
                self.known[name, wider, False] = self.returns_of(name, wider)
            except TextError:
                self.returned, self.in_strategy = held
                self.dead, self.widest[name] = 0, None
                return None
        return self.known[name, wider, False]

    def returns_of(self, name: str, arguments: tuple[Abstract, ...]) -> Abstract:
        """The same, whatever is known already."""
        function = self.functions[name]
        before, self.returned, was, dead = self.returned, [], self.in_strategy, self.dead
        self.in_strategy = name == "strategy"
        names = {} if self.in_strategy else dict(zip(function.parameters, arguments, strict=True))
        if self.block(function.body, names) is not None:
            fail(f"every path of {name} ends in a return; this one can end without", function)
        result = self.returned[0]
        for other in self.returned[1:]:
            result = self.at(function, join, result, other)
        self.returned, self.in_strategy, self.dead = before, was, dead
        return result

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
        left: list[Names] = []
        before, current = self.dead, names
        reached = False  # whether anything goes on from here
        for condition, body in (*((branch.condition, branch.body) for branch in node.branches), (None, node.otherwise)):
            outside, inside = self.dead, current
            if condition is not None:
                self.flag(condition, current)
                inside = self.assume(condition, current, holds=True)
            end = self.block(body, dict(inside))
            if end is not None:
                left.append(end)
                reached = reached or self.dead == before
            self.dead = outside
            if condition is not None:
                current = self.assume(condition, current, holds=False)
        self.dead = before
        if not left:
            return None
        self.dead += not reached
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
        before = self.dead
        for _ in range(node.domain.length):
            end = self.block(node.body, {**names, node.variable: member(node.domain)})
            self.dead = before
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
