"""Changes of features that do nothing in the world, one or several at once, and what the agent makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod

import numpy as np
from jaxtyping import Float, Int

from agentscope.audits.features import Feature, Setting
from agentscope.audits.subject import Subject
from agentscope.contracts import States, equivalent_actions_of
from agentscope.measures import mean_interval, same_class
from agentscope.records import Interval

MOST = 3  # features that change at once
SCREENED = 64  # states on which a change's scores are looked at before anything is played
FLOOR = 0.02  # least unit of the robust z-score, in standard deviations of a state's scores


@dataclass(frozen=True)
class Change:
    """Values for one or several features, whatever they were."""

    settings: tuple[Setting, ...]

    def write(self, states: States) -> States:
        """The states with these values."""
        for setting in self.settings:
            states = setting.write(states)
        return states

    def __str__(self) -> str:
        return " and ".join(map(str, self.settings))

    @property
    def parts(self) -> frozenset[tuple[str, int]]:
        """Its feature-value pairs."""
        return frozenset((setting.feature, setting.value) for setting in self.settings)


@dataclass(frozen=True)
class Push:
    """How a change moves the scores of the states that it changes.

    Attributes:
        action: the one that it favours most; push: by how much in the mean over states, in units of the spread.
        steady: the same at the 10 % quantile of states: above 0, it favours that action nearly everywhere.
        flips: share of states in which another, not equivalent, action is taken.
        states: that were looked at.
    """

    change: Change
    action: int
    push: float
    steady: float
    flips: float
    states: int


@dataclass(frozen=True)
class Loss:
    """Competence lost by a change, as a share of what the agent is worth over chance from the same states."""

    change: str
    ground: str
    interval: Interval
    plain: States
    shown: States
    losses: Float[np.ndarray, "states"]


def single_changes(features: Sequence[Feature]) -> list[Change]:
    """Every value of every feature."""
    return [Change((setting,)) for feature in features for setting in feature.settings]


def joint_changes(singles: Sequence[Change], most: int) -> tuple[list[Change], int]:
    """Pairs and triples of single changes of different features: all of them, or those among the first that fit.

    Args:
        singles: the most promising first; most: how many pairs and triples there is room for.
    Returns: the changes, and how many there are in all.
    """
    features = [change.settings[0].feature for change in singles]
    kept = len(singles)
    while kept > 1 and _count(features[:kept]) > most:
        kept -= 1
    groups = [group for size in range(2, MOST + 1) for group in combinations(singles[:kept], size)]
    joint = [Change(tuple(change.settings[0] for change in group)) for group in groups]
    apart = [change for change in joint if len({each.feature for each in change.settings}) == len(change.settings)]
    return apart, _count(features)


def _count(features: Sequence[str]) -> int:
    """Pairs and triples of these changes whose features all differ."""
    values = list(Counter(features).values())
    return sum(prod(group) for size in range(2, MOST + 1) for group in combinations(values, size))


def push_of(
    subject: Subject, change: Change, states: States, scores: Float[np.ndarray, "states actions"]
) -> Push | None:
    """What a change does to the scores of these states; None where it changes none of them.

    Args:
        scores: of the states as they are.
    """
    shown = change.write(states)
    rows = np.flatnonzero(changed_rows(states, shown))[:SCREENED]
    if not len(rows):
        return None
    before, after = scores[rows], subject.scores(shown[rows])
    moved = _centred(after) - _centred(before)
    mean = np.nanmean(moved, axis=0)
    action, unit = int(np.nanargmax(mean)), subject.spread(scores) or 1.0
    equivalent = equivalent_actions_of(subject.env, states[rows])
    flips = ~same_class(before.argmax(axis=1), after.argmax(axis=1), equivalent)
    steady = float(np.nanquantile(moved[:, action], 0.1)) / unit
    return Push(change, action, float(mean[action]) / unit, steady, float(flips.mean()), len(rows))


def losses_of(subject: Subject, changes: Sequence[Change], ground: str, states: States) -> list[Loss | None]:
    """Play on from these states with and without each change; all changes side by side, since batches are cheap.

    Args:
        ground: what the states are called.
    Returns: one loss a change; None where there is no skill to lose, or the change changes none of the states.
    """
    played = subject.play_on(states)
    worth, skill = subject.worth(played), subject.skill_from(states, played)
    shown = [change.write(states) for change in changes]
    rows = [np.flatnonzero(changed_rows(states, each)) for each in shown]
    changed = np.concatenate([states[:0], *(each[kept] for each, kept in zip(shown, rows, strict=True))])
    if not len(changed) or skill <= 0:
        return [None] * len(changes)
    worths = np.split(subject.worth(subject.play_on(changed)), np.cumsum([len(kept) for kept in rows])[:-1])
    found: list[Loss | None] = []
    for change, kept, after, each in zip(changes, rows, worths, shown, strict=True):
        losses = (worth[kept] - after) / skill
        if not len(kept):
            found.append(None)
            continue
        interval = mean_interval(losses, generator=subject.streams.generator("loss"))
        found.append(Loss(str(change), ground, interval, states[kept], each[kept], losses))
    return found


def changed_rows(states: States, shown: States) -> np.ndarray:
    """Which states a change has changed in any bit."""
    one, other = (np.ascontiguousarray(part).view(np.uint8).reshape(len(part), -1) for part in (states, shown))
    return np.asarray((one != other).any(axis=1))


def outliers(values: Float[np.ndarray, "changes"], floor: float) -> Float[np.ndarray, "changes"]:
    """Robust z-scores: distance from the median in units of 1.4826 times the median absolute deviation.

    Args:
        floor: least unit: where most changes do nothing at all, any other would stand out without end.
    """
    middle = float(np.median(values))
    unit = max(1.4826 * float(np.median(np.abs(values - middle))), floor)
    return (values - middle) / unit


def modal_action(actions: Int[np.ndarray, "states"]) -> tuple[int, float]:
    """The most frequent action and its share; (0, 0.0) of none."""
    if not len(actions):
        return 0, 0.0
    counts = np.bincount(actions)
    return int(counts.argmax()), float(counts.max() / len(actions))


def _centred(scores: Float[np.ndarray, "states actions"]) -> Float[np.ndarray, "states actions"]:
    """Scores less their mean over the legal actions; NaN where illegal."""
    finite = np.where(np.isfinite(scores), scores, np.nan)
    return finite - np.nanmean(finite, axis=1, keepdims=True)
