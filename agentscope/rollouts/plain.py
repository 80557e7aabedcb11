"""Any plain Gymnasium environment with Discrete actions as an inspectable one: one concept, `obs` of a component."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np
from jaxtyping import Float64, Int, Shaped

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import Edits, Scalar, States, Transition
from agentscope.errors import ContractBroken, SpaceMismatch
from agentscope.rollouts.restoring import Maker, restorer_of

VALUES = 8  # values that an edit may give a component: even order statistics of those seen
MOST_COMPONENTS = 256  # above it there are no edits: their number would swamp memory
REFERENCE_EPISODES, REFERENCE_STEPS = 32, 200  # random play that gives the values of edits until others are set

COMPONENTS = {
    "CartPole": ("position", "velocity", "angle", "spin"),
    "MountainCar": ("car_position", "car_velocity"),
    "Acrobot": ("cos_joint1", "sin_joint1", "cos_joint2", "sin_joint2", "velocity_joint1", "velocity_joint2"),
    "LunarLander": ("x", "y", "velocity_x", "velocity_y", "tilt", "spin", "left_leg_down", "right_leg_down"),
}
ACTIONS = {
    "CartPole": ("push_left", "push_right"),
    "MountainCar": ("push_left", "coast", "push_right"),
    "Acrobot": ("torque_left", "torque_none", "torque_right"),
    "LunarLander": ("coast", "fire_left", "fire_main", "fire_right"),
}


class PlainEnv:
    """A Gymnasium environment that declares nothing, as an inspectable environment.

    States hold seed, step counter, observation, and what it takes to step on from there: the physical state of a
    classic-control environment, else all actions since the reset (stepping then replays them, see `Replay`).
    `edits` swap one component of the observation for a value seen elsewhere; whether the rules allow the result is
    unknown, so `legal` is False throughout. Where the observation is not the whole physical state, an edited state
    can be observed but not stepped.

    Args:
        make: makes a fresh environment; called again for environments that must be replayed.
        id, kwargs: what `make` makes.
        component_names: names for the components of the observation, identifiers of the language.
    Raises: SpaceMismatch: actions are not Discrete, or observations neither Box nor Discrete.
    """

    def __init__(
        self, make: Maker, *, id: str, kwargs: Mapping[str, Scalar] | None = None, component_names: tuple[str, ...] = ()
    ) -> None:
        env = make()
        self.id = id
        self.kwargs: Mapping[str, Scalar] = dict(kwargs or {})
        _check_spaces(env, id)
        self.observation_space: gymnasium.Space[Any] = env.observation_space
        actions: Any = env.action_space
        self.action_space = gymnasium.spaces.Discrete(int(actions.n))
        name = id.split(":")[-1].split("/")[-1].split("-v")[0]
        self.shape = tuple(env.observation_space.shape or ())
        size = int(np.prod(self.shape, dtype=np.int64))
        components = _names(component_names or COMPONENTS.get(name, ()), "component", size)
        self.action_names = _names(ACTIONS.get(name, ()), "action", int(actions.n))
        self.axes: Mapping[str, tuple[str, ...]] = {"component": components}
        self.restorer = restorer_of(make)
        self.state_dtype: np.dtype[Any] = np.dtype([
            ("seed", np.int64), ("steps", np.int32), ("over", np.bool_), ("edited", np.bool_),
            ("obs", env.observation_space.dtype, self.shape), ("memory", *self.restorer.memory),
        ])  # fmt: skip
        doc = f"a component of the observation of {id}, as the policy gets it"
        self.concepts = (Concept(name="obs", kind="number", measure=self._components, doc=doc, axis=("component",)),)
        self.action_concepts: tuple[ActionConcept, ...] = ()
        self.edits: Callable[[States], Edits] | None = self._edits if size <= MOST_COMPONENTS else None
        self._values: np.ndarray | None = None

    def reset(self, seeds: Int[np.ndarray, "states"]) -> States:
        """First states of the episodes with these seeds."""
        states = np.zeros(len(seeds), dtype=self.state_dtype)
        states["seed"] = seeds
        states["obs"], states["memory"] = self.restorer.reset(np.asarray(seeds))
        return states

    def observe(self, states: States) -> Shaped[np.ndarray, "states ..."]:
        """Observations exactly as the environment gave them."""
        observations: np.ndarray = states["obs"].copy()
        return observations

    def step(self, states: States, actions: Int[np.ndarray, "states"]) -> Transition:
        """One step of each state; a state that is over stays as it is, with reward 0.

        Raises: ContractBroken: an edited state whose physics is unknown.
        """
        if states["edited"].any():
            raise ContractBroken(
                f"{int(states['edited'].sum())} edited states of {self.id} cannot be stepped: its observation is not "
                "its whole state. Measure on them, but do not play on from them."
            )
        after, going = states.copy(), ~states["over"]
        rewards, terminated = np.zeros(len(states)), states["over"].copy()
        truncated = np.zeros(len(states), dtype=bool)
        if going.any():
            outcome = self.restorer.step(states[going], np.asarray(actions)[going])
            rewards[going], terminated[going], truncated[going] = outcome.rewards, outcome.terminated, outcome.truncated
            live = after[going]
            live["obs"], live["memory"] = outcome.observations, outcome.memory
            live["steps"] += 1
            live["over"] = outcome.terminated
            after[going] = live
        return Transition(after, rewards, terminated, truncated)

    def states_from(self, observations: Shaped[np.ndarray, "states ..."]) -> States:
        """States that look like these observations, to read concepts from; they cannot be stepped."""
        states = np.zeros(len(observations), dtype=self.state_dtype)
        states["obs"] = observations
        states["edited"] = True
        return states

    def with_values_of(self, states: States) -> PlainEnv:
        """The same environment, its edits drawing on the values that these states show."""
        seen = self._components(states)
        ranks = np.linspace(0, len(seen) - 1, VALUES).round().astype(np.int64)
        other = copy.copy(self)
        other._values = np.sort(seen, axis=0)[ranks]
        if other.edits is not None:
            other.edits = other._edits
        return other

    def render_text(self, state: np.void | States) -> str:
        """Each component with its name; `state` is a batch of one."""
        row = np.atleast_1d(state)
        values = zip(self.axes["component"], self._components(row)[0].tolist(), strict=True)
        return ", ".join(f"{name} {value:.6g}" for name, value in values)

    def _components(self, states: States) -> Float64[np.ndarray, "states components"]:
        return states["obs"].reshape(len(states), -1).astype(np.float64)

    def _edits(self, states: States) -> Edits:
        """Every component set to each of eight values seen elsewhere, where that changes it."""
        values = self._seen_values().astype(self.observation_space.dtype)
        observed = states["obs"].reshape(len(states), -1)
        changes = values.T[None, :, :] != observed[:, :, None]
        changes[:, :, 1:] &= values.T[None, :, 1:] != values.T[None, :, :-1]  # equal order statistics count once
        parent, feature, value = np.nonzero(changes)
        edited = states[parent]
        rows = np.arange(len(parent))
        edited["obs"].reshape(len(parent), -1)[rows, feature] = values[value, feature]
        if self.restorer.observation_is_memory:
            edited["memory"][rows, feature] = values[value, feature]
        else:
            edited["edited"] = True
        legal = np.zeros(len(parent), dtype=bool)
        names = tuple(f"obs({name})" for name in self.axes["component"])
        return Edits(parent.astype(np.int32), edited, feature.astype(np.int32), value.astype(np.int32), legal, names)

    def _seen_values(self) -> np.ndarray:
        if self._values is None:
            self._values = self.with_values_of(self._random_play())._values
        assert self._values is not None
        return self._values

    def _random_play(self) -> States:
        rng = np.random.default_rng(np.random.SeedSequence(0))
        states = self.reset(rng.integers(2**62, size=REFERENCE_EPISODES))
        seen = [states]
        for _ in range(REFERENCE_STEPS):
            transition = self.step(states, rng.integers(int(self.action_space.n), size=len(states)))
            states = transition.states[~(transition.terminated | transition.truncated)]
            seen.append(transition.states)
            if not len(states):
                break
        return np.concatenate(seen)


def _check_spaces(env: gymnasium.Env[Any, Any], env_id: str) -> None:
    if not isinstance(env.action_space, gymnasium.spaces.Discrete):
        raise SpaceMismatch(
            f"{env_id} has actions {env.action_space}; AgentScope reads policies over Discrete actions only."
        )
    if not isinstance(env.observation_space, gymnasium.spaces.Box | gymnasium.spaces.Discrete):
        raise SpaceMismatch(
            f"{env_id} has observations {type(env.observation_space).__name__}; AgentScope reads Box and Discrete. "
            "Register the environment with a wrapper that flattens them, as the agent was trained with."
        )


def _names(known: tuple[str, ...], prefix: str, count: int) -> tuple[str, ...]:
    """The known names where their number fits, else numbered ones."""
    return known if len(known) == count else tuple(f"{prefix}_{index}" for index in range(count))
