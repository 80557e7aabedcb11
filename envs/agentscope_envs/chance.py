"""Counter-based chance: a draw is a function of the episode's seed and the index of the draw, and of nothing else."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int, UInt64

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def draw_bits(seeds: UInt64[np.ndarray, "n"], draws: Int[np.ndarray, "n"]) -> UInt64[np.ndarray, "n"]:
    """64 random bits for each (seed, index of the draw): SplitMix64 (Steele, Lea and Flood 2014), applied twice."""
    with np.errstate(over="ignore"):
        return _mix(_mix(seeds.astype(np.uint64)) + draws.astype(np.uint64) * _GOLDEN)


def _mix(bits: np.ndarray) -> np.ndarray:
    bits = bits + _GOLDEN
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    return np.asarray(bits ^ (bits >> np.uint64(31)))
