"""Integer networks so small that all of their observations can be tried, one for each kind of stage."""

from itertools import product

import numpy as np

from agentscope.integers import IntegerNetwork, arrays_of, read_plan

CLAMP = "shift=2 low=0 high=9"
IDS = "objects=3 colours=2 states=0"
SMALL = {  # shape of an observation, its highest number, plan
    "dense": ((5,), 1, [f"scores dense seen units=3 {CLAMP}"]),
    "two sources": ((4,), 2, ["a dense seen units=2 shift=1 low=-3 high=4", "scores dense a,seen units=2"]),
    "slide": ((2, 3), 1, [f"scores slide seen channels=2 kernel=3 {CLAMP}"]),
    "everywhere": ((1, 3), 1, ["same dense seen units=2", f"scores slide seen,same channels=2 kernel=1 {CLAMP}"]),
    "match": ((4, 3), 1, ["patterns match seen channels=2", "scores dense patterns units=2"]),
    "board": ((2, 2, 3), 1, ["b plane seen index=1", "c covered b", "n counted b", "s slide c,n channels=2 kernel=1"]),
    "heights": ((1, 3, 2), 1, ["b plane seen index=0", "h summed b", "s slide h channels=2 kernel=3"]),
    "flags": ((3, 1, 2), 2, [f"cells flags seen {IDS}", f"scores dense cells units=3 {CLAMP}"]),
    "lookup": ((3, 1, 2), 2, [f"codes codes seen {IDS}", "rows lookup codes channels=2", "scores dense rows units=3"]),
    "around": ((2, 2, 2), 1, [f"scores around seen channels=2 {CLAMP}"]),
    "planes": ((3, 1, 2), 2, [f"p planes seen {IDS}", "a around p channels=2", "scores dense a units=2"]),
}


def network_of(plan, observation, seed=0, top=6):
    """A network of this plan with random whole numbers."""
    rng = np.random.default_rng(seed)
    stages = read_plan(plan)
    shapes = arrays_of(stages, observation)
    arrays = {name: rng.integers(-top, top + 1, size=shape) for name, shape in shapes.items()}
    return IntegerNetwork(stages, arrays, observation)


def every_observation(shape, highest):
    """All observations whose entries lie between 0 and these."""
    highest = np.broadcast_to(highest, shape).ravel()
    return np.array(list(product(*(range(h + 1) for h in highest)))).reshape(-1, *shape)
