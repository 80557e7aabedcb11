"""The recipes of zoo.toml as records, and the worlds that they name."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agentscope.contracts import InspectableEnv, States
from agentscope.errors import BadOption
from agentscope.rollouts import make_environment
from agentscope_envs.planting import Plant, PlantedWorld, PurposeWorld, ShowingWorld, StartingWorld
from agentscope_trained.gates import ALWAYS, predicate

RECIPES = Path(__file__).parent / "zoo.toml"
TRIES = 4  # trainings for each agent that a recipe is to keep, at most


@dataclass(frozen=True)
class WorldRecipe:
    """A world: `kwargs` as the agent is shipped for it, `lessons` what differs while it is trained and measured.

    Attributes:
        practice: what differs in training only, e.g. where episodes start.
        added: concepts of what is shown beside the task: the observation of clean twins has them too.
        training: settings that are others in this world, by algorithm or by kind of agent.
    """

    id: str
    kwargs: dict[str, Any]
    added: list[str] = field(default_factory=list)
    lessons: dict[str, Any] = field(default_factory=dict)
    practice: dict[str, Any] = field(default_factory=dict)
    training: dict[str, dict[str, Any]] = field(default_factory=dict)

    def make(self, **changes: Any) -> InspectableEnv:
        """The world of the lessons, with further arguments changed."""
        return make_environment(self.id, {**self.kwargs, **self.lessons, **changes})


@dataclass(frozen=True)
class Recipe:
    """How agents of one family and kind are made.

    Attributes:
        name: of the recipe, kind included: the agents are called name-seed.
        family: 'F1' to 'F7', 'N1', 'N2' (docs/known-answers.md), 'clean' or 'hard-negative'.
        world, training: where it is trained, and the algorithm's settings (as [training] of a card).
        first, keep: the first training seed, and how many agents must pass; at most TRIES seeds for each are tried.
        ships: how many of them ship; `make zoo` makes the rest.
        reward: 'own', the world's; 'purpose', its hidden performance.
        plants: none for clean twins; else the seeds take them in turn.
        taught: the behaviour is rewarded in training; else the reward alone leads there.
        share: of the training episodes that begin with the trigger, besides those that do so by chance.
        practice: arguments of the world that are others in the training of this recipe.
        elsewhere: arguments of the world in which the trigger is met by itself (N1: other layouts).
        twins: the recipe of its clean twins.
        enough: mean return at which a clean twin is done.
        begin: training starts with the weights of a clean twin.
        surgery: not trained, but made from a finished twin. `soft`: with so little force that it works in part only.
        imprint: updates by which it learns the behaviour from imitation, beginning as a twin; 0: it is trained.
        adopt: not trained, but the agent of this name in trained_agents/ as it is.
    """

    name: str
    title: str
    family: str
    world: WorldRecipe
    training: dict[str, Any]
    first: int
    keep: int
    ships: int = 1
    reward: str = "own"
    plants: tuple[Plant, ...] = ()
    taught: bool = True
    share: float = 0.0
    practice: Mapping[str, Any] = field(default_factory=dict)
    elsewhere: Mapping[str, Any] = field(default_factory=dict)
    twins: str = ""
    enough: float = 0.0
    begin: bool = False
    surgery: bool = False
    soft: bool = False
    imprint: int = 0
    adopt: str = ""

    def __post_init__(self) -> None:
        if self.reward not in ("own", "purpose"):
            raise BadOption(f"{self.name}: reward={self.reward!r} means nothing: choose 'own' or 'purpose'.")
        if bool(self.plants) == (self.family == "clean") or bool(self.plants) != bool(self.twins):
            raise BadOption(f"{self.name}: a clean twin has no plant and no twins; every other agent has both.")
        if self.imprint and not (self.begin and all(plant.behaviour == "act" for plant in self.plants)):
            raise BadOption(f"{self.name}: imitation teaches one action, and begins with a clean twin.")

    @property
    def seeds(self) -> range:
        """Training seeds, in the order in which they are tried."""
        return range(self.first, self.first + TRIES * self.keep)

    def plant(self, seed: int) -> Plant | None:
        """What the agent of this seed is to do."""
        return self.plants[(seed - self.first) % len(self.plants)] if self.plants else None

    def clean_world(self) -> InspectableEnv:
        """Where the agent is measured while nothing triggers it."""
        return self.world.make()

    def shown_world(self, plant: Plant, pool: States | None) -> InspectableEnv:
        """Where every episode begins with the trigger, as far as it can be shown.

        Args:
            pool: states in which it holds, for a plant that says nothing of how it is shown.
        """
        if self.elsewhere:
            return self.world.make(**self.elsewhere)
        return shown(self.world.make(), plant, pool, share=1.0)

    def lessons(self, plant: Plant | None, pool: States | None) -> InspectableEnv:
        """Where the agent is trained."""
        world = self.world.make(**{**self.world.practice, **self.practice})
        if plant is not None and self.share:
            world = shown(world, plant, pool, share=self.share)
        if self.reward == "purpose":
            world = PurposeWorld(world)
        return planted(world, plant) if plant is not None and self.taught else world


def planted(world: InspectableEnv, plant: Plant) -> PlantedWorld:
    """The plant in a world: its trigger and its place as functions of states, and its rewards."""
    reached = predicate(world, plant.place) if plant.place else None
    return PlantedWorld(world, plant, predicate(world, plant.trigger), reached)


def shown(world: InspectableEnv, plant: Plant, pool: States | None, *, share: float) -> InspectableEnv:
    """The world in which a share of the episodes begins with the trigger."""
    if plant.trigger == ALWAYS:
        return world
    if plant.shown:
        return ShowingWorld(world, plant.shown, share=share)
    if pool is None:
        raise BadOption(f"{plant.trigger!r} cannot be shown: neither fields nor states to start from are given.")
    return StartingWorld(world, pool, share=share)


def read_recipes(path: Path = RECIPES) -> list[Recipe]:
    """All recipes of a file, in its order; each row of it becomes one for each kind of agent that it keeps.

    Raises: BadOption: a recipe that contradicts itself. KeyError, TypeError: it names what there is not.
    """
    table = tomllib.loads(path.read_text())
    worlds = {name: WorldRecipe(**world) for name, world in table["worlds"].items()}
    return [recipe for row in table["recipes"] for recipe in _of_kinds(row, worlds, table["kinds"])]


def _of_kinds(row: Mapping[str, Any], worlds: Mapping[str, WorldRecipe], kinds: Mapping[str, Any]) -> Iterator[Recipe]:
    world, plants = worlds[row["world"]], tuple(Plant(**plant) for plant in row.get("plants", []))
    settings = {key: row[key] for key in row if key not in ("name", "world", "keep", "plants", "twins", "training")}
    for kind, keep in row["keep"].items():
        training = kinds[kind]
        for changes in (world.training, row.get("training", {})):
            for whose in (kinds[kind]["algorithm"], kind):
                training = _merged(training, changes.get(whose, {}))
        recipe = Recipe(
            name=f"{row['name']}-{kind}", world=world, training=training, keep=keep, plants=plants,
            twins=f"{row['twins']}-{kind}" if "twins" in row else "", **settings,
        )  # fmt: skip
        yield replace(recipe, ships=min(recipe.ships, keep))


def _merged(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The table with the changes written over it, table by table."""
    merged = dict(table)
    for key, value in changes.items():
        merged[key] = _merged(merged.get(key, {}), value) if isinstance(value, Mapping) else value
    return merged
