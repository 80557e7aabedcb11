"""Does a score beat its controls by more than chance? Paired over episodes: both sides meet the same resamples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import stdtr

from agentscope.probes.fitting import Outcome, Plan
from agentscope.probes.measuring import interval_of
from agentscope.probes.scoring import Scorer

LEVEL = 0.05  # share of false discoveries that is accepted


@dataclass(frozen=True)
class Measured:
    """One score, and how it moves with the weight of each episode.

    Attributes:
        scorer: the score of each of many resamples; None where it was not kept.
    """

    value: float
    influence: Float[np.ndarray, "episodes"]
    scorer: Callable[[np.ndarray], np.ndarray] | None = None


def measure(outcome: Outcome, plan: Plan, *, keep: bool = False) -> Measured:
    """The score of one outcome; `keep` its scorer, whose tables take memory."""
    scorer = Scorer(outcome, plan)
    return Measured(scorer.value, scorer.influence(), scorer if keep else None)


def chance(score: Measured, controls: Sequence[Measured], *, episodes: int, floor: float = -np.inf) -> float:
    """One-sided p-value of "the score is no higher than its best control".

    A normal approximation of the paired bootstrap over episodes, since 200 resamples resolve no p below .005: its
    variance in the limit of many resamples is the sum of squared differences of influence (the infinitesimal
    jackknife, Efron 1982, chapter 6), and Student's t with episodes - 1 degrees of freedom allows for few episodes.
    To beat the best control is to beat each, so the largest p counts (intersection-union test, Berger 1982).

    Args:
        episodes: how many were scored.
        floor: what a constant scores, which stands for all controls below it: an R2 of -9 is one of few wild
            errors, and its variance would hide that it is beaten.
    Returns: 1 where there is no control.
    """
    constant = [Measured(floor, np.zeros_like(score.influence))] if np.isfinite(floor) else []
    above = [control for control in controls if np.isfinite(control.value) and control.value > floor]
    return max((_chance(score, control, episodes) for control in (*above, *constant)), default=1.0)


def _chance(score: Measured, control: Measured, episodes: int) -> float:
    apart = score.value - control.value
    error = float(np.sqrt(np.sum((score.influence - control.influence) ** 2)))
    if error <= 1e-12:  # both are perfect, or neither depends on the episodes
        return 0.0 if apart > 1e-12 else 1.0
    return float(stdtr(episodes - 1, -apart / error))


def difference_interval(
    score: Measured, controls: Sequence[Measured], resamples: Float[np.ndarray, "resamples episodes"]
) -> tuple[float, float] | None:
    """The 95 % interval of the score minus the best control, found anew in each resample.

    None where there is no control, or where no scorer was kept.
    """
    kept = [control.scorer for control in controls if np.isfinite(control.value)]
    known = [scorer for scorer in kept if scorer is not None]
    if score.scorer is None or not known or len(known) < len(kept):
        return None
    return interval_of(score.scorer(resamples) - np.max([scorer(resamples) for scorer in known], axis=0))


def false_discovery_rates(chances: Float[np.ndarray, "tests"]) -> Float[np.ndarray, "tests"]:
    """The q-value of each test (Benjamini and Hochberg 1995): the least rate of false discoveries that finds it."""
    count = len(chances)
    order = np.argsort(chances)
    scaled = chances[order] * count / np.arange(1, count + 1)
    found = np.empty(count)
    found[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return found
