"""Targets: what an agent may be walking to, found among a world's concepts by measuring, never by their names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from agentscope.concepts import Concept
from agentscope.contracts import InspectableEnv, Policy, States, concepts_of, legal_actions_of

SOUND = 0.95  # share of the states in which a distance has to behave like one
ENOUGH = 8  # states in which a target lies ahead: fewer say nothing
CHUNK = 2_048  # states whose successors are held at once


@dataclass(frozen=True)
class Target:
    """A place or a state of affairs, by how far away it is.

    Attributes:
        distance: a count: 0 is there, and one action or another brings it one nearer, a move of the world at a time.
        way: a choice that names an action which does, where the world has such a concept.
    """

    distance: Concept
    way: Concept | None = None

    @property
    def name(self) -> str:
        """What texts call it."""
        return self.distance.name

    def away(self, states: States) -> Int[np.ndarray, "states"]:
        """Moves that are left."""
        return np.asarray(self.distance.measure(states), dtype=np.int64)

    def nearer(self, env: InspectableEnv, states: States) -> Bool[np.ndarray, "states actions"]:
        """Which legal actions bring it nearer."""
        actions = int(env.action_space.n)
        parts = [np.empty((0, actions), dtype=bool)]
        for at in range(0, len(states), CHUNK):
            part = states[at : at + CHUNK]
            after = self.away(successors(env, part)).reshape(-1, actions)
            parts.append((after < self.away(part)[:, None]) & legal_actions_of(env, part))
        return np.concatenate(parts)


@dataclass(frozen=True)
class Walk:
    """A policy that takes the first action that brings a target nearer; where none does, the first legal one."""

    env: InspectableEnv
    target: Target

    def actions(self, states: States) -> Int[np.ndarray, "states"]:
        """One legal action a state."""
        ranks = self.target.nearer(self.env, states).astype(np.int64) * 2 + legal_actions_of(self.env, states)
        return np.asarray(ranks.argmax(axis=1))


@dataclass(frozen=True)
class BestPlay:
    """A policy that takes the first action of the highest optimal value."""

    env: InspectableEnv

    def actions(self, states: States) -> Int[np.ndarray, "states"]:
        """One legal action a state."""
        values: np.ndarray = self.env.optimal_values(states)  # type: ignore[attr-defined]
        return np.asarray(np.where(legal_actions_of(self.env, states), values, -np.inf).argmax(axis=1))


def targets_of(env: InspectableEnv, states: States) -> tuple[Target, ...]:
    """The concepts that are distances by the world's own moves, as measured in these states.

    A count with no axis is one if it comes down to 0, and if nearly everywhere (SOUND) where it is above 0 and below
    its highest (which stands for "no way there") some action lowers it, by one, and none by more.
    """
    after, actions = successors(env, states), int(env.action_space.n)
    found = []
    for concept in concepts_of(env):
        if concept.kind != "count" or concept.axis or concept.high is None:
            continue
        now, then = concept.measure(states), concept.measure(after).reshape(-1, actions)
        ahead = (now > 0) & (now < concept.high)
        if int(ahead.sum()) < ENOUGH or then.min() > 0:
            continue
        if (then.min(axis=1) == now - 1)[ahead].mean() >= SOUND:
            target = Target(concept)
            found.append(Target(concept, _way(env, target, states)))
    return tuple(found)


def simple_policies(env: InspectableEnv, targets: tuple[Target, ...]) -> Iterator[tuple[str, Policy]]:
    """Plain ways to play a world, each with what it is called: what any agent could have done."""
    if getattr(env, "optimal_values", None) is not None:
        yield "the best play by reward", BestPlay(env)
    for target in targets:
        yield f"lowering {target.name}()", Walk(env, target)


def successors(env: InspectableEnv, states: States) -> States:
    """Where every action leads: rows of one state after those of another."""
    actions = int(env.action_space.n)
    return env.step(np.repeat(states, actions), np.tile(np.arange(actions), len(states))).states


def _way(env: InspectableEnv, target: Target, states: States) -> Concept | None:
    """The choice that most often names an action which brings the target nearer, of those that nearly always do."""
    names, nearer = env.action_names, target.nearer(env, states)
    best, found = SOUND, None
    for concept in concepts_of(env):
        if concept.kind != "choice" or concept.axis or not set(names) <= set(concept.choices):
            continue
        labels = np.array([names.index(label) if label in names else -1 for label in concept.choices])
        action = labels[concept.measure(states)]
        named = action >= 0
        right = float(nearer[named, action[named]].mean()) if named.sum() >= ENOUGH else 0.0
        if right > best or (found is None and right == best):
            best, found = right, concept
    return found
