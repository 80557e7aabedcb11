"""Sums of products of whole numbers as one matrix product, the way a layer of a network is written.

`sum(WEIGHTS[k][d] * seen(0, 3, c + d) for d in range(3))` multiplies a table by values of the state. Each side is
evaluated along the loops that it names only, and the loops that both name are summed away by a matrix product: in
float64 where every partial sum stays below 2^53 and so is exact, else in int64, whose sums may be taken in any order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from agentscope.language import tree
from agentscope.language.arithmetic import number
from agentscope.language.limits import EXACT_IN_FLOAT


def factors_of(node: tree.Aggregate) -> tuple[tree.Expr, ...]:
    """The factors of a sum of products over plain loops; none where the node is anything else."""
    element = node.element
    if node.name != "sum" or not isinstance(element, tree.Arithmetic):
        return ()
    if any(clause.conditions or clause.domain.name == "actions" for clause in node.clauses):
        return ()
    if any(operator != "*" for operator, _ in element.steps):
        return ()
    return (element.first, *(operand for _, operand in element.steps))


def contracted(values: Sequence[np.ndarray], lengths: tuple[int, ...], axes: int) -> np.ndarray:
    """The sum over the leading axes, of these lengths, of a product of whole numbers.

    Args:
        values: the factors, each broadcastable to the lanes; axes: how many axes the lanes have, the loops' included.
    """
    whole = [_aligned(number(value), axes) for value in values]
    fixed = [value for value in whole if value.shape[-1] == 1]
    varying = [value for value in whole if value.shape[-1] != 1]
    if not varying:
        fixed, varying = whole[:1], whole[1:]
    left, right = _product(fixed, axes), _product(varying, axes)
    loops = len(lengths)
    if 0 in lengths:
        return np.zeros(np.broadcast_shapes(left.shape[loops:], right.shape[loops:]), np.int64)
    times = 1
    for axis, length in enumerate(lengths):
        if left.shape[axis] == 1 and right.shape[axis] == 1:
            times *= length
        elif left.shape[axis] == 1:
            right = right.sum(axis=axis, keepdims=True)
        elif right.shape[axis] == 1:
            left = left.sum(axis=axis, keepdims=True)
    return _matrix_product(left, right, loops) * times


def _aligned(value: np.ndarray, axes: int) -> np.ndarray:
    return value.reshape((1,) * (axes - value.ndim) + value.shape)


def _product(values: Sequence[np.ndarray], axes: int) -> np.ndarray:
    result: np.ndarray = np.ones((1,) * axes, np.int64)
    for value in values:
        result = result * value
    return result


def _matrix_product(left: np.ndarray, right: np.ndarray, loops: int) -> np.ndarray:
    """Multiply, and sum over the leading axes; both name each of these, or none does."""
    axes = range(left.ndim)
    inner = [axis for axis in axes if axis < loops and left.shape[axis] > 1]
    rest = [axis for axis in axes if axis >= loops]
    both = [axis for axis in rest if left.shape[axis] > 1 and right.shape[axis] > 1]
    only_left = [axis for axis in rest if left.shape[axis] > 1 and axis not in both]
    only_right = [axis for axis in rest if axis not in both and axis not in only_left]
    terms = math.prod(left.shape[axis] for axis in inner)
    exact = _largest(left) * _largest(right) * max(terms, 1) < EXACT_IN_FLOAT
    dtype = np.float64 if exact else np.int64
    first = _flat(left, (both, only_left, inner), dtype)
    second = _flat(right, (both, inner, only_right), dtype)
    made = np.matmul(first, second).astype(np.int64, copy=False)
    order = [*both, *only_left, *only_right]
    lengths = {axis: max(left.shape[axis], right.shape[axis]) for axis in rest}
    made = made.reshape([lengths[axis] for axis in order])
    made = made.transpose([order.index(axis) for axis in rest if axis in order])
    return made.reshape([lengths[axis] for axis in rest])


def _flat(value: np.ndarray, groups: tuple[list[int], ...], dtype: type) -> np.ndarray:
    """The array with its axes in these groups, each flattened to one; axes of length one may be left out."""
    order = [axis for group in groups for axis in group]
    missing = [axis for axis in range(value.ndim) if axis not in order]
    moved = value.transpose([*missing, *order])
    shape = [math.prod(value.shape[axis] for axis in group) for group in groups]
    return moved.reshape(shape).astype(dtype, copy=False)


def _largest(value: np.ndarray) -> int:
    return max(abs(int(value.min())), abs(int(value.max()))) if value.size else 0
