"""AgentScope's environments, registered with Gymnasium under `AgentScope/`; importing this loads no torch."""

from __future__ import annotations

from typing import Any

import gymnasium

from agentscope_envs.gridworlds.keydoor import KeyDoor
from agentscope_envs.shell import GymShell
from agentscope_envs.tetris.env import Tetris, TetrisSmall


def make_keydoor(render_mode: str | None = None, **kwargs: Any) -> GymShell:
    """Entry point of `AgentScope/KeyDoor-v0`; kwargs are those of `KeyDoor`."""
    return GymShell(KeyDoor(**kwargs), render_mode)


def make_tetris(render_mode: str | None = None, **kwargs: Any) -> GymShell:
    """Entry point of `AgentScope/Tetris-v0`; kwargs are those of `Tetris`."""
    return GymShell(Tetris(**kwargs), render_mode)


def make_tetris_small(render_mode: str | None = None, **kwargs: Any) -> GymShell:
    """Entry point of `AgentScope/TetrisSmall-v0`; kwargs are those of `TetrisSmall`."""
    return GymShell(TetrisSmall(**kwargs), render_mode)


ENTRY_POINTS = {
    "AgentScope/KeyDoor-v0": make_keydoor,
    "AgentScope/Tetris-v0": make_tetris,
    "AgentScope/TetrisSmall-v0": make_tetris_small,
}

for _id, _make in ENTRY_POINTS.items():
    if _id not in gymnasium.registry:
        gymnasium.register(_id, entry_point=_make, order_enforce=False, disable_env_checker=True)
