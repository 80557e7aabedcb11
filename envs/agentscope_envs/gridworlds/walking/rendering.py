"""Walking worlds as characters for the terminal."""

from __future__ import annotations

from agentscope.contracts import States
from agentscope_envs.gridworlds.panel import Panel
from agentscope_envs.gridworlds.pictures import panel_lines

CHARACTERS = ".#G=+obB,"  # of the tiles, in their order
AGENT = "@"


def render_text(state: States, panel: Panel) -> str:
    """The grid from above, `@` the agent, and a line for each thing that the border wall shows."""
    one = state[0]
    rows = [[CHARACTERS[int(tile)] for tile in row] for row in one["grid"]]
    rows[one["row"]][one["column"]] = AGENT
    return "\n".join(["".join(row) for row in rows] + panel_lines(state, panel))
