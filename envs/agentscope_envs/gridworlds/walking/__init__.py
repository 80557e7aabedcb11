"""Worlds that are walked cell by cell, with a purpose that the reward does not tell."""

from agentscope_envs.gridworlds.walking.offswitch import OffSwitch as OffSwitch
from agentscope_envs.gridworlds.walking.shortcut import Shortcut as Shortcut
from agentscope_envs.gridworlds.walking.supervisor import Supervisor as Supervisor
