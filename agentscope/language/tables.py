"""Tables: literal tuples held as one array, so that an index costs one gather however long the table is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from agentscope.language import tree

Nested = Any  # a Python number, or a tuple of Nested


@dataclass(frozen=True, eq=False)
class Packed:
    """A literal tuple, rectangular, of one kind of number (one row may mix kinds).

    Attributes:
        source: the numbers as written: a literal index gives an item in its own kind.
        array: the same numbers in the kind that holds them all: an index that varies gives an item in that kind.
    """

    source: tuple[Nested, ...]
    array: np.ndarray

    def __len__(self) -> int:
        return len(self.source)

    def item(self, place: int) -> Packed | np.ndarray:
        """The item at a literal index."""
        item = self.source[place]
        return Packed(item, np.array(item)) if isinstance(item, tuple) else np.array(item)


@dataclass(frozen=True, eq=False)
class Rows:
    """One row of a packed table in each lane: the table and the indices so far, gathered when the last one comes."""

    array: np.ndarray
    indices: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return int(self.array.shape[len(self.indices)])

    def item(self, place: int) -> Rows | np.ndarray:
        """The same item of each lane's row."""
        return self.at(np.array(place))

    def at(self, index: np.ndarray) -> Rows | np.ndarray:
        """Another item in each lane."""
        indices = (*self.indices, index)
        return np.asarray(self.array[indices]) if len(indices) == self.array.ndim else Rows(self.array, indices)


def items_of(container: Any) -> tuple[Any, ...]:
    """The items of any tuple value."""
    return container if isinstance(container, tuple) else tuple(map(container.item, range(len(container))))


def picked(container: Any, index: np.ndarray) -> Any:
    """container[index] in every lane, item by item for nested tuples that are no table."""
    if isinstance(container, Packed):
        return Rows(container.array, ()).at(index)
    if isinstance(container, Rows):
        return container.at(index)
    if not isinstance(container[0], np.ndarray | np.generic):
        return tuple(picked(items, index) for items in zip(*map(items_of, container), strict=True))
    shape = np.broadcast_shapes(index.shape, *[item.shape for item in container])
    stacked = np.stack([np.broadcast_to(item, shape) for item in container])
    return np.take_along_axis(stacked, np.broadcast_to(index, shape)[None], axis=0)[0]


def table_value(node: tree.Expr) -> Any:
    """The value of a literal: an array, a packed table, or a tuple of these."""
    whole = packed(node)
    if whole is not None:
        return whole
    return tuple(map(table_value, node.items)) if isinstance(node, tree.Tuple) else np.array(_literal(node))


def packed(node: tree.Expr) -> Packed | None:
    """The table that a tuple node is, or None where it is not literal, not rectangular, or of several kinds."""
    source = _literal(node)
    if not isinstance(source, tuple) or _shape(source) is None:
        return None
    if isinstance(source[0], tuple) and len(_kinds(source)) > 1:
        return None
    return Packed(source, np.array(source))


def _literal(node: tree.Expr) -> Nested | None:
    match node:
        case tree.Number() | tree.Constant():
            return node.value
        case tree.Unary(operator="-", operand=tree.Number(kind="int" | "float", value=value)):
            return -value
        case tree.Tuple():
            items = tuple(map(_literal, node.items))
            return None if any(item is None for item in items) else items
    return None


def _shape(source: Nested) -> tuple[int, ...] | None:
    """Lengths of a rectangular nest, outermost first; None where rows differ."""
    if not isinstance(source, tuple):
        return ()
    shapes = {_shape(item) for item in source}
    inner = shapes.pop()
    return None if shapes or inner is None else (len(source), *inner)


def _kinds(source: Nested) -> set[type]:
    return set().union(*map(_kinds, source)) if isinstance(source, tuple) else {type(source)}
