"""The search: every form at a ladder of sizes, the shortest text near the best, then the states it leads itself to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from agentscope.contracts import InspectableEnv, Policy, States
from agentscope.errors import EmptySample
from agentscope.language import TextPolicy, bind_state
from agentscope.records import FrontierPoint, Strategy
from agentscope.strategies.baselines import cart_points
from agentscope.strategies.certificate import points_to_one
from agentscope.strategies.forms import FORMS, Form, fit_form
from agentscope.strategies.judging import Judge, Judged
from agentscope.strategies.lessons import Decide, Lessons, join, lessons_from, split, take, taught_by_optimal
from agentscope.strategies.study import Study
from agentscope.strategies.tree_form import TreeOfTests

Collect = Callable[[Policy], tuple[States, np.ndarray]]
"""Play a policy in closed loop: the states that it visits, and the episode of each."""

EDITS_A_STATE = 40  # about so many edits are made of a state: more states are not asked for than are used


@dataclass(frozen=True)
class Options:
    """How a strategy is searched for.

    Attributes:
        max_lines, max_constants: bars that the chosen text keeps, where any text does.
        near: the shortest text whose merit is within this of the best is chosen.
        target: agreement that is enough: the shortest text that reaches it is chosen.
        rounds: rounds of DAgger at most.
        held_share: share of the episodes that texts are chosen on, never fitted on.
        exhaustive: the lessons are all states there are: fit and choose on all of them, play nothing.
        edited: most edited states added in a round.
        most_states: most states to fit on; a random sample by state beyond that.
        baselines: whether CART stands beside the frontier.
        to_one: whether the frontier goes on, without coordinates and with them, to the size that agrees in every state
            (of exhaustive lessons; elsewhere no size would prove it).
    """

    max_lines: int = 30
    max_constants: int = 400
    near: float = 0.002
    target: float = 1.0
    rounds: int = 3
    held_share: float = 0.25
    absolute: bool = False
    exhaustive: bool = False
    edited: int = 4_000
    most_states: int = 40_000
    baselines: bool = True
    to_one: bool = False
    forms: tuple[Form, ...] = FORMS
    collect: Collect | None = None


@dataclass(frozen=True)
class Search:
    """What a search found: the strategy, every text that was judged, and why forms did not apply.

    Attributes:
        why: form name -> reason, for the forms that were not tried.
        rounds: (states added, share of them in which the text was right) for each round of DAgger.
        lessons: what the last round was fitted on.
        exhaustive: whether those are all states there are.
        frontier_end: why the frontier that was followed to its end stays below 1.0; None where it does not.
    """

    strategy: Strategy
    judged: tuple[Judged, ...]
    why: dict[str, str]
    rounds: tuple[tuple[int, float], ...]
    lessons: Lessons
    exhaustive: bool = False
    frontier_end: str | None = None


def search_strategy(decide: Decide, env: InspectableEnv, lessons: Lessons, *, options: Options,
                    generator: np.random.Generator) -> Search:  # fmt: skip
    """Fit every form, choose, then aggregate the strategy's own and edited states and refit (DAgger).

    Texts are fitted on the training episodes and judged on held-out ones, as printed, parsed and run.

    Raises: EmptySample: there are no lessons, or no form applies.
    """
    train, held = (lessons, lessons) if options.exhaustive else split(lessons, options.held_share, generator)
    desk = _Desk(env, options, generator, train, held)
    judged, why = desk.fit_all()
    best = choose(judged, options)
    history: list[tuple[int, float]] = []
    for _ in range(0 if options.exhaustive else options.rounds):
        found = desk.own_states(decide, best)
        if found is None:
            break
        right = Judge(env, found).outcome(best.program)[1]
        history.append((len(found), float(right.mean())))
        if right.all():
            break
        more, more_held = split(found, options.held_share, generator)
        desk = replace(desk, train=join(desk.train, more), held=join(desk.held, more_held))
        form = next(form for form in options.forms if form.name == best.form)
        others = [old for old in judged if old.form != best.form]
        judged = [*desk.fit(form), *(desk.judge.judge(old.form, old.text) for old in others)]
        best = choose(judged, options)
    far, end = desk.to_one() if options.to_one else ([], None)
    frontier = pareto([*(each.point for each in judged), *desk.baselines(), *far])
    strategy = best.strategy(frontier)
    return Search(strategy, tuple(judged), why, tuple(history), desk.train, options.exhaustive, end)


def fit_to_optimal(env: InspectableEnv, lessons: Lessons, form: str, *, options: Options,
                   generator: np.random.Generator) -> Strategy:  # fmt: skip
    """The best text of one form that owes the network nothing: any optimal action is right, wherever the network goes.

    The same search under the same bars; printed beside a strategy, it shows what the strategy says about the network
    and not about the task.

    Raises: EmptySample: the environment knows no optimal values, or the form does not apply.
    """
    forms = tuple(each for each in options.forms if each.name == form)
    taught = taught_by_optimal(lessons)
    alone = replace(options, forms=forms, rounds=0, baselines=False, to_one=False)
    return search_strategy(lambda states: lessons.decisions, env, taught, options=alone, generator=generator).strategy


def choose(judged: Sequence[Judged], options: Options) -> Judged:
    """The shortest text that reaches the target, else the shortest within `near` of the best merit, under the bars.

    Where no text keeps the bars, the shortest one.
    """
    under = [
        each for each in judged if each.size.lines <= options.max_lines and each.size.constants <= options.max_constants
    ]
    if not under:
        return min(judged, key=_length)
    reached = [each for each in under if each.agreement >= options.target]
    if not reached:
        best = max(each.merit for each in under)
        reached = [each for each in under if each.merit >= best - options.near]
    return min(reached, key=_length)


def _length(judged: Judged) -> tuple[int, int, float]:
    return judged.size.lines, judged.size.bits, -judged.merit


def pareto(points: Sequence[FrontierPoint]) -> tuple[FrontierPoint, ...]:
    """For each form the points that no shorter text of that form matches: agreement rises with the number of bits."""
    kept: list[FrontierPoint] = []
    for form in dict.fromkeys(point.form for point in points):
        best = -1.0
        for point in sorted((p for p in points if p.form == form), key=lambda p: (p.bits, p.lines, -p.agreement)):
            if point.agreement > best:
                best = point.agreement
                kept.append(point)
    return tuple(kept)


@dataclass(frozen=True)
class _Desk:
    """The lessons of one round: what is fitted on, what is judged on, and how."""

    env: InspectableEnv
    options: Options
    generator: np.random.Generator
    train: Lessons
    held: Lessons

    @cached_property
    def study(self) -> Study:
        most = self.options.most_states
        if len(self.train) <= most:
            return Study(self.env, self.train, self.options.absolute)
        rows = np.sort(self.generator.permutation(len(self.train))[:most])
        return Study(self.env, take(self.train, rows), self.options.absolute)

    @cached_property
    def judge(self) -> Judge:
        return Judge(self.env, self.held)

    def fit(self, form: Form) -> list[Judged]:
        texts = fit_form(form, self.study, form.sizes, self.generator)
        return [self.judge.judge(each.form, each.text) for each in texts]

    def fit_all(self) -> tuple[list[Judged], dict[str, str]]:
        """Every form that applies, and why the others do not."""
        judged: list[Judged] = []
        why: dict[str, str] = {}
        for form in self.options.forms:
            reason = form.applies(self.study)
            if reason is None:
                judged += self.fit(form)
            else:
                why[form.name] = reason
        if not judged:
            told = "; ".join(f"{name}: {reason}" for name, reason in why.items())
            raise EmptySample(f"No form of strategy applies to {self.env.id}: {told or 'no form was given'}.")
        return judged, why

    def baselines(self) -> list[FrontierPoint]:
        """Points that are not to be chosen: CART."""
        return cart_points(self.study, self.judge) if self.options.baselines else []

    def to_one(self) -> tuple[list[FrontierPoint], str | None]:
        """Trees up to the size that agrees everywhere, without coordinates and with them, and why they stop short."""
        if not self.options.exhaustive:
            return [], "no size is proved to agree everywhere where the states cannot be enumerated"
        points: list[FrontierPoint] = []
        reasons: list[str] = []
        for absolute in (False, True):
            study = Study(self.env, self.train, absolute)  # all lessons: a certificate is about every state
            reason = TreeOfTests().applies(study)
            if reason is None:
                more, reason = points_to_one(study, self.judge)
                points += more
            reasons += [] if reason is None else [reason]
        return points, "; ".join(dict.fromkeys(reasons)) or None

    def own_states(self, decide: Decide, best: Judged) -> Lessons | None:
        """States that the strategy leads itself to, and edits of lesson states; None where neither can be had."""
        parts: list[Lessons] = []
        if self.options.collect is not None:
            states, episode = self.options.collect(TextPolicy(best.program, bind_state(self.env)))
            parts.append(lessons_from(decide, self.env, states, episode))
        edited = self._edited()
        if edited is not None:
            parts.append(lessons_from(decide, self.env, *edited))
        if not parts:
            return None
        return parts[0] if len(parts) == 1 else join(parts[0], parts[1])

    def _edited(self) -> tuple[States, np.ndarray] | None:
        """Legal one-feature changes of some lesson states, with the episode of the state that was changed."""
        edits, most = getattr(self.env, "edits", None), self.options.edited
        if edits is None or not most:
            return None
        rows = np.sort(self.generator.permutation(len(self.train))[: max(1, most // EDITS_A_STATE)])
        made = edits(self.train.states[rows])
        kept = np.sort(self.generator.permutation(np.flatnonzero(made.legal))[:most])
        return (made.states[kept], self.train.episode[rows][made.parent[kept]]) if len(kept) else None
