"""How a rate is measured: the best of a few rounds, after a warm-up round that also compiles."""

from __future__ import annotations

import time
from collections.abc import Callable


def rate(work: Callable[[], int], *, rounds: int = 5) -> float:
    """Units a second: `work` does some and returns how many; the fastest round counts, so that noise does not."""
    work()
    best = 0.0
    for _ in range(rounds):
        started = time.perf_counter()
        done = work()
        best = max(best, done / (time.perf_counter() - started))
    return best


def line(name: str, value: float, unit: str, reference: float | None = None) -> str:
    """One printed row; with a reference, the ratio to it."""
    ratio = "" if reference is None else f"   {value / reference:10,.1f} x"
    return f"{name:58s} {value:14,.0f} {unit}{ratio}"
