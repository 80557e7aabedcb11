"""Arithmetic over lanes, bit for bit as CPython does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from agentscope.errors import TextError
from agentscope.language.limits import EXACT_IN_FLOAT
from agentscope.language.tables import items_of
from agentscope.language.tree import Node

Mask = np.ndarray  # bool, broadcastable to the lanes
Value = Any  # np.ndarray broadcastable to the lanes, or a tuple of such (nested)

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "==": np.equal, "!=": np.not_equal,
}  # fmt: skip
_PLAIN: dict[str, Callable[[Any, Any], Any]] = {"+": np.add, "-": np.subtract, "*": np.multiply}
_DIVISIONS: dict[str, Callable[[Any, Any], Any]] = {"/": np.true_divide, "//": np.floor_divide, "%": np.remainder}


def number(value: np.ndarray) -> np.ndarray:
    """Flags count as 0 and 1."""
    return value.astype(np.int64) if value.dtype.kind == "b" else value


def fold(operator: str, left: np.ndarray, right: np.ndarray, mask: Mask, node: Node) -> np.ndarray:
    """One step of a chain.

    Raises: TextError: division by zero in a lane that is taken.
    """
    left, right = number(left), number(right)
    if operator in _PLAIN:
        return np.asarray(_PLAIN[operator](left, right))
    zero = right == 0
    if zero.any():
        if (zero & mask).any():
            raise TextError("division by zero", node.line, node.column)
        right = np.where(zero, np.ones((), dtype=right.dtype), right)
    return np.asarray(_DIVISIONS[operator](left, right))


def rounded_down(value: np.ndarray, mask: Mask, node: Node) -> np.ndarray:
    """floor(): the greatest whole number that is not above the value.

    Raises: TextError: in a lane that is taken, the value is no number or beyond 2^53, where decimals skip integers.
    """
    if value.dtype.kind != "f":
        return value
    bad = ~(np.abs(value) <= EXACT_IN_FLOAT)  # a NaN compares as false
    if bad.any():
        if (bad & mask).any():
            found = float(np.broadcast_to(value, (bad & mask).shape)[bad & mask][0])
            raise TextError(f"floor takes decimals between -2**53 and 2**53, found {found}", node.line, node.column)
        value = np.where(bad, 0.0, value)
    return np.asarray(np.floor(value).astype(np.int64))


def choose(mask: Mask, yes: Value, no: Value) -> Value:
    """`yes` where the mask holds, item by item for tuples."""
    if not isinstance(yes, np.ndarray | np.generic):
        return tuple(choose(mask, a, b) for a, b in zip(items_of(yes), items_of(no), strict=True))
    return np.where(mask, yes, no)


def total(values: np.ndarray, mask: Mask, loops: int) -> np.ndarray:
    """Sum over the leading axes, from 0 and from the left: floats add in CPython's order."""
    values = number(values)
    if values.dtype.kind == "i":
        return np.asarray(np.where(mask, values, 0).sum(axis=tuple(range(loops)), dtype=np.int64))
    result: np.ndarray = np.zeros(values.shape[loops:])
    for place in in_order(values.shape[:loops]):
        here = mask[place]
        added = result + values[place]
        result = added if here.all() else np.where(here, added, result)
    return result


def extreme(name: str, values: np.ndarray, mask: Mask, loops: int) -> np.ndarray:
    """min or max over the leading axes: the first of equals, and CPython's way with NaN."""
    better = np.less if name == "min" else np.greater
    shape = values.shape[loops:]
    result, some = np.zeros(shape, dtype=values.dtype), np.zeros(shape, dtype=bool)
    for place in in_order(values.shape[:loops]):
        take = mask[place] & (~some | better(values[place], result))
        result = np.where(take, values[place], result)
        some = some | mask[place]
    return result


def first_best(keys: np.ndarray, mask: Mask) -> np.ndarray:
    """Index along the first axis of the greatest key, the first of equals."""
    best = np.zeros(keys.shape[1:], dtype=keys.dtype)
    chosen = np.zeros(keys.shape[1:], dtype=np.int64)
    some = np.zeros(keys.shape[1:], dtype=bool)
    for index in range(len(keys)):
        take = mask[index] & (~some | (keys[index] > best))
        best = np.where(take, keys[index], best)
        chosen[take] = index
        some = some | mask[index]
    return chosen


def in_order(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Places of the loop axes in the order of the loops: the innermost clause is the first axis."""
    return [place[::-1] for place in np.ndindex(*shape[::-1])]
