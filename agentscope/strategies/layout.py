"""Layout: a tree as the fewest lines of the language, 100 columns wide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agentscope.strategies.conditions import Condition
from agentscope.strategies.trees import Leaf, Tree

WIDTH = 100
INDENT = "    "
LONGEST = 64  # columns of a joined question


@dataclass(frozen=True)
class Ask:
    """One question, or its opposite."""

    condition: Condition
    negated: bool = False

    def text(self) -> str:
        return self.condition.negated if self.negated else str(self.condition)

    def opposite(self) -> Ask:
        return Ask(self.condition, not self.negated)


@dataclass(frozen=True)
class Joint:
    """Questions joined by `and` or by `or`."""

    operator: str
    parts: tuple[Ask | Joint, ...]

    def text(self) -> str:
        return f" {self.operator} ".join(
            f"({part.text()})" if isinstance(part, Joint) and self.operator == "and" else part.text()
            for part in self.parts
        )

    def opposite(self) -> Joint:
        return Joint("or" if self.operator == "and" else "and", tuple(part.opposite() for part in self.parts))


Question = Ask | Joint


@dataclass(frozen=True)
class Give:
    """An answer, as an expression."""

    text: str


@dataclass(frozen=True)
class When:
    """An answer where the question is true, and one where it is not."""

    question: Question
    yes: Give | When
    no: Give | When


Decision = Give | When


def decision_of(tree: Tree, tests: Sequence[Condition], answers: Sequence[str]) -> Decision:
    """The tree with its texts, questions that share an answer joined by `and` and `or`."""
    if isinstance(tree, Leaf):
        return Give(answers[tree.answer])
    yes, no = decision_of(tree.yes, tests, answers), decision_of(tree.no, tests, answers)
    if yes == no:
        return yes
    return _merge(When(Ask(tests[tree.test]), yes, no))


def _merge(when: When) -> When:
    """Join a question with the next one where they share an answer and the two still read as one line."""
    found = _joined(when)
    return found if len(found.question.text()) <= LONGEST else when


def _joined(when: When) -> When:
    question, yes, no = when.question, when.yes, when.no
    if isinstance(yes, When) and yes.no == no:
        return When(_join("and", question, yes.question), yes.yes, no)
    if isinstance(yes, When) and yes.yes == no:
        return When(_join("and", question, yes.question.opposite()), yes.no, no)
    if isinstance(no, When) and no.yes == yes:
        return When(_join("or", question, no.question), yes, no.no)
    if isinstance(no, When) and no.no == yes:
        return When(_join("or", question, no.question.opposite()), yes, no.yes)
    return when


def _join(operator: str, first: Question, second: Question) -> Joint:
    parts: list[Ask | Joint] = []
    for part in (first, second):
        parts += part.parts if isinstance(part, Joint) and part.operator == operator else (part,)
    return Joint(operator, tuple(parts))


@dataclass
class _Pages:
    """Expressions and blocks already laid out, by the decision's identity: each is laid out once.

    Without this memory a tree of a few hundred leaves takes minutes: both sides of each question are compared.
    """

    expressions: dict[int, str | None] = field(default_factory=dict)
    blocks: dict[tuple[int, int], tuple[str, ...]] = field(default_factory=dict)

    def expression(self, decision: Decision) -> str | None:
        """The decision as one conditional expression, shorter answers first; None where no line holds it."""
        if isinstance(decision, Give):
            return decision.text
        if id(decision) not in self.expressions:
            self.expressions[id(decision)] = self._expression(decision)
        return self.expressions[id(decision)]

    def _expression(self, when: When) -> str | None:
        yes, no = self.expression(when.yes), self.expression(when.no)
        if yes is None or no is None:
            return None
        first, question, rest = when.yes, when.question, no
        shown = yes
        if len(no) < len(yes) and (isinstance(when.no, Give) or not isinstance(when.yes, Give)):
            # the smaller side first: an answer before a decision, so that chains need no parentheses
            first, question, shown, rest = when.no, when.question.opposite(), no, yes
        text = f"{shown if isinstance(first, Give) else f'({shown})'} if {question.text()} else {rest}"
        return text if len(text) <= WIDTH else None

    def block(self, decision: Decision, indent: int) -> tuple[str, ...]:
        key = (id(decision), indent)
        if key not in self.blocks:
            self.blocks[key] = self._lay(decision, indent)
        return self.blocks[key]

    def _lay(self, decision: Decision, indent: int) -> tuple[str, ...]:
        margin = INDENT * indent
        whole = self.expression(decision)
        if isinstance(decision, Give) or (whole is not None and len(f"{margin}return {whole}") <= WIDTH):
            return (f"{margin}return {whole}",)
        options = []
        for yes, question, no in (
            (decision.yes, decision.question, decision.no),
            (decision.no, decision.question.opposite(), decision.yes),
        ):
            test = f"{margin}if {question.text()}:"
            lines = (test, *self.block(yes, indent + 1), *self.block(no, indent))
            options.append((len(lines) + (len(test) > WIDTH), len(lines[1]), lines))
        return min(options)[2]


def block(decision: Decision, indent: int = 1) -> list[str]:
    """The decision as statements in the fewest lines: one `return` where it fits, else `if` and what follows."""
    return list(_Pages().block(decision, indent))
