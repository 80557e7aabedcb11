"""The search: every form at a ladder of sizes, the shortest text near the best, then the states it leads itself to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

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
        to_one: whether the frontier goes on, coordinates allowed, to the size that agrees in every state.
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
    """

    strategy: Strategy
    judged: tuple[Judged, ...]
    why: dict[str, str]
    rounds: tuple[tuple[int, float], ...]
    lessons: Lessons


def extract_strategy(decide: Decide, env: InspectableEnv, lessons: Lessons, *, options: Options,
                     generator: np.random.Generator) -> Strategy:  # fmt: skip
    """The strategy of a network: the chosen text with the frontier it was chosen from (`search_strategy` says more)."""
    return search_strategy(decide, env, lessons, options=options, generator=generator).strategy


def search_strategy(decide: Decide, env: InspectableEnv, lessons: Lessons, *, options: Options,
                    generator: np.random.Generator) -> Search:  # fmt: skip
    """Fit every form, choose, then aggregate the strategy's own and edited states and refit (DAgger).

    Texts are fitted on the training episodes and judged on held-out ones, as printed, parsed and run.

    Raises: EmptySample: there are no lessons, or no form applies.
    """
    train, held = (lessons, lessons) if options.exhaustive else split(lessons, options.held_share, generator)
    judged, why = _fit_all(env, train, held, (options, generator))
    best = choose(judged, options)
    history: list[tuple[int, float]] = []
    for _ in range(0 if options.exhaustive else options.rounds):
        found = _own_states(decide, env, best, (train, options, generator))
        if found is None:
            break
        right = Judge(env, found).outcome(best.program)[1]
        history.append((len(found), float(right.mean())))
        if right.all():
            break
        more, more_held = split(found, options.held_share, generator)
        train, held = join(train, more), join(held, more_held)
        form = next(form for form in options.forms if form.name == best.form)
        again = _judge_form(env, form, train, (held, options, generator))
        judge = Judge(env, held)
        judged = [*again, *(judge.judge(old.form, old.text) for old in judged if old.form != best.form)]
        best = choose(judged, options)
    frontier = pareto([*(each.point for each in judged), *_beside(env, train, held, (options, why))])
    return Search(best.strategy(frontier), tuple(judged), why, tuple(history), train)


def fit_to_optimal(env: InspectableEnv, lessons: Lessons, form: str, *, options: Options,
                   generator: np.random.Generator) -> Strategy:  # fmt: skip
    """The best text of one form that owes the network nothing: any optimal action is right, wherever the network goes.

    The same search under the same bars; printed beside a strategy, it shows what the strategy says about the network
    and not about the task.

    Raises: EmptySample: the environment knows no optimal values, or the form does not apply.
    """
    forms = tuple(each for each in options.forms if each.name == form)
    taught = taught_by_optimal(lessons)
    alone = replace(options, forms=forms, rounds=0, baselines=False)
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


def _fit_all(env: InspectableEnv, train: Lessons, held: Lessons,
             how: tuple[Options, np.random.Generator]) -> tuple[list[Judged], dict[str, str]]:  # fmt: skip
    options, generator = how
    train = _sampled(train, options.most_states, generator)
    study, judge = Study(env, train, options.absolute), Judge(env, held)
    judged: list[Judged] = []
    why: dict[str, str] = {}
    for form in options.forms:
        reason = form.applies(study)
        if reason is not None:
            why[form.name] = reason
            continue
        judged += [judge.judge(each.form, each.text) for each in fit_form(form, study, form.sizes, generator)]
    if not judged:
        raise EmptySample(f"No form of strategy applies to {env.id}: " + "; ".join(f"{k}: {v}" for k, v in why.items()))
    return judged, why


def _judge_form(env: InspectableEnv, form: Form, train: Lessons,
                how: tuple[Lessons, Options, np.random.Generator]) -> list[Judged]:  # fmt: skip
    held, options, generator = how
    study = Study(env, _sampled(train, options.most_states, generator), options.absolute)
    judge = Judge(env, held)
    return [judge.judge(each.form, each.text) for each in fit_form(form, study, form.sizes, generator)]


def _sampled(lessons: Lessons, most: int, generator: np.random.Generator) -> Lessons:
    if len(lessons) <= most:
        return lessons
    return take(lessons, np.sort(generator.permutation(len(lessons))[:most]))


def _beside(env: InspectableEnv, train: Lessons, held: Lessons,
            how: tuple[Options, dict[str, str]]) -> list[FrontierPoint]:  # fmt: skip
    """Points that are not to be chosen: CART, and trees that may read coordinates."""
    options, why = how
    judge = Judge(env, held)
    points = cart_points(Study(env, train, options.absolute), judge) if options.baselines else []
    study = Study(env, train, absolute=True)
    if options.to_one and TreeOfTests().applies(study) is None:
        more, reason = points_to_one(study, judge)
        points += more
        if reason is not None:
            why["frontier up to 1.0"] = reason
    return points


def _own_states(decide: Decide, env: InspectableEnv, best: Judged,
                how: tuple[Lessons, Options, np.random.Generator]) -> Lessons | None:  # fmt: skip
    """States that the strategy leads itself to, and edits of lesson states; None where neither can be had."""
    lessons, options, generator = how
    parts: list[Lessons] = []
    if options.collect is not None:
        states, episode = options.collect(TextPolicy(best.program, bind_state(env)))
        parts.append(lessons_from(decide, env, states, episode))
    edits = getattr(env, "edits", None)
    if edits is not None and options.edited:
        rows = np.sort(generator.permutation(len(lessons))[: max(1, options.edited // 40)])
        made = edits(lessons.states[rows])
        legal = np.flatnonzero(made.legal)
        kept = np.sort(generator.permutation(legal)[: options.edited])
        if len(kept):
            parts.append(lessons_from(decide, env, made.states[kept], lessons.episode[rows][made.parent[kept]]))
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else join(parts[0], parts[1])
