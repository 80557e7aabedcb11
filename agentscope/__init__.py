"""AgentScope: turn a trained policy into a program that people can read, run and trust as far as it was measured.

Names are loaded on first use, so that `import agentscope.concepts` loads no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentscope.concepts import ActionConcept as ActionConcept
    from agentscope.concepts import Concept as Concept
    from agentscope.errors import AgentScopeError as AgentScopeError
    from agentscope.interface import StrategyPolicy as StrategyPolicy
    from agentscope.interface import inspect as inspect
    from agentscope.testing import check_detector as check_detector
    from agentscope.testing import check_environment as check_environment

_HOMES = {
    "ActionConcept": "concepts",
    "Concept": "concepts",
    "AgentScopeError": "errors",
    "StrategyPolicy": "interface",
    "inspect": "interface",
    "check_detector": "testing",
    "check_environment": "testing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
