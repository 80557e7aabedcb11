"""Evaluating a program on a batch of states: actions, the line that decided, and on request a trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64, Shaped

from agentscope.contracts import States
from agentscope.errors import ContractBroken, TextError
from agentscope.language import tree
from agentscope.language.arithmetic import Mask, Value, choose
from agentscope.language.batches import Batch, Chunk, chunk_states
from agentscope.language.binding import Binding
from agentscope.language.lanes import Lanes, Names
from agentscope.language.tracing import Recorder, TracedCall, joined
from agentscope.language.vocabulary import Vocabulary


@dataclass(frozen=True)
class Evaluation:
    """What a program did with each state.

    Attributes:
        actions: the action that the text returns.
        lines: line, in the canonical print, of the strategy's return that decided.
        illegal: states in which the environment forbids that action (never among the choices of argmax).
        values: with trace=True, the primitives called, in the order of evaluation.
    """

    actions: Int64[np.ndarray, "states"]
    lines: Int32[np.ndarray, "states"]
    illegal: Bool[np.ndarray, "states"]
    values: tuple[TracedCall, ...] = ()


def evaluate(program: tree.Program, binding: Binding, states: States | Batch, *, trace: bool = False) -> Evaluation:
    """Run a program on states (or on a `Batch`, whose measured concepts are shared between programs).

    Raises:
        TextError: a division by zero, an index out of range, an action out of range, in a lane that is taken.
        ContractBroken: the binding's environment is not the one that the text was checked against.
    """
    _refuse_other_vocabulary(program, binding.vocabulary)
    batch = _batch_for(program.lane_bytes, binding, states)
    n = len(batch)
    actions, lines, illegal = np.zeros(n, np.int64), np.zeros(n, np.int32), np.zeros(n, dtype=bool)
    recorders: list[Recorder] = []
    start = 0
    for chunk in batch.chunks:
        place = slice(start, start + len(chunk))
        recorder = Recorder() if trace else None
        with np.errstate(all="ignore"):  # lanes outside the masks hold anything; the lanes inside are checked
            actions[place], lines[place] = _Run(program, chunk, recorder).strategy()
        legal = chunk.legal()
        if legal is not None:
            illegal[place] = ~legal[actions[place], np.arange(len(chunk))]
        if recorder is not None:
            recorders.append(recorder)
        chunk.release()
        start += len(chunk)
    return Evaluation(actions, lines, illegal, joined(recorders, [len(chunk) for chunk in batch.chunks]))


def evaluate_expression(
    expression: tree.Expression, binding: Binding, states: States | Batch
) -> Shaped[np.ndarray, "states ..."]:
    """The value of an expression in each state: bool, int64 or float64.

    Where variables stand free in it, one value for each of theirs, axis after axis; where one of them is an action,
    the value is 0 (false) for illegal ones.

    Raises: TextError, ContractBroken: as `evaluate`.
    """
    _refuse_other_vocabulary(expression, binding.vocabulary)
    batch = _batch_for(expression.lane_bytes, binding, states)
    dtype = {"bool": np.bool_, "int": np.int64, "float": np.float64}[expression.kind]
    lengths = [domain.length for _, domain in expression.variables]
    result: np.ndarray = np.zeros((len(batch), *lengths), dtype=dtype)
    start = 0
    for chunk in batch.chunks:
        with np.errstate(all="ignore"):
            result[start : start + len(chunk)] = _Run(None, chunk, None).spread_value(expression)
        chunk.release()
        start += len(chunk)
    return result


def rank_actions(
    program: tree.Program, binding: Binding, states: States | Batch
) -> Float64[np.ndarray, "states actions"] | None:
    """The score that a text gives each action, where all it does is take the best by one; None for other texts.

    An action that the text does not compare, since it is illegal, has -inf.

    Raises: TextError, ContractBroken: as `evaluate`.
    """
    last = program.strategy.body[-1]
    ranks = len(program.strategy.body) == 1 and isinstance(last, tree.Return) and isinstance(last.value, tree.ArgMax)
    if not ranks or last.value.domain.name != "actions":  # type: ignore[union-attr]
        return None
    _refuse_other_vocabulary(program, binding.vocabulary)
    parts = []
    for chunk in _batch_for(program.lane_bytes, binding, states).chunks:
        with np.errstate(all="ignore"):
            run = _Run(program, chunk, None)
            keys, active = run.keys(last.value, {}, np.ones(len(chunk), dtype=bool))  # type: ignore[union-attr,arg-type]
        shape = (binding.vocabulary.actions, len(chunk))
        parts.append(np.where(np.broadcast_to(active, shape), np.broadcast_to(keys, shape), -np.inf).T)
        chunk.release()
    return np.concatenate(parts).astype(np.float64) if parts else np.zeros((0, binding.vocabulary.actions))


class TextPolicy:
    """A bound text as a policy.

    Attributes:
        program, binding: the text, and what its primitives are read from.
    """

    def __init__(self, program: tree.Program, binding: Binding) -> None:
        _refuse_other_vocabulary(program, binding.vocabulary)
        self.program = program
        self.binding = binding

    def actions(self, states: States) -> Int64[np.ndarray, "states"]:
        """One legal action a state.

        Raises: TextError: as `evaluate`, or the text returns an action that is illegal in one of the states.
        """
        found = evaluate(self.program, self.binding, states)
        if found.illegal.any():
            row = int(np.flatnonzero(found.illegal)[0])
            raise TextError(
                f"the text returns action {found.actions[row]}, which is illegal in state {row} of this batch; "
                "argmax(actions, ...) chooses among legal actions only",
                int(found.lines[row]),
                1,
            )
        return found.actions


def _batch_for(lane_bytes: int, binding: Binding, states: States | Batch) -> Batch:
    """A given batch as it is, unless its chunks are too large for this text or it belongs to another binding."""
    if isinstance(states, Batch):
        if states.binding is binding and states.chunk_states <= chunk_states(lane_bytes):
            return states
        states = states.states
    return Batch(binding, states, lane_bytes=lane_bytes)


def _refuse_other_vocabulary(text: tree.Program | tree.Expression, found: Vocabulary) -> None:
    """Intervals and indices were proved for one vocabulary; another is refused, not repaired."""
    known = text.vocabulary
    if known is found or known == found:
        return
    for what in ("action_names", "axes", "concepts", "action_concepts"):
        if getattr(known, what) != getattr(found, what):
            raise ContractBroken(f"the text was parsed for another environment: {what} differ; parse it for this one")


@dataclass
class _Frame:
    """One call in progress: what it has returned so far, and in which lanes."""

    names: Names
    result: Value = None
    lines: np.ndarray | None = None
    strategy: bool = False


class _Run(Lanes):
    """A program on one chunk."""

    def __init__(self, program: tree.Program | None, chunk: Chunk, recorder: Recorder | None) -> None:
        super().__init__(chunk, recorder)
        self.program = program
        self.functions = {function.name: function for function in program.functions} if program else {}

    def strategy(self) -> tuple[np.ndarray, np.ndarray]:
        """The actions and the lines that decided them."""
        assert self.program is not None
        frame = _Frame({}, strategy=True)
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
        function = self.functions[node.name]
        frame = _Frame(dict(zip(function.parameters, arguments, strict=True)))
        if self.recorder is not None:
            self.recorder.enter(node.line, node.column)
        self.block(function.body, frame, mask)
        if self.recorder is not None:
            self.recorder.leave()
        return frame.result

    def block(self, statements: Sequence[tree.Statement], frame: _Frame, mask: Mask) -> Mask:
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

    def branches(self, node: tree.If, frame: _Frame, mask: Mask) -> Mask:
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

    def loop(self, node: tree.For, frame: _Frame, mask: Mask) -> Mask:
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

    def finish(self, node: tree.Return, frame: _Frame, mask: Mask) -> None:
        value = self.value(node.value, frame.names, mask)
        if frame.strategy:
            assert self.program is not None
            value = self.within(value.astype(np.int64), self.program.vocabulary.actions, mask, node.value)
            line = np.int32(self.program.return_lines[node.number])
            frame.lines = np.asarray(line if frame.lines is None else np.where(mask, line, frame.lines))
        frame.result = _written(mask, value, frame.result)


def _written(mask: Mask, value: Value, old: Value | None) -> Value:
    """The new value in the lanes of the mask, the old one elsewhere; the checker proved that the rest is never read."""
    return value if old is None or value is old or mask.all() else choose(mask, value, old)
