"""The tree of a text: frozen records that compare by meaning, never by place.

Chains of one precedence (`a + b - c`) are one node, so that a score of a hundred terms nests one deep.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from agentscope.language.headers import Header
from agentscope.language.vocabulary import Vocabulary


@dataclass(frozen=True)
class Node:
    """A part of a text; line and column (from 1) are those of the text that was parsed."""

    line: int = field(default=0, compare=False, kw_only=True)
    column: int = field(default=0, compare=False, kw_only=True)


@dataclass(frozen=True)
class Number(Node):
    """A literal; `kind` keeps 1, 1.0 and True apart."""

    kind: str
    value: bool | int | float


@dataclass(frozen=True)
class Constant(Node):
    """An action name, axis label or choice label, with its index."""

    name: str
    value: int


@dataclass(frozen=True)
class Variable(Node):
    """A local name, a parameter, a loop variable."""

    name: str


@dataclass(frozen=True)
class TableName(Node):
    """A table or constant of the module."""

    name: str


@dataclass(frozen=True)
class Unary(Node):
    """`-x` or `not x`."""

    operator: str
    operand: Expr


@dataclass(frozen=True)
class Arithmetic(Node):
    """A chain of one precedence, folded from the left: first, then (operator, operand)s."""

    first: Expr
    steps: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True)
class Compare(Node):
    """`a < b <= c`: later operands are evaluated only while the chain holds."""

    first: Expr
    steps: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True)
class Logic(Node):
    """`and` or `or` of flags, from the left, no further than needed."""

    operator: str
    operands: tuple[Expr, ...]


@dataclass(frozen=True)
class Choose(Node):
    """`yes if condition else no`."""

    condition: Expr
    yes: Expr
    no: Expr


@dataclass(frozen=True)
class Tuple(Node):
    """A literal tuple."""

    items: tuple[Expr, ...]


@dataclass(frozen=True)
class Index(Node):
    """`container[index]`."""

    container: Expr
    index: Expr


@dataclass(frozen=True)
class ConceptCall(Node):
    """A primitive: a concept with its indices; an action concept with its action first."""

    name: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True)
class After(Node):
    """`after(a, height, c)`: the concept in the successor of action a."""

    action: Expr
    name: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True)
class FunctionCall(Node):
    """A call of a helper."""

    name: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True)
class Domain(Node):
    """What a loop runs over: `range(length)`, an axis, or the legal actions."""

    name: str
    length: int


@dataclass(frozen=True)
class Clause(Node):
    """`for variable in domain if condition if ...` of a generator expression."""

    variable: str
    domain: Domain
    conditions: tuple[Expr, ...]


@dataclass(frozen=True)
class Aggregate(Node):
    """sum, min, max, any, all or count of a generator expression."""

    name: str
    element: Expr
    clauses: tuple[Clause, ...]


@dataclass(frozen=True)
class Builtin(Node):
    """`min(a, b, ...)`, `max(a, b, ...)`, `abs(a)` or `floor(a)`."""

    name: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True)
class ArgMax(Node):
    """`argmax(domain, key=lambda variable: key)`: the first member with the greatest key."""

    domain: Domain
    variable: str
    key: Expr


Expr = (
    Number | Constant | Variable | TableName | Unary | Arithmetic | Compare | Logic | Choose | Tuple | Index
    | ConceptCall | After | FunctionCall | Aggregate | Builtin | ArgMax
)  # fmt: skip


@dataclass(frozen=True)
class Assign(Node):
    """`name = value`."""

    name: str
    value: Expr


@dataclass(frozen=True)
class Branch(Node):
    """One `if` or `elif` with its block."""

    condition: Expr
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class If(Node):
    """if / elif / else, flat."""

    branches: tuple[Branch, ...]
    otherwise: tuple[Statement, ...]


@dataclass(frozen=True)
class For(Node):
    """A bounded loop."""

    variable: str
    domain: Domain
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Return(Node):
    """`return value`; `number` counts the returns of a program in printing order."""

    value: Expr
    number: int = field(default=0, compare=False, kw_only=True)


Statement = Assign | If | For | Return


@dataclass(frozen=True)
class Function(Node):
    """A helper, or `strategy` itself; `notes` are the comment lines directly above it."""

    name: str
    parameters: tuple[str, ...]
    body: tuple[Statement, ...]
    notes: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Tabulation:
    """A helper that is evaluated once for all of its arguments.

    Attributes:
        ranges: the proven range of each argument, over all calls; flags: which arguments are flags.
        kind: of its values (bool, int, float).
        calls: helpers that its body calls and that are tabulated themselves, directly or through others that are not.
    """

    ranges: tuple[range, ...]
    flags: tuple[bool, ...]
    kind: str
    calls: tuple[str, ...]

    @property
    def combinations(self) -> int:
        """How many values it has in each state."""
        return math.prod(map(len, self.ranges))


@dataclass(frozen=True)
class Table(Node):
    """`NAME = literal` at the top of a text."""

    name: str
    value: Expr


@dataclass(frozen=True)
class Program:
    """A checked text. Tables come first, then helpers in the order of the text, `strategy` last.

    Attributes:
        vocabulary: what the text was checked against.
        return_lines: line in the canonical print of each Return, by its number.
        lane_bytes: bound on the memory that one state takes.
        operations: bound on the elementary operations for one state.
        arrays: the tables as they are evaluated, by name.
        tabulated: helpers that are evaluated once for all of their arguments, by name, callees first.
        marks: what the text says beside the first call of a concept of the evidence for its use, by concept.
    """

    header: Header | None
    tables: tuple[Table, ...]
    functions: tuple[Function, ...]
    vocabulary: Vocabulary = field(compare=False, repr=False)
    return_lines: tuple[int, ...] = field(default=(), compare=False, repr=False)
    lane_bytes: int = field(default=0, compare=False)
    operations: int = field(default=0, compare=False)
    arrays: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    tabulated: Mapping[str, Tabulation] = field(default_factory=dict, compare=False, repr=False)
    marks: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def strategy(self) -> Function:
        """The entry point."""
        return self.functions[-1]


@dataclass(frozen=True)
class Expression:
    """A checked expression over concepts: a guard (bool) or a measured quantity (int or float).

    Attributes:
        variables: names that stand free in it, each with what it runs over: the axes of its values.
        low, high: bounds of a whole number or flag; 0 and 0 for decimals, whose bounds are not followed.
        lane_bytes, operations: as of a Program.
    """

    value: Expr
    kind: str
    vocabulary: Vocabulary = field(compare=False, repr=False)
    lane_bytes: int = field(default=0, compare=False)
    variables: tuple[tuple[str, Domain], ...] = ()
    low: int = field(default=0, compare=False)
    high: int = field(default=0, compare=False)
    operations: int = field(default=0, compare=False)


def children(node: Any) -> Iterator[Node]:
    """Direct parts of a node, in the order of the text."""
    for part in _parts_of(node.__class__):
        yield from _nodes(getattr(node, part))


@cache
def _parts_of(kind: type[Node]) -> tuple[str, ...]:
    """Fields of a record that may hold nodes."""
    return tuple(part.name for part in fields(kind) if part.name not in ("line", "column", "name", "operator", "kind"))


def _nodes(value: Any) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)


def walk(node: Any) -> Iterator[Node]:
    """The node and all its parts, depth first."""
    yield node
    for child in children(node):
        yield from walk(child)
