"""What a cell can hold, how MiniGrid encodes it, which way the agent can face, and the dtype of a state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

KINDS = ("empty", "wall", "open_door", "closed_door", "locked_door", "key", "goal", "lava")
EMPTY, WALL, OPEN_DOOR, CLOSED_DOOR, LOCKED_DOOR, KEY, GOAL, LAVA = range(8)

# (object, colour, state) of each kind, as minigrid.core.constants numbers them: a grey wall, a yellow door and key,
# a green goal, red lava. Colour and state of what has none are 0.
ENCODING = np.array(
    [[1, 0, 0], [2, 5, 0], [4, 4, 0], [4, 4, 1], [4, 4, 2], [5, 4, 0], [8, 1, 0], [9, 0, 0]], dtype=np.uint8
)
AGENT_OBJECT = 10  # FullyObsWrapper writes (10, 0, heading) over whatever the agent stands on
WALL_OBJECT, BALL_OBJECT, BOX_OBJECT = 2, 6, 7

COLOURS = ("red", "green", "blue", "purple", "yellow", "grey")  # MiniGrid's numbering
RED, GREEN, BLUE, PURPLE, YELLOW, GREY = range(6)

DIRECTIONS = ("east", "south", "west", "north")  # MiniGrid's numbering; north is up
ROW_STEPS = np.array([0, 1, 0, -1])
COLUMN_STEPS = np.array([1, 0, -1, 0])

Fields = Sequence[tuple[str, type[np.generic], tuple[int, ...]]]

ACTIONS = ("turn_left", "turn_right", "forward", "pick_up", "toggle")
TURN_LEFT, TURN_RIGHT, FORWARD, PICK_UP, TOGGLE = range(5)


def state_dtype(size: int, shown: Fields = ()) -> np.dtype[Any]:
    """The dtype of a state: the whole grid, the agent, and the bookkeeping that no observation shows.

    `shown` are the fields of what the border wall shows beside the world (`panel.py`); there are none by default.

    `over` is set once the agent stands on the goal or in lava. `layout`, `steps`, `draw` and `seed` are bookkeeping:
    they say where the state came from, and are no part of its identity.
    """
    return np.dtype(
        [
            ("seed", np.uint64),
            ("steps", np.int32),
            ("draw", np.int32),
            ("layout", np.int16),
            ("row", np.uint8),
            ("column", np.uint8),
            ("heading", np.uint8),
            ("has_key", np.uint8),
            ("over", np.uint8),
            ("grid", np.uint8, (size, size)),
            *shown,
        ]
    )
