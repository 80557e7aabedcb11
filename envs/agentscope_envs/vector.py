"""The Gymnasium VectorEnv face of any inspectable environment: many episodes stepped by one kernel call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from agentscope.contracts import InspectableEnv, legal_actions_of
from agentscope.errors import BadOption


class BatchVectorEnv(VectorEnv[Any, Any, Any]):
    """Sub-environment i plays what the single environment (`GymShell`) plays from the same seed, episode after episode.

    Autoreset mode is Gymnasium's NEXT_STEP: a step after an episode's end ignores that sub-environment's action and
    starts its next episode, with reward 0. `inspectable` is the batch environment itself, `states` what it is in.

    Args:
        num_envs: sub-environments, at least 1.
    Raises: BadOption.
    """

    metadata = {  # noqa: RUF012 (Gymnasium declares it so)
        "render_modes": ["ansi", "rgb_array"],
        "render_fps": 4,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(self, inspectable: InspectableEnv, num_envs: int = 1, render_mode: str | None = None) -> None:
        if num_envs < 1:
            raise BadOption(f"num_envs={num_envs}: at least 1 is needed")
        self.inspectable = inspectable
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.single_observation_space = inspectable.observation_space
        self.single_action_space = inspectable.action_space
        self.observation_space = batch_space(inspectable.observation_space, num_envs)
        self.action_space = batch_space(inspectable.action_space, num_envs)
        self.states = np.zeros(num_envs, dtype=inspectable.state_dtype)
        self.ended = np.zeros(num_envs, dtype=bool)
        self.generators = [seeding.np_random()[0] for _ in range(num_envs)]

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start new episodes: of seed, seed + 1, ...; of one seed each; or of the next of each one's own generator.

        Args:
            options: `reset_mask`, bool (num_envs,): only these sub-environments start anew.
        Raises: BadOption: not one seed for each sub-environment, or a mask of another shape or dtype.
        """
        chosen = np.ones(self.num_envs, dtype=bool)
        if options is not None and "reset_mask" in options:
            chosen = np.asarray(options["reset_mask"])
            if chosen.shape != (self.num_envs,) or chosen.dtype != np.bool_:
                found = f"{chosen.dtype} of shape {chosen.shape}"
                raise BadOption(
                    f"reset_mask is {found}: one bool for each of {self.num_envs} sub-environments is needed"
                )
        self._start(np.flatnonzero(chosen), self._seeds(seed))
        return self.inspectable.observe(self.states), {}

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int | np.integer):
            return [int(seed) + index for index in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise BadOption(f"{len(seed)} seeds for {self.num_envs} sub-environments: one for each is needed")
        return list(seed)

    def _start(self, which: np.ndarray, seeds: Sequence[int | None]) -> None:
        """Start an episode in these sub-environments: of their seed, or else of the next draw of their generator."""
        episodes = np.zeros(len(which), dtype=np.int64)
        for position, index in enumerate(which):
            seed = seeds[index]
            if seed is None:
                episodes[position] = self.generators[index].integers(2**62)
            else:
                episodes[position] = seed
                self.generators[index] = seeding.np_random(seed)[0]
        if len(which):
            self.states[which] = self.inspectable.reset(episodes)
        self.ended[which] = False

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Step every episode that goes on and start the next one where it had ended; `info` is empty."""
        going = ~self.ended
        rewards = np.zeros(self.num_envs)
        terminated, truncated = np.zeros((2, self.num_envs), dtype=bool)
        self._start(np.flatnonzero(self.ended), [None] * self.num_envs)
        if going.any():
            transition = self.inspectable.step(self.states[going], np.asarray(actions, dtype=np.int64)[going])
            self.states[going] = transition.states
            rewards[going] = transition.rewards
            terminated[going], truncated[going] = transition.terminated, transition.truncated
        self.ended = terminated | truncated
        return self.inspectable.observe(self.states), rewards, terminated, truncated, {}

    def action_masks(self) -> np.ndarray:
        """Which actions are legal now: bool (num_envs, actions)."""
        return np.asarray(legal_actions_of(self.inspectable, self.states))

    def render(self) -> tuple[Any, ...]:
        """A text or an RGB array of each sub-environment, as `render_mode` says."""
        draw = "render_rgb" if self.render_mode == "rgb_array" else "render_text"
        return tuple(getattr(self.inspectable, draw)(self.states[index]) for index in range(self.num_envs))
