"""Batched play: many episodes at once, each on its own seed, the finished ones dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int, Int64

from agentscope.contracts import InspectableEnv, Policy, ProgressCallback, States, Transition, no_progress
from agentscope.errors import EmptySample

BATCH = 1_024  # episodes that are played side by side


@dataclass(frozen=True)
class Moment:
    """One step of all episodes that are still alive.

    Attributes:
        episode: index of each episode into the seeds.
        step: index of this step in those episodes.
        states: before the step; `transition` holds those after it.
    """

    episode: Int64[np.ndarray, "alive"]
    step: int
    states: States
    actions: Int[np.ndarray, "alive"]
    transition: Transition


@dataclass(frozen=True)
class Trajectories:
    """Every decision of a set of episodes, sorted by episode and step."""

    states: States
    actions: Int64[np.ndarray, "decisions"]
    episode: Int64[np.ndarray, "decisions"]
    step: Int64[np.ndarray, "decisions"]


@dataclass(frozen=True)
class Episodes:
    """Outcomes of whole episodes, one row a seed.

    Attributes:
        returns: undiscounted sums of rewards.
        lengths: steps taken.
        terminated: ended by the environment's rules, not by a limit of steps.
        success: None where the environment neither says what success is nor rewards only the last step.
        hidden: sums of the environment's hidden performance, where it offers one.
        final_states: states in which the episodes ended.
        trajectories: every decision, where they were asked for.
    """

    seeds: Int64[np.ndarray, "episodes"]
    returns: Float64[np.ndarray, "episodes"]
    lengths: Int64[np.ndarray, "episodes"]
    terminated: Bool[np.ndarray, "episodes"]
    success: Bool[np.ndarray, "episodes"] | None
    hidden: Float64[np.ndarray, "episodes"] | None
    final_states: States
    trajectories: Trajectories | None = None

    def __len__(self) -> int:
        return len(self.seeds)


def moments(
    policy: Policy, env: InspectableEnv, seeds: Int[np.ndarray, "episodes"], *, max_steps: int
) -> Iterator[Moment]:
    """Step all episodes until each is over or has taken `max_steps` steps, at most 1,024 side by side."""
    for start in range(0, len(seeds), BATCH):
        rows = np.arange(start, min(start + BATCH, len(seeds)))
        yield from _onward(policy, env, rows, env.reset(np.asarray(seeds[rows], dtype=np.int64)), max_steps)


def moments_from(policy: Policy, env: InspectableEnv, states: States, *, max_steps: int) -> Iterator[Moment]:
    """The same from states that need not be first ones; the rows of `states` number the episodes."""
    for start in range(0, len(states), BATCH):
        rows = np.arange(start, min(start + BATCH, len(states)))
        yield from _onward(policy, env, rows, states[rows], max_steps)


def _onward(policy: Policy, env: InspectableEnv, alive: np.ndarray, states: States, max_steps: int) -> Iterator[Moment]:
    for step in range(max_steps):
        actions = np.asarray(policy.actions(states))
        transition = env.step(states, actions)
        yield Moment(alive, step, states, actions, transition)
        going = ~(transition.terminated | transition.truncated)
        alive, states = alive[going], transition.states[going]
        if not len(alive):
            break


def play(
    policy: Policy,
    env: InspectableEnv,
    seeds: Int[np.ndarray, "episodes"],
    *,
    max_steps: int = 2_000,
    progress: ProgressCallback = no_progress,
    trajectories: bool = False,
    watch: Callable[[Moment], None] | None = None,
) -> Episodes:
    """Play one episode on each seed.

    Args:
        max_steps: an episode that is longer is cut off there (not terminated).
        progress: called as (stage, finished episodes, episodes).
        trajectories: keep every decision; costs memory in proportion to all steps.
        watch: called with every moment, e.g. to sample states without keeping all of them.
    Raises: EmptySample: there are no seeds.
    """
    if not len(seeds):
        raise EmptySample("there are no episodes to play: ask for at least 1.")
    ledger = _Ledger(env, np.asarray(seeds, dtype=np.int64))
    kept: list[Moment] = []
    for moment in moments(policy, env, seeds, max_steps=max_steps):
        ledger.enter(moment)
        if watch is not None:
            watch(moment)
        if trajectories:
            kept.append(moment)
        progress("playing", ledger.finished, len(seeds))
    progress("playing", len(seeds), len(seeds))
    return ledger.episodes(_joined(kept) if trajectories else None)


def play_from(
    policy: Policy,
    env: InspectableEnv,
    states: States,
    *,
    max_steps: int = 2_000,
    trajectories: bool = False,
) -> Episodes:
    """Play on from each of these states, none of which is over; what came before them earns nothing.

    Args:
        max_steps, trajectories: as in `play`; the episodes' `seeds` are the rows of `states`.
    Raises: EmptySample: there are no states.
    """
    if not len(states):
        raise EmptySample("there are no states to play on from: give at least 1.")
    ledger = _Ledger(env, np.arange(len(states), dtype=np.int64))
    kept: list[Moment] = []
    for moment in moments_from(policy, env, states, max_steps=max_steps):
        ledger.enter(moment)
        if trajectories:
            kept.append(moment)
    return ledger.episodes(_joined(kept) if trajectories else None)


class _Ledger:
    """Sums over each episode as its steps come in."""

    def __init__(self, env: InspectableEnv, seeds: np.ndarray) -> None:
        self.env, self.seeds = env, seeds
        count = len(seeds)
        self.returns, self.hidden, self.last = np.zeros(count), np.zeros(count), np.zeros(count)
        self.lengths = np.zeros(count, dtype=np.int64)
        self.terminated = np.zeros(count, dtype=bool)
        self.final = np.zeros(count, dtype=env.state_dtype)
        self.finished = 0

    def enter(self, moment: Moment) -> None:
        index, transition = moment.episode, moment.transition
        self.returns[index] += transition.rewards
        self.last[index] = transition.rewards
        self.lengths[index] += 1
        self.terminated[index] = transition.terminated
        self.final[index] = transition.states
        self.finished += int((transition.terminated | transition.truncated).sum())
        if getattr(self.env, "hidden_performance", None) is not None:
            self.hidden[index] += self.env.hidden_performance(  # type: ignore[attr-defined]
                moment.states, moment.actions, transition
            )

    def episodes(self, trajectories: Trajectories | None) -> Episodes:
        hidden = self.hidden if getattr(self.env, "hidden_performance", None) is not None else None
        return Episodes(
            self.seeds, self.returns, self.lengths, self.terminated, self._success(), hidden, self.final, trajectories
        )

    def _success(self) -> np.ndarray | None:
        """What the environment calls success; else, where only last steps are rewarded, a positive one."""
        if getattr(self.env, "success", None) is not None:
            return np.asarray(self.env.success(self.final), dtype=bool)  # type: ignore[attr-defined]
        if (self.returns != self.last).any():
            return None
        return self.terminated & (self.last > 0)


def _joined(kept: list[Moment]) -> Trajectories:
    episode = np.concatenate([moment.episode for moment in kept])
    step = np.concatenate([np.full(len(moment.episode), moment.step, dtype=np.int64) for moment in kept])
    order = np.lexsort((step, episode))
    states = np.concatenate([moment.states for moment in kept])[order]
    actions = np.concatenate([np.asarray(moment.actions, dtype=np.int64) for moment in kept])[order]
    return Trajectories(states, actions, episode[order], step[order])
