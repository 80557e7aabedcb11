"""Tetris placements a second: kernel, Env and SB3 VecEnv, beside tetris-gymnasium's grouped placements."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import gymnasium
import numpy as np

from agentscope_envs import Tetris
from agentscope_envs.sb3 import BatchVecEnv
from benchmarks.timing import line, rate

BATCHES = (1, 64, 256)


def tetris_gymnasium() -> float:
    """Placements a second of tetris-gymnasium 0.3.1's grouped wrapper under random legal play."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tetris_gymnasium.envs.tetris import Tetris as Primitive
        from tetris_gymnasium.wrappers.grouped import GroupedActionsObservations

        assert Primitive
        env = GroupedActionsObservations(gymnasium.make("tetris_gymnasium/Tetris"))
        generator = np.random.default_rng(0)
        _, info = env.reset(seed=0)

        def work() -> int:
            nonlocal info
            for _ in range(60):
                action = int(generator.choice(np.flatnonzero(info["action_mask"])))
                _, _, terminated, truncated, info = env.step(action)
                if terminated or truncated:
                    _, info = env.reset()
            return 60

        return rate(work, rounds=3)


def kernel(batch: int) -> float:
    """Steps a second of `Tetris.step` under random play, finished games started anew."""
    env = Tetris()
    generator = np.random.default_rng(0)
    states = env.reset(np.arange(batch))
    actions = generator.integers(40, size=(2_000, batch))

    def work() -> int:
        nonlocal states
        steps = max(50, 20_000 // batch)
        for k in range(steps):
            transition = env.step(states, actions[k % 2_000])
            states = transition.states
            if transition.terminated.any():
                ended = np.flatnonzero(transition.terminated)
                states[ended] = env.reset(generator.integers(2**62, size=len(ended)))
        return steps * batch

    return rate(work)


def vec_env(batch: int) -> float:
    """Steps a second of the SB3 VecEnv face."""
    env = BatchVecEnv(Tetris(), batch)
    env.reset()
    actions = np.random.default_rng(0).integers(40, size=(2_000, batch))

    def work() -> int:
        steps = max(50, 10_000 // batch)
        for k in range(steps):
            env.step(actions[k % 2_000])
        return steps * batch

    return rate(work)


def gym_env() -> float:
    """Steps a second of the single Gymnasium face."""
    env = gymnasium.make("agentscope_envs:AgentScope/Tetris-v0")
    env.reset(seed=0)
    actions = np.random.default_rng(0).integers(40, size=2_000)

    def work() -> int:
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return len(actions)

    return rate(work)


def rows() -> Iterator[str]:
    """The printed rows of this benchmark."""
    reference = tetris_gymnasium()
    yield line("tetris-gymnasium, grouped placements", reference, "steps/s", reference)
    yield line("Gymnasium Env, batch 1", gym_env(), "steps/s", reference)
    for batch in BATCHES:
        yield line(f"kernel, batch {batch}", kernel(batch), "steps/s", reference)
        yield line(f"SB3 VecEnv, batch {batch}", vec_env(batch), "steps/s", reference)
