"""What a network reads through `GridExtractor`: one small table, shared by all cells of a grid seen from its agent.

The extractor shifts and turns the grid so that the agent looks up from the middle, and describes every cell by the same
learned table: a convolution of one cell. Here the table is written, not learned: channel by channel, from the encoding
that MiniGrid gives to a cell.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from agentscope.compiling.sensing import Sensor
from agentscope.contracts import InspectableEnv

OBJECTS, COLOURS, STATES = 11, 6, 4  # MiniGrid's numbers of ids

Channel = Mapping[tuple[int, int | None], int]  # (object id, state id or None for any) -> value; 0 for all others

WALL, DOOR, KEY, GOAL, LAVA = 2, 4, 5, 8, 9  # MiniGrid's object ids
OPEN, CLOSED, LOCKED = 0, 1, 2  # and a door's states

KEYDOOR_CHANNELS: Mapping[str, Channel] = {
    "kind": {(WALL, None): 1, (DOOR, OPEN): 2, (DOOR, CLOSED): 3, (DOOR, LOCKED): 4, (KEY, None): 5, (GOAL, None): 6,
             (LAVA, None): 7},
    "key_cell": {(KEY, None): 1},
    "door_cell": {(DOOR, None): 1},
    "locked_cell": {(DOOR, LOCKED): 1},
    "goal_cell": {(GOAL, None): 1},
}  # fmt: skip


def grid_sensor(channels: Mapping[str, Channel], reach: int) -> Sensor:
    """The cells around the agent, each described by these channels; `seen(row, column, channel)`, the agent looks up.

    Args:
        reach: cells that are seen in each direction; cells outside the grid are 0 in every channel.
    """
    table = np.zeros((OBJECTS, COLOURS, STATES, len(channels)))
    for index, channel in enumerate(channels.values()):
        for (kind, state), value in channel.items():
            table[kind, :, slice(None) if state is None else state, index] = value
    side = 2 * reach + 1
    labels = tuple(str(place) for place in range(side))
    high = np.broadcast_to(table.max(axis=(0, 1, 2)).astype(np.int64), (side, side, len(channels)))
    return Sensor(
        axes=(("window_rows", labels), ("window_columns", labels), ("channels", tuple(channels))),
        low=np.zeros_like(high),
        high=high,
        extractor="GridExtractor",
        extractor_kwargs={
            "objects": OBJECTS, "colours": COLOURS, "states": STATES, "channels": len(channels), "reach": reach,
        },
        tensors={"cells.weight": table.reshape(-1, len(channels))},
    )  # fmt: skip


def keydoor_sensor(env: InspectableEnv) -> Sensor:
    """A 7 x 7 key-door grid: four cells each way show every cell that is not the outer wall."""
    return grid_sensor(KEYDOOR_CHANNELS, reach=4)
