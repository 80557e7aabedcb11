"""Decisions as text: rules and trees over what a decision rests on; subtrees that are alike are one function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agentscope.decompilation.recovery.circuits import Circuit
from agentscope.decompilation.recovery.combining import Question
from agentscope.decompilation.recovery.deciding import Rule, Split
from agentscope.decompilation.recovery.patterns import Pattern, pattern_of
from agentscope.decompilation.recovery.wording import Wording, add_up

SMALLEST = 3  # questions in a subtree that is worth a function of its own
Tree = Split | int


@dataclass
class Asking:
    """Writes decisions over these questions.

    Attributes:
        action: an action as a text writes it.
        shared: (function, arguments) of each subtree that has a function, by its id; without arguments for its parts.
        writing: the function whose body is being written.
    """

    wording: Wording
    circuit: Circuit
    questions: Sequence[Question]
    action: Callable[[int], str]
    shared: dict[int, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    writing: str = ""

    def rules(self, rules: Sequence[Rule]) -> str:
        """One `if` for each rule."""
        lines = []
        for rule in rules:
            tests = [self.test(flag, wanted, self._index(flag)) for flag, wanted in rule.flags]
            action = self.action(rule.action)
            lines += (
                [f"    if {' and '.join(tests)}:", f"        return {action}"] if tests else [f"    return {action}"]
            )
        return "\n".join(["def strategy(state):", *lines, ""])

    def tree(self, tree: Tree) -> str:
        """Nested questions, and before them the functions of subtrees that are alike."""
        functions = self._share(tree)
        body = self._lines(tree, [self._index(flag) for flag in flags_of(tree)], 1)
        return "\n".join([*functions, "def strategy(state):", *body, ""])

    def test(self, flag: int, wanted: bool, index: Sequence[str]) -> str:
        """One question as a condition."""
        question = self.questions[flag]
        low, high = self.circuit.low[question.atom], self.circuit.high[question.atom]
        name, _ = self.wording.families.place(question.atom)
        if (low, high) == (0, 1):
            text = self.wording.call(name, index, flag=True)
            if wanted:
                return text
            return f"not {text}" if text.endswith(")") else f"not ({text})"
        value = self.wording.call(name, index, flag=False)
        if len(question.ranges) == 1:
            ((first, last),) = question.ranges
            if first == last:
                return f"{value} {'==' if wanted else '!='} {first}"
            if last == high:
                return f"{value} >= {first}" if wanted else f"{value} < {first}"
        parts = [f"{value} == {a}" if a == b else f"({a} <= {value} and {value} <= {b})" for a, b in question.ranges]
        text = " or ".join(parts)
        if not wanted:
            return f"not ({text})"
        return f"({text})" if len(parts) > 1 else text

    def _index(self, flag: int) -> list[str]:
        return [str(i) for i in self.wording.families.place(self.questions[flag].atom)[1]]

    def _lines(self, tree: Tree, indices: list[list[str]], depth: int) -> list[str]:
        """The lines of a tree whose questions, in their order, are asked of members with these indices."""
        pad = "    " * depth
        if isinstance(tree, int):
            return [f"{pad}return {self.action(tree)}"]
        if id(tree) in self.shared and self.shared[id(tree)][0] != self.writing:
            name, arguments = self.shared[id(tree)]
            return [f"{pad}return {name}({', '.join(arguments)})"]
        yes, no = flags_of(tree.yes), flags_of(tree.no)
        parts = {True: (tree.yes, indices[1 : 1 + len(yes)]), False: (tree.no, indices[1 + len(yes) :])}
        first = len(yes) <= len(no)
        test = self.test(tree.flag, first, indices[0])
        rest, following = parts[not first]
        while isinstance(rest, Split) and parts[first][0] == rest.yes and isinstance(rest.yes, int):
            test += f" or {self.test(rest.flag, True, following[0])}"
            rest, following = rest.no, following[1:]
        return [f"{pad}if {test}:", *self._lines(*parts[first], depth + 1), *self._lines(rest, following, depth)]

    def _share(self, tree: Tree) -> list[str]:
        """Functions of the largest subtrees that differ in the indices of what they ask only."""
        kinds: dict[object, list[Split]] = {}
        for subtree in _subtrees(tree):
            kinds.setdefault(self._kind(subtree), []).append(subtree)
        texts: list[str] = []
        for members in sorted(kinds.values(), key=lambda found: -len(flags_of(found[0]))):
            if (
                len(members) < 2
                or len(flags_of(members[0])) < SMALLEST
                or any(id(one) in self.shared for one in members)
            ):
                continue
            pattern = pattern_of([self._numbers(one) for one in members])
            if len(pattern.members[0]) != 1 or pattern.tables:
                continue
            name = f"decision{len(texts) + 1}"
            for member, subtree in zip(pattern.members, members, strict=True):
                self.shared[id(subtree)] = (name, (str(member[0]),))
                for inner in _subtrees(subtree):
                    self.shared.setdefault(id(inner), (name, ()))
            texts.append(self._function(name, members[0], pattern))
        return texts

    def _function(self, name: str, tree: Split, pattern: Pattern) -> str:
        says = list(pattern.says)
        indices = []
        for flag in flags_of(tree):
            own, says = says[: len(self._index(flag))], says[len(self._index(flag)) :]
            indices.append([add_up([(1, "k")] if say.parameter >= 0 else [], say.constant) for say in own])
        self.writing = name
        body = self._lines(tree, indices, 1)
        self.writing = ""
        return "\n".join([f"def {name}(k):", *body, ""])

    def _kind(self, tree: Tree) -> object:
        """All of a subtree but the indices."""
        if isinstance(tree, int):
            return tree
        question = self.questions[tree.flag]
        name, _ = self.wording.families.place(question.atom)
        return name, question.ranges, self._kind(tree.yes), self._kind(tree.no)

    def _numbers(self, tree: Tree) -> list[int]:
        """The indices of all questions of a subtree, in their order."""
        return [i for flag in flags_of(tree) for i in self.wording.families.place(self.questions[flag].atom)[1]]


def flags_of(tree: Tree) -> list[int]:
    """The flags of a tree, itself first, then those where it holds."""
    return [] if isinstance(tree, int) else [tree.flag, *flags_of(tree.yes), *flags_of(tree.no)]


def _subtrees(tree: Tree) -> list[Split]:
    return [] if isinstance(tree, int) else [tree, *_subtrees(tree.yes), *_subtrees(tree.no)]
