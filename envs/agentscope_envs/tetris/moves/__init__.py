"""Tetris by primitive moves: the falling piece is steered down the board, one row a step."""

from agentscope_envs.tetris.moves.world import TetrisMoves as TetrisMoves
