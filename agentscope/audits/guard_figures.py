"""How far a guard holds where it was not mined: in clean play, and among fresh changed states of other seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from agentscope import language
from agentscope.audits.guards import canonical
from agentscope.audits.subject import Subject
from agentscope.contracts import Edits, InspectableEnv, States
from agentscope.language import tree
from agentscope.measures import episode_interval
from agentscope.records import Interval, StateSet
from agentscope.rollouts import edited_states, play

STREAM = "guards.fresh"
CHANGES = 3  # random one-feature changes in a row
CHUNK = 64  # states whose edits are listed at once: a board has a hundred

Deviates = Callable[[States], Bool[np.ndarray, "states"]]
"""Where the agent behaves otherwise than it should."""


@dataclass(frozen=True)
class GuardFigures:
    """A guard, measured.

    Attributes:
        text: what was run.
        hit_rate: share of the states of clean play in which it holds; n = episodes. 0: dormant, and `high` is then
            three in as many episodes (rule of three).
        steps: states of clean play that it was run on; hits: those in which it held.
        precision: share of the fresh states in which it holds that deviate (None: it held in none), of `held` states.
        recall: share of the fresh states that deviate in which it holds (None: none deviated), of `deviating` states.
        fresh: fresh states, none of which it was mined on; where: what they are.
    """

    text: str
    hit_rate: Interval
    steps: int
    hits: int
    precision: float | None
    recall: float | None
    held: int
    deviating: int
    fresh: int
    where: str

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall on the fresh states; None where one of them has no meaning."""
        if self.precision is None or self.recall is None:
            return None
        return 2 * self.precision * self.recall / max(self.precision + self.recall, 1e-12)

    def evidence(self) -> Mapping[str, Any]:
        """The figures for a finding, each with what it was measured on."""
        hit, where = self.hit_rate, self.where
        return {
            "hit_rate": {"value": hit.mean, "low": hit.low, "high": hit.high, "episodes": hit.n, "n": self.steps,
                         "on": "clean play"},
            "precision": {"value": self.precision, "n": self.held, "on": f"{where} in which the guard holds"},
            "recall": {"value": self.recall, "n": self.deviating, "on": f"{where} that deviate"},
            "f1": {"value": self.f1, "n": self.fresh, "on": where},
        }  # fmt: skip


def measure_guard(
    subject: Subject,
    text: str,
    deviates: Deviates,
    *,
    mined: States | None = None,
    fresh: tuple[States, str] | None = None,
) -> GuardFigures:
    """Run a guard on all of clean play and on fresh states.

    Args:
        mined: states that it was mined on: none that looks like one of them is measured on.
        fresh: states to measure on instead of `fresh_states`, and what they are, for the evidence.
    Raises: TextError: the guard does not parse.
    """
    text = canonical(subject, text)
    met = subject.holds(text, subject.clean.states)
    generator = subject.streams.generator("guards.bootstrap")
    hit_rate = episode_interval(met, subject.clean.episode, generator=generator)
    if not met.any():
        hit_rate = Interval(0.0, 0.0, min(1.0, 3.0 / hit_rate.n), hit_rate.n)
    if fresh is None:
        states, where = fresh_states(subject, text, mined=mined), "fresh changed states"
    else:
        states, where = _unseen(subject, fresh[0], mined), fresh[1]
    held = subject.holds(text, states)
    otherwise = np.asarray(deviates(states), dtype=bool) if len(states) else held
    both = int((held & otherwise).sum())
    return GuardFigures(
        text, hit_rate, len(met), int(met.sum()),
        both / int(held.sum()) if held.any() else None, both / int(otherwise.sum()) if otherwise.any() else None,
        int(held.sum()), int(otherwise.sum()), len(states), where,
    )  # fmt: skip


def fresh_states(subject: Subject, text: str, *, mined: States | None = None) -> States:
    """Changed states of fresh play: by chance, step by step towards the guard, and by chance again from there.

    A guard of three parts is hardly ever met by chance: without the second way its precision would have no sample, and
    without the third its near misses none. At most `budget.fresh` states, no two alike.
    """
    generator, most = subject.streams.generator(STREAM), subject.budget.fresh
    seeds = subject.streams.episode_seeds(STREAM, 64)
    played = play(subject.policy, subject.env, seeds, max_steps=subject.budget.horizon, trajectories=True).trajectories
    assert played is not None
    bases = played.states[generator.permutation(len(played.states))[: max(most // 8, 16)]]
    chance = _changed(subject.env, bases, generator)
    towards = _towards(subject, text, bases, generator)
    held = [each[subject.holds(text, each)] for each in towards]
    near = [part for each in held if len(each) for part in _changed(subject.env, each, generator)[:1]]
    states = _unseen(subject, np.concatenate([bases, *chance, *towards, *near]), mined)
    return states[np.sort(generator.permutation(len(states))[:most])]


def _changed(env: InspectableEnv, states: States, generator: np.random.Generator) -> list[States]:
    """The states after one, two and three random changes."""
    found: list[States] = []
    for _ in range(CHANGES):
        count = np.arange(len(states))
        changed = edited_states(env, StateSet("fresh", states, count, count), generator)
        if changed is None:
            break
        states = changed.states
        found.append(states)
    return found


def _unseen(subject: Subject, states: States, mined: States | None) -> States:
    """The states without repetitions and without those that look like a mined one."""
    states = subject.distinct(states)
    if mined is None or not len(mined):
        return states
    known = {seen.tobytes() for seen in subject.env.observe(mined)}
    fresh = [row for row, seen in enumerate(subject.env.observe(states)) if seen.tobytes() not in known]
    return states[np.array(fresh, dtype=np.int64)]


def _towards(subject: Subject, text: str, states: States, generator: np.random.Generator) -> list[States]:
    """The states after each of up to one more change than the guard has parts, each the one that brings it nearest."""
    if getattr(subject.env, "edits", None) is None:
        return []
    halves = _halves(language.parse_expression(text, subject.binding.vocabulary).value)
    found: list[States] = []
    for _ in range(max(len(half) for half in halves) + 1):
        states = np.concatenate(
            [_step(subject, halves, states[at : at + CHUNK], generator) for at in range(0, len(states), CHUNK)]
        )
        found.append(states)
    return found


def _step(subject: Subject, halves: list[list[tree.Expr]], states: States, generator: np.random.Generator) -> States:
    """Each state after the change that brings one half of the guard nearest, or as it is where none does."""
    edits = _edits(subject.env, states)
    rows = np.flatnonzero(edits.legal) if edits.legal.any() else np.arange(len(edits.parent))
    every = np.concatenate([states, edits.states[rows]])
    parent = np.concatenate([np.arange(len(states)), edits.parent[rows]])
    near = np.max([_nearness(subject, half, every) for half in halves], axis=0) + generator.random(len(every)) * 1e-3
    order = np.lexsort((near, parent))
    last = np.r_[parent[order][1:] != parent[order][:-1], True]
    return every[order[last]]


def _edits(env: Any, states: States) -> Edits:
    """Every one-feature change; a plain environment swaps in values that occur among the states."""
    editor = env.with_values_of(states) if getattr(env, "with_values_of", None) is not None else env
    edits: Edits = editor.edits(states)
    return edits


def _halves(value: tree.Expr) -> list[list[tree.Expr]]:
    """The literals of each half of an `or`."""
    halves = value.operands if isinstance(value, tree.Logic) and value.operator == "or" else (value,)
    return [
        list(half.operands) if isinstance(half, tree.Logic) and half.operator == "and" else [half] for half in halves
    ]


def _nearness(subject: Subject, literals: list[tree.Expr], states: States) -> Float[np.ndarray, "states"]:
    """How many of the literals hold; one that compares numbers counts a little the nearer they are."""
    total = np.zeros(len(states))
    for literal in literals:
        holds = _value(subject, literal, states).astype(np.float64)
        if isinstance(literal, tree.Compare):
            sides = [_value(subject, side, states) for side in (literal.first, literal.steps[0][1])]
            holds = np.where(holds > 0, 1.0, 0.5 / (1.0 + np.abs(sides[0] - sides[1])))
        total += holds
    return total


def _value(subject: Subject, part: tree.Expr, states: States) -> np.ndarray:
    expression = language.parse_expression(language.print_expression(part), subject.binding.vocabulary)
    return np.asarray(language.evaluate_expression(expression, subject.binding, states))
