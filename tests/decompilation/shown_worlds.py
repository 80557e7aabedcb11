"""Worlds that show what a test gives them, and integer networks of every kind with random whole numbers."""

import gymnasium
import numpy as np

from agentscope.decompilation.running import run
from agentscope.integers import IntegerNetwork, arrays_of, read_plan
from agentscope.language import bind_state, evaluate_functions, with_cells

CLAMP = "shift=2 low=0 high=9"
IDS = "objects=3 colours=2 states=0"
VIEW = "objects=11 colours=0 states=4"

# name: observation, its highest value, plan
PLANS = {
    "dense": ((5,), 1, [f"hidden dense seen units=4 {CLAMP}", "scores dense hidden units=3"]),
    "two sources": ((4,), 2, ["a dense seen units=2 shift=1 low=-3 high=4", "scores dense a,seen units=2"]),
    "slides": ((2, 4), 1, [f"one slide seen channels=3 kernel=3 {CLAMP}", "scores slide one channels=2 kernel=5"]),
    "everywhere": ((3, 4), 1, [f"same dense seen units=2 {CLAMP}", f"a slide seen,same channels=3 kernel=1 {CLAMP}",
                               "b slide a,same channels=2 kernel=3 shift=1 low=-2 high=6", "scores dense b units=2"]),
    "two readers": ((2, 3), 3, [f"a slide seen channels=2 kernel=3 {CLAMP}", f"b slide a channels=2 kernel=3 {CLAMP}",
                                f"c slide a,b channels=2 kernel=3 {CLAMP}", "scores dense c units=4"]),
    "match": ((4, 3), 1, [f"patterns match seen channels=2 {CLAMP}", "scores dense patterns units=2"]),
    "board": ((2, 4, 3), 1, ["board plane seen index=0", "falling plane seen index=1", "roofs covered board",
                             "counts counted board", f"columns slide roofs,counts channels=2 kernel=3 {CLAMP}",
                             f"patterns match falling channels=2 {CLAMP}",
                             "scores slide columns,patterns channels=2 kernel=3"]),
    "sums": ((1, 4, 3), 1, ["board plane seen index=0", "covered covered board", "heights summed covered",
                            f"columns slide heights,board channels=2 kernel=3 {CLAMP}",
                            "scores dense columns units=2"]),
    "flags": ((3, 2, 2), 3, [f"cells flags seen {IDS}", f"hidden dense cells units=3 {CLAMP}",
                             "scores dense hidden units=2"]),
    "lookup": ((3, 2, 2), 3, [f"codes codes seen {IDS}", "rows lookup codes channels=2", "scores dense rows units=3"]),
    "around": ((2, 2, 3), 1, [f"a around seen channels=2 {CLAMP}", f"b around a channels=2 {CLAMP}",
                              "scores dense b units=2"]),
    "planes": ((3, 2, 2), 3, [f"p planes seen {IDS}", f"a around p channels=2 {CLAMP}", "scores dense a units=2"]),
    "view": ((3, 3, 4), 10, [f"codes codes seen {VIEW} reach=2", "rows lookup codes channels=2",
                             "scores dense rows units=3"]),
    "flags in view": ((3, 3, 3), 10, [f"cells flags seen {VIEW} reach=1", "scores dense cells units=3"]),
    "around scores": ((2, 2, 2), 1, ["scores around seen channels=2"]),
}  # fmt: skip


class ShownWorld:
    """An environment of which only the observation matters: its states are what it shows."""

    id, kwargs, concepts, action_concepts = "shown", {}, (), ()

    def __init__(self, shape, highest, actions):
        self.observation_space = gymnasium.spaces.Box(0, highest, shape, np.uint8)
        self.action_space = gymnasium.spaces.Discrete(actions)
        self.action_names = tuple(f"action_{index}" for index in range(actions))
        self.axes = {}
        self.state_dtype = np.dtype([("obs", np.uint8, shape)])

    def states_from(self, observations):
        states = np.zeros(len(observations), self.state_dtype)
        states["obs"] = observations
        return states

    def observe(self, states):
        return states["obs"]

    def reset(self, seeds):
        return np.zeros(len(seeds), self.state_dtype)

    def step(self, states, actions):
        raise NotImplementedError


def network_of(plan, observation, seed=0, top=6, density=1.0):
    """A network of this plan with random whole numbers, this share of them not set to zero."""
    rng = np.random.default_rng(seed)
    stages = read_plan(plan)
    arrays = {}
    for name, shape in arrays_of(stages, observation).items():
        values = rng.integers(-top, top + 1, size=shape)
        arrays[name] = np.where(rng.random(shape) < density, values, 0) if "bias" not in name else values
    return IntegerNetwork(stages, arrays, observation)


def world_of(network, highest):
    """A world that shows what the network reads, with an action for each of its scores."""
    found = run(network, np.zeros((1, *network.observation), np.uint8))[network.stages[-1].name]
    return ShownWorld(network.observation, highest, found.size)


def random_observations(network, highest, states=40, seed=0):
    """Observations up to this value; those with ids up to 10 hold one agent each, but for the first two."""
    rng = np.random.default_rng(seed)
    shown = rng.integers(0, highest + 1, size=(states, *network.observation)).astype(np.uint8)
    if highest == 10:
        shown[:, 0] = np.minimum(shown[:, 0], 9)
        cells = shown[2:, 0].reshape(states - 2, -1)
        cells[np.arange(states - 2), rng.integers(0, cells.shape[1], states - 2)] = 10
        shown[2:, 0] = cells.reshape(shown[2:, 0].shape)
    return shown


def differing_parts(decompilation, network, world, observations):
    """Names of the functions whose values are not those of the network's units, and how many were compared."""
    binding, states = bind_state(with_cells(world)), world.states_from(observations)
    values = run(network, observations)
    parts = [part for part in decompilation.parts if part.stage]
    wanted = {part.name: tuple(range(*ends) for ends in part.ranges) for part in parts}
    found = evaluate_functions(decompilation.program, binding, states, wanted)
    wrong = []
    for part in parts:
        theirs = values[part.stage][:, list(part.units)]
        ours = np.asarray(found[part.name]).astype(np.int64)
        cut = tuple(slice(*ends) for ends in part.ranges[len(part.ranges) - theirs.ndim + 2 :])
        if len(part.units) * int(np.prod(theirs.shape[2:])) != int(np.prod(ours.shape[1:])):
            theirs = theirs[(slice(None), slice(None), *cut)]  # places that nobody asks for
        if not np.array_equal(theirs.reshape(len(ours), -1), ours.reshape(len(ours), -1)):
            wrong.append(part.name)
    return wrong, len(parts)
