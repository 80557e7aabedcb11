"""The agent shown some fields of a state as they usually are: what it would do without what they tell it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from numpy.lib.recfunctions import repack_fields

from agentscope.audits.judging import BRANCH
from agentscope.audits.subject import Subject
from agentscope.contracts import Policy, States, equivalent_actions_of
from agentscope.measures import same_class


@dataclass(frozen=True, eq=False)
class FieldValues:
    """Values for some fields of a state.

    Attributes:
        row: one row of a structured array of these fields only.
    """

    row: States

    def write(self, states: States) -> States:
        """The states with these values."""
        changed = states.copy()
        for name in self.row.dtype.names or ():
            changed[name] = self.row[name][0]
        return changed

    def key(self) -> bytes:
        """Equal for equal values."""
        return self.row.tobytes()


@dataclass(frozen=True)
class MaskedPlay:
    """The agent, shown these values whatever the state's are, in the state as it is."""

    policy: Policy
    values: FieldValues

    def actions(self, states: States) -> Int[np.ndarray, "states"]:
        """What it does."""
        return np.asarray(self.policy.actions(self.values.write(states)))


def values_of(states: States, names: Sequence[str]) -> list[FieldValues]:
    """The values of some fields that these states have, the most frequent first."""
    rows, counts = np.unique(repack_fields(states[list(names)]), return_counts=True)
    return [FieldValues(rows[at : at + 1]) for at in np.argsort(-counts, kind="stable")]


def deviation_from(subject: Subject, usual: FieldValues) -> Callable[[States], Bool[np.ndarray, "states"]]:
    """Where the agent acts or fares otherwise than it would if it were shown the usual values in the same state."""
    masked = MaskedPlay(subject.policy, usual)

    def deviates(states: States) -> Bool[np.ndarray, "states"]:
        equivalent = equivalent_actions_of(subject.env, states)
        flips = ~same_class(subject.actions(states), masked.actions(states), equivalent)
        worths = [subject.worth(subject.play_on(states, policy)) for policy in (None, masked)]
        return np.asarray(flips | (worths[1] - worths[0] >= BRANCH * (subject.skill or 1.0)))

    return deviates
