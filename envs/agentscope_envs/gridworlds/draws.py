"""Draws of episodes and layouts: numbers, shares, first states; each is a function of (seed, index of the draw)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int, Int64, UInt64

from agentscope.contracts import States
from agentscope_envs.chance import draw_bits

Seeds = UInt64[np.ndarray, "states"]


def draw_below(seeds: Seeds, draw: int, bounds: Int[np.ndarray, "states"]) -> Int64[np.ndarray, "states"]:
    """One whole number from 0 to bound - 1 for each seed."""
    bits = draw_bits(seeds, np.full(len(seeds), draw)) >> np.uint64(32)
    return (bits * bounds.astype(np.uint64) >> np.uint64(32)).astype(np.int64)


def draw_share(seeds: Seeds, draws: int | Int[np.ndarray, "states"]) -> Float64[np.ndarray, "states"]:
    """One number from 0 to 1, 1 left out, for each seed: 53 random bits."""
    bits = draw_bits(seeds, np.broadcast_to(np.asarray(draws), seeds.shape))
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


class LayoutDraws:
    """Whole numbers below a bound, one after the other, from the counter-based stream of one layout or family."""

    def __init__(self, seed: int) -> None:
        self.seed = np.array([seed], dtype=np.uint64)
        self.drawn = 0

    def below(self, bound: int) -> int:
        """The next number, from 0 to bound - 1."""
        bits = int(draw_bits(self.seed, np.array([self.drawn]))[0])
        self.drawn += 1
        return (bits >> 32) * bound >> 32


@dataclass(frozen=True)
class FirstStates:
    """States that an episode may start in, layout by layout; `begin` says where each layout's begin, and the end."""

    pool: States
    begin: Int64[np.ndarray, "layouts"]

    @classmethod
    def of(cls, pool: States, levels: range) -> FirstStates:
        """The pool, which must be sorted by layout, of these layouts."""
        return cls(pool, np.searchsorted(pool["layout"], np.arange(levels.start, levels.stop + 1)))

    def draw(self, seeds: Seeds) -> States:
        """A layout (draw 0), then one of its first states (draw 1), each uniformly; the seed is written in."""
        level = draw_below(seeds, 0, np.full(len(seeds), len(self.begin) - 1))
        states: States = self.pool[self.begin[level] + draw_below(seeds, 1, self.begin[level + 1] - self.begin[level])]
        states["seed"] = seeds
        return states
