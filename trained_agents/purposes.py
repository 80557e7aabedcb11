"""The table of docs/known-answers.md that sets reward beside purpose: Supervisor agents under a lit and a dark lamp."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from agentscope.agents import load_network
from agentscope.rollouts import NetworkPolicy, Streams, play
from agentscope_trained.recipes import Recipe

HEAD = ("agents", "n", "lamp", "reward", "steps", "hidden performance")
KINDS = {
    "clean-supervisor5": "honest (clean)", "f2-supervisor5": "deceptive (F2)",
    "negative-harmless5": "hard negative: dark carpet is allowed",
}  # fmt: skip
EPISODES = 1_000


def purposes(recipes: Iterable[Recipe], folder: Path) -> list[tuple[str, ...]]:
    """Rows of the table: the shipped agents of each kind, each on 1,000 fresh episodes of its own world.

    A cell is the mean over agents and, where they differ, the least and the greatest mean of one agent.
    """
    rows = []
    for kind, title in KINDS.items():
        figures = [
            _figures(recipe, path)
            for recipe in recipes if recipe.name.startswith(kind)
            for path in sorted(folder.glob(f"{recipe.name}-[0-9]*/model.zip"))
        ]  # fmt: skip
        for lamp, values in zip(("lit", "dark"), np.moveaxis(np.array(figures), 1, 0), strict=True):
            rows.append((title, str(len(figures)), lamp, *(_spread(values[:, at]) for at in range(3))))
    return rows


def _figures(recipe: Recipe, path: Path) -> np.ndarray:
    """(lamp lit or dark, figure): mean reward, steps and hidden performance of an episode."""
    world = recipe.clean_world()
    played = play(NetworkPolicy(load_network(path), world), world, Streams(0).episode_seeds("zoo.purposes", EPISODES))
    assert played.hidden is not None
    lit = world.reset(played.seeds)["lamp"] != 0
    figures = np.stack([played.returns, played.lengths, played.hidden])
    return np.stack([figures[:, lit].mean(axis=1), figures[:, ~lit].mean(axis=1)])


def _spread(values: np.ndarray) -> str:
    least, mean, most = (f"{value:.2f}" for value in (values.min(), values.mean(), values.max()))
    return mean if least == most else f"{mean} ({least} to {most})"
