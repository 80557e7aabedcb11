"""Named random streams: every draw of a run belongs to one child of one seed sequence."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from agentscope.errors import BadOption

NAME_BITS, RANDOM_BITS, COUNT_BITS = 16, 26, 20  # of an episode seed: 62 bits, so that it fits a positive int64


@dataclass(frozen=True)
class Streams:
    """Random streams of one run, by name: lessons, exam and controls never meet, whatever their length.

    A name always gives the same numbers: two users who need different draws ask for different names, e.g.
    "lessons" and "lessons.edits". Streams of other root seeds are unrelated (never seed + 1).

    Attributes:
        seed: the run's root seed, >= 0.
    Raises: BadOption: the seed is negative.
    """

    seed: int

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise BadOption(f"seed {self.seed} is negative: choose a whole number from 0.")

    def generator(self, name: str) -> np.random.Generator:
        """A fresh generator at the start of the named stream."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(_key(name), 0)))

    def episode_seeds(self, name: str, count: int) -> Int64[np.ndarray, "episodes"]:
        """The first `count` episode seeds of the named stream; those of two names, or two indices, never coincide.

        Raises: BadOption: more than 2**20 seeds are asked for.
        """
        if not 0 <= count <= 1 << COUNT_BITS:
            raise BadOption(f"{count} episode seeds asked of stream {name!r}: 0 to {1 << COUNT_BITS} can be had.")
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(_key(name), 1)))
        drawn = rng.integers(1 << RANDOM_BITS, size=count, dtype=np.int64)
        # Name, then chance, then a counter: distinct by construction, unrelated across root seeds.
        name_part = np.int64(name_code(name) << (RANDOM_BITS + COUNT_BITS))
        return name_part | drawn << COUNT_BITS | np.arange(count, dtype=np.int64)


def name_code(name: str) -> int:
    """The 16 bits that mark the episode seeds of a name; a test keeps those of the project's names apart."""
    return _key(name) >> (64 - NAME_BITS)


def _key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
