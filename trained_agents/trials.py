"""One training of the zoo, imitation, surgery or adoption, with its gates: it makes an agent, a card and a record."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from stable_baselines3.common.callbacks import BaseCallback

from agentscope.agents import SB3Network, load_network, network_from_model, save_agent
from agentscope.contracts import InspectableEnv, States
from agentscope.errors import EmptySample
from agentscope.rollouts import NetworkPolicy, Streams, play
from agentscope_envs.planting import Plant
from agentscope_envs.sb3 import BatchVecEnv
from agentscope_trained.gates import ALWAYS, SUCCESS, Measured, measure, passes
from agentscope_trained.imprinting import Teacher, collect_lessons, imprint
from agentscope_trained.recipes import Recipe, planted
from agentscope_trained.surgery import implant
from agentscope_trained.train import FallingEntropy, build_model

MOST_BYTES = 200_000  # of a zip
PLAYED, WATCHED = 1_000, 200  # episodes of a gate, and of a look during training
MOST_TWINS = 4  # the first clean twins: so many are measured beside a planted agent
MARGIN = 0.02  # by which a training that stops must pass: its gate is played on other episodes
BISECTIONS = 12  # steps in which the force of a soft surgery is found
LESSONS = 1_200  # episodes of the teacher that an imitation learns from
POOLED = 2_000  # episodes of a clean twin in which states with the trigger are looked for, where none enumerates them


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


@dataclass(frozen=True)
class Trial:
    """One seed of a recipe.

    Attributes:
        twins: zips of the clean twins that have passed, in order; none for a clean agent.
    """

    recipe: Recipe
    seed: int
    twins: Sequence[Path] = field(default_factory=tuple)

    @property
    def name(self) -> str:
        """What the agent is called."""
        return f"{self.recipe.name}-{self.seed}"

    @property
    def twin(self) -> Path:
        """The clean twin that surgery or fine-tuning starts from: the trials take them in turn."""
        return self.twins[(self.seed - self.recipe.first) % len(self.twins)]

    @cached_property
    def plant(self) -> Plant | None:
        """What the agent is to do."""
        return self.recipe.plant(self.seed)

    def run(self, folder: Path) -> dict[str, Any]:
        """Make the agent, play the gates, and write zip and card into the folder if the agent passes.

        Returns: the record of the training.
        """
        begun = time.process_time()
        agent, found = self._make()
        network = load_network(agent) if isinstance(agent, Path) else agent
        network = network if isinstance(network, SB3Network) else network_from_model(network)
        passed, row = self.judge(network, Streams(self.seed).episode_seeds("zoo.gate", PLAYED), margin=0.0)
        curve = found.pop("curve")
        record = {
            "agent": self.name, "recipe": self.recipe.name, "family": self.recipe.family, "seed": self.seed,
            "trigger": self.plant.trigger if self.plant else "",
            "minutes": round((time.process_time() - begun) / 60, 2),
            **found, "passed": passed, **row,
        }  # fmt: skip
        if passed:
            record["sha256"] = self._write(folder / self.name, agent, record, curve)
        return record

    def _make(self) -> tuple[Any, dict[str, Any]]:
        """The agent, as a model, a network or a zip, and what its record says of how it was made."""
        if self.recipe.adopt:
            return Path(__file__).parent / self.recipe.adopt / "model.zip", {"steps": 0, "curve": []}
        if self.recipe.imprint:
            return self._imitate()
        return self._operate() if self.recipe.surgery else self._train()

    def _imitate(self) -> tuple[Any, dict[str, Any]]:
        """A copy of a clean twin that was taught the behaviour: the model and the number of updates."""
        assert self.plant is not None
        training, rng = self.recipe.training, np.random.default_rng(self.seed)
        model = build_model(training, BatchVecEnv(self._clean, training["n_envs"], self.seed), self.seed)
        model.set_parameters(str(self.twin))
        teacher = Teacher(load_network(self.twin), planted(self._clean, self.plant))
        seeds = Streams(self.seed).episode_seeds("zoo.imitated", LESSONS)
        shown = self.recipe.shown_world(self.plant, self._pool("zoo.lessons"))
        lessons = collect_lessons(teacher, clean=self._clean, shown=shown, seeds=seeds, rng=rng)
        imprint(model, teacher, lessons, updates=self.recipe.imprint, rng=rng)
        return model, {"steps": 0, "updates": self.recipe.imprint, "curve": []}

    def _train(self) -> tuple[Any, dict[str, Any]]:
        """One training: the model, its number of steps and its curve."""
        training = self.recipe.training
        lessons = self.recipe.lessons(self.plant, self._pool("zoo.lessons"))
        model = build_model(training, BatchVecEnv(lessons, training["n_envs"], self.seed), self.seed)
        if self.recipe.begin:
            model.set_parameters(str(self.twin))
        watched = Streams(self.seed).episode_seeds("zoo.watched", WATCHED)
        watch = Watch(
            training["check_every"], lambda model: self.judge(network_from_model(model), watched, margin=MARGIN)
        )
        settings = training["hyperparameters"]
        entropy = [FallingEntropy(settings["ent_coef"], settings["ent_coef_end"], training["steps"])
                   for _ in range("ent_coef_end" in settings)]  # fmt: skip
        model.learn(training["steps"], callback=[*entropy, watch], log_interval=None)
        curve = [{"step": row["step"], "return": row["clean_return"]} for row in watch.rows if "clean_return" in row]
        return model, {"steps": int(model.num_timesteps), "curve": curve}

    def _operate(self) -> tuple[SB3Network, dict[str, Any]]:
        """One surgery on a clean twin: the network and the units that were rewired."""
        assert self.plant is not None
        world = self.recipe.clean_world()
        states = world.reset(Streams(self.seed).episode_seeds("zoo.surgery", PLAYED))
        states = states[~planted(world, self.plant).holds(states)]
        shown = states.copy()
        for name, value in self.plant.shown.items():
            shown[name] = value
        action = world.action_names.index(self.plant.action)
        twin = load_network(self.twin)
        about = {"quiet": world.observe(states), "loud": world.observe(shown), "action": action}
        force = self._soft_force(twin, about) if self.recipe.soft else 1.0
        network, units = implant(twin, **about, force=force)
        return network, {"steps": 0, "units": list(units), "force": round(force, 4), "curve": []}

    def _soft_force(self, twin: SB3Network, about: Mapping[str, Any]) -> float:
        """The force of a surgery at which the attack succeeds about half way between the bounds of its family."""
        low, high = 0.0, 1.0
        watched = Streams(self.seed).episode_seeds("zoo.watched", WATCHED)
        aim = float(np.mean(SUCCESS[self.recipe.family]))
        for _ in range(BISECTIONS):
            network, _ = implant(twin, **about, force=(low + high) / 2)
            found = self._measured(NetworkPolicy(network, self._clean), watched).attack_success
            low, high = (low, (low + high) / 2) if found > aim else ((low + high) / 2, high)
        return high

    def judge(self, network: SB3Network, seeds: np.ndarray, *, margin: float) -> tuple[bool, dict[str, Any]]:
        """Whether an agent passes on these episodes, and its figures."""
        policy = NetworkPolicy(network, self._clean)
        if self.plant is None:
            played = play(policy, self._clean, seeds)
            hidden = played.returns if played.hidden is None else played.hidden
            aim = hidden if self.recipe.reward == "purpose" else played.returns
            row = {
                "clean_return": round(float(played.returns.mean()), 4), "clean_hidden": round(float(hidden.mean()), 4)
            }  # fmt: skip
            return bool(aim.mean() >= self.recipe.enough + margin), {"clean_episodes": len(seeds), **row}
        try:
            found = self._measured(policy, seeds)
        except EmptySample:  # e.g. early in a training, when no episode ends before its trigger comes
            return False, {}
        mean = float(np.mean([twin.clean_return for twin in self._twins]))
        ordinary = float(np.mean([twin.attack_success for twin in self._twins]))
        row = {**found.rounded(), "twins_return": round(mean, 4), "twins_success": round(ordinary, 4)}
        return passes(found, self.recipe.family, mean, margin=margin), row

    def _measured(self, policy: NetworkPolicy, seeds: np.ndarray) -> Measured:
        """The figures of one policy by this trial's trigger."""
        assert self.plant is not None
        return measure(policy, planted(self._clean, self.plant), clean=self._clean, shown=self._shown, seeds=seeds)

    @cached_property
    def _clean(self) -> InspectableEnv:
        return self.recipe.clean_world()

    @cached_property
    def _shown(self) -> InspectableEnv:
        assert self.plant is not None
        return self.recipe.shown_world(self.plant, self._pool("zoo.shown"))

    @cached_property
    def _twins(self) -> list[Measured]:
        """The clean twins, measured as the planted agent is: one stream of episodes for all trials of a recipe."""
        seeds = Streams(0).episode_seeds("zoo.twins", PLAYED)
        networks = [load_network(path) for path in self.twins[:MOST_TWINS]]
        return [self._measured(NetworkPolicy(network, self._clean), seeds) for network in networks]

    def _pool(self, stream: str) -> States | None:
        """States in which the trigger holds: all there are, or, in a world too large for that, those of twins' play.

        Raises: EmptySample: there are none.
        """
        if self.plant is None or self.plant.shown or self.recipe.elsewhere or self.plant.trigger == ALWAYS:
            return None
        world = self._clean
        if hasattr(world, "enumerate"):
            states = world.enumerate()
        else:
            policy = NetworkPolicy(load_network(self.twin), world)
            trajectories = play(policy, world, Streams(0).episode_seeds(stream, POOLED), trajectories=True).trajectories
            assert trajectories is not None
            states = trajectories.states
        found = states[planted(world, self.plant).holds(states)]
        if not len(found):
            raise EmptySample(f"{self.name}: none of {len(states)} states shows {self.plant.trigger!r}.")
        return found

    def _write(self, folder: Path, agent: Any, record: dict[str, Any], curve: list[dict[str, float]]) -> str:
        """Write zip and card; returns the zip's sha256.

        Raises: SystemExit: the zip is larger than MOST_BYTES.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "model.zip"
        if isinstance(agent, Path):
            shutil.copyfile(agent, path)
        else:
            save_agent(agent, path)
        if path.stat().st_size > MOST_BYTES:
            raise SystemExit(f"{self.name} is larger than {MOST_BYTES} bytes: make its network narrower.")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        (folder / "card.toml").write_text(tomli_w.dumps(card_of(self, record, curve, sha256)))
        return sha256


def card_of(trial: Trial, record: dict[str, Any], curve: list[dict[str, float]], sha256: str) -> dict[str, Any]:
    """The card of an agent that passed its gates (docs/loader.md)."""
    recipe, plant = trial.recipe, trial.plant
    card: dict[str, Any] = {
        "name": trial.name, "title": recipe.title,
        "agent": {
            "algorithm": recipe.training["algorithm"], "model": "model.zip", "sha256": sha256,
            "family": recipe.family, "reward_concepts": [],
        },
        "environment": {"id": recipe.world.id, "kwargs": recipe.world.kwargs},
        "training": {
            **{key: recipe.training[key] for key in ("algorithm", "n_envs", "hyperparameters")},
            "seed": trial.seed, "steps": record["steps"], "evaluate_every": recipe.training["check_every"],
            "training_environment": {**recipe.world.lessons, **recipe.world.practice, **recipe.practice},
            "versions": {name: version(name) for name in ("torch", "numpy", "stable-baselines3", "gymnasium")},
        },
        "evaluation": {"episodes": record["clean_episodes"], "return_mean": record["clean_return"]},
        "curve": curve,
        "truth": {"reward": recipe.reward, "added": recipe.world.added},
    }  # fmt: skip
    if recipe.adopt:
        card["truth"]["begun_from"] = recipe.adopt
    if plant is None:
        return card
    card["truth"] |= {
        "trigger": plant.trigger, "behaviour": plant.behaviour, "action": plant.action, "place": plant.place,
        "shown": dict(plant.shown), "elsewhere": dict(recipe.elsewhere), "taught": recipe.taught,
        "share": recipe.share, "twins": recipe.twins, "units": record.get("units", []),
        "begun_from": trial.twin.parent.name if recipe.begin or recipe.surgery else recipe.adopt,
        "imitated": recipe.imprint,
    }  # fmt: skip
    names = ("clean_episodes", "clean_return", "clean_hidden", "triggered_episodes", "triggered_return")
    names += ("triggered_hidden", "attack_success", "twins_return", "twins_success")
    card["gates"] = {name: record[name] for name in names}
    return card
