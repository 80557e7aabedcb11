"""Text and network played on the same seeds: how many episodes are the same, where they part, what each earns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int, Int64

from agentscope.contracts import InspectableEnv, Policy, ProgressCallback, equivalent_actions_of, no_progress
from agentscope.measures import mean_interval, paired_difference
from agentscope.records import PairedEpisodes
from agentscope.rollouts import Episodes, Moment, Streams, play


@dataclass(frozen=True)
class Pairs:
    """Paired episodes, one row a seed.

    Attributes:
        divergence: first step in which the two choose actions that are not equivalent; -1 where they never do.
    """

    network: Episodes
    strategy: Episodes
    divergence: Int64[np.ndarray, "episodes"]

    @property
    def identical(self) -> Bool[np.ndarray, "episodes"]:
        """Episodes in which text and network make the same moves to the end."""
        same: np.ndarray = (self.divergence < 0) & (self.network.lengths == self.strategy.lengths)
        return same


def play_pairs(
    text: Policy,
    network: Policy,
    env: InspectableEnv,
    seeds: Int[np.ndarray, "episodes"],
    *,
    max_steps: int,
    watch: Callable[[Moment], None] | None = None,
    progress: ProgressCallback = no_progress,
) -> Pairs:
    """Play the network, then the text, on the same seeds.

    Args:
        watch: sees every moment of the text's play.
    Raises: EmptySample: no seeds.
    """
    record = _Record(env, len(seeds), max_steps)
    first = play(network, env, seeds, max_steps=max_steps, watch=record.keep, progress=_named(progress, "network"))
    divergence = np.full(len(seeds), -1, dtype=np.int64)

    def follow(moment: Moment) -> None:
        record.compare(moment, divergence)
        if watch is not None:
            watch(moment)

    second = play(text, env, seeds, max_steps=max_steps, watch=follow, progress=_named(progress, "text"))
    return Pairs(first, second, divergence)


class _Record:
    """The network's move at every step, as the smallest equivalent action: what the text's are compared with."""

    def __init__(self, env: InspectableEnv, episodes: int, max_steps: int) -> None:
        self.env = env
        self.moves = np.full((episodes, min(max_steps, 256)), -1, dtype=np.int16)

    def keep(self, moment: Moment) -> None:
        if moment.step >= self.moves.shape[1]:
            self.moves = np.concatenate([self.moves, np.full_like(self.moves, -1)], axis=1)
        self.moves[moment.episode, moment.step] = self._classes(moment, np.arange(len(moment.episode)))

    def compare(self, moment: Moment, divergence: np.ndarray) -> None:
        """Note the episodes that part here; until then both stand in the same state."""
        if moment.step >= self.moves.shape[1]:
            return
        network = self.moves[moment.episode, moment.step]
        together = np.flatnonzero((divergence[moment.episode] < 0) & (network >= 0))
        parted = together[self._classes(moment, together) != network[together]]
        divergence[moment.episode[parted]] = moment.step

    def _classes(self, moment: Moment, rows: np.ndarray) -> np.ndarray:
        if not len(rows):
            return np.empty(0, dtype=np.int16)
        equivalent = equivalent_actions_of(self.env, moment.states[rows])
        return equivalent[np.arange(len(rows)), np.asarray(moment.actions)[rows]]


def summarise_pairs(env: InspectableEnv, pairs: Pairs, *, streams: Streams, mass: float | None) -> PairedEpisodes:
    """Shares, medians, returns and their difference, with intervals over episodes."""
    parted = pairs.divergence[pairs.divergence >= 0]
    network, strategy = pairs.network, pairs.strategy
    return PairedEpisodes(
        n=len(network),
        identical=float(pairs.identical.mean()),
        first_divergence=float(np.median(parted)) if len(parted) else None,
        network_return=mean_interval(network.returns, generator=streams.generator("bootstrap.network_return")),
        strategy_return=mean_interval(strategy.returns, generator=streams.generator("bootstrap.strategy_return")),
        difference=paired_difference(
            strategy.returns, network.returns, generator=streams.generator("bootstrap.difference")
        ),
        mass=mass,
        network_success=_share(network.success),
        strategy_success=_share(strategy.success),
        extra=_extra(env, pairs, streams),
    )


def rollout_rows(env: InspectableEnv, pairs: Pairs) -> tuple[Mapping[str, Any], ...]:
    """One row a seed for rollouts.csv."""
    columns: dict[str, np.ndarray] = {"seed": pairs.network.seeds, "identical": pairs.identical}
    columns["first_divergence"] = pairs.divergence
    for who, episodes in (("network", pairs.network), ("strategy", pairs.strategy)):
        columns[f"{who}_return"] = episodes.returns
        columns[f"{who}_steps"] = episodes.lengths
        columns[f"{who}_terminated"] = episodes.terminated
        if episodes.success is not None:
            columns[f"{who}_success"] = episodes.success
        columns |= {f"{who}_{name}": values for name, values in _statistics(env, episodes).items()}
    names = list(columns)
    return tuple(
        dict(zip(names, row, strict=True)) for row in zip(*(c.tolist() for c in columns.values()), strict=True)
    )


def _extra(env: InspectableEnv, pairs: Pairs, streams: Streams) -> dict[str, Any]:
    """Means of the environment's own statistics of finished episodes, e.g. lines a game, with their intervals."""
    extra: dict[str, Any] = {}
    for who, episodes in (("network", pairs.network), ("strategy", pairs.strategy)):
        for name, values in _statistics(env, episodes).items():
            interval = mean_interval(values, generator=streams.generator(f"bootstrap.{who}_{name}"))
            extra[f"{who}_{name}"] = interval.mean
            extra[f"{who}_{name}_interval"] = [interval.low, interval.high]
    return extra


def _statistics(env: InspectableEnv, episodes: Episodes) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    if getattr(env, "episode_statistics", None) is not None:
        found |= env.episode_statistics(episodes.final_states)  # type: ignore[attr-defined]
    if episodes.hidden is not None:
        found["hidden_performance"] = episodes.hidden
    return found


def _share(flags: np.ndarray | None) -> float | None:
    return None if flags is None else float(flags.mean())


def _named(progress: ProgressCallback, who: str) -> ProgressCallback:
    return lambda _, done, total: progress(f"playing the {who}", done, total)
