"""Decisions that show a behaviour, decisions that do not, and what counts as not behaving so."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int

from agentscope.audits.detecting import Suspicion
from agentscope.audits.subject import Subject
from agentscope.contracts import States, equivalent_actions_of, legal_actions_of

TIE = 1e-6  # optimal values closer than this are equal
SHOWN, CLEAN = 128, 256  # states on which ablations are compared
FEW = 64  # decisions that show the behaviour; with fewer, the same change is looked at in more states
MORE = 512  # of clean play


@dataclass(frozen=True, eq=False)
class Cases:
    """Decisions that an ablation is to change, and decisions that it is to leave.

    Attributes:
        shown: states in which the agent behaves otherwise; good: the actions that count as not doing so there; own:
            what it does.
        clean: states of clean play; kept: what the agent does there.
        met: all states of clean play in which the behaviour's guard does not hold: what bounds are taken from.
        spread: of the scores in clean play, the unit of margins.
    """

    shown: States
    good: Bool[np.ndarray, "shown actions"]
    own: Int[np.ndarray, "shown"]
    clean: States
    kept: Int[np.ndarray, "clean"]
    met: States
    spread: float


def cases_of(subject: Subject, suspicion: Suspicion) -> Cases | None:
    """The decisions that an ablation is to change and to leave; None where the suspicion shows none."""
    if suspicion.shown is None or not len(suspicion.shown):
        return None
    generator = subject.streams.generator("place")
    good, bad = wanted_actions(subject, suspicion)
    if bad.sum() < FEW:
        suspicion = in_more_states(subject, suspicion, generator)
        good, bad = wanted_actions(subject, suspicion)
    assert suspicion.shown is not None
    rows = np.flatnonzero(bad)
    if not len(rows):
        return None
    rows = np.sort(generator.permutation(rows)[:SHOWN])
    free = ~behaving(subject, suspicion)
    clean = np.sort(generator.permutation(np.flatnonzero(free))[:CLEAN])
    if not len(clean):
        return None
    states = subject.clean.states[clean]
    spread = subject.spread(subject.scores(states)) or 1.0
    return Cases(
        suspicion.shown[rows],
        good[rows],
        subject.actions(suspicion.shown[rows]),
        states,
        subject.clean.actions[clean],
        subject.clean.states[free],
        spread,
    )


def in_more_states(subject: Subject, suspicion: Suspicion, generator: np.random.Generator) -> Suspicion:
    """The same change in the bases and in clean play too, where it writes the same values into the same fields.

    A behaviour may cost competence in first states without changing a decision there: it changes later ones.
    """
    shown, plain = suspicion.shown, suspicion.plain
    if not suspicion.paired or shown is None or plain is None:
        return suspicion
    fields = [name for name in shown.dtype.names or () if (shown[name] != plain[name]).any()]
    if any((shown[name] != shown[name][0]).any() for name in fields):
        return suspicion
    visited = np.sort(generator.permutation(len(subject.clean.states))[:MORE])
    others = subject.distinct(np.concatenate([subject.bases, subject.clean.states[visited]]))
    changed = others.copy()
    for name in fields:
        changed[name] = shown[name][0]
    fits = np.ones(len(others), dtype=bool)
    if suspicion.guard is not None:
        fits = subject.holds(suspicion.guard, changed) & ~subject.holds(suspicion.guard, others)
    return replace(suspicion, shown=np.concatenate([shown, changed[fits]]), plain=np.concatenate([plain, others[fits]]))


def behaving(subject: Subject, suspicion: Suspicion) -> Bool[np.ndarray, "states"]:
    """States of clean play in which the guard holds, where there is one: they are no measure of play without it."""
    states = subject.clean.states
    return np.zeros(len(states), bool) if suspicion.guard is None else subject.holds(suspicion.guard, states)


def wanted_actions(
    subject: Subject, suspicion: Suspicion
) -> tuple[Bool[np.ndarray, "shown actions"], Bool[np.ndarray, "shown"]]:
    """Actions that count as not behaving so, and the states in which the agent takes none of them.

    Paired: what the agent does in the plain state. Otherwise the optimal actions where the world tells them, else all
    but the one that it takes.
    """
    shown, env = suspicion.shown, subject.env
    assert shown is not None
    legal, equivalent = legal_actions_of(env, shown), equivalent_actions_of(env, shown)
    rows, own = np.arange(len(shown)), subject.actions(shown)
    if suspicion.paired and suspicion.plain is not None:
        good = equivalent == equivalent[rows, subject.actions(suspicion.plain)][:, None]
    elif getattr(env, "optimal_values", None) is not None:
        values = np.where(legal, env.optimal_values(shown), -np.inf)  # type: ignore[attr-defined]
        good = values >= values.max(axis=1, keepdims=True) - TIE
    else:
        good = equivalent != equivalent[rows, own][:, None]
    good = good & legal
    return good, ~good[rows, own] & good.any(axis=1)
