"""Bootstrap intervals over episodes: states of one episode are not independent, so whole episodes are drawn."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int, Shaped

from agentscope.errors import EmptySample
from agentscope.records import Interval

RESAMPLES = 2_000
CONFIDENCE = 0.95
CELLS = 4_000_000  # weights that are held at once


def episode_interval(
    values: Shaped[np.ndarray, "states"],
    episode: Int[np.ndarray, "states"],
    *,
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Interval:
    """The mean over states with its 95 % percentile interval when whole episodes are drawn with replacement.

    A share of 1 (no disagreement at all) gets the rule of three, 3/episodes, as its bound, since resampling
    would give none. With a single episode nothing is known of the spread: the bound is 0 to 1 for shares.

    Args:
        values: bool (a share) or numbers.
        episode: which episode each state is from.
    Returns: mean, bounds, and n = number of episodes.
    Raises: EmptySample: there are no states.
    """
    if not len(values):
        raise EmptySample("there are no states, so a mean has no meaning: ask for at least one episode.")
    _, index = np.unique(episode, return_inverse=True)
    sums = np.bincount(index, weights=values.astype(np.float64))
    counts = np.bincount(index).astype(np.float64)
    mean = float(sums.sum() / counts.sum())
    low, high = _percentiles(sums, counts, generator, resamples)
    if values.dtype == np.bool_:
        if len(sums) == 1:
            low, high = 0.0, 1.0
        elif values.all():
            low = zero_disagreements(len(sums))
    return Interval(mean, min(low, mean), max(high, mean), len(sums))


def mean_interval(
    values: Shaped[np.ndarray, "episodes"], *, generator: np.random.Generator, resamples: int = RESAMPLES
) -> Interval:
    """The mean of one number an episode, e.g. its return, with its 95 % bootstrap interval."""
    return episode_interval(values.astype(np.float64), np.arange(len(values)), generator=generator, resamples=resamples)


def paired_difference(
    strategy_returns: Shaped[np.ndarray, "episodes"],
    network_returns: Shaped[np.ndarray, "episodes"],
    *,
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Interval:
    """Mean of (text - network) over episodes that share their seed, with its interval."""
    difference = strategy_returns.astype(np.float64) - network_returns.astype(np.float64)
    return mean_interval(difference, generator=generator, resamples=resamples)


def zero_disagreements(episodes: int) -> float:
    """Lower bound on agreement when none of so many episodes held a disagreement: 1 - 3/episodes (rule of three)."""
    return max(0.0, 1.0 - 3.0 / episodes)


def _percentiles(
    sums: Float64[np.ndarray, "episodes"],
    counts: Float64[np.ndarray, "episodes"],
    generator: np.random.Generator,
    resamples: int,
) -> tuple[float, float]:
    """Percentiles of the ratio of sums over resampled episodes; how often each is drawn is multinomial."""
    episodes = len(sums)
    at_once = max(1, CELLS // episodes)
    even = np.full(episodes, 1.0 / episodes)
    ratios = []
    for start in range(0, resamples, at_once):
        drawn = generator.multinomial(episodes, even, size=min(at_once, resamples - start)).astype(np.float64)
        # einsum and not @: a BLAS product's last bits depend on the number of threads.
        ratios.append(np.einsum("re,e->r", drawn, sums) / np.einsum("re,e->r", drawn, counts))
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(np.concatenate(ratios), [tail, 100 - tail])
    return float(low), float(high)
