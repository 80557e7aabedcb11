"""Gridworlds in MiniGrid's encoding: rules, a numba kernel beside a readable twin, concepts, and the environment."""

from agentscope_envs.gridworlds.keydoor import KeyDoor as KeyDoor
