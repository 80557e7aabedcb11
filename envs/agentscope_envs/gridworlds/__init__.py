"""Gridworlds in MiniGrid's encoding: rules, numba kernels beside readable twins, concepts, and the environments."""

from agentscope_envs.gridworlds.keydoor import KeyDoor as KeyDoor
from agentscope_envs.gridworlds.walking import OffSwitch as OffSwitch
from agentscope_envs.gridworlds.walking import Shortcut as Shortcut
from agentscope_envs.gridworlds.walking import Supervisor as Supervisor
