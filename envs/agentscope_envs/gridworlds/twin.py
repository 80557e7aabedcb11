"""The rules of KeyDoor in plain numpy, one state at a time: the reference that the kernels equal bit for bit."""

from __future__ import annotations

import numpy as np

from agentscope.contracts import States
from agentscope_envs.gridworlds.cells import (
    ACTIONS,
    AGENT_OBJECT,
    CLOSED_DOOR,
    COLUMN_STEPS,
    EMPTY,
    ENCODING,
    GOAL,
    KEY,
    LAVA,
    LOCKED_DOOR,
    OPEN_DOOR,
    ROW_STEPS,
)


def step(state: States, action: int, max_steps: int) -> tuple[States, float, bool, bool]:
    """One step of one state (an array of one row): (successor, reward, terminated, truncated)."""
    after = state.copy()
    if state["over"][0]:
        return after, 0.0, True, False
    after["steps"] += 1
    heading = int(state["heading"][0])
    cell = (0, int(state["row"][0]) + ROW_STEPS[heading], int(state["column"][0]) + COLUMN_STEPS[heading])
    ahead, has_key, reward = state["grid"][cell], bool(state["has_key"][0]), 0.0
    name = ACTIONS[action]
    if name == "turn_left":
        after["heading"] = (heading - 1) % 4
    elif name == "turn_right":
        after["heading"] = (heading + 1) % 4
    elif name == "forward" and ahead in (EMPTY, OPEN_DOOR, GOAL, LAVA):
        after["row"], after["column"] = cell[1:]
        after["over"] = ahead in (GOAL, LAVA)
        reward = {GOAL: 1.0, LAVA: -1.0}.get(ahead, 0.0)
    elif name == "pick_up" and ahead == KEY and not has_key:
        after["has_key"], after["grid"][cell] = True, EMPTY
    elif name == "toggle" and (ahead == CLOSED_DOOR or (ahead == LOCKED_DOOR and has_key)):
        after["grid"][cell] = OPEN_DOOR
    elif name == "toggle" and ahead == OPEN_DOOR:
        after["grid"][cell] = CLOSED_DOOR
    terminated = bool(after["over"][0])
    return after, reward, terminated, not terminated and int(after["steps"][0]) >= max_steps


def observe(state: States) -> np.ndarray:
    """The planes (3, rows, columns) of one state: ids of object, colour and state; the agent on top."""
    planes = np.moveaxis(ENCODING[state["grid"][0]], -1, 0).copy()
    planes[:, state["row"][0], state["column"][0]] = (AGENT_OBJECT, 0, state["heading"][0])
    return planes
