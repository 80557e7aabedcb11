"""What a condition says of the names in it: after `if c < 0 or c > 9: return 0`, c lies between 0 and 9."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agentscope.language import tree
from agentscope.language.intervals import Abstract, Scalar, hull

Names = dict[str, Abstract]
ValueOf = Callable[[tree.Expr, Names], Abstract]
_OPPOSITE = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}


def narrowed(condition: tree.Expr, names: Names, holds: bool, value_of: ValueOf) -> Names | None:
    """The names where a condition holds, or where it does not; None where the bounds say that this cannot be.

    Only comparisons of a whole number's name with an expression of names and numbers narrow anything.
    """
    match condition:
        case tree.Unary(operator="not"):
            return narrowed(condition.operand, names, not holds, value_of)
        case tree.Logic():
            every = condition.operator == "and"
            return _together(condition.operands, names, (holds, every), value_of)
        case tree.Compare(steps=((operator, right),)):
            return _compared(condition.first, operator if holds else _OPPOSITE[operator], right, names, value_of)
        case tree.Compare():
            sides = [condition.first, *(operand for _, operand in condition.steps)]
            links = [tree.Compare(left, (step,)) for left, step in zip(sides, condition.steps, strict=False)]
            return _together(links, names, (holds, True), value_of)
    return names


def _together(parts: Sequence[tree.Expr], names: Names, asked: tuple[bool, bool], value_of: ValueOf) -> Names | None:
    """`and` that holds and `or` that does not narrow by each part; else any one part may have decided."""
    holds, every = asked
    current: Names | None = names
    ends: list[Names] = []
    for part in parts:
        if current is None:
            break
        if holds != every:
            decided = narrowed(part, current, not every, value_of)
            ends.extend([] if decided is None else [decided])
        current = narrowed(part, current, every, value_of)
    if holds == every:
        return current
    if not ends or all(end is names for end in ends):
        return names if ends else None
    return {name: hull([end[name] for end in ends]) for name in names}


def _compared(left: tree.Expr, operator: str, right: tree.Expr, names: Names, value_of: ValueOf) -> Names | None:
    for side, sign, other in ((left, operator, right), (right, _TURNED[operator], left)):
        if isinstance(side, tree.Variable) and _is_plain(other):
            known, bound = names.get(side.name), value_of(other, names)
            if isinstance(known, Scalar) and isinstance(bound, Scalar) and {known.kind, bound.kind} == {"int"}:
                low, high = _cut(known, sign, bound)
                if low > high:
                    return None
                if (low, high) != (known.low, known.high):
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
