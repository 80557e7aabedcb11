"""The stair between the rooms: one module for each verb, which calls the rooms in order; rooms never meet elsewhere.

Names are loaded on first use: listing agents needs none of what inspecting one does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentscope.pipeline.auditing import Audit as Audit
    from agentscope.pipeline.auditing import audit_agent as audit_agent
    from agentscope.pipeline.checking import check_file as check_file
    from agentscope.pipeline.comparing import compare_agent as compare_agent
    from agentscope.pipeline.decompiling import decompile_agent as decompile_agent
    from agentscope.pipeline.examining import parse_for as parse_for
    from agentscope.pipeline.explaining import explain_step as explain_step
    from agentscope.pipeline.inspecting import inspect_agent as inspect_agent
    from agentscope.pipeline.listing import describe_concepts as describe_concepts
    from agentscope.pipeline.listing import family_titles as family_titles
    from agentscope.pipeline.listing import list_agents as list_agents
    from agentscope.pipeline.listing import list_environments as list_environments
    from agentscope.pipeline.opening import OpenAgent as OpenAgent
    from agentscope.pipeline.opening import open_agent as open_agent
    from agentscope.pipeline.probing import probe_agent as probe_agent
    from agentscope.pipeline.reproving import verify_run as verify_run
    from agentscope.pipeline.surveying import Audited as Audited
    from agentscope.pipeline.surveying import AuditOrder as AuditOrder
    from agentscope.pipeline.surveying import audit_order as audit_order
    from agentscope.pipeline.surveying import audit_orders as audit_orders
    from agentscope.pipeline.surveying import replay_findings as replay_findings
    from agentscope.pipeline.surveying import start_report as start_report
    from agentscope.pipeline.watching.entering import open_watch as open_watch
    from agentscope.pipeline.watching.entering import refresh_watch as refresh_watch
    from agentscope.pipeline.watching.running import Watch as Watch
    from agentscope.pipeline.witnessing import replay_witness as replay_witness

_HOMES = {
    "Audit": "auditing",
    "audit_agent": "auditing",
    "check_file": "checking",
    "compare_agent": "comparing",
    "decompile_agent": "decompiling",
    "parse_for": "examining",
    "explain_step": "explaining",
    "inspect_agent": "inspecting",
    "describe_concepts": "listing",
    "family_titles": "listing",
    "list_agents": "listing",
    "list_environments": "listing",
    "OpenAgent": "opening",
    "open_agent": "opening",
    "probe_agent": "probing",
    "verify_run": "reproving",
    "Audited": "surveying",
    "AuditOrder": "surveying",
    "audit_order": "surveying",
    "audit_orders": "surveying",
    "replay_findings": "surveying",
    "start_report": "surveying",
    "Watch": "watching.running",
    "open_watch": "watching.entering",
    "refresh_watch": "watching.entering",
    "replay_witness": "witnessing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
