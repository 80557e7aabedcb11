"""Judging: what a text does once it is printed, parsed again and run by the language; nothing else is reported."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int

from agentscope.contracts import InspectableEnv
from agentscope.language import (
    STRATEGY_LIMITS,
    Batch,
    Limits,
    Program,
    Size,
    bind_state,
    called_concepts,
    evaluate,
    header_for,
    measure_size,
    parse,
    print_program,
    vocabulary_of,
    write_header,
)  # fmt: skip
from agentscope.records import FrontierPoint, Strategy
from agentscope.strategies.lessons import Lessons, cost_of_actions


@dataclass(frozen=True)
class Judged:
    """A text as it runs, with its size and its marks on the states it was judged on.

    Attributes:
        text: the canonical print.
        agreement: share of states in which its action is equivalent to the teacher's.
        merit: 1 for no cost at all, 0 for the costliest actions throughout: near-ties weigh less, costly moves more.
        without_near_ties: agreement in the states that are no near-ties of the network; None where all are.
    """

    form: str
    text: str
    program: Program
    size: Size
    agreement: float
    merit: float
    without_near_ties: float | None

    @property
    def point(self) -> FrontierPoint:
        """The text as a point of the frontier."""
        size = self.size
        return FrontierPoint(
            self.form, size.lines, size.constants, size.bits, self.agreement, self.without_near_ties
        )  # fmt: skip

    def strategy(self, frontier: tuple[FrontierPoint, ...]) -> Strategy:
        """The text as the record that other rooms read."""
        size = self.size
        return Strategy(
            form=self.form,
            text=self.text,
            lines=size.lines,
            conditions=size.conditions,
            constants=size.constants,
            bits=size.bits,
            primitives=called_concepts(self.program),
            frontier=frontier,
        )


@dataclass(frozen=True)
class Judge:
    """Texts about one environment, judged on lessons that they were not fitted on."""

    env: InspectableEnv
    lessons: Lessons

    @cached_property
    def _batch(self) -> Batch:
        return Batch(bind_state(self.env), self.lessons.states)

    def outcome(self, program: Program) -> tuple[Int[np.ndarray, "states"], Bool[np.ndarray, "states"]]:
        """Action of the program in each state, and whether it counts as right; an illegal action never does."""
        found = evaluate(program, self._batch.binding, self._batch)
        right = self.lessons.same[np.arange(len(self.lessons)), found.actions] & ~found.illegal
        return found.actions, right

    def judge(self, form: str, text: str, *, limits: Limits = STRATEGY_LIMITS) -> Judged:
        """Parse a text, print it canonically, parse the print, and mark what that does.

        Raises: TextError: a form wrote a text that the language does not accept.
        """
        vocabulary = vocabulary_of(self.env)
        written = print_program(parse(header_of(self.env) + text, vocabulary, limits))
        program = parse(written, vocabulary, limits)
        actions, right = self.outcome(program)
        cost = self._cost
        paid = np.where(right, 0.0, cost[np.arange(len(actions)), actions])
        merit = 1.0 - float(paid.sum()) / max(float(cost.max(axis=1).sum()), 1e-12)
        clear = right[self._clear]
        decided = float(clear.mean()) if len(clear) else None
        return Judged(form, written, program, measure_size(program), float(right.mean()), merit, decided)

    @cached_property
    def _cost(self) -> np.ndarray:
        return cost_of_actions(self.lessons)

    @cached_property
    def _clear(self) -> np.ndarray:
        return np.flatnonzero(~self.lessons.near_ties)


def header_of(env: InspectableEnv) -> str:
    """The header of a level-1 text about this environment; the network's sha256 is added by those who know it."""
    return write_header(header_for(env.id, env.kwargs, level=1))
