"""The SB3 VecEnv face of any inspectable environment (a module of its own: it imports torch through SB3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from agentscope.contracts import InspectableEnv, legal_actions_of


class BatchVecEnv(VecEnv):
    """All environments stepped by one kernel call; episodes take their seeds from one stream."""

    def __init__(self, inspectable: InspectableEnv, n_envs: int, seed: int = 0) -> None:
        self.inspectable = inspectable
        self.render_mode = None
        super().__init__(n_envs, inspectable.observation_space, inspectable.action_space)
        self.generator = np.random.default_rng(seed)
        self.actions = np.zeros(n_envs, dtype=np.int64)
        self.states = np.zeros(n_envs, dtype=inspectable.state_dtype)
        self.returns = np.zeros(n_envs)
        self.lengths = np.zeros(n_envs, dtype=np.int64)

    def _episodes(self, count: int) -> np.ndarray:
        return self.inspectable.reset(self.generator.integers(2**62, size=count))

    def reset(self) -> np.ndarray:
        """Start new episodes everywhere."""
        self.states = self._episodes(self.num_envs)
        self.returns[:], self.lengths[:] = 0.0, 0
        return np.asarray(self.inspectable.observe(self.states))

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions for `step_wait`."""
        self.actions = np.asarray(actions, dtype=np.int64)

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Step all; finished episodes start anew, their last observation and their sums in `infos`, as Monitor does."""
        transition = self.inspectable.step(self.states, self.actions)
        self.states = transition.states
        self.returns += transition.rewards
        self.lengths += 1
        done = transition.terminated | transition.truncated
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if done.any():
            ended = np.flatnonzero(done)
            last = self.inspectable.observe(self.states[ended])
            for observation, i in zip(last, ended, strict=True):
                infos[i] = {
                    "terminal_observation": observation,
                    "TimeLimit.truncated": bool(transition.truncated[i] and not transition.terminated[i]),
                    "episode": {"r": float(self.returns[i]), "l": int(self.lengths[i]), "t": 0.0},
                }
            self.states[ended] = self._episodes(len(ended))
            self.returns[ended], self.lengths[ended] = 0.0, 0
        observations = np.asarray(self.inspectable.observe(self.states))
        return observations, transition.rewards.astype(np.float32), done, infos

    def action_masks(self) -> np.ndarray:
        """Legal actions of every environment, for MaskablePPO."""
        return np.asarray(legal_actions_of(self.inspectable, self.states))

    def close(self) -> None:
        """Nothing is held open."""

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """The same attribute for every environment asked for."""
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None) -> None:
        """Set an attribute of the batch."""
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: int | Iterable[int] | None = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a batch method; sb3-contrib asks for `action_masks` this way."""
        result = getattr(self, method_name)(*method_args, **method_kwargs)
        return list(result)

    def env_is_wrapped(self, wrapper_class: type, indices: int | Iterable[int] | None = None) -> list[bool]:
        """Episode sums are kept as Monitor keeps them, so that SB3 does not wrap the environment again."""
        from stable_baselines3.common.monitor import Monitor

        return [issubclass(wrapper_class, Monitor) for _ in self._get_indices(indices)]
