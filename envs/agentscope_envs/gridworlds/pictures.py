"""Pictures drawn from observations in MiniGrid's encoding, and in words what the border wall shows."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from agentscope.contracts import States
from agentscope_envs.gridworlds.cells import AGENT_OBJECT, BALL_OBJECT, BOX_OBJECT, COLOURS, WALL_OBJECT
from agentscope_envs.gridworlds.panel import PAINTS, Panel
from agentscope_envs.gridworlds.rendering import TILE

Picture = UInt8[np.ndarray, "height width 3"]
Planes = UInt8[np.ndarray, "3 rows columns"]

_PALETTE = np.array([(220, 40, 40), (48, 160, 72), (60, 90, 220), (150, 80, 190), (232, 204, 48), (120, 120, 124)])
_FLOOR = np.array((24, 24, 28))
_EMPTY_OBJECT, _FLOOR_OBJECT, _GOAL_OBJECT = 1, 3, 8


def panel_lines(state: States, panel: Panel) -> list[str]:
    """What the border wall shows in one state (an array of one row): a line for each thing."""
    lines = [f"lamp {'lit' if state['lamp'][0] else 'dark'}"] if panel.lamp else []
    if panel.decoration:
        paints = [COLOURS[PAINTS[state[f"paint{cell}"][0]]] for cell in range(panel.decoration)]
        lines.append(f"decoration {' '.join(paints)}")
    if panel.shown_actions:
        past = [int(state[f"action{back}"][0]) for back in range(1, panel.shown_actions + 1)]
        lines.append(f"last {' '.join(panel.action_names[code - 1] if code else '-' for code in past)}")
    if panel.shown_steps:
        lines.append(f"step {panel.counted(state)[0]}")
    return lines


def draw_observation(observation: Planes) -> Picture:
    """Tiles of 16 pixels: walls and goals in full colour, floor in dark, balls, boxes and the agent over floor."""
    things, colours = observation[0], _PALETTE[observation[1]]
    shown = things[..., None]
    ground = np.where(shown == _FLOOR_OBJECT, (_FLOOR + colours) // 2, _FLOOR)
    ground = np.where(np.isin(shown, (WALL_OBJECT, _GOAL_OBJECT)), colours, ground)
    image = ground.astype(np.uint8).repeat(TILE, axis=0).repeat(TILE, axis=1)
    image[::TILE, :] = image[::TILE, :] // 2 + 30
    image[:, ::TILE] = image[:, ::TILE] // 2 + 30
    for row, column in np.argwhere(np.isin(things, (BALL_OBJECT, BOX_OBJECT, AGENT_OBJECT))):
        tile = image[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
        tile[_mask(int(things[row, column]))] = colours[row, column]
    return image


def draw_border(image: Picture, observation: Planes) -> None:
    """Draw the border wall as the observation has it over a picture of the same size, in place."""
    shown = draw_observation(observation)
    for border in (np.s_[:TILE], np.s_[-TILE:], np.s_[:, :TILE], np.s_[:, -TILE:]):
        image[border] = shown[border]


def _mask(thing: int) -> np.ndarray:
    """Pixels of a ball (a disc), a box (a frame) or the agent (a diamond)."""
    rows, columns = np.abs(np.mgrid[0:TILE, 0:TILE] - 7.5)
    if thing == BALL_OBJECT:
        return np.asarray(rows**2 + columns**2 <= 30)
    if thing == BOX_OBJECT:
        return np.asarray((np.maximum(rows, columns) <= 5.5) & (np.maximum(rows, columns) >= 3.5))
    return np.asarray(rows + columns <= 6)
