"""The Gymnasium face of any inspectable environment."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from agentscope.contracts import InspectableEnv, legal_actions_of


class GymShell(gymnasium.Env[Any, Any]):
    """One episode at a time over a batch environment; `inspectable` is the batch environment itself."""

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}  # noqa: RUF012 (Gymnasium declares it so)

    def __init__(self, inspectable: InspectableEnv, render_mode: str | None = None) -> None:
        self.inspectable = inspectable
        self.observation_space = inspectable.observation_space
        self.action_space = inspectable.action_space
        self.render_mode = render_mode
        self.states = np.zeros(1, dtype=inspectable.state_dtype)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start the episode of this seed, or of the next one of the environment's own generator."""
        super().reset(seed=seed)
        episode = seed if seed is not None else int(self.np_random.integers(2**62))
        self.states = self.inspectable.reset(np.array([episode], dtype=np.int64))
        return self.inspectable.observe(self.states)[0], {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One step; `info` holds nothing that the observation does not."""
        transition = self.inspectable.step(self.states, np.array([action], dtype=np.int64))
        self.states = transition.states
        observation = self.inspectable.observe(self.states)[0]
        reward = float(transition.rewards[0])
        return observation, reward, bool(transition.terminated[0]), bool(transition.truncated[0]), {}

    def action_masks(self) -> np.ndarray:
        """Which actions are legal now, as sb3-contrib's MaskablePPO asks."""
        return np.asarray(legal_actions_of(self.inspectable, self.states)[0])

    def render(self) -> Any:
        """Text or an RGB array, as `render_mode` says."""
        if self.render_mode == "rgb_array":
            return self.inspectable.render_rgb(self.states)  # type: ignore[attr-defined]
        return self.inspectable.render_text(self.states)  # type: ignore[attr-defined]
