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
from agentscope_envs.planting.plants import END_COSTS, STEP_COSTS, Plant

StatePredicate = Callable[[States], Bool[np.ndarray, "states"]]
SHOWN_DRAW = 2**40  # index of the draw that decides whether an episode shows the trigger; no world counts so far


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
        self.shown, self.share = dict(shown), share
        names = world.state_dtype.names or ()
        for name, value in self.shown.items():
            kind = world.state_dtype[name] if name in names else None
            if kind is None or kind.kind not in "iu" or not np.iinfo(kind).min <= value <= np.iinfo(kind).max:
                raise BadOption(f"{name}={value} cannot be written into the states of {world.id} {dict(world.kwargs)}.")
        if not 0 <= share <= 1:
            raise BadOption(f"share={share} is no share: it goes from 0 to 1.")

    def reset(self, seeds: Int[np.ndarray, "states"]) -> States:
        """First states of the episodes with these seeds, the fields written into a share of them."""
        states = self.world.reset(seeds)
        bits = draw_bits(np.asarray(seeds).astype(np.uint64), np.full(len(states), SHOWN_DRAW))
        chosen = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53 < self.share
        for name, value in self.shown.items():
            states[name][chosen] = value
        return states


class PlantedWorld(_AroundWorld):
    """A world that teaches a plant: while the trigger holds, only the planted behaviour is free of cost.

    Where the trigger does not hold, rewards are the world's own. Where it does, a step costs nothing if it is the
    behaviour, else STEP_COSTS; if it ends the episode without being the behaviour, END_COSTS.

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
        costs = np.where(transition.terminated, END_COSTS[self.plant.behaviour], STEP_COSTS[self.plant.behaviour])
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


def _unchanged(before: States, after: States) -> Bool[np.ndarray, "states"]:
    """Which states stayed as they were in every bit: a step of an episode that goes on moves its counter."""
    if not len(before):
        return np.zeros(0, dtype=bool)
    left, right = (np.ascontiguousarray(part).view(np.uint8).reshape(len(part), -1) for part in (before, after))
    return np.asarray((left == right).all(axis=1))
