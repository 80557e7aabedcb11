"""The stair between the rooms: one module for each verb, which calls the rooms in order; rooms never meet elsewhere."""

from agentscope.pipeline.checking import check_file
from agentscope.pipeline.comparing import compare_agent
from agentscope.pipeline.examining import parse_for
from agentscope.pipeline.explaining import explain_step
from agentscope.pipeline.inspecting import inspect_agent
from agentscope.pipeline.listing import describe_concepts, list_agents, list_environments
from agentscope.pipeline.opening import OpenAgent, open_agent
from agentscope.pipeline.probing import probe_agent

__all__ = [
    "OpenAgent",
    "check_file",
    "compare_agent",
    "describe_concepts",
    "explain_step",
    "inspect_agent",
    "list_agents",
    "list_environments",
    "open_agent",
    "parse_for",
    "probe_agent",
]
