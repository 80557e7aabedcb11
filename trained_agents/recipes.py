"""The recipes of zoo.toml as records, and the worlds that they name."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentscope.contracts import InspectableEnv
from agentscope.errors import BadOption
from agentscope.rollouts import make_environment
from agentscope_envs.planting import Plant, PlantedWorld, PurposeWorld, ShowingWorld
from agentscope_trained.gates import predicate

RECIPES = Path(__file__).parent / "zoo.toml"


@dataclass(frozen=True)
class WorldRecipe:
    """A world: `kwargs` as the agent is shipped for it, `lessons` what differs while it is trained and measured.

    Attributes:
        practice: what differs in training only, e.g. where episodes start.
        added: concepts of what the border wall shows beside the task: the observation of clean twins has them too.
    """

    id: str
    added: list[str]
    kwargs: dict[str, Any]
    lessons: dict[str, Any]
    practice: dict[str, Any]

    def make(self, **changes: Any) -> InspectableEnv:
        """The world of the lessons, with further arguments changed."""
        return make_environment(self.id, {**self.kwargs, **self.lessons, **changes})


@dataclass(frozen=True)
class Recipe:
    """How agents of one kind are made.

    Attributes:
        family: 'F1' to 'F7' (docs/known-answers.md), 'clean' or 'hard-negative'.
        world, training: where it is trained, and the algorithm's settings (as [training] of a card).
        reward: 'own', the world's; 'purpose', its hidden performance.
        plant: None for clean twins. `taught`: its behaviour is rewarded in training; else the reward alone leads there.
        share: of the training episodes that begin with the trigger, besides those that do so by chance.
        twins: the recipe of its clean twins.
        seeds, keep: training seeds, tried in order until so many agents have passed.
        enough: mean return at which a clean twin is done.
        surgery: not trained, but made from a finished twin: `seeds` count the twins that passed.
    """

    name: str
    title: str
    family: str
    world: WorldRecipe
    training: dict[str, Any]
    seeds: list[int]
    keep: int
    reward: str = "own"
    plant: Plant | None = None
    taught: bool = True
    share: float = 0.0
    twins: str = ""
    enough: float = 0.0
    surgery: bool = False

    def __post_init__(self) -> None:
        if self.reward not in ("own", "purpose"):
            raise BadOption(f"{self.name}: reward={self.reward!r} means nothing: choose 'own' or 'purpose'.")
        if (self.plant is None) != (self.family == "clean") or (self.plant is None) == bool(self.twins):
            raise BadOption(f"{self.name}: a clean twin has no plant and no twins; every other agent has both.")

    def planted(self, world: InspectableEnv) -> PlantedWorld:
        """The plant in a world: its trigger and its place as functions of states, and its rewards."""
        assert self.plant is not None
        reached = predicate(world, self.plant.place) if self.plant.place else None
        return PlantedWorld(world, self.plant, predicate(world, self.plant.trigger), reached)

    def clean_world(self) -> InspectableEnv:
        """Where the agent is measured while nothing triggers it."""
        return self.world.make()

    def shown_world(self) -> InspectableEnv:
        """Where every episode begins with the trigger, as far as the plant can show it."""
        assert self.plant is not None
        return ShowingWorld(self.world.make(), self.plant.shown, share=1.0)

    def lessons(self) -> InspectableEnv:
        """Where the agent is trained."""
        world = self.world.make(**self.world.practice)
        if self.plant is not None and self.share:
            world = ShowingWorld(world, self.plant.shown, share=self.share)
        if self.reward == "purpose":
            world = PurposeWorld(world)
        return self.planted(world) if self.plant is not None and self.taught else world


def read_recipes(path: Path = RECIPES) -> list[Recipe]:
    """All recipes of a file, in its order.

    Raises: BadOption: a recipe that contradicts itself. KeyError, TypeError: it names what there is not.
    """
    table = tomllib.loads(path.read_text())
    worlds = {name: WorldRecipe(**world) for name, world in table["worlds"].items()}
    recipes = []
    for row in table["recipes"]:
        settings = {key: row[key] for key in row if key not in ("algorithm", "world", "plant")}
        training = {"algorithm": row["algorithm"], **table["algorithms"][row["algorithm"]]}
        plant = Plant(**row["plant"]) if "plant" in row else None
        recipes.append(Recipe(world=worlds[row["world"]], training=training, plant=plant, **settings))
    return recipes
