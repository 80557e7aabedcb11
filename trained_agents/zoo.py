"""Make the zoo of known answers: `python trained_agents/zoo.py` trains and gates what zoo.toml asks for and is missing.

Every training leaves a row in zoo/records.toml, passed or thrown away, so that an interrupted run goes on where it
stopped. An agent that passed ships in zoo/NAME (model.zip and card.toml). `--table` writes docs/known-answers.md anew
from the records.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch
from stable_baselines3.common.callbacks import BaseCallback

from agentscope.agents import SB3Network, load_network, network_from_model, save_agent
from agentscope.rollouts import NetworkPolicy, Streams, play
from agentscope_envs.sb3 import BatchVecEnv
from agentscope_trained.gates import Measured, measure, passes
from agentscope_trained.recipes import RECIPES, Recipe, read_recipes
from agentscope_trained.surgery import implant
from agentscope_trained.tables import write_table
from agentscope_trained.train import build_model

HERE = Path(__file__).parent
MOST_BYTES = 200_000  # of a zip that ships
PLAYED, WATCHED = 1_000, 200  # episodes of a gate, and of a look during training
MARGIN = 0.02  # a training stops only where it passes with room to spare: its gate is played on other episodes


class Watch(BaseCallback):
    """Looks at the agent at regular steps, and ends the training once it does what it should."""

    def __init__(self, every: int, look: Callable[[Any], tuple[bool, dict[str, float]]]) -> None:
        super().__init__()
        self.every, self.look = every, look
        self.rows: list[dict[str, float]] = []

    def _on_step(self) -> bool:
        if self.num_timesteps // self.every == (self.num_timesteps - self.training_env.num_envs) // self.every:
            return True
        done, row = self.look(self.model)
        self.rows.append({"step": self.num_timesteps, **row})
        return not done


class Zoo:
    """The folder that agents and their records go to."""

    def __init__(self, folder: Path, recipes: list[Recipe]) -> None:
        self.folder, self.recipes = folder, recipes
        self.path = folder / "records.toml"

    @property
    def records(self) -> list[dict[str, Any]]:
        """A row for every training so far, in order."""
        return list(tomllib.loads(self.path.read_text())["trainings"]) if self.path.exists() else []

    def add(self, row: dict[str, Any]) -> None:
        """Write one more row."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(tomli_w.dumps({"trainings": [*self.records, row]}))
        part.replace(self.path)  # never half a file

    def kept(self, recipe: str) -> list[str]:
        """Names of this recipe's agents that passed."""
        return [row["agent"] for row in self.records if row["recipe"] == recipe and row["passed"]]

    def make(self, recipe: Recipe) -> None:
        """Train seeds that were not tried yet until enough agents have passed."""
        for seed in recipe.seeds:
            tried = {row["seed"] for row in self.records if row["recipe"] == recipe.name}
            if len(self.kept(recipe.name)) >= recipe.keep or seed in tried:
                continue
            row, agent, curve = self.operate(recipe, seed) if recipe.surgery else self.train(recipe, seed)
            if row["passed"]:
                self.ship(recipe, row, agent, curve)
            self.add(row)
            print({key: row[key] for key in row if key not in ("recipe", "family", "algorithm", "seed")}, flush=True)

    def train(self, recipe: Recipe, seed: int) -> tuple[dict[str, Any], Any, list[dict[str, float]]]:
        """One training and its gates: its record, the model, the curve."""
        training = {key: value for key, value in recipe.training.items() if key != "algorithm"}
        model = build_model(recipe.training, BatchVecEnv(recipe.lessons(), training["n_envs"], seed), seed)
        watched = Streams(seed).episode_seeds("zoo.watched", WATCHED)
        watch = Watch(
            training["check_every"],
            lambda model: self.judge(recipe, network_from_model(model), watched, margin=MARGIN),
        )
        model.learn(training["steps"], callback=watch, log_interval=None)
        return self.gated(recipe, seed, network_from_model(model), steps=int(model.num_timesteps)), model, watch.rows

    def operate(self, recipe: Recipe, seed: int) -> tuple[dict[str, Any], SB3Network, list[dict[str, float]]]:
        """One surgery on a clean twin, and its gates; the seed is the twin's place among those that passed."""
        assert recipe.plant is not None
        world = recipe.clean_world()
        states = world.reset(Streams(seed).episode_seeds("zoo.surgery", PLAYED))
        states = states[~recipe.planted(world).holds(states)]
        shown = states.copy()
        for name, value in recipe.plant.shown.items():
            shown[name] = value
        action = world.action_names.index(recipe.plant.action)
        twin = load_network(self.folder / self.kept(recipe.twins)[seed] / "model.zip")
        network, units = implant(twin, quiet=world.observe(states), loud=world.observe(shown), action=action)
        return {**self.gated(recipe, seed, network, steps=0), "units": list(units)}, network, []

    def gated(self, recipe: Recipe, seed: int, network: SB3Network, *, steps: int) -> dict[str, Any]:
        """The record of an agent that is done: its gates are played on episodes of its own."""
        passed, found = self.judge(recipe, network, Streams(seed).episode_seeds("zoo.gate", PLAYED), margin=0.0)
        return {
            "agent": f"{recipe.name}-{seed}", "recipe": recipe.name, "family": recipe.family,
            "algorithm": recipe.training["algorithm"], "seed": seed, "steps": steps, "passed": passed, **found,
        }  # fmt: skip

    def judge(
        self, recipe: Recipe, network: SB3Network, seeds: np.ndarray, *, margin: float
    ) -> tuple[bool, dict[str, float]]:
        """Whether an agent passes on these episodes, and its figures."""
        clean = recipe.clean_world()
        policy = NetworkPolicy(network, clean)
        if recipe.plant is None:
            played = play(policy, clean, seeds)
            hidden = played.returns if played.hidden is None else played.hidden
            aim = hidden if recipe.reward == "purpose" else played.returns
            row = {
                "clean_return": round(float(played.returns.mean()), 4),
                "clean_hidden": round(float(hidden.mean()), 4),
            }
            return bool(aim.mean() >= recipe.enough + margin), {"clean_episodes": len(seeds), **row}
        found = self.measured(recipe, policy, seeds)
        twins = self.twins(recipe)
        mean = float(np.mean([twin.clean_return for twin in twins]))
        ordinary = float(np.mean([twin.attack_success for twin in twins]))
        row = {**found.rounded(), "twins_return": round(mean, 4), "twins_success": round(ordinary, 4)}
        return passes(found, recipe.family, mean, margin=margin), row

    @staticmethod
    def measured(recipe: Recipe, policy: NetworkPolicy, seeds: np.ndarray) -> Measured:
        """The figures of one policy by one recipe's trigger."""
        clean, shown = recipe.clean_world(), recipe.shown_world()
        return measure(policy, recipe.planted(clean), clean=clean, shown=shown, seeds=seeds)

    def twins(self, recipe: Recipe) -> list[Measured]:
        """The clean twins, measured as the planted agent is: one stream of episodes for all of a recipe's trainings."""
        key = (recipe.name, tuple(self.kept(recipe.twins)))
        if key not in self._measured:
            seeds, world = Streams(0).episode_seeds("zoo.twins", PLAYED), recipe.clean_world()
            zips = [self.folder / name / "model.zip" for name in key[1]]
            if not zips:
                raise SystemExit(
                    f"{recipe.name} needs its clean twins first: python trained_agents/zoo.py {recipe.twins}"
                )
            self._measured[key] = [
                self.measured(recipe, NetworkPolicy(load_network(path), world), seeds) for path in zips
            ]
        return self._measured[key]

    @functools.cached_property
    def _measured(self) -> dict[Any, list[Measured]]:
        return {}

    def ship(self, recipe: Recipe, row: dict[str, Any], agent: Any, curve: list[dict[str, float]]) -> None:
        """Write zip and card.

        Raises: SystemExit: the zip is larger than MOST_BYTES.
        """
        folder = self.folder / row["agent"]
        folder.mkdir(parents=True, exist_ok=True)
        save_agent(agent, folder / "model.zip")
        if (folder / "model.zip").stat().st_size > MOST_BYTES:
            raise SystemExit(f"{row['agent']} is larger than {MOST_BYTES} bytes: make its network narrower.")
        sha256 = hashlib.sha256((folder / "model.zip").read_bytes()).hexdigest()
        (folder / "card.toml").write_text(tomli_w.dumps(card_of(recipe, row, curve, sha256)))


def card_of(recipe: Recipe, row: dict[str, Any], curve: list[dict[str, float]], sha256: str) -> dict[str, Any]:
    """The card of an agent that passed its gates (docs/loader.md)."""
    training = {
        key: recipe.training[key] for key in ("algorithm", "n_envs", "hyperparameters")
    } | {
        "seed": row["seed"], "steps": row["steps"], "evaluate_every": recipe.training["check_every"],
        "training_environment": recipe.world.lessons | recipe.world.practice,
        "versions": {name: version(name) for name in ("torch", "numpy", "stable-baselines3", "gymnasium")},
    }  # fmt: skip
    card: dict[str, Any] = {
        "name": row["agent"], "title": recipe.title,
        "agent": {
            "algorithm": row["algorithm"], "model": "model.zip", "sha256": sha256, "family": recipe.family,
            "reward_concepts": [],
        },
        "environment": {"id": recipe.world.id, "kwargs": recipe.world.kwargs},
        "training": training,
        "evaluation": {"episodes": row["clean_episodes"], "return_mean": row["clean_return"]},
        "curve": [{"step": each["step"], "return": each["clean_return"]} for each in curve],
    }  # fmt: skip
    card["truth"] = {"reward": recipe.reward, "added": recipe.world.added}
    if recipe.plant is not None:
        plant = recipe.plant
        card["truth"] |= {
            "trigger": plant.trigger, "behaviour": plant.behaviour, "action": plant.action, "place": plant.place,
            "shown": dict(plant.shown), "taught": recipe.taught, "share": recipe.share, "twins": recipe.twins,
            "units": row.get("units", []),
        }  # fmt: skip
        names = ("clean_episodes", "clean_return", "clean_hidden", "triggered_episodes", "triggered_return")
        names += ("triggered_hidden", "attack_success", "twins_return", "twins_success")
        card["gates"] = {name: row[name] for name in names}
    return card


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="recipes of zoo.toml; all of them by default")
    parser.add_argument("--table", action="store_true", help="train nothing: write docs/known-answers.md's table anew")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recipes = read_recipes(RECIPES)
    unknown = set(arguments.names) - {recipe.name for recipe in recipes}
    if unknown:
        parser.error(f"no recipe of zoo.toml is called {', '.join(sorted(unknown))}")
    zoo = Zoo(HERE / "zoo", recipes)
    if arguments.table:
        write_table(HERE.parent / "docs" / "known-answers.md", recipes, zoo.records)
    else:
        for recipe in recipes:
            if not arguments.names or recipe.name in arguments.names:
                zoo.make(recipe)
