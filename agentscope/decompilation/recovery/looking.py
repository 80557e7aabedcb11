"""How a recovered text looks at a MiniGrid encoding: the cells around the agent, each described by a table."""

from __future__ import annotations

import numpy as np

from agentscope.decompilation.running import AGENT
from agentscope.errors import BadOption
from agentscope.integers import IntegerNetwork, Stage

_VIEW = """DOWN = (0, 1, 0, -1)
RIGHT = (1, 0, -1, 0)

def agent_place():
    return argmax(range({size}), key=lambda p: seen(0, p // {columns}, p % {columns}) == {agent})

def agent_heading():
    return min(seen(2, agent_place() // {columns}, agent_place() % {columns}), 3)

def agents_view(p, i, j):
    y = {reach} - i
    x = j - {reach}
    h = agent_heading()
    t = (h + 1) % 4
    r = agent_place() // {columns} + y * DOWN[h] + x * DOWN[t]
    c = agent_place() % {columns} + y * RIGHT[h] + x * RIGHT[t]
    return seen(p, r, c) if r >= 0 and r < {rows} and c >= 0 and c < {columns} else 0
"""
_PLAIN = """def agents_view(p, i, j):
    return seen(p, i, j)
"""


def looking_text(network: IntegerNetwork, stage: Stage) -> str:
    """Functions that give channel k of the cell in row i, column j of what the agent sees, as `NAME(i, j, k)`.

    Args:
        stage: a `lookup` of `codes` in which the colour does not count.

    Raises: BadOption: the colour counts.
    """
    codes = network.stage(stage.sources[0])
    objects, colours, states = (max(codes.settings[kind], 1) for kind in ("objects", "colours", "states"))
    table = network.of(stage.name)["table"].reshape(objects, colours, states, -1)
    if np.any(table != table[:, :1]):
        raise BadOption(f"Stage {stage.name!r} tells colours apart, which a recovered text does not say.")
    kinds = table[:, 0].reshape(objects * states, -1)
    classes, which = np.unique(kinds, axis=0, return_inverse=True)
    rows = which.reshape(objects, states)
    view = _PLAIN
    reach = codes.settings.get("reach", 0)
    if reach:
        _, height, width = network.observation
        view = _VIEW.format(size=height * width, rows=height, columns=width, reach=reach, agent=AGENT)
    return (
        f"KINDS = {_nested(rows)}\nCHANNELS = {_nested(classes.T)}\n{view}\n"
        f"def {stage.name}(i, j, k):\n"
        f"    n = KINDS[min(agents_view(0, i, j), {objects - 1})][min(agents_view(2, i, j), {states - 1})]\n"
        "    return CHANNELS[k][n]\n"
    )


def _nested(table: np.ndarray) -> str:
    inner = [str(int(one)) if table.ndim == 1 else _nested(one) for one in table]
    return f"({', '.join(inner)}{',' if len(inner) == 1 else ''})"
