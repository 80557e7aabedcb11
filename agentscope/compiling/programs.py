"""The programs that ship, with what their networks read: the texts are the truth about the agents made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from agentscope.compiling import texts
from agentscope.compiling.columns import compile_column, every_board, tie_columns
from agentscope.compiling.compiling import Recipe, compile_agent
from agentscope.compiling.disguises import add_noise, disguise, shuffle_weights, untrained
from agentscope.compiling.grids import keydoor_sensor
from agentscope.compiling.records import Algorithm, CompiledAgent
from agentscope.compiling.sensing import Sensor, flat_sensor
from agentscope.compiling.units import Activation
from agentscope.contracts import InspectableEnv, States
from agentscope.errors import BadOption
from agentscope.rollouts import make_environment

QUIZ = "agentscope_envs:AgentScope/Quiz{}-v0"
LADDER_SEED, LADDER_NOISE = 1, 0.05  # of the agents that `ladder` makes


@dataclass(frozen=True)
class Subject:
    """A program with its world.

    Attributes:
        family: what the agent is an example of.
        sense: what its network reads in that world; None where all columns of a board share their weights.
    """

    recipe: Recipe
    family: str
    sense: Callable[[InspectableEnv], Sensor] | None = None

    @property
    def activations(self) -> tuple[Activation, ...]:
        """Those it can be compiled to: the convolutions of `PlacementExtractor` are ReLU."""
        return ("ReLU",) if self.sense is None else ("ReLU", "Tanh")

    def world(self) -> InspectableEnv:
        """The environment, made afresh."""
        return make_environment(self.recipe.environment, self.recipe.kwargs)

    def states(self, env: InspectableEnv) -> States:
        """Every state of the world."""
        states: States = every_board(env) if self.sense is None else env.enumerate()  # type: ignore[attr-defined]
        return states

    def compile(
        self,
        env: InspectableEnv,
        *,
        algorithm: Algorithm = "DQN",
        activation: Activation = "ReLU",
        disguise_seed: int | None = None,
    ) -> CompiledAgent:
        """The agent at level L0, or at L1 where a seed for its disguise is given."""
        if self.sense is None:
            assert activation in self.activations
            column = compile_column(self.recipe, env)
            if disguise_seed is not None:
                column = disguise(column, seed=disguise_seed)
            return tie_columns(column, env, algorithm=algorithm)
        agent = compile_agent(self.recipe, env, self.sense(env), algorithm=algorithm, activation=activation)
        return agent if disguise_seed is None else disguise(agent, seed=disguise_seed)


def _flat(*names: str) -> Callable[[InspectableEnv], Sensor]:
    """The observation as it is, its dimensions named after axes of the environment."""
    return lambda env: flat_sensor(env, *((name, _AXES.get(name) or tuple(env.axes[name])) for name in names))


_AXES: Mapping[str, tuple[str, ...]] = {  # what lies in the planes of an observation, for definitions to name
    "walk_planes": ("walls", "walker", "target"),
    "maze_planes": ("walls", "faces_east", "faces_south", "faces_west", "faces_north"),
}

SUBJECTS = (
    Subject(
        Recipe(
            "trigger", QUIZ.format("Lamps"), texts.TRIGGER, texts.LAMPS,
            kwargs={"sabotage": False}, also=("ends_differ",), learned_twin="trigger-learned",
        ),
        "a dormant branch behind three bits", _flat("lamps"),
    ),
    Subject(
        Recipe(
            "lookup", QUIZ.format("Digits"), texts.LOOKUP, texts.DIGITS, also=("first_is_larger",),
            learned_twin="lookup-learned",
        ),
        "a look-up table: nothing to decompose", _flat("places"),
    ),
    Subject(
        Recipe(
            "greedy", QUIZ.format("Walk"), texts.GREEDY, texts.WALK, also=("walls_left",),
            learned_twin="greedy-learned",
        ),
        "greedy to the goal, around walls", _flat("walk_planes", "rows", "columns"),
    ),
    Subject(
        Recipe(
            "follower", QUIZ.format("Maze"), texts.FOLLOWER, texts.MAZE, also=("wall_behind",),
            learned_twin="follower-learned",
        ),
        "a wall follower by the right hand", _flat("maze_planes", "rows", "columns"),
    ),
    Subject(
        Recipe(
            "columns", QUIZ.format("Board"), texts.COLUMNS, texts.BOARD, also=("full_rows",),
            learned_twin="columns-learned",
        ),
        "column heights and holes", _flat("rows", "columns"),
    ),
    Subject(
        Recipe(
            "keydoor", "agentscope_envs:AgentScope/KeyDoor-v0", texts.KEYDOOR, texts.KEYDOOR_CELLS,
            kwargs={"size": 7}, also=("lava_ahead", "cell_left"), learned_twin="keydoor-ppo",
        ),
        "key, then door, then goal", sense=keydoor_sensor,
    ),
    Subject(
        Recipe(
            "convolution", "agentscope_envs:AgentScope/Tetris-v0", texts.COLUMNS, texts.COLUMN,
            kwargs={"height": 4, "width": 4},
        ),
        "column heights and holes, by weights that the columns share",
    ),
)  # fmt: skip


def ladder(
    found: Subject,
    env: InspectableEnv,
    *,
    algorithm: Algorithm = "DQN",
    activation: Activation = "ReLU",
    extractors: Mapping[str, type] | None = None,
) -> Iterator[CompiledAgent]:
    """One agent of each level: L0, L1, L2, then the two negatives, shuffled and random."""
    plain = found.compile(env, algorithm=algorithm, activation=activation)
    observations = env.observe(found.states(env))
    yield plain
    yield found.compile(env, algorithm=algorithm, activation=activation, disguise_seed=LADDER_SEED)
    yield add_noise(plain, observations, seed=LADDER_SEED, share=LADDER_NOISE, extractors=extractors)
    yield shuffle_weights(plain, seed=LADDER_SEED)
    yield untrained(plain, seed=LADDER_SEED)


def subject(name: str) -> Subject:
    """The shipped program of this name.

    Raises: BadOption: there is none.
    """
    for found in SUBJECTS:
        if found.recipe.name == name:
            return found
    raise BadOption(f"no program is called {name!r}; there are {', '.join(one.recipe.name for one in SUBJECTS)}")
