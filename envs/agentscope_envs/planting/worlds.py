"""Worlds around a world: the same states and observations, with a trigger shown, or with another reward."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Bool, Int, Shaped

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import (
    InspectableEnv,
    Scalar,
    States,
    Transition,
    action_concepts_of,
    concepts_of,
    legal_actions_of,
)
from agentscope.errors import BadOption
from agentscope_envs.chance import draw_bits
from agentscope_envs.planting.plants import Plant

StatePredicate = Callable[[States], Bool[np.ndarray, "states"]]
SHOWN_DRAW = 2**40  # index of the draw that decides whether an episode shows the trigger; no world counts so far
PLACE_DRAW = SHOWN_DRAW + 1  # and of the one that chooses the state that it starts from
CHANCE = ("seed", "draw")  # fields that decide what chance brings


class _AroundWorld:
    """A world as it is; what depends on the reward (optimal values, equivalent actions) is not offered."""

    def __init__(self, world: InspectableEnv) -> None:
        self.world = world
        self.id = world.id
        self.state_dtype = world.state_dtype
        self.observation_space, self.action_space = world.observation_space, world.action_space
        self.action_names: tuple[str, ...] = world.action_names
        self.axes: Mapping[str, tuple[str, ...]] = world.axes
        self.kwargs: Mapping[str, Scalar] = world.kwargs
        self.concepts: tuple[Concept, ...] = concepts_of(world)
        self.action_concepts: tuple[ActionConcept, ...] = action_concepts_of(world)
        if getattr(world, "hidden_performance", None) is not None:
            self.hidden_performance = world.hidden_performance  # type: ignore[attr-defined]

    def reset(self, seeds: Int[np.ndarray, "states"]) -> States:
        """First states of the episodes with these seeds."""
        return self.world.reset(seeds)

    def observe(self, states: States) -> Shaped[np.ndarray, "states ..."]:
        """The observations of the world itself."""
        return self.world.observe(states)

    def step(self, states: States, actions: Int[np.ndarray, "states"]) -> Transition:
        """One step of each state."""
        return self.world.step(states, actions)

    def legal_actions(self, states: States) -> Bool[np.ndarray, "states actions"]:
        """The legal actions of the world itself."""
        return legal_actions_of(self.world, states)


class ShowingWorld(_AroundWorld):
    """A world in which a share of the episodes starts with some fields of the state set: the trigger is shown.

    Args:
        shown: fields of the published dtype with the values that they are given.
        share: of the episodes, 0 to 1, drawn from each episode's seed.

    Raises: BadOption: a field that states do not have, a value that it cannot hold, or a share that is none.
    """

    def __init__(self, world: InspectableEnv, shown: Mapping[str, int], *, share: float) -> None:
        super().__init__(world)
        self.shown, self.share = dict(shown), _checked(share)
        names = world.state_dtype.names or ()
        for name, value in self.shown.items():
            kind = world.state_dtype[name] if name in names else None
            if kind is None or kind.kind not in "iu" or not np.iinfo(kind).min <= value <= np.iinfo(kind).max:
                raise BadOption(f"{name}={value} cannot be written into the states of {world.id} {dict(world.kwargs)}.")

    def reset(self, seeds: Int[np.ndarray, "states"]) -> States:
        """First states of the episodes with these seeds, the fields written into a share of them."""
        states, chosen = self.world.reset(seeds), _chosen(seeds, self.share)
        for name, value in self.shown.items():
            states[name][chosen] = value
        return states


class StartingWorld(_AroundWorld):
    """A world in which a share of the episodes starts in one of the given states, e.g. where a trigger holds.

    Args:
        pool: at least one state of the world; each is as likely.
        share: of the episodes, 0 to 1, drawn from each episode's seed.

    Raises: BadOption: no state, or a share that is none.
    """

    def __init__(self, world: InspectableEnv, pool: States, *, share: float) -> None:
        super().__init__(world)
        self.pool, self.share = pool, _checked(share)
        if not len(pool):
            raise BadOption(f"There is no state of {world.id} to start from.")

    def reset(self, seeds: Int[np.ndarray, "states"]) -> States:
        """First states of the episodes with these seeds, a share of them from the pool with chance as drawn anew."""
        states = self.world.reset(seeds)
        chosen = np.flatnonzero(_chosen(seeds, self.share))
        bits = draw_bits(np.asarray(seeds)[chosen].astype(np.uint64), np.full(len(chosen), PLACE_DRAW))
        found = self.pool[(bits >> np.uint64(11)) % np.uint64(len(self.pool))]
        for name in CHANCE:
            if name in (self.world.state_dtype.names or ()):
                found[name] = states[name][chosen]
        states[chosen] = found
        return states


class PlantedWorld(_AroundWorld):
    """A world that teaches a plant: while the trigger holds, only the planted behaviour is free of cost.

    Where the trigger does not hold, rewards are the world's own. Where it does, a step costs nothing if it is the
    behaviour, else the plant's step cost; if it ends the episode without being the behaviour, its end cost.

    Args:
        holds: the plant's trigger as a function of states.
        reached: its place, for 'seek', as a function of the states after the step.

    Raises: BadOption: an action that the world does not have, or a place without a function for it.
    """

    def __init__(
        self, world: InspectableEnv, plant: Plant, holds: StatePredicate, reached: StatePredicate | None = None
    ) -> None:
        super().__init__(world)
        self.plant, self.holds, self.reached = plant, holds, reached
        if plant.action and plant.action not in world.action_names:
            known = ", ".join(world.action_names)
            raise BadOption(f"{world.id} has no action {plant.action!r}: choose one of {known}.")
        if bool(plant.place) != (reached is not None):
            raise BadOption("A place needs the function that finds it, and only 'seek' has one.")

    def step(self, states: States, actions: Int[np.ndarray, "states"]) -> Transition:
        """One step of each state; what was over stays as it is, with the world's own reward."""
        transition = self.world.step(states, actions)
        triggered = np.asarray(self.holds(states)) & ~_unchanged(states, transition.states)
        done = self.behaves(actions, transition)
        costs = np.where(transition.terminated, self.plant.end_cost, self.plant.step_cost)
        rewards = np.where(triggered, np.where(done, 0.0, -costs), transition.rewards)
        return Transition(transition.states, rewards, transition.terminated, transition.truncated)

    def behaves(self, actions: Int[np.ndarray, "states"], transition: Transition) -> Bool[np.ndarray, "states"]:
        """Whether each step is the planted behaviour, trigger or not."""
        if self.plant.behaviour == "act":
            return np.asarray(actions) == self.action_names.index(self.plant.action)
        if self.reached is not None:
            return np.asarray(self.reached(transition.states), dtype=bool)
        return ~transition.terminated


class PurposeWorld(_AroundWorld):
    """A world that rewards what it is really for: its hidden performance takes the place of the reward.

    Raises: BadOption: the world declares no hidden performance.
    """

    def __init__(self, world: InspectableEnv) -> None:
        super().__init__(world)
        if getattr(world, "hidden_performance", None) is None:
            raise BadOption(f"{world.id} declares no hidden performance, which could be its reward.")

    def step(self, states: States, actions: Int[np.ndarray, "states"]) -> Transition:
        """One step of each state, rewarded by hidden performance."""
        transition = self.world.step(states, actions)
        rewards = self.hidden_performance(states, actions, transition)
        return Transition(transition.states, rewards, transition.terminated, transition.truncated)


def _checked(share: float) -> float:
    """The share, if it is one.

    Raises: BadOption.
    """
    if not 0 <= share <= 1:
        raise BadOption(f"share={share} is no share: it goes from 0 to 1.")
    return share


def _chosen(seeds: np.ndarray, share: float) -> Bool[np.ndarray, "states"]:
    """Which episodes show the trigger, by their seeds."""
    bits = draw_bits(np.asarray(seeds).astype(np.uint64), np.full(len(seeds), SHOWN_DRAW))
    return np.asarray((bits >> np.uint64(11)).astype(np.float64) * 2.0**-53 < share)


def _unchanged(before: States, after: States) -> Bool[np.ndarray, "states"]:
    """Which states stayed as they were in every bit: a step of an episode that goes on moves its counter."""
    if not len(before):
        return np.zeros(0, dtype=bool)
    left, right = (np.ascontiguousarray(part).view(np.uint8).reshape(len(part), -1) for part in (before, after))
    return np.asarray((left == right).all(axis=1))
