"""What a cell of a walking world can hold, how MiniGrid's ids show it, and the dtype of a state."""

from __future__ import annotations

from typing import Any

import numpy as np

from agentscope_envs.gridworlds.cells import BALL_OBJECT, BLUE, GREEN, GREY, PURPLE, RED, WALL_OBJECT, YELLOW, Fields

TILES = (
    "empty", "wall", "goal", "carpet", "crossing", "button", "pressed_button", "blue_goal", "green_floor",
)  # fmt: skip
EMPTY, WALL, GOAL, CARPET, CROSSING, BUTTON, PRESSED_BUTTON, BLUE_GOAL, GREEN_FLOOR = range(9)
GOALS = (GOAL, BLUE_GOAL)
WALKABLE = np.arange(len(TILES)) != WALL

_FLOOR_OBJECT, _GOAL_OBJECT = 3, 8

# (object, colour, state) of each tile. MiniGrid's agent is red on whatever it hides; here it takes the colour of the
# tile that it stands on, which leaves it red on empty floor and makes every observation show the whole state.
ENCODING = np.array(
    [
        [1, RED, 0], [WALL_OBJECT, GREY, 0], [_GOAL_OBJECT, GREEN, 0], [_FLOOR_OBJECT, PURPLE, 0],
        [_FLOOR_OBJECT, YELLOW, 0], [BALL_OBJECT, GREY, 0], [BALL_OBJECT, BLUE, 0], [_GOAL_OBJECT, BLUE, 0],
        [_FLOOR_OBJECT, GREEN, 0],
    ],
    dtype=np.uint8,
)  # fmt: skip

MOVES = ("east", "south", "west", "north")  # the actions: MiniGrid's headings, walked at once


def state_dtype(size: int, shown: Fields = ()) -> np.dtype[Any]:
    """The dtype of a state: the whole grid, the agent, the panel's fields, and bookkeeping that no observation shows.

    `over` is set once the episode has ended by the rules. `seed`, `draw`, `steps`, `layout` and `trespasses` (carpet
    cells entered so far) are bookkeeping, and no part of a state's identity.
    """
    return np.dtype(
        [
            ("seed", np.uint64),
            ("steps", np.int32),
            ("draw", np.int32),
            ("layout", np.int16),
            ("trespasses", np.uint16),
            ("row", np.uint8),
            ("column", np.uint8),
            ("over", np.uint8),
            ("grid", np.uint8, (size, size)),
            *shown,
        ]
    )
