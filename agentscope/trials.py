"""Random legal play of an environment: what the checkers of `testing.py` judge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NoReturn

import numpy as np
from jaxtyping import Bool, Int

from agentscope.contracts import States, Transition, legal_actions_of, provides
from agentscope.errors import ContractBroken

BOOKKEEPING = (
    "seed",
    "draw",
    "steps",
    "step",
)  # fields that identity leaves out where an environment has no `identity`
MANY = 20_000  # states looked at where there may be millions


@dataclass(frozen=True)
class Trial:
    """What random legal play met.

    Attributes:
        first: the first state of each seed's episode.
        visited: states that are not over, at most MANY.
        ended: terminal states.
        sample: some of `visited` and, where they can be enumerated, some of all states.
        steps: of each episode that were played at most.
    """

    seeds: Int[np.ndarray, "episodes"]
    first: States
    visited: States
    ended: States
    sample: States
    steps: int


def broken(env: Any, found: str, remedy: str) -> NoReturn:
    """Raise ContractBroken with what was found and what to do."""
    raise ContractBroken(f"{env.id}: {found}. {remedy} (docs/adding/environment.md)")


def identity_of(env: Any, states: States) -> list[bytes]:
    """What makes states the same, as keys: the environment's own `identity`, or all fields but the bookkeeping."""
    if not len(states):
        return []
    if getattr(env, "identity", None) is not None:
        rows = env.identity(states)
    else:
        fields = [name for name in states.dtype.names or () if name not in BOOKKEEPING]
        parts = [np.ascontiguousarray(states[name]).reshape(len(states), -1).view(np.uint8) for name in fields]
        rows = np.concatenate(parts, axis=1)
    return [row.tobytes() for row in rows]


def _random_legal(env: Any, states: States, generator: np.random.Generator) -> np.ndarray:
    draws = generator.random((len(states), int(env.action_space.n)))
    return np.asarray(np.where(legal_actions_of(env, states), draws, -1.0).argmax(axis=1))


def episodes(
    env: Any, states: States, generator: np.random.Generator
) -> Iterator[tuple[States, np.ndarray, Transition]]:
    """Random legal play, batch after batch: (states, actions, transition), until every episode has ended."""
    while len(states):
        actions = _random_legal(env, states, generator)
        outcome = env.step(states, actions)
        yield states, actions, outcome
        states = outcome.states[~(outcome.terminated | outcome.truncated)]


def lanes(env: Any, states: States, generator: np.random.Generator) -> Iterator[tuple[States, Bool[np.ndarray, "n"]]]:
    """Random play that keeps every lane in its place, with which of them are still alive."""
    alive = np.ones(len(states), dtype=bool)
    while alive.any():
        yield states.copy(), alive.copy()
        outcome = env.step(states[alive], _random_legal(env, states[alive], generator))
        states = states.copy()
        states[alive] = outcome.states
        alive[alive] = ~(outcome.terminated | outcome.truncated)


def play_at_random(env: Any, seeds: Int[np.ndarray, "episodes"], steps: int) -> Trial:
    """Play the episodes of these seeds, at most so many steps of each."""
    first = env.reset(seeds)
    if first.dtype != env.state_dtype or first.shape != (len(seeds),):
        found = f"reset gives {first.dtype} of shape {first.shape} for {len(seeds)} seeds"
        broken(env, found, f"Give one state of state_dtype {env.state_dtype} for each seed.")
    visited, ended = [], [first[:0]]
    for states, _, outcome in islice(episodes(env, first.copy(), np.random.default_rng(0)), steps):
        visited.append(states.copy())
        ended.append(outcome.states[outcome.terminated])
    met = thinned(np.concatenate(visited))
    sample = thinned(met, 2_000)
    if "enumerate" in provides(env):
        sample = np.concatenate([sample, thinned(env.enumerate(), 2_000)])
    return Trial(seeds, first, met, np.concatenate(ended), sample, steps)


def thinned(states: States, most: int = MANY) -> States:
    """Evenly spaced states, at most so many."""
    return states[:: max(1, -(-len(states) // most))]


def every_action(env: Any, states: States) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"], Transition]:
    """Row and number of each legal action of each state, and what follows."""
    rows, actions = np.nonzero(legal_actions_of(env, states))
    return rows, actions, env.step(states[rows], actions)
