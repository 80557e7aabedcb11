"""Stepping plain Gymnasium environments from a stored state: by setting the physics, or by replaying the actions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import gymnasium
import numpy as np
from gymnasium.envs.classic_control.acrobot import AcrobotEnv
from gymnasium.envs.classic_control.cartpole import CartPoleEnv, CartPoleVectorEnv
from gymnasium.envs.classic_control.mountain_car import MountainCarEnv
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker, TimeLimit

LIVE = 1_024  # running environments that a replayer keeps at hand
UNLIMITED = 2_000  # steps of an episode for which a replayer has room where the environment sets no limit

Maker = Callable[[], gymnasium.Env[Any, Any]]


@dataclass(frozen=True)
class Outcome:
    """What a batch of steps gives, before it becomes states; `memory` is the restorer's own part of the state."""

    observations: np.ndarray
    memory: np.ndarray
    rewards: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray


@runtime_checkable
class Restorer(Protocol):
    """How a state of a plain environment is stored and stepped; `memory` is a field of the structured state."""

    memory: tuple[np.dtype[Any], tuple[int, ...]]
    observation_is_memory: bool

    def reset(self, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First observations and memories."""
        ...

    def step(self, states: np.ndarray, actions: np.ndarray) -> Outcome:
        """One step of each state; limits of steps are counted here."""
        ...


def restorer_of(make: Maker) -> Restorer:
    """Physics for the classic-control environments whose whole state is their `state`; replay for all others."""
    env = make()
    inner, limit = env, None
    while isinstance(inner, TimeLimit | OrderEnforcing | PassiveEnvChecker):
        if isinstance(inner, TimeLimit):
            limit = int(inner._max_episode_steps)
        inner = inner.env
    if type(inner) is CartPoleEnv:
        vector = CartPolePhysics(inner, limit)
        return vector if vector.equals_single() else Physics(inner, limit, observation_is_memory=True)
    if type(inner) is MountainCarEnv:
        return Physics(inner, limit, observation_is_memory=True)
    if type(inner) is AcrobotEnv and not inner.torque_noise_max:
        return Physics(inner, limit, observation_is_memory=False)
    spec_limit = env.spec.max_episode_steps if env.spec is not None else None
    return Replay(make, limit or spec_limit or UNLIMITED)


class Physics:
    """Sets `env.state` before each step: pure, since these environments draw nothing after their reset."""

    def __init__(self, env: Any, limit: int | None, *, observation_is_memory: bool) -> None:
        self.env, self.limit = env, limit
        self.observation_is_memory = observation_is_memory
        env.reset(seed=0)
        self.memory: tuple[np.dtype[Any], tuple[int, ...]] = (np.dtype(np.float64), (len(env.state),))

    def reset(self, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First observations and physical states."""
        observations = np.empty((len(seeds), *self.env.observation_space.shape), self.env.observation_space.dtype)
        physics = np.empty((len(seeds), *self.memory[1]))
        for row, seed in enumerate(seeds.tolist()):
            observations[row], _ = self.env.reset(seed=seed)
            physics[row] = self.env.state
        return observations, physics

    def step(self, states: np.ndarray, actions: np.ndarray) -> Outcome:
        """One step of each state, one after the other."""
        count = len(states)
        observations, physics = np.empty_like(states["obs"]), np.empty_like(states["memory"])
        rewards, terminated = np.empty(count), np.empty(count, dtype=bool)
        before = states["memory"]
        for row, action in enumerate(actions.tolist()):
            self.env.state = before[row].copy()
            self.env.steps_beyond_terminated = None
            observations[row], rewards[row], terminated[row], _, _ = self.env.step(action)
            physics[row] = self.env.state
        return Outcome(observations, physics, rewards, terminated, self._late(states))

    def _late(self, states: np.ndarray) -> np.ndarray:
        if self.limit is None:
            return np.zeros(len(states), dtype=bool)
        late: np.ndarray = states["steps"] + 1 >= self.limit
        return late


class CartPolePhysics(Physics):
    """CartPole through Gymnasium's own vector environment, which takes a batch in the time of a few single steps."""

    def __init__(self, env: CartPoleEnv, limit: int | None) -> None:
        super().__init__(env, limit, observation_is_memory=True)
        self.vectors: dict[int, Any] = {}

    def step(self, states: np.ndarray, actions: np.ndarray) -> Outcome:
        """One step of each state, all at once."""
        count = len(states)
        size = 1 << max(count - 1, 0).bit_length()  # few sizes, since a vector environment is made for each
        vector = self._vector(size)
        physics, chosen = np.zeros((4, size)), np.zeros(size, dtype=np.int64)
        physics[:, :count], chosen[:count] = states["memory"].T, actions
        vector.state = physics
        vector.prev_done[:] = False
        observations, rewards, terminated, _, _ = vector.step(chosen)
        after = np.ascontiguousarray(vector.state.T[:count])
        return Outcome(
            observations[:count], after, rewards[:count].astype(np.float64), terminated[:count].copy(),
            self._late(states),
        )  # fmt: skip

    def equals_single(self) -> bool:
        """Whether vector and single environment agree bit for bit here; the last bits of sines could differ."""
        scale = np.array([2.6, 3.0, 0.25, 3.0])
        states = np.zeros(256, np.dtype([("memory", np.float64, (4,)), ("steps", np.int32), ("obs", np.float32, (4,))]))
        states["memory"] = np.random.default_rng(0).uniform(-scale, scale, size=(256, 4))
        actions = np.arange(256) % 2
        one, many = Physics.step(self, states, actions), self.step(states, actions)
        return all(
            np.array_equal(getattr(one, part), getattr(many, part))
            for part in ("observations", "memory", "rewards", "terminated")
        )

    def _vector(self, size: int) -> Any:
        if size not in self.vectors:
            sutton = bool(self.env._sutton_barto_reward)
            self.vectors[size] = CartPoleVectorEnv(num_envs=size, sutton_barto_reward=sutton)
        return self.vectors[size]


class Replay:
    """Keeps the actions taken since the reset, and steps a copy of the environment that has taken them.

    An episode that is played straight on costs one step a step, since the environments that stand at recent states
    are kept; any other state costs as many steps as lie before it. The environment must be deterministic given its
    seed and the actions.
    """

    observation_is_memory: bool = False

    def __init__(self, make: Maker, limit: int) -> None:
        self.make = make
        env = make()
        self.spare, self.limit = [env], limit
        self.space: Any = env.observation_space
        self.first_action = int(getattr(env.action_space, "start", 0))
        self.memory: tuple[np.dtype[Any], tuple[int, ...]] = (np.dtype(np.int16), (limit,))
        self.live: dict[tuple[int, bytes], gymnasium.Env[Any, Any]] = {}

    def reset(self, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First observations and empty histories."""
        observations = np.empty((len(seeds), *self.space.shape), self.space.dtype)
        for row, seed in enumerate(seeds.tolist()):
            env = self.spare.pop() if self.spare else self.make()
            observations[row], _ = env.reset(seed=seed)
            self._park((seed, b""), env)
        return observations, np.zeros((len(seeds), self.limit), dtype=np.int16)

    def step(self, states: np.ndarray, actions: np.ndarray) -> Outcome:
        """One step of each state in an environment that stands there."""
        count = len(states)
        observations, history = np.empty_like(states["obs"]), states["memory"].copy()
        rewards = np.empty(count)
        terminated, truncated = np.empty(count, dtype=bool), np.empty(count, dtype=bool)
        for row, action in enumerate(actions.tolist()):
            seed, steps = int(states["seed"][row]), int(states["steps"][row])
            env = self._standing_at(seed, states["memory"][row, :steps])
            observations[row], rewards[row], terminated[row], late, _ = env.step(action + self.first_action)
            history[row, steps] = action
            truncated[row] = late or steps + 1 >= self.limit
            if terminated[row] or truncated[row]:
                self.spare.append(env)
            else:
                self._park((seed, history[row, : steps + 1].tobytes()), env)
        return Outcome(observations, history, rewards, terminated, truncated)

    def _standing_at(self, seed: int, taken: np.ndarray) -> gymnasium.Env[Any, Any]:
        env = self.live.pop((seed, taken.tobytes()), None)
        if env is None:
            env = self.spare.pop() if self.spare else self.make()
            env.reset(seed=seed)
            for action in taken.tolist():
                env.step(action + self.first_action)
        return env

    def _park(self, key: tuple[int, bytes], env: gymnasium.Env[Any, Any]) -> None:
        self.live[key] = env
        if len(self.live) > LIVE:
            self.spare.append(self.live.pop(next(iter(self.live))))
