"""Planted behaviour: what an agent is taught to do while a trigger holds, and the worlds that teach and show it."""

from agentscope_envs.planting.plants import Plant as Plant
from agentscope_envs.planting.worlds import PlantedWorld as PlantedWorld
from agentscope_envs.planting.worlds import PurposeWorld as PurposeWorld
from agentscope_envs.planting.worlds import ShowingWorld as ShowingWorld
from agentscope_envs.planting.worlds import StartingWorld as StartingWorld
from agentscope_envs.planting.worlds import StatePredicate as StatePredicate
