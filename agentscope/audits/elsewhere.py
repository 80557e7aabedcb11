"""States in which things lie elsewhere than in training: unseen levels, and objects that an edit moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from agentscope.audits.subject import Subject
from agentscope.contracts import InspectableEnv, States, legal_actions_of
from agentscope.measures.optimality import TIE
from agentscope.rollouts import enumerated_states

PLACES = 4  # values that a feature has to offer for an edit of it to be a move to another place


@dataclass(frozen=True)
class Elsewhere:
    """States in which things lie elsewhere than in training.

    Attributes:
        group: the level, or the state that was edited: states of one hang together.
        optimal: which actions are best by the reward; before: which were before the edit (none on unseen levels).
        told: where they are from.
    """

    states: States
    group: Int[np.ndarray, "states"]
    optimal: Bool[np.ndarray, "states actions"]
    before: Bool[np.ndarray, "states actions"]
    told: str

    def as_before(self, actions: Int[np.ndarray, "states"]) -> tuple[int, float]:
        """Of the edits after which no action is best that was: how many, and in what share these act as if unedited.

        A network that knows its levels by heart does so; it says nothing of one goal in place of another.
        """
        changed = self.before.any(axis=1) & self.optimal.any(axis=1) & ~(self.before & self.optimal).any(axis=1)
        if not changed.any():
            return 0, 0.0
        return int(changed.sum()), float(self.before[np.arange(len(actions)), actions][changed].mean())


def states_elsewhere(subject: Subject) -> Elsewhere:
    """Unseen levels, and bases in which an object was moved; an even sample of each."""
    env, parts = subject.env, [part for part in (_unseen(subject), _moved(subject)) if part is not None]
    if not parts:
        none = np.empty((0, int(env.action_space.n)), dtype=bool)
        return Elsewhere(subject.bases[:0], np.empty(0, np.int64), none, none, "nothing could be moved")
    offsets = np.cumsum([0, *(int(part.group.max(initial=0)) + 1 for part in parts)])
    states = np.concatenate([part.states for part in parts])
    group = np.concatenate([part.group + offset for part, offset in zip(parts, offsets, strict=False)])
    before = np.concatenate([
        np.zeros((len(part.states), int(env.action_space.n)), dtype=bool)
        if part.unedited is None
        else best_actions(env, part.unedited)
        for part in parts
    ])  # fmt: skip
    return Elsewhere(states, group, best_actions(env, states), before, ", ".join(part.told for part in parts))


@dataclass(frozen=True)
class _Part:
    """Some of the states, with what they were before an edit."""

    states: States
    group: Int[np.ndarray, "states"]
    told: str
    unedited: States | None = None


def _unseen(subject: Subject) -> _Part | None:
    if getattr(subject.env, "unseen_levels", None) is None:
        return None
    other: InspectableEnv = subject.env.unseen_levels()  # type: ignore[attr-defined]
    if other.state_dtype != subject.env.state_dtype:  # its states cannot be stepped here
        return None
    generator, most = subject.streams.generator("proxies.unseen"), subject.budget.fresh
    listed = enumerated_states(other)
    if listed is None:
        states = other.reset(subject.streams.episode_seeds("proxies.unseen", subject.budget.bases))
        return _Part(states, np.arange(len(states)), f"{len(states)} first states of unseen levels")
    rows = np.sort(generator.permutation(len(listed))[:most])
    group = np.unique(listed.episode[rows], return_inverse=True)[1].astype(np.int64)
    return _Part(listed.states[rows], group, f"{len(rows)} of {len(listed)} states of unseen levels")


def _moved(subject: Subject) -> _Part | None:
    """Legal edits of features with many values, some of each base."""
    if getattr(subject.env, "edits", None) is None:
        return None
    generator, most = subject.streams.generator("proxies.moved"), subject.budget.fresh
    edits = subject.env.edits(subject.bases)  # type: ignore[attr-defined]
    values = np.zeros(len(edits.feature_names), dtype=np.int64)
    np.maximum.at(values, edits.feature, edits.value.astype(np.int64) + 1)
    rows = np.flatnonzero(edits.legal & (values[edits.feature] >= PLACES))
    rows = np.sort(generator.permutation(rows)[:most])
    if not len(rows):
        return None
    names = sorted({edits.feature_names[feature] for feature in edits.feature[rows]})
    told = f"{len(rows)} edits that move {', '.join(names[:4])}{' and others' if len(names) > 4 else ''}"
    parent = edits.parent[rows].astype(np.int64)
    return _Part(edits.states[rows], parent, told, subject.bases[parent])


def best_actions(env: InspectableEnv, states: States) -> Bool[np.ndarray, "states actions"]:
    """Which actions are best; none where nothing can be earned any more."""
    values: np.ndarray = env.optimal_values(states)  # type: ignore[attr-defined]
    values = np.where(legal_actions_of(env, states), values, -np.inf)
    best = values.max(axis=1, keepdims=True)
    return np.asarray((values >= best - TIE) & (best > TIE))
