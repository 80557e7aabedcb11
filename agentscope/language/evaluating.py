"""Evaluating a program on a batch of states: actions, the line that decided, and on request a trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64, Shaped

from agentscope.contracts import States
from agentscope.errors import ContractBroken, TextError
from agentscope.language import tree
from agentscope.language.batches import Batch, chunk_states
from agentscope.language.binding import Binding
from agentscope.language.running import DTYPES, Run
from agentscope.language.tracing import Recorder, TracedCall, TracedReturn, joined, joined_returns
from agentscope.language.vocabulary import Vocabulary


@dataclass(frozen=True)
class Evaluation:
    """What a program did with each state.

    Attributes:
        actions: the action that the text returns.
        lines: line, in the canonical print, of the strategy's return that decided.
        illegal: states in which the environment forbids that action (never among the choices of argmax).
        values: with trace=True, the primitives called, in the order of evaluation.
        returns: with trace=True, where helpers returned that were called once for a state.
    """

    actions: Int64[np.ndarray, "states"]
    lines: Int32[np.ndarray, "states"]
    illegal: Bool[np.ndarray, "states"]
    values: tuple[TracedCall, ...] = ()
    returns: tuple[TracedReturn, ...] = ()


def evaluate(
    program: tree.Program,
    binding: Binding,
    states: States | Batch,
    *,
    trace: bool = False,
    plain: bool = False,
    given: Mapping[str, Shaped[np.ndarray, "states ..."]] | None = None,
) -> Evaluation:
    """Run a program on states (or on a `Batch`, whose measured concepts are shared between programs).

    Args:
        trace: record the primitives called; those inside helpers that are tabulated are not.
        plain: evaluate every call and every sum where it stands: the same result, for tests and for tracing.
        given: values of tabulated helpers that are used in place of the text's own, as `evaluate_functions` gives
            them over their whole proven ranges: with a network's values of one function, all else stays the text's.
    Raises:
        TextError: a division by zero, an index out of range, an action out of range, in a lane that is taken; or
            values are given of what is no tabulated helper, or in another shape or kind.
        ContractBroken: the binding's environment is not the one that the text was checked against.
    """
    refuse_other_vocabulary(program, binding.vocabulary)
    batch = batch_for(program.lane_bytes, binding, states)
    n = len(batch)
    actions, lines, illegal = np.zeros(n, np.int64), np.zeros(n, np.int32), np.zeros(n, dtype=bool)
    recorders: list[Recorder] = []
    start = 0
    for chunk in batch.chunks:
        place = slice(start, start + len(chunk))
        recorder = Recorder() if trace else None
        with np.errstate(all="ignore"):  # lanes outside the masks hold anything; the lanes inside are checked
            run = Run(program, chunk, recorder, plain=plain)
            run.give(given or {}, place)
            actions[place], lines[place] = run.strategy()
        legal = chunk.legal()
        if legal is not None:
            illegal[place] = ~legal[actions[place], np.arange(len(chunk))]
        if recorder is not None:
            recorders.append(recorder)
        chunk.release()
        start += len(chunk)
    sizes = [len(chunk) for chunk in batch.chunks]
    return Evaluation(actions, lines, illegal, joined(recorders, sizes), joined_returns(recorders, sizes))


def evaluate_functions(
    program: tree.Program,
    binding: Binding,
    states: States | Batch,
    wanted: Mapping[str, tuple[range, ...]],
    *,
    given: Mapping[str, Shaped[np.ndarray, "states ..."]] | None = None,
) -> dict[str, Shaped[np.ndarray, "states ..."]]:
    """Values of tabulated helpers for all of these arguments in each state: shape (n, *lengths of the ranges).

    Args:
        wanted: ranges of the arguments by helper, within the proven ones (`program.tabulated[name].ranges`).
        given: as of `evaluate`.
    Raises: TextError, ContractBroken: as `evaluate`, or a helper is no table, or an argument lies outside its range.
    """
    refuse_other_vocabulary(program, binding.vocabulary)
    places = {name: _places(program, name, ranges) for name, ranges in wanted.items()}
    batch = batch_for(program.lane_bytes, binding, states)
    parts: dict[str, list[np.ndarray]] = {
        name: [np.zeros((0, *map(len, ranges)), DTYPES[program.tabulated[name].kind])]
        for name, ranges in wanted.items()
    }
    start = 0
    for chunk in batch.chunks:
        run = Run(program, chunk)
        run.give(given or {}, slice(start, start + len(chunk)))
        for name, place in places.items():
            with np.errstate(all="ignore"):
                values = run.values_of(name)[place]
            parts[name].append(np.moveaxis(np.broadcast_to(values, (*values.shape[:-1], len(chunk))), -1, 0))
        chunk.release()
        start += len(chunk)
    return {name: np.concatenate(found) for name, found in parts.items()}


def _places(program: tree.Program, name: str, ranges: tuple[range, ...]) -> tuple[slice, ...]:
    """Where the values for these arguments stand in the helper's table."""
    if name not in program.tabulated:
        known = ", ".join(program.tabulated) or "none (parse with DECOMPILATION_LIMITS)"
        raise TextError(f"{name} is no helper with a table of its values; those that are: {known}")
    proven = program.tabulated[name].ranges
    inside = len(ranges) == len(proven) and all(
        wanted.step == 1 and known.start <= wanted.start < wanted.stop <= known.stop
        for wanted, known in zip(ranges, proven, strict=True)
    )
    if not inside:
        found, allowed = ", ".join(map(str, ranges)), ", ".join(map(str, proven))
        raise TextError(f"{name} is known for arguments in ({allowed}), asked for ({found})")
    return tuple(
        slice(wanted.start - known.start, wanted.stop - known.start)
        for wanted, known in zip(ranges, proven, strict=True)
    )


def evaluate_expression(
    expression: tree.Expression, binding: Binding, states: States | Batch
) -> Shaped[np.ndarray, "states ..."]:
    """The value of an expression in each state: bool, int64 or float64.

    Where variables stand free in it, one value for each of theirs, axis after axis; where one of them is an action,
    the value is 0 (false) for illegal ones.

    Raises: TextError, ContractBroken: as `evaluate`.
    """
    refuse_other_vocabulary(expression, binding.vocabulary)
    batch = batch_for(expression.lane_bytes, binding, states)
    dtype = {"bool": np.bool_, "int": np.int64, "float": np.float64}[expression.kind]
    lengths = [domain.length for _, domain in expression.variables]
    result: np.ndarray = np.zeros((len(batch), *lengths), dtype=dtype)
    start = 0
    for chunk in batch.chunks:
        with np.errstate(all="ignore"):
            result[start : start + len(chunk)] = Run(None, chunk).spread_value(expression)
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
    refuse_other_vocabulary(program, binding.vocabulary)
    parts = []
    for chunk in batch_for(program.lane_bytes, binding, states).chunks:
        with np.errstate(all="ignore"):
            run = Run(program, chunk)
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
        refuse_other_vocabulary(program, binding.vocabulary)
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


def batch_for(lane_bytes: int, binding: Binding, states: States | Batch) -> Batch:
    """A given batch as it is, unless its chunks are too large for this text or it belongs to another binding."""
    if isinstance(states, Batch):
        if states.binding is binding and states.chunk_states <= chunk_states(lane_bytes):
            return states
        states = states.states
    return Batch(binding, states, lane_bytes=lane_bytes)


def refuse_other_vocabulary(text: tree.Program | tree.Expression, found: Vocabulary) -> None:
    """Intervals and indices were proved for one vocabulary; another is refused, not repaired."""
    known = text.vocabulary
    if known is found or known == found:
        return
    for what in ("action_names", "axes", "concepts", "action_concepts"):
        if getattr(known, what) != getattr(found, what):
            raise ContractBroken(f"the text was parsed for another environment: {what} differ; parse it for this one")
