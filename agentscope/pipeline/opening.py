"""What every verb starts from: an agent beside its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from agentscope import language, rollouts
from agentscope.agents import cards, finding
from agentscope.contracts import InspectableEnv, Scalar, States
from agentscope.errors import EnvironmentMissing
from agentscope.probes.labels import read_labels
from agentscope.probes.targets import LabelledStates
from agentscope.records import Decisions


@dataclass(frozen=True)
class OpenAgent:
    """An agent beside its environment, checked to fit.

    Attributes:
        card: of a shipped agent or a folder; None for a bare zip.
        env_id, env_kwargs: as `make_environment` takes them.
        own_concepts: what a user's file added to the environment's concepts (name and sha256 of the file with it).
        labels: states that a user has labelled, to be probed instead of states that the agent visits.
        home: folder of its card, where simplified networks may lie beside it.
    """

    name: str
    network: Any
    env: InspectableEnv
    card: cards.AgentCard | None = None
    env_id: str = ""
    env_kwargs: Mapping[str, Scalar] = field(default_factory=dict)
    own_concepts: language.ConceptFile | None = None
    labels: LabelledStates | None = None
    home: Path | None = None

    @cached_property
    def policy(self) -> rollouts.NetworkPolicy:
        """The network as a greedy policy in its environment."""
        return rollouts.NetworkPolicy(self.network, self.env)

    def decide(self, states: States) -> Decisions:
        """What the network thinks of these states."""
        return rollouts.decide(self.network, self.env, states)


def open_agent(
    text: str,
    *,
    env_id: str | None = None,
    env_kwargs: Mapping[str, Scalar] | None = None,
    vecnormalize: str | None = None,
    trust: bool = False,
    concepts: str | None = None,
    labels: str | None = None,
) -> OpenAgent:
    """Find an agent, read its zip without running anything, and make its environment.

    Args:
        text: a shipped name, a folder with card.toml, or an SB3 zip.
        env_id: typed by the user, so any module may be imported; ids from cards are limited to known modules.
        concepts: a TOML file of the user's own concepts, which the environment then declares beside its own.
        labels: an npz or csv file of states that the user has labelled.
    Raises: UnknownAgent, BadCard, RefusedFile, UnsupportedAgent, EnvironmentMissing, SpaceMismatch; of the user's files
        TextError, RefusedFile, BadOption.
    """
    from agentscope.agents import load_network

    source = finding.find_agent(text)
    network = load_network(source.zip_path, vecnormalize=vecnormalize, trust=trust, name=source.name)
    card_env = source.card.environment if source.card else None
    chosen = env_id or (card_env.id if card_env else None)
    if chosen is None:
        raise EnvironmentMissing(
            f"{source.name} is a zip without a card, so its environment is unknown. Name it with --env module:Id "
            "(`agentscope envs` lists those that are installed)."
        )
    kwargs = {**(card_env.kwargs if card_env and not env_id else {}), **(env_kwargs or {})}
    env = rollouts.make_environment(chosen, kwargs, trusted=env_id is not None)
    rollouts.check_spaces(network, env)
    own = language.read_concepts(concepts) if concepts is not None else None
    if own is not None:
        env = language.extend_environment(env, own)
    labelled = read_labels(labels, env) if labels is not None else None
    home = source.zip_path.parent if source.card is not None else None
    return OpenAgent(source.name, network, env, source.card, chosen, kwargs, own, labelled, home)
