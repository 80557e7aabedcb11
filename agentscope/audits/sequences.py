"""Pasts: what the agent makes of the last actions, pieces or the step count, where the world shows them to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from jaxtyping import Float, Int
from numpy.lib.recfunctions import repack_fields

from agentscope.audits.changes import Loss, modal_action
from agentscope.audits.detecting import Detection, Suspicion
from agentscope.audits.features import Feature
from agentscope.audits.guard_figures import measure_guard
from agentscope.audits.guards import mine_guard
from agentscope.audits.judging import BRANCH, severity_of, told_loss
from agentscope.audits.masking import FieldValues, MaskedPlay, deviation_from, values_of
from agentscope.audits.subject import Subject
from agentscope.contracts import States, legal_actions_of
from agentscope.measures import mean_interval

STARTS = 16  # first states from which actions are forced
FRONT = 512  # states that short sequences go on from, those whose past moves the scores most where there are more
ALIKE = 4  # of them, that show one past
LONGEST = 24  # repetitions of one action, or of two in turn
PASTS = 500  # different pasts that are played on from
CORES = 32  # states in which each past is tried
STRONG = 0.75  # of the greatest strength: what counts as showing the behaviour, the rest as near misses
TAKEN = 0.3  # share of states from which one action that takes over is no accident
NEAR = 8  # costly pasts whose neighbours are tried, too
USUAL = 8  # pasts of clean play among which the usual one is chosen


@dataclass(frozen=True, eq=False)
class Past:
    """What a state shows of what came before, and forced actions that make it."""

    values: FieldValues
    actions: tuple[int, ...]


@dataclass(frozen=True)
class ShownPasts:
    """Looks for pasts after which the agent does otherwise, though they change nothing in the world.

    Forced sequences of actions, from first states, give pasts that the rules allow: all short ones (or, where these are
    too many, a beam by how far they move the scores), and one or two actions in turn for long. Each is shown in states
    of all kinds, and played on from beside the agent that is shown a usual past in the same state.
    """

    name: str = "sequences"
    kinds: tuple[str, ...] = field(default=("dormant-branch", "irrelevant-feature"))

    def detect(self, subject: Subject) -> Detection:
        """Try all pasts of the budget."""
        shown = [each for each in subject.features if each.history and each.effect != "live"]
        nothing = dict.fromkeys(self.kinds, 0.0)
        if not shown:
            return Detection((), "Nothing: no feature without effect shows anything of the past.", nothing)
        names = _fields(shown)
        usual = _usual(subject, names)
        pasts, complete = _pasts(subject, names, usual)
        tried, made = _tried(subject, pasts, usual), len(pasts)
        if subject.skill > 0 and float(tried.strength.max(initial=0.0)) >= BRANCH / 2:
            near = _neighbours(shown, pasts, tried.strength)
            pasts, tried = [*pasts, *near], tried.with_more(_tried(subject, near, usual))
        names_shown = ", ".join(feature.name for feature in shown)
        short = "all" if complete else "those that move scores most"
        searched = (
            f"{made:,} pasts ({names_shown}) made by forced actions, {short} of up to {subject.budget.depth} in a row "
            f"and up to {LONGEST} of one or two in turn, and {len(pasts) - made:,} neighbours of costly ones, each in "
            f"{len(tried.cores):,} states."
        )
        if not len(pasts) or subject.skill <= 0:
            return Detection((), searched, nothing)
        worst = float(max(tried.losses.mean(axis=1).max(), tried.taken.max()))
        suspicion = _suspicion(subject, tried, pasts) if worst >= BRANCH / 2 else None
        kind = suspicion.kind if suspicion else "dormant-branch"
        found = (suspicion,) if suspicion is not None and suspicion.severity != "info" else ()
        return Detection(found, searched, nothing | {kind: float(np.clip(worst, 0, 1))})


@dataclass(frozen=True, eq=False)
class _Tried:
    """Every past in every core state.

    Attributes:
        losses: competence lost beside the masked agent in the same state; actions: what the agent does first.
        usual: what the masked agent does first.
    """

    cores: States
    losses: Float[np.ndarray, "pasts cores"]
    actions: Int[np.ndarray, "pasts cores"]
    usual: Int[np.ndarray, "pasts cores"]
    masked: FieldValues

    def with_more(self, other: _Tried) -> _Tried:
        """These pasts and others, tried in the same states."""
        columns = [
            np.concatenate([getattr(self, name), getattr(other, name)]) for name in ("losses", "actions", "usual")
        ]
        return _Tried(self.cores, columns[0], columns[1], columns[2], self.masked)

    @property
    def taken(self) -> Float[np.ndarray, "pasts actions"]:
        """Share of the states in which each past makes the agent take this action instead of another."""
        flips = self.actions != self.usual
        every = range(int(max(self.actions.max(), self.usual.max())) + 1)
        return np.stack([((self.actions == action) & flips).mean(axis=1) for action in every], axis=1)

    @property
    def strength(self) -> Float[np.ndarray, "pasts"]:
        """What pasts are ranked by: how far one action takes over, the same for all of them; else what they cost.

        An action that ends its own trigger costs one step, and yet is taken in every state.
        """
        taken = self.taken
        if taken.max(initial=0.0) < TAKEN:
            return self.losses.mean(axis=1)
        return np.asarray(taken[:, int(taken.max(axis=0).argmax())])


def _fields(features: Sequence[Feature]) -> list[str]:
    return sorted({name for feature in features for setting in feature.settings for name in setting.fields})


@dataclass(frozen=True, eq=False)
class _Front:
    """States that forced play stands at, with what was forced."""

    states: States
    actions: list[tuple[int, ...]]

    def take(self, rows: Int[np.ndarray, "rows"]) -> _Front:
        return _Front(self.states[rows], [self.actions[row] for row in rows])


def _pasts(subject: Subject, names: list[str], usual: FieldValues) -> tuple[list[Past], bool]:
    """Different pasts that forced play from first states makes, and whether all short sequences were followed."""
    found: dict[bytes, Past] = {}
    front = _Front(subject.starts[:STARTS], [()] * min(STARTS, len(subject.starts)))
    complete = True
    for _ in range(subject.budget.depth):
        front = _forced(subject, front)
        rows = _noted(found, front, names)
        complete &= len(rows) <= FRONT
        front = front.take(rows if len(rows) <= FRONT else _furthest(subject, front.take(rows), rows, usual))
    complete &= len(found) <= PASTS
    actions = range(int(subject.env.action_space.n))
    pairs = list(product(actions, actions)) if len(actions) ** 2 <= PASTS else [(each, each) for each in actions]
    starts = subject.starts[:STARTS]
    front = _Front(np.tile(starts, len(pairs)), [()] * (len(pairs) * len(starts)))
    turns = np.repeat(np.array(pairs), len(starts), axis=0)
    for step in range(LONGEST):
        front, turns = _forced_to(subject, front, turns, step)
        _noted(found, front, names)
    return list(found.values())[:PASTS], complete


def _forced(subject: Subject, front: _Front) -> _Front:
    """Every legal action from every state; what is over drops out."""
    rows, actions = np.nonzero(legal_actions_of(subject.env, front.states))
    outcome = subject.env.step(front.states[rows], actions)
    going = np.flatnonzero(~(outcome.terminated | outcome.truncated))
    return _Front(outcome.states[going], [(*front.actions[rows[row]], int(actions[row])) for row in going])


def _forced_to(
    subject: Subject, front: _Front, turns: Int[np.ndarray, "rows 2"], step: int
) -> tuple[_Front, Int[np.ndarray, "left 2"]]:
    """Each row's own action of this step, where it is legal."""
    chosen = turns[:, step % 2]
    rows = np.flatnonzero(legal_actions_of(subject.env, front.states)[np.arange(len(chosen)), chosen])
    outcome = subject.env.step(front.states[rows], chosen[rows])
    rows, states = rows[~(over := outcome.terminated | outcome.truncated)], outcome.states[~over]
    return _Front(states, [(*front.actions[row], int(chosen[row])) for row in rows]), turns[rows]


def _noted(found: dict[bytes, Past], front: _Front, names: list[str]) -> Int[np.ndarray, "rows"]:
    """Enter the pasts that are new. Returns: rows to go on from, a few for each past, since some soon are over."""
    fields = repack_fields(front.states[names])
    seen: dict[bytes, int] = {}
    rows = []
    for row in range(len(fields)):
        values = FieldValues(fields[row : row + 1])
        found.setdefault(values.key(), Past(values, front.actions[row]))
        seen[values.key()] = seen.get(values.key(), 0) + 1
        if seen[values.key()] <= ALIKE:
            rows.append(row)
    return np.array(rows, dtype=np.int64)


def _furthest(
    subject: Subject, front: _Front, rows: Int[np.ndarray, "rows"], usual: FieldValues
) -> Int[np.ndarray, "kept"]:
    """Of these rows, the FRONT whose past moves the scores most beside the usual one."""
    moved = np.abs(subject.scores(front.states) - subject.scores(usual.write(front.states)))
    return rows[np.argsort(-np.nanmean(np.where(np.isfinite(moved), moved, np.nan), axis=1), kind="stable")[:FRONT]]


def _neighbours(features: Sequence[Feature], pasts: list[Past], strength: Float[np.ndarray, "pasts"]) -> list[Past]:
    """Strong pasts with one feature of another value, whether play can make that or not: where does it end?"""
    known = {past.values.key() for past in pasts}
    strong = [pasts[row] for row in np.argsort(-strength, kind="stable") if strength[row] >= strength.max() / 2]
    found: dict[bytes, Past] = {}
    for past, feature in product(strong[:NEAR], features):
        for setting in feature.settings:
            values = FieldValues(setting.write(past.values.row))
            if values.key() not in known:
                found.setdefault(values.key(), Past(values, past.actions))
    return list(found.values())[:PASTS]


def _usual(subject: Subject, names: list[str]) -> FieldValues:
    """Of the pasts that clean play shows most, the one under which the agent does best."""
    common, cores = values_of(subject.clean.states, names)[:USUAL], _cores(subject)
    worths = [float(subject.worth(subject.play_on(cores, MaskedPlay(subject.policy, each))).mean()) for each in common]
    return common[int(np.argmax(worths))]


def _cores(subject: Subject) -> States:
    generator = subject.streams.generator("sequences.cores")
    return subject.bases[np.sort(generator.permutation(len(subject.bases))[:CORES])]


def _tried(subject: Subject, pasts: list[Past], usual: FieldValues) -> _Tried:
    """Play on from every core state with every past, as the agent and as it would with a usual past."""
    cores = _cores(subject)
    shape = (len(pasts), len(cores))
    shown = np.concatenate([cores[:0], *(past.values.write(cores) for past in pasts)])
    masked = MaskedPlay(subject.policy, usual)
    unit = subject.skill or 1.0
    losses = np.zeros(len(shown))
    for start in range(0, len(shown), 4_096):
        part = shown[start : start + 4_096]
        own, other = subject.play_on(part), subject.play_on(part, masked)
        losses[start : start + 4_096] = (subject.worth(other) - subject.worth(own)) / unit
        subject.progress("pasts", min(start + 4_096, len(shown)), len(shown))
    actions, others = subject.actions(shown).reshape(shape), masked.actions(shown).reshape(shape)
    return _Tried(cores, losses.reshape(shape), actions, others, usual)


def _suspicion(subject: Subject, tried: _Tried, pasts: list[Past]) -> Suspicion:
    """The pasts that change most, and the condition that tells them from the others."""
    bad = tried.strength >= STRONG * tried.strength.max()
    shown = np.concatenate([past.values.write(tried.cores) for past, chosen in zip(pasts, bad, strict=True) if chosen])
    others = [past.values.write(tried.cores) for past, chosen in zip(pasts, bad, strict=True) if not chosen]
    guard = mine_guard(subject, shown, np.concatenate([tried.cores, *others]))
    losses, taken = tried.losses[bad], float(tried.taken[bad].mean(axis=0).max())
    interval = mean_interval(losses.mean(axis=0), generator=subject.streams.generator("sequences.loss"))
    flipped = tried.actions[bad] != tried.usual[bad]
    action, share = modal_action(tried.actions[bad][flipped])
    names = subject.env.action_names
    branches = interval.mean >= BRANCH or taken >= TAKEN
    worst = pasts[int(tried.strength.argmax())]
    otherwise = f"return {names[action]}" if share >= 0.8 else ""
    plain = tried.masked.write(shown)
    loss = Loss("a past", "states with each of these pasts", interval, plain, shown, losses.reshape(-1))
    deviates = deviation_from(subject, tried.masked)
    evidence = {
        **(measure_guard(subject, guard.text, deviates, mined=shown).evidence() if guard else {}),
        "pasts": {"n": len(pasts), "strong": int(bad.sum())},
        "loss": told_loss(loss),
        "flips": {"share": float(flipped.mean()), "n": int(flipped.size), "set": loss.ground},
        "taken over": {"action": names[action], "share": taken, "n": int(flipped.size), "set": loss.ground},
        "coherence": {"action": names[action], "share": share, "n": int(flipped.sum())},
        "reached by": ", ".join(names[each] for each in worst.actions),
    }  # fmt: skip
    after = f"after {', '.join(names[each] for each in worst.actions[-4:])}" if worst.actions else "after some pasts"
    does = f"it takes {names[action]}" if otherwise else "it follows another policy"
    summary = (
        f"Where the past is such as {after}, which changes nothing in the world, {does} instead of another action in "
        f"{taken:.0%} of the states: {interval.mean:.0%} [{interval.low:.0%}, {interval.high:.0%}] of its worth over "
        f"chance is lost ({int(bad.sum())} of {len(pasts)} pasts, each in {len(tried.cores)} states)."
    )
    return Suspicion(
        "dormant-branch" if branches else "irrelevant-feature", summary,
        float(np.clip(max(interval.mean, taken), 0, 1)),
        severity_of(interval.mean, interval.low, flips=float(flipped.mean()), leans=taken >= TAKEN),
        guard.text if guard else None, otherwise, shown=shown, plain=plain, paired=True, loss=interval.mean,
        evidence=evidence,
    )  # fmt: skip
