"""Running a program on one chunk of states: statements, calls of helpers, and helpers that are tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agentscope.errors import TextError
from agentscope.language import tree
from agentscope.language.arithmetic import Mask, Value, choose, number
from agentscope.language.batches import Chunk
from agentscope.language.lanes import Lanes, Names
from agentscope.language.tracing import Recorder

DTYPES: dict[str, type] = {"bool": np.bool_, "int": np.int64, "float": np.float64}


@dataclass
class Frame:
    """One call in progress: what it has returned so far, and in which lanes."""

    names: Names
    result: Value = None
    lines: np.ndarray | None = None
    strategy: bool = False


class Run(Lanes):
    """A program on one chunk.

    Attributes:
        tables: values of tabulated helpers, the states last; those that are there from the start are not computed.
    """

    def __init__(
        self, program: tree.Program | None, chunk: Chunk, recorder: Recorder | None = None, *, plain: bool = False
    ) -> None:
        super().__init__(chunk, recorder)
        self.program = program
        self.functions = {function.name: function for function in program.functions} if program else {}
        self.plain = plain
        self.tabulated: Mapping[str, tree.Tabulation] = program.tabulated if program and not plain else {}
        self.tables: dict[str, np.ndarray] = {}

    def give(self, given: Mapping[str, np.ndarray], place: slice) -> None:
        """Use these values of tabulated helpers, all states' of which this chunk's are at `place`.

        Raises: TextError: there is no such helper, or its values have another shape or kind.
        """
        for name, values in given.items():
            known = self.tabulated.get(name)
            if known is None:
                raise TextError(f"values are given of {name}, which is no helper with a table of its values")
            shape, kind = tuple(map(len, known.ranges)), {"bool": "b", "int": "iu", "float": "f"}[known.kind]
            here = np.asarray(values)[place]
            if here.shape != (len(self.chunk), *shape) or here.dtype.kind not in kind:
                found = f"{here.dtype} of shape {here.shape[1:]}"
                raise TextError(f"a state's values of {name} are of kind {known.kind} and shape {shape}, given {found}")
            self.tables[name] = np.ascontiguousarray(np.moveaxis(here, 0, -1), dtype=DTYPES[known.kind])

    def strategy(self) -> tuple[np.ndarray, np.ndarray]:
        """The actions and the lines that decided them."""
        assert self.program is not None
        frame = Frame({}, strategy=True)
        states = len(self.chunk)
        self.block(self.program.strategy.body, frame, np.ones(states, dtype=bool))
        assert frame.lines is not None
        actions = np.broadcast_to(np.asarray(frame.result), (states,)).astype(np.int64)
        return actions, np.broadcast_to(frame.lines, (states,))

    def spread_value(self, expression: tree.Expression) -> np.ndarray:
        """Values of an expression for all values of its variables, states first."""
        names: Names = {}
        mask: Mask = np.ones(len(self.chunk), dtype=bool)
        for name, domain in expression.variables:
            names[name], mask = self.spread(domain, mask)
        value = self.value(expression.value, names, mask)
        if not expression.variables:
            return np.asarray(value)
        lengths = [domain.length for _, domain in reversed(expression.variables)]
        shape = (*lengths, len(self.chunk))  # each loop prepends an axis, so the last variable's comes first
        kept = np.where(np.broadcast_to(mask, shape), np.broadcast_to(value, shape), np.zeros((), value.dtype))
        return np.asarray(kept.T)

    def table(self, name: str) -> Value:
        assert self.program is not None
        return self.program.arrays[name]

    def function(self, node: tree.FunctionCall, arguments: Sequence[Value], mask: Mask) -> Value:
        if node.name in self.tabulated:
            return self.looked_up(node.name, arguments)
        function = self.functions[node.name]
        frame = Frame(dict(zip(function.parameters, arguments, strict=True)))
        if self.recorder is not None:
            self.recorder.enter(node.line, node.column)
        self.block(function.body, frame, mask)
        if self.recorder is not None:
            self.recorder.leave()
        return frame.result

    def looked_up(self, name: str, arguments: Sequence[np.ndarray]) -> np.ndarray:
        """Values of a tabulated helper; lanes outside the masks may hold any argument, the others were proved."""
        ranges = self.tabulated[name].ranges
        places = [
            np.minimum(np.maximum(number(given), known.start), known.stop - 1) - known.start
            for given, known in zip(arguments, ranges, strict=True)
        ]
        table = self.values_of(name)
        if table.shape[-1] == 1:  # alike in all states
            return np.asarray(table[..., 0][tuple(places)])
        return self.gather(table, places)

    def values_of(self, name: str) -> np.ndarray:
        """A tabulated helper for all of its arguments, the states last; those that it calls come first."""
        if name not in self.tables:
            tabulation = self.tabulated[name]
            for callee in tabulation.calls:
                self.values_of(callee)
            self.tables[name] = self.for_all(name, tabulation.ranges).astype(DTYPES[tabulation.kind], copy=False)
        return self.tables[name]

    def for_all(self, name: str, ranges: Sequence[range]) -> np.ndarray:
        """Any helper for all of these arguments: each parameter is one more axis of lanes, the first outermost.

        The states come last; what is alike in all of them may have a single one.
        """
        function, depth, recorder = self.functions[name], self.depth, self.recorder
        self.depth, self.recorder = 1 + len(ranges), None
        names: Names = {}
        for place, (parameter, known) in enumerate(zip(function.parameters, ranges, strict=True)):
            shape = [1] * self.depth
            shape[place] = len(known)
            values = np.arange(known.start, known.stop).reshape(shape)
            flag = name in self.tabulated and self.tabulated[name].flags[place]
            names[parameter] = values.astype(bool) if flag else values
        frame = Frame(names)
        try:
            self.block(function.body, frame, np.ones((1,) * self.depth, dtype=bool))
        finally:
            self.depth, self.recorder = depth, recorder
        result = np.asarray(frame.result)
        states = result.shape[-1] if result.ndim else 1
        return np.ascontiguousarray(np.broadcast_to(result, (*map(len, ranges), states)))

    def block(self, statements: Sequence[tree.Statement], frame: Frame, mask: Mask) -> Mask:
        """Run statements where the mask holds; returns the lanes that have not returned."""
        for statement in statements:
            match statement:
                case tree.Assign():
                    value = self.value(statement.value, frame.names, mask)
                    frame.names[statement.name] = _written(mask, value, frame.names.get(statement.name))
                case tree.Return():
                    self.finish(statement, frame, mask)
                    return np.zeros(1, dtype=bool)
                case tree.If():
                    mask = self.branches(statement, frame, mask)
                case tree.For():
                    mask = self.loop(statement, frame, mask)
        return mask

    def branches(self, node: tree.If, frame: Frame, mask: Mask) -> Mask:
        going: Mask = np.zeros(1, dtype=bool)
        for branch in node.branches:
            holds = self.value(branch.condition, frame.names, mask)
            taken = mask & holds
            if not self.skip(taken):
                going = going | self.block(branch.body, frame, taken)
            mask = mask & ~holds
            if self.skip(mask):
                return going
        return going | self.block(node.otherwise, frame, mask)

    def loop(self, node: tree.For, frame: Frame, mask: Mask) -> Mask:
        legal = self.chunk.legal() if node.domain.name == "actions" else None
        for index in range(node.domain.length):
            here = mask if legal is None else mask & legal[index]
            if self.skip(here):
                if self.skip(mask):
                    break
                continue
            frame.names[node.variable] = np.array(index)
            if self.recorder is not None:
                self.recorder.enter(node.line, node.column, index)
            going = self.block(node.body, frame, here)
            if self.recorder is not None:
                self.recorder.leave()
            mask = going if legal is None else going | (mask & ~legal[index])
        return mask

    def finish(self, node: tree.Return, frame: Frame, mask: Mask) -> None:
        value = self.value(node.value, frame.names, mask)
        if frame.strategy:
            assert self.program is not None
            value = self.within(value.astype(np.int64), self.program.vocabulary.actions, mask, node.value)
            line = np.int32(self.program.return_lines[node.number])
            frame.lines = np.asarray(line if frame.lines is None else np.where(mask, line, frame.lines))
        elif self.recorder is not None:
            self.recorder.returned(node.line, mask, len(self.chunk))
        frame.result = _written(mask, value, frame.result)


def _written(mask: Mask, value: Value, old: Value | None) -> Value:
    """The new value in the lanes of the mask, the old one elsewhere; the checker proved that the rest is never read."""
    return value if old is None or value is old or mask.all() else choose(mask, value, old)
