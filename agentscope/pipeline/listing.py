"""`agents`, `envs`, `concepts`: what is there, a row each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentscope import rollouts
from agentscope.agents import cards, finding
from agentscope.contracts import Scalar, action_concepts_of, concepts_of
from agentscope.errors import BadOption


def list_agents(family: str | None = None) -> list[dict[str, Any]]:
    """The shipped agents, a row each, family by family; their cards are read, not their zips.

    Args:
        family: of those that are wanted; all by default.
    Raises: BadOption: no shipped agent is of this family. BadCard: a card is not sound.
    """
    rows: list[dict[str, Any]] = []
    for name, folder in finding.shipped_folders().items():
        card = cards.read_card(folder / "card.toml")
        rows.append({
            "name": name, "algorithm": card.agent.algorithm, "environment": card.environment.id,
            "return": card.evaluation.return_mean, "family": card.agent.family, "title": card.title,
        })  # fmt: skip
    known = list(finding.family_titles())
    families = sorted({row["family"] for row in rows}, key=lambda name: (_place(known, name), name))
    if family is not None and family not in families:
        raise BadOption(f"no shipped agent is of the family {family!r}; there are {', '.join(families)}")
    rows.sort(key=lambda row: families.index(row["family"]))
    return [row for row in rows if family in (None, row["family"])]


def _place(known: list[str], name: str) -> int:
    """Where a name stands in a list; behind all others where it is not in it."""
    return known.index(name) if name in known else len(known)


def family_titles() -> dict[str, str]:
    """What each family of agents is, in a few words, in the order in which they are listed."""
    return finding.family_titles()


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
