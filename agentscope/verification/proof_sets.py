"""The states on which a text and its network are proved equal: those met in play, edits, random play, all there are.

A text and a network that read nothing but the observation cannot tell two states apart that look alike and allow the
same actions: such states count once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int64

from agentscope.contracts import InspectableEnv, Policy, ProgressCallback, States, legal_actions_of, no_progress
from agentscope.records import StateSet
from agentscope.rollouts import RandomLegal, Streams, collect_states, edit_pool, enumerated_states

AT_LEAST = 100_000
_EPISODES = 256  # of one round of play
_ROUNDS = 40  # of play for one set, at most
_WORTH = 0.02  # a round that gives a smaller share of new states is the last of its set
_AT_ONCE = 4_096  # states that are observed at once


@dataclass(frozen=True)
class ProofStates:
    """Distinct states of several sets.

    Attributes:
        states: each looks different, or allows other actions, than all others.
        origin: for each, which of `sets` had it first.
        sets: by name, in the order in which they were collected: `states` that were met, `distinct` among them.
        exhaustive: every state that can be reached from the ordinary start is among them.
    """

    states: States
    origin: Int64[np.ndarray, "states"]
    sets: Mapping[str, Mapping[str, int]]
    exhaustive: bool = False


def proof_states(
    env: InspectableEnv,
    policies: Mapping[str, Policy],
    streams: Streams,
    *,
    at_least: int = AT_LEAST,
    max_steps: int = 500,
    progress: ProgressCallback = no_progress,
) -> ProofStates:
    """All states that can be enumerated, and states met by these policies, their edits, and random legal play.

    Args:
        policies: by the name of their set, e.g. `network` (the original) and `strategy` (the text in closed loop).
        at_least: distinct states that are wanted in all. Where the world has fewer, all that play finds are taken.
        max_steps: of an episode.
        streams: draws, names "proof.*".
    """
    pool = _Pool(env)
    listed = enumerated_states(env)
    if listed is not None:
        pool.add("reachable", listed.states)
    play = {**policies, "random": RandomLegal(env, streams.generator("proof.random.actions"))}
    quota = -(-at_least // (len(play) + 1))
    for name in policies:
        _play(pool, name, play[name], streams, wanted=quota, max_steps=max_steps)
        progress("collecting states", len(pool), at_least)
    visited = pool.state_set()
    pool_of_edits = edit_pool(env, visited, streams.generator("proof.edits"), most=quota) if len(visited) else None
    if pool_of_edits is not None:
        pool.add("edited", pool_of_edits.edited)
    _play(pool, "random", play["random"], streams, wanted=max(quota, at_least - len(pool)), max_steps=max_steps)
    progress("collecting states", len(pool), at_least)
    return pool.found(exhaustive=listed is not None)


def _play(pool: _Pool, name: str, policy: Policy, streams: Streams, *, wanted: int, max_steps: int) -> None:
    """Rounds of fresh episodes until the set has what is wanted, or hardly anything new comes."""
    seeds = streams.episode_seeds(f"proof.{name}", _EPISODES * _ROUNDS).reshape(_ROUNDS, _EPISODES)
    generator = streams.generator(f"proof.{name}")
    for chosen in seeds:
        met = collect_states(policy, pool.env, chosen, max_states=wanted, generator=generator, max_steps=max_steps)
        new = pool.add(name, met.states)
        if pool.sets[name]["distinct"] >= wanted or new < _WORTH * len(met):
            return


@dataclass
class _Pool:
    """Distinct states so far."""

    env: InspectableEnv
    known: dict[bytes, int] = field(default_factory=dict)  # what a state looks like -> row
    kept: list[np.ndarray] = field(default_factory=list)
    origins: list[np.ndarray] = field(default_factory=list)
    members: dict[str, set[bytes]] = field(default_factory=dict)
    sets: dict[str, dict[str, int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.known)

    def add(self, name: str, states: States) -> int:
        """Take in states of one set; how many of them the set did not have."""
        members = self.members.setdefault(name, set())
        before = len(members)
        for start in range(0, len(states), _AT_ONCE):
            self._add(members, list(self.members).index(name), states[start : start + _AT_ONCE])
        counts = self.sets.setdefault(name, {"states": 0, "distinct": 0})
        counts["states"] += len(states)
        counts["distinct"] = len(members)
        return len(members) - before

    def _add(self, members: set[bytes], origin: int, states: States) -> None:
        observations = np.ascontiguousarray(self.env.observe(states)).reshape(len(states), -1)
        legal = np.packbits(legal_actions_of(self.env, states), axis=1)
        new = []
        for row, (seen, allowed) in enumerate(zip(observations, legal, strict=True)):
            look = hashlib.blake2b(seen.tobytes() + allowed.tobytes(), digest_size=16).digest()
            members.add(look)
            if look not in self.known:
                self.known[look] = len(self.known)
                new.append(row)
        self.kept.append(states[new])
        self.origins.append(np.full(len(new), origin, dtype=np.int64))

    def state_set(self) -> StateSet:
        """All of them, as a set to edit."""
        states = np.concatenate(self.kept) if self.kept else np.zeros(0, self.env.state_dtype)
        rows = np.arange(len(states))
        return StateSet("proof", states, rows, np.zeros(len(rows), dtype=np.int64))

    def found(self, *, exhaustive: bool) -> ProofStates:
        """What was collected."""
        origin = np.concatenate(self.origins) if self.origins else np.zeros(0, dtype=np.int64)
        return ProofStates(self.state_set().states, origin, self.sets, exhaustive)
