"""AgentScope's environments, registered with Gymnasium under `AgentScope/`; importing this loads no torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
from gymnasium.vector import VectorEnv

from agentscope.contracts import InspectableEnv
from agentscope_envs import quizzes
from agentscope_envs.gridworlds import KeyDoor, OffSwitch, Shortcut, Supervisor
from agentscope_envs.shell import GymShell
from agentscope_envs.tetris.env import Tetris, TetrisSmall
from agentscope_envs.tetris.moves import TetrisMoves


def entry_point(world: Callable[..., InspectableEnv]) -> Callable[..., GymShell]:
    """What Gymnasium calls to make one of our worlds: it takes the arguments of the world, and a render mode."""

    def make(render_mode: str | None = None, **kwargs: Any) -> GymShell:
        return GymShell(world(**kwargs), render_mode)

    return make


def vector_entry_point(make: Callable[..., GymShell]) -> Callable[..., VectorEnv[Any, Any, Any]]:
    """What `gymnasium.make_vec` calls to make many of what `make` makes, stepped together."""

    def make_vector(num_envs: int = 1, render_mode: str | None = None, **kwargs: Any) -> VectorEnv[Any, Any, Any]:
        from agentscope_envs.vector import BatchVectorEnv  # needs Gymnasium 1.1, the rest only 1.0

        return BatchVectorEnv(make(**kwargs).inspectable, num_envs, render_mode)

    return make_vector


make_keydoor = entry_point(KeyDoor)
make_offswitch = entry_point(OffSwitch)
make_quiz_board = entry_point(quizzes.board)
make_quiz_digits = entry_point(quizzes.digits)
make_quiz_lamps = entry_point(quizzes.lamps)
make_quiz_maze = entry_point(quizzes.maze)
make_quiz_walk = entry_point(quizzes.walk)
make_shortcut = entry_point(Shortcut)
make_supervisor = entry_point(Supervisor)
make_tetris = entry_point(Tetris)
make_tetris_moves = entry_point(TetrisMoves)
make_tetris_small = entry_point(TetrisSmall)

ENTRY_POINTS = {
    "AgentScope/KeyDoor-v0": make_keydoor,
    "AgentScope/OffSwitch-v0": make_offswitch,
    "AgentScope/QuizBoard-v0": make_quiz_board,
    "AgentScope/QuizDigits-v0": make_quiz_digits,
    "AgentScope/QuizLamps-v0": make_quiz_lamps,
    "AgentScope/QuizMaze-v0": make_quiz_maze,
    "AgentScope/QuizWalk-v0": make_quiz_walk,
    "AgentScope/Shortcut-v0": make_shortcut,
    "AgentScope/Supervisor-v0": make_supervisor,
    "AgentScope/Tetris-v0": make_tetris,
    "AgentScope/TetrisMoves-v0": make_tetris_moves,
    "AgentScope/TetrisSmall-v0": make_tetris_small,
}

for _id, _make in ENTRY_POINTS.items():
    if _id not in gymnasium.registry:
        gymnasium.register(
            _id,
            entry_point=_make,
            vector_entry_point=vector_entry_point(_make),
            order_enforce=False,
            disable_env_checker=True,
        )
