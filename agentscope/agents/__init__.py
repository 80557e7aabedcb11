"""Trained agents: read without running anything, opened as named layers, and written back as SB3 zips.

Names are loaded on first use: reading a zip or a card needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentscope.agents.cards import AgentCard as AgentCard
    from agentscope.agents.cards import read_card as read_card
    from agentscope.agents.cutting import without_units as without_units
    from agentscope.agents.describing import describe_zip as describe_zip
    from agentscope.agents.finding import AgentSource as AgentSource
    from agentscope.agents.finding import find_agent as find_agent
    from agentscope.agents.finding import shipped_agents as shipped_agents
    from agentscope.agents.loading import load_network as load_network
    from agentscope.agents.loading import network_from_model as network_from_model
    from agentscope.agents.networks import SB3Network as SB3Network
    from agentscope.agents.pickles import read_pickle as read_pickle
    from agentscope.agents.saving import agent_zip as agent_zip
    from agentscope.agents.saving import save_agent as save_agent
    from agentscope.agents.students import Lessons as Lessons
    from agentscope.agents.students import Student as Student
    from agentscope.agents.students import train_student as train_student
    from agentscope.agents.students import untrained_twins as untrained_twins
    from agentscope.agents.zips import ZipContents as ZipContents
    from agentscope.agents.zips import read_zip as read_zip

_HOMES = {
    "AgentCard": "cards",
    "AgentSource": "finding",
    "find_agent": "finding",
    "read_card": "cards",
    "shipped_agents": "finding",
    "describe_zip": "describing",
    "without_units": "cutting",
    "load_network": "loading",
    "network_from_model": "loading",
    "SB3Network": "networks",
    "read_pickle": "pickles",
    "agent_zip": "saving",
    "save_agent": "saving",
    "Lessons": "students",
    "Student": "students",
    "train_student": "students",
    "untrained_twins": "students",
    "ZipContents": "zips",
    "read_zip": "zips",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
