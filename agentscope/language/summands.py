"""What a ranking is made of: the summands of the score by which a text's argmax decides, each for every action."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from agentscope.contracts import States
from agentscope.language import tree
from agentscope.language.arithmetic import Mask, Value, number
from agentscope.language.batches import Batch, Chunk
from agentscope.language.binding import Binding
from agentscope.language.evaluating import batch_for, refuse_other_vocabulary
from agentscope.language.lanes import Names
from agentscope.language.printing import print_expression
from agentscope.language.running import Frame, Run


@dataclass(frozen=True)
class RankedTerms:
    """The score of one `return argmax(actions, ...)`, split into its top-level summands.

    Attributes:
        line: of that return in the canonical print.
        states: those that it decides; figures of the others mean nothing.
        terms: the summands as they are printed, e.g. "-4 * landing_height(a)"; one for a score that is no sum.
        values: of each summand for each action; -inf for actions that are not compared (illegal ones).
        totals: what argmax compared, as `rank_actions` gives it.
    """

    line: int
    states: Bool[np.ndarray, "states"]
    terms: tuple[str, ...]
    values: Float64[np.ndarray, "terms states actions"]
    totals: Float64[np.ndarray, "states actions"]


def score_terms(program: tree.Program, binding: Binding, states: States | Batch) -> tuple[RankedTerms, ...]:
    """The scores by which a text ranks the actions, one record for each return that decides some state by a ranking.

    A score that is one call of a helper (`score(a)`) is opened where the helper assigns and returns, and does no more.
    States that another kind of return decides are in none of the records.

    Raises: TextError, ContractBroken: as `evaluate`.
    """
    refuse_other_vocabulary(program, binding.vocabulary)
    batch = batch_for(program.lane_bytes, binding, states)
    found: dict[int, list[tuple[int, _Ranking]]] = {}
    start = 0
    for chunk in batch.chunks:
        with np.errstate(all="ignore"):
            run = _RankingRun(program, chunk)
            run.strategy()
        for ranking in (each for each in run.rankings if each.mask.any()):
            found.setdefault(ranking.number, []).append((start, ranking))
        chunk.release()
        start += len(chunk)
    return tuple(_joined(program, parts, len(batch)) for _, parts in sorted(found.items()))


@dataclass(frozen=True)
class _Ranking:
    """One ranking on one chunk."""

    number: int
    mask: np.ndarray
    terms: tuple[str, ...]
    values: np.ndarray
    totals: np.ndarray


class _RankingRun(Run):
    """A run that keeps, of each ranking that decides, what its summands come to."""

    def __init__(self, program: tree.Program, chunk: Chunk) -> None:
        super().__init__(program, chunk)
        self.rankings: list[_Ranking] = []

    def finish(self, node: tree.Return, frame: Frame, mask: Mask) -> None:
        super().finish(node, frame, mask)
        if frame.strategy and isinstance(node.value, tree.ArgMax) and node.value.domain.name == "actions":
            self.rankings.append(self.ranking(node, node.value, frame.names, mask))

    def ranking(self, decided: tree.Return, node: tree.ArgMax, names: Names, mask: Mask) -> _Ranking:
        """The summands of one argmax, opened down to a sum."""
        depth = self.depth
        variable, active = self.spread(node.domain, mask)
        inner = {**names, node.variable: variable}
        total = self.value(node.key, inner, active)
        score, inner = self.opened(node.key, inner, active)
        parts = list(_summands(score))
        values = [number(self.value(part, inner, active)) for part in parts]
        self.depth = depth
        shape = (node.domain.length, len(self.chunk))
        active = np.broadcast_to(active, shape)
        spread = [np.where(active, np.broadcast_to(each, shape), -np.inf).T for each in (*values, total)]
        held = np.broadcast_to(mask, (len(self.chunk),))
        terms = tuple(map(print_expression, parts))
        return _Ranking(decided.number, held, terms, np.array(spread[:-1], np.float64), spread[-1].astype(np.float64))

    def opened(self, score: tree.Expr, names: Names, mask: Mask) -> tuple[tree.Expr, Names]:
        """The expression that a helper returns in place of its call, with the helper's own names."""
        while isinstance(score, tree.FunctionCall):
            function = self.functions[score.name]
            *before, last = function.body
            if not isinstance(last, tree.Return) or not all(isinstance(each, tree.Assign) for each in before):
                return score, names
            arguments: Sequence[Value] = [self.value(argument, names, mask) for argument in score.arguments]
            frame = Frame(dict(zip(function.parameters, arguments, strict=True)))
            self.block(before, frame, mask)
            score, names = last.value, frame.names
        return score, names


def _summands(node: tree.Expr, negative: bool = False) -> Iterator[tree.Expr]:
    """The parts whose sum an expression is, each with its sign; brackets around sums are opened."""
    if isinstance(node, tree.Arithmetic) and node.steps[0][0] in ("+", "-"):
        yield from _summands(node.first, negative)
        for operator, operand in node.steps:
            yield from _summands(operand, negative != (operator == "-"))
    else:
        yield _negated(node) if negative else node


def _negated(node: tree.Expr) -> tree.Expr:
    """Minus an expression, the sign at its first factor: -4 * x, and -(x // 2), which rounds the other way."""
    if isinstance(node, tree.Arithmetic) and all(operator == "*" for operator, _ in node.steps):
        return tree.Arithmetic(_negated(node.first), node.steps)
    if isinstance(node, tree.Unary) and node.operator == "-":
        return node.operand
    return tree.Unary("-", node)


def _joined(program: tree.Program, parts: Sequence[tuple[int, _Ranking]], states: int) -> RankedTerms:
    """One return's rankings of all chunks (and of all turns of a loop around it) as one."""
    first = parts[0][1]
    actions = first.totals.shape[1]
    held = np.zeros(states, dtype=bool)
    values, totals = np.full((len(first.terms), states, actions), -np.inf), np.full((states, actions), -np.inf)
    for start, ranking in parts:
        rows = np.flatnonzero(ranking.mask)
        held[start + rows] = True
        values[:, start + rows], totals[start + rows] = ranking.values[:, rows], ranking.totals[rows]
    return RankedTerms(program.return_lines[first.number], held, first.terms, values, totals)
