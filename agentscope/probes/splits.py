"""Splits by episode: folds that are scored, and one group of episodes that only chooses penalties and heads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from agentscope.errors import EmptySample

MOST_FOLDS = 5
VALIDATION = -1  # the group that is never scored


@dataclass(frozen=True)
class EpisodeSplit:
    """Which group each state belongs to; an episode is never split.

    Attributes:
        groups: -1 for validation, else the fold in which the state is held out.
        episode: index of each state's episode, from 0.
    """

    groups: Int[np.ndarray, "states"]
    episode: Int[np.ndarray, "states"]
    folds: int
    episodes: int

    @property
    def scored(self) -> np.ndarray:
        """Which states are held out once."""
        return np.asarray(self.groups != VALIDATION)

    @property
    def scored_episodes(self) -> int:
        """Episodes among the scored states."""
        return len(np.unique(self.episode[self.scored]))


def split_episodes(episodes: Int[np.ndarray, "states"], generator: np.random.Generator) -> EpisodeSplit:
    """Folds of about equally many states: longest episodes first, each to the smallest group, ties by chance.

    Raises: EmptySample: fewer than 3 episodes, which give no training, validation and held-out episode.
    """
    names, episode = np.unique(episodes, return_inverse=True)
    if len(names) < 3:
        raise EmptySample(
            f"Probes need at least 3 episodes (to fit, to validate, to hold out), found {len(names)}. "
            "Play more episodes."
        )
    folds = min(MOST_FOLDS, len(names) - 1)
    lengths = np.bincount(episode.ravel())
    sizes = np.zeros(folds + 1)
    group_of = np.empty(len(names), dtype=np.int64)
    for index in np.lexsort((generator.random(len(names)), -lengths)):
        group = int(np.argmin(sizes))
        group_of[index] = group - 1
        sizes[group] += lengths[index]
    return EpisodeSplit(group_of[episode.ravel()], episode.ravel(), folds, len(names))
