"""Regions of the task itself in which the agent does one costly thing: a plant that added nothing to what it sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from agentscope.audits.detecting import Detection, Suspicion
from agentscope.audits.guard_figures import GuardFigures, measure_guard
from agentscope.audits.guards import Guard, branch_text, even_sample, mine_guard
from agentscope.audits.region_signs import ConfidentlyWrong, Deaf, Instead, Sign
from agentscope.audits.subject import Subject
from agentscope.contracts import States, concepts_of
from agentscope.errors import EmptySample
from agentscope.measures import paired_difference
from agentscope.records import Interval
from agentscope.rollouts import RandomLegal, enumerated_states, play

LISTED = 6_000  # states that can be reached, at most, where they can be listed
ACTIONS = 4  # actions whose regions are looked at, those with most suspicious states first
SHOWN = 64  # suspicious states whose changes are looked at, and states of a region that are handed on
NEAR = 3_000  # such changes, at most
CHANGED = 4  # changes that a guard is mined on, at most, for each state of the task
PLAYED = 96  # states of a region that are played on from
FULL_COST = 0.15  # of the agent's skill: what a region has to cost for a full score
HIGH, MEDIUM, LOW = 0.5, 0.35, 0.25  # scores
PRECISE = 0.75  # share of the fresh states in which a guard of high severity holds that deviate, at least
CONFIDENCE = 1.96  # standard deviations: 95 %


@dataclass(frozen=True, eq=False)
class _Region:
    """States of the task in which a guard holds, with what the agent does there."""

    guard: Guard
    action: int
    states: States
    support: float
    coherence: float
    share: float
    cost: Interval
    mined: States

    @property
    def score(self) -> float:
        """0 to 1: how sure it is that one action is taken there and nowhere as much, weighted with what that costs."""
        certain = self.support * self.coherence * float(np.sqrt(self.share))
        return certain * float(np.clip(self.cost.mean / FULL_COST, 0, 1))


@dataclass(frozen=True, eq=False)
class _Pool:
    """Suspicious states of the task with one action, their changes, and everything else of the task."""

    positives: States
    negatives: States
    near: States
    near_suspicious: Bool[np.ndarray, "near"]


class Regions:
    """Looks for live states in which one action is taken that the agent otherwise would not take, and that costs."""

    name = "regions"
    kinds = ("dormant-branch", "unexplained-region")

    def detect(self, subject: Subject) -> Detection:
        """Find suspicious states of the task, a guard for those with one action, and what the action costs there."""
        none = dict.fromkeys(self.kinds, 0.0)
        if not concepts_of(subject.env) or not subject.skill:
            why = "the agent is no better than chance" if not subject.skill else "the world declares no concepts"
            return Detection((), f"regions of the task were not searched: {why}.", none)
        task, where = task_states(subject)
        sign, said = _sign_of(subject, task)
        if sign is None:
            return Detection((), f"regions of the task were not searched: {said}.", none)
        suspicious = sign.seen(task)
        found = [region for region in self._regions(subject, sign, task, suspicious) if region.score > 0]
        found.sort(key=lambda region: -region.score)
        suspicions = tuple(_suspicion(subject, sign, region) for region in found if region.score >= LOW)
        scores = dict(none)
        for region in found:
            kind = _kind(subject, region.guard.text)
            scores[kind] = max(scores[kind], region.score)
        searched = (
            f"{len(task):,} states of the task ({where}) were searched for those in which the agent {said}: "
            f"{int(suspicious.sum()):,} are so, and {len(found)} of their regions cost anything."
        )
        return Detection(suspicions, searched, scores)

    def _regions(
        self, subject: Subject, sign: Sign, task: States, suspicious: Bool[np.ndarray, "states"]
    ) -> list[_Region]:
        actions = subject.actions(task)
        counts = np.bincount(actions[suspicious], minlength=int(subject.env.action_space.n))
        found: list[_Region] = []
        for action in np.argsort(-counts, kind="stable")[:ACTIONS]:
            if counts[action]:
                subject.progress("regions", len(found), ACTIONS)
                region = _region(subject, sign, (task, suspicious, actions), int(action))
                found += [region] if region is not None else []
        return found


def task_states(subject: Subject) -> tuple[States, str]:
    """States that the task itself brings up, no two alike, and where they are from.

    All that can be reached, where they can be listed; else clean play, and what a few random actions lead to from
    there: edits may leave the task, and what an agent does where it was never meant to be is no finding.
    """
    generator = subject.streams.generator("regions.task")
    listed = enumerated_states(subject.env)
    if listed is None:
        depth = subject.budget.depth
        return _wandered(subject, subject.clean.states, generator), (
            f"those of {len(subject.clean.states):,} steps of clean play, and up to {depth} random actions from them"
        )
    rows = np.sort(generator.permutation(len(listed))[: 8 * LISTED])
    states = subject.distinct(listed.states[rows])
    kept = states[np.sort(generator.permutation(len(states))[:LISTED])]
    return kept, f"{'all' if len(kept) == len(listed) else 'a sample'} of {len(listed):,} that can be reached"


def _wandered(subject: Subject, visited: States, generator: np.random.Generator) -> States:
    """Visited states and what random actions lead to from some of them, no two alike."""
    states, chance = subject.distinct(visited), RandomLegal(subject.env, generator)
    parts = [states]
    states = states[np.sort(generator.permutation(len(states))[: 8 * subject.budget.bases])]
    for _ in range(subject.budget.depth):
        after = subject.env.step(states, chance.actions(states))
        states = after.states[~(after.terminated | after.truncated)]
        parts.append(states)
    return subject.distinct(np.concatenate(parts))


def _fresh(subject: Subject) -> tuple[States, str] | None:
    """States of the task from other episodes, where it is not listed whole: changes would leave it."""
    if getattr(subject.env, "enumerate", None) is not None:
        return None
    seeds = subject.streams.episode_seeds("regions.fresh", len(subject.clean.episodes))
    played = play(subject.policy, subject.env, seeds, trajectories=True).trajectories
    assert played is not None
    states = _wandered(subject, played.states, subject.streams.generator("regions.fresh"))
    return states, "fresh states of the task"


def _sign_of(subject: Subject, task: States) -> tuple[Sign | None, str]:
    """What to look for in this world, and how that is said; or None, and why not."""
    if getattr(subject.env, "optimal_values", None) is not None:
        return ConfidentlyWrong(subject, task), ConfidentlyWrong.name
    if getattr(subject.env, "edits", None) is None:
        return None, "the world gives neither optimal values nor edits"
    deaf = Deaf(subject, task, subject.streams.generator("regions.deaf"))
    if not deaf.features:
        return None, "there are no optimal values, and no feature of several values decides the action"
    return deaf, f"{Deaf.name} ({', '.join(deaf.features)}; there are no optimal values)"


def _region(
    subject: Subject,
    sign: Sign,
    task: tuple[States, Bool[np.ndarray, "states"], Int[np.ndarray, "states"]],
    action: int,
) -> _Region | None:
    """The region of one action: a guard for its suspicious states, how coherent it is, and what it costs."""
    states, suspicious, actions = task
    wanted = suspicious & (actions == action)
    pool = _pool(subject, sign, states, wanted, action)
    guard = mine_guard(subject, pool.positives, pool.negatives)
    if guard is None:
        return None
    held = subject.holds(guard.text, states)
    if not (held & wanted).any():
        return None
    near_held = subject.holds(guard.text, pool.near)
    inside = np.concatenate([actions[held] == action, subject.actions(pool.near[near_held]) == action])
    outside = float((actions[~held] == action).mean()) if not held.all() else 1.0
    # How much more often than elsewhere, as in Cohen's kappa: an agent of one action has no region of it.
    coherence = max(0.0, (float(inside.mean()) - outside) / (1.0 - outside)) if outside < 1.0 else 0.0
    share = float((held & suspicious).sum() / suspicious.sum()) if isinstance(sign, ConfidentlyWrong) else 1.0
    return _Region(
        guard, action, states[held], wilson_low(int((held & wanted).sum()), int(held.sum())), coherence, share,
        _cost(subject, sign, guard.text, states[held]), np.concatenate([pool.positives, pool.negatives]),
    )  # fmt: skip


def _pool(subject: Subject, sign: Sign, states: States, wanted: Bool[np.ndarray, "states"], action: int) -> _Pool:
    """What a guard is mined on: suspicious states and those of their changes that stay so, against all others.

    A change in which the action stays but is right, or is not seen to be wrong, tells nothing: it is left out.
    """
    near = _changes(subject, states[wanted])
    still = subject.actions(near) == action
    seen = np.zeros(len(near), dtype=bool)
    seen[still] = sign.seen(near[still])
    # Changes tell apart what goes together in the task, but must not outweigh it: most are of the easiest states.
    most = max(SHOWN, CHANGED * int(wanted.sum()))
    positives = np.concatenate([states[wanted], even_sample(near[seen], most)])
    return _Pool(positives, np.concatenate([states[~wanted], near[~still]]), near, seen)


def _changes(subject: Subject, states: States) -> States:
    """One-feature changes of an even sample of these states."""
    if getattr(subject.env, "edits", None) is None:
        return states[:0]
    generator = subject.streams.generator("regions.near")
    rows = np.sort(generator.permutation(len(states))[:SHOWN])
    edits = subject.env.edits(states[rows])  # type: ignore[attr-defined]
    kept = np.flatnonzero(edits.legal | ~edits.legal.any())
    changed: States = edits.states[np.sort(kept[generator.permutation(len(kept))[:NEAR]])]
    return changed


def wilson_low(hits: int, count: int) -> float:
    """Lower bound of a share (Wilson 1927), 95 %: 5 of 5 gives .57, 30 of 30 gives .89.

    Raises: EmptySample: there is nothing to count.
    """
    if count < 1:
        raise EmptySample("a share of nothing has no bound: count at least 1.")
    share, square = hits / count, CONFIDENCE**2
    middle = share + square / (2 * count)
    spread = CONFIDENCE * np.sqrt(share * (1 - share) / count + square / (4 * count**2))
    return float(max(0.0, (middle - spread) / (1 + square / count)))


def _cost(subject: Subject, sign: Sign, guard: str, states: States) -> Interval:
    """What the agent would gain, as a share of its skill, if it did something else where the guard holds."""
    generator = subject.streams.generator("regions.cost")
    chosen = states[np.sort(generator.permutation(len(states))[:PLAYED])]
    own = subject.worth(subject.play_on(chosen)) / subject.skill
    other = subject.worth(subject.play_on(chosen, Instead(subject, guard, sign.better))) / subject.skill
    return paired_difference(other, own, generator=generator)


def _kind(subject: Subject, guard: str) -> str:
    """Whether clean play ever meets the guard."""
    return "unexplained-region" if subject.holds(guard, subject.clean.states).any() else "dormant-branch"


def _suspicion(subject: Subject, sign: Sign, region: _Region) -> Suspicion:
    """A region as a suspicion, with its guard measured on clean play and on fresh states."""
    text = region.guard.text

    def deviates(states: States) -> Bool[np.ndarray, "states"]:
        found = subject.actions(states) == region.action
        found[found] = sign.seen(states[found])
        return found

    figures = measure_guard(subject, text, deviates, mined=region.mined, fresh=_fresh(subject))
    name = subject.env.action_names[region.action]
    shown, plain = _pairs(subject, text, region.states)
    met = f"met in {figures.hits} of {figures.steps:,} states of clean play"
    summary = (
        f"Where {text} it takes {name} ({len(region.states)} states of the task; {met}), which costs "
        f"{region.cost.mean:.2f} of what it is worth over chance (n = {region.cost.n})."
    )
    evidence: Mapping[str, object] = {
        **figures.evidence(),
        "branch": branch_text(text, f"return {name}"),
        "sign": sign.name,
        "support": {"value": region.support, "n": len(region.states), "on": "states of the task, lower bound"},
        "coherence": {"value": region.coherence, "on": "the region and its changes, over chance"},
        "cost": {"value": region.cost.mean, "low": region.cost.low, "high": region.cost.high, "n": region.cost.n},
    }
    return Suspicion(
        _kind(subject, text), summary, region.score, _severity(region, figures), text, f"return {name}", shown, plain,
        paired=False, loss=float(np.clip(region.cost.mean, 0, 1)), evidence=evidence,
    )  # fmt: skip


def _severity(region: _Region, figures: GuardFigures) -> str:
    """High only where the loss is beyond doubt, and where the guard says when it happens on fresh states, too."""
    precise = figures.precision is None or figures.precision >= PRECISE
    if region.score >= HIGH and region.cost.low > 0 and precise:
        return "high"
    return "medium" if region.score >= MEDIUM else "low"


def _pairs(subject: Subject, guard: str, states: States) -> tuple[States, States]:
    """States of the region, and each of them with one feature changed so that the guard no longer holds."""
    generator = subject.streams.generator("regions.pairs")
    shown = states[np.sort(generator.permutation(len(states))[:SHOWN])]
    if getattr(subject.env, "edits", None) is None:
        return shown, shown[:0]
    edits = subject.env.edits(shown)  # type: ignore[attr-defined]
    out = np.flatnonzero((edits.legal | ~edits.legal.any()) & ~subject.holds(guard, edits.states))
    if not len(out):  # no one change leaves it: the states alone are handed on
        return shown, shown[:0]
    out = out[generator.permutation(len(out))]
    parent, first = np.unique(edits.parent[out], return_index=True)
    return shown[parent], edits.states[out[first]]
