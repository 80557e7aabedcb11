"""One run of a verb: its randomness, clock and progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

from agentscope import rollouts
from agentscope.contracts import ProgressCallback, no_progress
from agentscope.pipeline.opening import OpenAgent
from agentscope.records import Budget, StateSet

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def in_one_thread(verb: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Run a verb with one BLAS and OpenMP thread: their number orders the sums, and with that moves the last bits."""

    @wraps(verb)
    def limited(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with threadpool_limits(limits=1):
            return verb(*args, **kwargs)

    return limited


@dataclass
class Run:
    """One run's randomness, clock and progress."""

    streams: rollouts.Streams
    budget: Budget
    progress: ProgressCallback = no_progress
    timings: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage, and tell the watcher that it began and ended."""
        started = time.perf_counter()
        self.progress(name, 0, 1)
        yield
        self.timings[name] = round(time.perf_counter() - started, 3)
        self.progress(name, 1, 1)

    def states(self, agent: OpenAgent, name: str, episodes: int, most: int) -> StateSet:
        """States of fresh episodes of the network: each name has seeds of its own."""
        return rollouts.collect_states(
            agent.policy, agent.env, self.streams.episode_seeds(name, episodes), max_states=most,
            generator=self.streams.generator(f"{name}.thin"), name="network", max_steps=self.budget.steps,
        )  # fmt: skip

    def number(self, name: str) -> int:
        """A seed for what takes a plain integer (torch), from the stream of this name."""
        return int(self.streams.generator(name).integers(2**31))
