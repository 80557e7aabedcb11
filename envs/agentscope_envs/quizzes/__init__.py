"""Worlds of questions: nothing moves, every state is in a list, and the right answer earns 1."""

from agentscope_envs.quizzes.board import board as board
from agentscope_envs.quizzes.digits import digits as digits
from agentscope_envs.quizzes.lamps import lamps as lamps
from agentscope_envs.quizzes.maze import maze as maze
from agentscope_envs.quizzes.quiz import Questions as Questions
from agentscope_envs.quizzes.quiz import Quiz as Quiz
from agentscope_envs.quizzes.walk import walk as walk
