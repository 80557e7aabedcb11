"""Expressions over lanes: one array operation for all states at once, with a mask of the lanes that really get here.

A lane is one state, times one index of each generator expression around it. The state axis comes last and loops
prepend axes, so that outer values broadcast inwards. Lanes outside the mask hold any value and raise nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from agentscope.errors import TextError
from agentscope.language import tree
from agentscope.language.arithmetic import (
    COMPARISONS,
    Mask,
    Value,
    choose,
    extreme,
    first_best,
    fold,
    number,
    rounded_down,
    total,
)
from agentscope.language.batches import Chunk
from agentscope.language.contracting import contracted, factors_of
from agentscope.language.tables import Packed, Rows, packed, picked
from agentscope.language.tracing import Recorder

Names = dict[str, Value]


class Lanes(ABC):
    """Evaluates expressions on one chunk; who runs a whole program adds its functions and tables."""

    def __init__(self, chunk: Chunk, recorder: Recorder | None) -> None:
        self.chunk = chunk
        self.recorder = recorder
        self.rows = np.arange(len(chunk))
        self.plain = False  # the readable way only: no sum as a matrix product, no helper as a table
        self.depth = 1  # axes of the lanes here: states, and one for each loop around
        self.constants: dict[int, np.ndarray] = {}
        self.rows_known: dict[int, Packed | None] = {}

    @abstractmethod
    def function(self, node: tree.FunctionCall, arguments: Sequence[Value], mask: Mask) -> Value:
        """What the program's own function gives for these arguments."""

    @abstractmethod
    def table(self, name: str) -> Value:
        """The program's table of this name."""

    def skip(self, mask: Mask) -> bool:
        """No lane gets here, so nothing needs doing; a trace wants every chunk to visit the same places."""
        return self.recorder is None and not mask.any()

    def value(self, node: tree.Expr, names: Names, mask: Mask) -> Value:
        match node:
            case tree.Number() | tree.Constant():
                return self.constant(node)
            case tree.Variable():
                return names[node.name]
            case tree.TableName():
                return self.table(node.name)
            case tree.Arithmetic():
                result = self.value(node.first, names, mask)
                for operator, operand in node.steps:
                    result = fold(operator, result, self.value(operand, names, mask), mask, operand)
                return result
            case tree.Compare():
                return self.compare(node, names, mask)
            case tree.Logic():
                return self.logic(node, names, mask)
            case tree.ConceptCall() | tree.After():
                return self.concept(node, names, mask)
            case tree.Unary(operator="not"):
                return np.asarray(np.logical_not(self.value(node.operand, names, mask)))
            case tree.Unary():
                return np.asarray(np.negative(number(self.value(node.operand, names, mask))))
            case tree.Choose():
                return self.chosen(node, names, mask)
            case tree.Tuple():
                return self.row(node, names, mask)
            case tree.Index():
                return self.indexed(node, names, mask)
            case tree.FunctionCall():
                return self.function(node, [self.value(argument, names, mask) for argument in node.arguments], mask)
            case tree.Builtin():
                return self.builtin(node, names, mask)
            case tree.Aggregate():
                return self.aggregate(node, names, mask)
            case tree.ArgMax():
                return self.argmax(node, names, mask)

    def constant(self, node: tree.Number | tree.Constant) -> np.ndarray:
        if id(node) not in self.constants:
            self.constants[id(node)] = np.array(node.value)
        return self.constants[id(node)]

    def row(self, node: tree.Tuple, names: Names, mask: Mask) -> Value:
        """A tuple: one array where it is literal, else its items."""
        if id(node) not in self.rows_known:
            self.rows_known[id(node)] = packed(node)
        known = self.rows_known[id(node)]
        return tuple(self.value(item, names, mask) for item in node.items) if known is None else known

    def compare(self, node: tree.Compare, names: Names, mask: Mask) -> np.ndarray:
        left = self.value(node.first, names, mask)
        holds: np.ndarray | None = None
        for operator, operand in node.steps:
            here = mask if holds is None else mask & holds
            right = self.value(operand, names, here)
            step = COMPARISONS[operator](left, right)
            holds, left = np.asarray(step if holds is None else holds & step), right
        assert holds is not None
        return holds

    def logic(self, node: tree.Logic, names: Names, mask: Mask) -> np.ndarray:
        result = self.value(node.operands[0], names, mask)
        for operand in node.operands[1:]:
            open_lanes = mask & (result if node.operator == "and" else ~result)
            if self.skip(open_lanes):
                return np.asarray(result)
            value = self.value(operand, names, open_lanes)
            result = result & value if node.operator == "and" else result | value
        return np.asarray(result)

    def chosen(self, node: tree.Choose, names: Names, mask: Mask) -> Value:
        condition = self.value(node.condition, names, mask)
        taken, other = mask & condition, mask & ~condition
        if self.skip(taken):
            return self.value(node.no, names, other)
        if self.skip(other):
            return self.value(node.yes, names, taken)
        return choose(condition, self.value(node.yes, names, taken), self.value(node.no, names, other))

    def builtin(self, node: tree.Builtin, names: Names, mask: Mask) -> np.ndarray:
        values = [self.value(argument, names, mask) for argument in node.arguments]
        if node.name == "abs":
            return np.asarray(np.abs(number(values[0])))
        if node.name == "floor":
            return rounded_down(number(values[0]), mask, node)
        better = np.less if node.name == "min" else np.greater
        result = values[0]
        for value in values[1:]:
            result = np.where(better(value, result), value, result)
        return np.asarray(result)

    # indexing

    def indexed(self, node: tree.Index, names: Names, mask: Mask) -> Value:
        container = self.value(node.container, names, mask)
        if isinstance(node.index, tree.Number):
            place = int(node.index.value)
            return container.item(place) if isinstance(container, Packed | Rows) else container[place]
        index = self.within(self.value(node.index, names, mask), len(container), mask, node.index)
        return picked(container, index)

    def within(self, index: np.ndarray, length: int, mask: Mask, node: tree.Expr) -> np.ndarray:
        """The index, checked in the lanes that are taken; any valid index elsewhere."""
        bad = (index < 0) | (index >= length)
        if bad.any():
            if (bad & mask).any():
                found = int(np.broadcast_to(index, (bad & mask).shape)[bad & mask][0])
                raise TextError(f"this index goes from 0 to {length - 1}, found {found}", node.line, node.column)
            index = np.where(bad, 0, index)
        return index

    def concept(self, node: tree.ConceptCall | tree.After, names: Names, mask: Mask) -> np.ndarray:
        places = list(node.arguments)
        if isinstance(node, tree.After):
            places.insert(0, node.action)
        if self.skip(mask):
            return np.zeros((), dtype=self.chunk.dtype_of(node.name))
        values = self.chunk.after(node.name) if isinstance(node, tree.After) else self.chunk.here(node.name)
        indices = [
            self.within(self.value(place, names, mask), length, mask, place)
            for place, length in zip(places, values.shape[:-1], strict=True)
        ]
        if isinstance(node, tree.After):
            self.refuse_illegal(indices[0], mask, node)
        result = self.gather(values, indices)
        if self.recorder is not None:
            self.recorder.record(node, mask, result, len(self.chunk))
        return result

    def refuse_illegal(self, action: np.ndarray, mask: Mask, node: tree.After) -> None:
        legal = self.chunk.legal()
        if legal is not None and (~self.gather(legal, [action]) & mask).any():
            raise TextError("after() asks for the successor of an illegal action", node.line, node.column)

    def gather(self, values: np.ndarray, indices: list[np.ndarray]) -> np.ndarray:
        """values[index..., state] in every lane; a view where the indices are plain numbers."""
        if all(index.size == 1 for index in indices):
            return np.asarray(values[tuple(int(index.reshape(-1)[0]) for index in indices)])
        if all(index.ndim == 0 or index.shape[-1] == 1 for index in indices):  # alike in all states: whole rows
            return np.asarray(values[tuple(index.reshape(index.shape or (1,))[..., 0] for index in indices)])
        return np.asarray(values[(*indices, self.rows)])

    # loops inside expressions

    def aggregate(self, node: tree.Aggregate, names: Names, mask: Mask) -> np.ndarray:
        if node.name not in ("any", "all"):
            return self.reduced(node, names, mask)
        mark = self.recorder.mark() if self.recorder is not None else 0
        depth = self.depth
        try:
            return self.reduced(node, names, mask)
        except TextError:  # maybe in a lane that any() or all() never reaches: go one by one, as CPython does
            self.depth = depth
            if self.recorder is not None:
                self.recorder.rewind(mark)
            return self.one_by_one(node, names, mask)

    def reduced(self, node: tree.Aggregate, names: Names, mask: Mask) -> np.ndarray:
        """All elements at once, then one reduction over the loops' axes."""
        inner, active, depth, loops = dict(names), mask, self.depth, len(node.clauses)
        for clause in node.clauses:
            inner[clause.variable], active = self.spread(clause.domain, active)
            for condition in clause.conditions:
                active = active & self.value(condition, inner, active)
        lengths = tuple(clause.domain.length for clause in reversed(node.clauses))
        factors = () if self.plain else factors_of(node)
        parts = [self.value(part, inner, active) for part in factors or (node.element,)]
        lanes, self.depth = self.depth, depth
        if factors and all(part.dtype.kind in "ib" for part in parts):
            return contracted(parts, lengths, lanes)
        values = parts[0]
        for factor, part in zip(factors[1:], parts[1:], strict=True):
            values = fold("*", values, part, active, factor)
        shape = np.broadcast_shapes(values.shape, active.shape, (*lengths, *[1] * depth))
        values, active = np.broadcast_to(values, shape), np.broadcast_to(active, shape)
        axes = tuple(range(loops))
        if node.name == "sum":
            return total(values, active, loops)
        if node.name == "any":
            return np.asarray((values & active).any(axis=axes))
        if node.name == "all":
            return np.asarray((values | ~active).all(axis=axes))
        if node.name == "count":
            return np.asarray((values & active).sum(axis=axes, dtype=np.int64))
        if (mask & ~active.any(axis=axes)).any():
            raise TextError(f"{node.name} of nothing: no element is left in some state", node.line, node.column)
        return extreme(node.name, values, active, loops)

    def spread(self, domain: tree.Domain, mask: Mask) -> tuple[np.ndarray, Mask]:
        """One more axis of lanes: the loop variable along it, and the mask without illegal actions."""
        variable = np.arange(domain.length).reshape(-1, *[1] * self.depth)
        legal = self.chunk.legal() if domain.name == "actions" else None
        if legal is not None:
            mask = mask & legal.reshape(domain.length, *[1] * (self.depth - 1), len(self.rows))
        self.depth += 1
        return variable, mask

    def one_by_one(self, node: tree.Aggregate, names: Names, mask: Mask) -> np.ndarray:
        found = np.zeros(mask.shape, dtype=bool)  # lanes that are decided
        legal = self.chunk.legal()
        for place in np.ndindex(*[clause.domain.length for clause in node.clauses]):
            inner, active = dict(names), mask & ~found
            for clause, index in zip(node.clauses, place, strict=True):
                inner[clause.variable] = np.array(index)
                if clause.domain.name == "actions" and legal is not None:
                    active = active & legal[index]
                for condition in clause.conditions:
                    active = active & self.value(condition, inner, active)
            value = self.value(node.element, inner, active)
            found = found | (active & (value if node.name == "any" else ~value))
        return found if node.name == "any" else ~found

    def argmax(self, node: tree.ArgMax, names: Names, mask: Mask) -> np.ndarray:
        keys, active = self.keys(node, names, mask)
        if (mask & ~active.any(axis=0)).any():
            raise TextError("argmax of nothing: some state has no legal action", node.line, node.column)
        return first_best(keys, active)

    def keys(self, node: tree.ArgMax, names: Names, mask: Mask) -> tuple[np.ndarray, Mask]:
        """What argmax compares, and among which members of its domain: along the first axis."""
        depth = self.depth
        variable, active = self.spread(node.domain, mask)
        keys = self.value(node.key, {**names, node.variable: variable}, active)
        self.depth = depth
        shape = np.broadcast_shapes(keys.shape, active.shape, variable.shape)
        return np.broadcast_to(keys, shape), np.broadcast_to(active, shape)
