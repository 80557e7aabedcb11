"""State sets from play: every step of short episodes, an even sample of long ones, in bounded memory."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from agentscope.contracts import InspectableEnv, Policy, States
from agentscope.errors import EmptySample
from agentscope.records import StateSet
from agentscope.rollouts.playing import Moment, moments


def collect_states(
    policy: Policy,
    env: InspectableEnv,
    seeds: Int[np.ndarray, "episodes"],
    *,
    max_states: int,
    generator: np.random.Generator,
    name: str = "network",
    max_steps: int = 2_000,
) -> StateSet:
    """The states that a policy visits on these seeds, thinned to at most `max_states`.

    Every episode keeps the same number of states, drawn uniformly from its steps, or all of them where it has fewer.

    Raises: EmptySample: no seeds, or max_states below 1.
    """
    sampler = StateSampler(np.asarray(seeds, dtype=np.int64), max_states=max_states, generator=generator)
    for moment in moments(policy, env, seeds, max_steps=max_steps):
        sampler.watch(moment)
    return sampler.state_set(name)


class StateSampler:
    """Keeps an even sample of the states that it watches; at most about twice `max_states` at any time.

    Each state gets a random priority when it is seen; an episode keeps its lowest. The number that an episode may
    keep only falls as more states come in, so thinning early and thinning at the end give the same set.
    """

    def __init__(self, seeds: np.ndarray, *, max_states: int, generator: np.random.Generator) -> None:
        if not len(seeds) or max_states < 1:
            raise EmptySample(
                f"{len(seeds)} episodes and at most {max_states} states give no state set: ask for at least 1 of each."
            )
        self.seeds, self.max_states, self.generator = seeds, max_states, generator
        self.lengths = np.zeros(len(seeds), dtype=np.int64)
        self.kept: list[tuple[np.ndarray, ...]] = []  # states, episode, step, priority
        self.size = 0

    def watch(self, moment: Moment) -> None:
        """Take in one moment of play."""
        count = len(moment.episode)
        self.lengths[moment.episode] += 1
        step = np.full(count, moment.step, dtype=np.int64)
        self.kept.append((moment.states, moment.episode, step, self.generator.random(count)))
        self.size += count
        if self.size > 2 * self.max_states:
            self._thin()

    def state_set(self, name: str) -> StateSet:
        """What is kept, sorted by episode and step."""
        self._thin()
        states, episode, step, _ = self.kept[0]
        order = np.lexsort((step, episode))
        return StateSet(name, states[order], self.seeds[episode[order]], step[order])

    def _thin(self) -> None:
        states, episode, step, priority = (np.concatenate(part) for part in zip(*self.kept, strict=True))
        order = np.lexsort((priority, episode))
        sorted_episode = episode[order]
        first = np.searchsorted(sorted_episode, sorted_episode)
        keep = order[np.arange(len(order)) - first < even_cap(self.lengths, self.max_states)]
        if len(keep) > self.max_states:  # more episodes than states may be kept: one state each, of some
            keep = keep[np.argsort(priority[keep], kind="stable")[: self.max_states]]
        self.kept = [(states[keep], episode[keep], step[keep], priority[keep])]
        self.size = len(keep)


def even_cap(lengths: Int[np.ndarray, "episodes"], most: int) -> int:
    """The largest number c >= 1 such that keeping min(length, c) of each episode stays within `most` states."""
    low, high = 1, max(int(lengths.max(initial=1)), 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if int(np.minimum(lengths, middle).sum()) <= most else (low, middle - 1)
    return low


def enumerated_states(env: InspectableEnv, *, name: str = "reachable") -> StateSet | None:
    """Every state that the environment can enumerate, as an exhaustive set; None where it cannot.

    `episode` is the level of each state (the field `layout` or `level` of the state, else 0): what a bootstrap over
    levels goes by. `step` numbers the states.
    """
    if getattr(env, "enumerate", None) is None:
        return None
    states: States = env.enumerate()  # type: ignore[attr-defined]
    return StateSet(name, states, levels_of(states), np.arange(len(states)), exhaustive=True)


def levels_of(states: States) -> Int[np.ndarray, "states"]:
    """The level of each state: the field `layout` or `level` of the state, else 0."""
    for field in ("layout", "level"):
        if field in (states.dtype.names or ()):
            return states[field].astype(np.int64)
    return np.zeros(len(states), dtype=np.int64)
