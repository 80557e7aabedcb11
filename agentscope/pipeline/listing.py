"""`agents`, `envs`, `concepts`: what is there, a row each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentscope import rollouts
from agentscope.agents import cards
from agentscope.contracts import Scalar, action_concepts_of, concepts_of


def list_agents() -> list[dict[str, Any]]:
    """The shipped agents, a row each."""
    rows = []
    for name in cards.shipped_agents():
        card = cards.find_agent(name).card
        assert card is not None
        rows.append({
            "name": name, "algorithm": card.agent.algorithm, "environment": card.environment.id,
            "return": card.evaluation.return_mean, "family": card.agent.family, "title": card.title,
        })  # fmt: skip
    return rows


def list_environments() -> list[dict[str, Any]]:
    """Environments that installed packages offer; none is imported."""
    return [{"id": f"{module.split('.')[0]}:{name}"} for name, module in rollouts.provided_environments().items()]


def describe_concepts(env_id: str, kwargs: Mapping[str, Scalar]) -> list[dict[str, Any]]:
    """The concepts of an environment, a row each.

    Raises: EnvironmentMissing: no such environment can be made.
    """
    env = rollouts.make_environment(env_id, kwargs, trusted=True)
    return [
        {"name": concept.name, "kind": concept.kind, "of": kind, "axis": ", ".join(concept.axis),
         "unit": concept.unit, "doc": concept.doc}
        for kind, declared in (("state", concepts_of(env)), ("action", action_concepts_of(env)))
        for concept in declared
    ]  # fmt: skip
