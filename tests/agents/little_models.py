"""Small environments and freshly made SB3 models, for every test of the loader."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import sb3_contrib
import stable_baselines3
import torch

CLASSES = {
    "DQN": stable_baselines3.DQN,
    "PPO": stable_baselines3.PPO,
    "A2C": stable_baselines3.A2C,
    "QRDQN": sb3_contrib.QRDQN,
    "MaskablePPO": sb3_contrib.MaskablePPO,
}
SPACES = {
    "float": gymnasium.spaces.Box(-2.0, 2.0, (5,), np.float32),
    "bytes": gymnasium.spaces.Box(0, 7, (6,), np.uint8),
    "planes": gymnasium.spaces.Box(0, 1, (2, 8, 6), np.uint8),
    "more-planes": gymnasium.spaces.Box(0, 1, (4, 8, 6), np.uint8),
    "grid": gymnasium.spaces.Box(0, 10, (3, 7, 7), np.uint8),
    "image": gymnasium.spaces.Box(0, 255, (36, 36, 3), np.uint8),
    "discrete": gymnasium.spaces.Discrete(7),
}


class Toy(gymnasium.Env):
    """Observations by chance, four actions, episodes of eight steps."""

    def __init__(self, space: gymnasium.Space, actions: gymnasium.Space | None = None) -> None:
        self.observation_space = space
        self.action_space = actions or gymnasium.spaces.Discrete(4)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict]:
        super().reset(seed=seed)
        self.steps = 0
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict]:
        self.steps += 1
        return self.observation_space.sample(), 0.0, False, self.steps >= 8, {}


def make_model(algorithm: str, space: str, policy: str = "MlpPolicy", actions: Any = None, **policy_kwargs: Any) -> Any:
    arguments: dict[str, Any] = {"device": "cpu", "seed": 3, "policy_kwargs": policy_kwargs or None}
    if algorithm in ("DQN", "QRDQN"):
        arguments["buffer_size"] = 10
    else:
        arguments["n_steps"] = 8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = CLASSES[algorithm](policy, Toy(SPACES[space], actions), **arguments)
    with torch.no_grad():  # orthogonal heads start near zero, so that all scores would nearly tie
        for parameter in model.policy.parameters():
            parameter.add_(
                0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(parameter.numel()))
            )
    return model


def sb3_load(algorithm: str, path: Path, **custom: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CLASSES[algorithm].load(path, device="cpu", custom_objects=custom or None)


def sb3_scores(model: Any, observations: np.ndarray) -> np.ndarray:
    """Scores as SB3's own modules compute them, in one batch."""
    policy = model.policy
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.no_grad():
        tensor, _ = policy.obs_to_tensor(observations)
        if hasattr(policy, "q_net"):
            scores = policy.q_net(tensor)
        elif hasattr(policy, "quantile_net"):
            scores = policy.quantile_net(tensor).mean(dim=1)
        else:
            features = policy.extract_features(tensor, policy.pi_features_extractor)
            scores = policy.action_net(policy.mlp_extractor.forward_actor(features))
    torch.set_num_threads(threads)
    return scores.numpy()


def some_observations(space: gymnasium.Space, count: int) -> np.ndarray:
    space.seed(11)
    return np.stack([space.sample() for _ in range(count)])
