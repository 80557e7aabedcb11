"""AgentScope from Python: `agentscope.inspect(model, env)`, and a strategy that predicts like an SB3 policy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from agentscope import pipeline
from agentscope.contracts import InspectableEnv, ProgressCallback, no_progress
from agentscope.errors import ContractBroken, EnvironmentMissing
from agentscope.language import TextPolicy, bind_state, extend_environment, read_concepts
from agentscope.records import BUDGETS, Inspection, Strategy
from agentscope.reports import build_report, report_page
from agentscope.rollouts import check_spaces, make_environment


@dataclass(frozen=True)
class StrategyPolicy:
    """A strategy that acts on observations, as SB3's `evaluate_policy` asks of a model.

    A text reads concepts of states, so the environment must be able to read its own observations back
    (`states_from(observations)`): all of ours and plain Gymnasium environments with a vector observation can.
    """

    strategy: Strategy
    env: InspectableEnv

    @cached_property
    def policy(self) -> TextPolicy:
        """The parsed text, bound to the environment's concepts."""
        return TextPolicy(pipeline.parse_for(self.env, self.strategy.text), bind_state(self.env))

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[np.ndarray, None]:
        """The text's actions for one observation or a batch; there is nothing to sample and no memory to keep.

        Raises: ContractBroken: the environment cannot read its observations back.
        """
        observations = np.asarray(observation)
        single = observations.shape == tuple(self.env.observation_space.shape or ())
        read = getattr(self.env, "states_from", None)
        if read is None:
            raise ContractBroken(
                f"{self.env.id} has no states_from(observations), so a text cannot act on observations alone; "
                "use the strategy in `agentscope compare`, or add the method (docs/adding/environment.md)."
            )
        actions = self.policy.actions(read(observations[None] if single else observations))
        return (actions[0] if single else actions), None


@dataclass(frozen=True)
class Inspected:
    """What `inspect` found: the record, the report as a document, and the strategy ready to act."""

    record: Inspection
    env: InspectableEnv

    @cached_property
    def report(self) -> dict[str, Any]:
        """The same document as report.json."""
        return build_report(self.record)

    @property
    def strategy(self) -> StrategyPolicy:
        """The strategy with `predict`; `.strategy.text` is what was verified."""
        assert self.record.strategy is not None
        return StrategyPolicy(self.record.strategy, self.env)

    def __str__(self) -> str:
        """The gist and the text."""
        text = self.record.strategy.text if self.record.strategy else ""
        return "\n".join([*self.report["gist"], "", text])

    def _repr_html_(self) -> str:
        """The report's page in a frame of its own, as a notebook shows it: its style and script touch nothing else."""
        page = escape(report_page(self.report), quote=True)
        return f'<iframe srcdoc="{page}" title="AgentScope report" style="width:100%;height:700px;border:0"></iframe>'


def inspect(
    agent: Any,
    env: str | gymnasium.Env[Any, Any] | InspectableEnv | None = None,
    *,
    seed: int = 0,
    budget: str = "quick",
    concepts: str | Path | None = None,
    progress: ProgressCallback = no_progress,
) -> Inspected:
    """Inspect a trained agent: `agentscope.inspect(model, "CartPole-v1")`.

    Args:
        agent: an SB3 model in memory (DQN, QRDQN, PPO, A2C, MaskablePPO), a shipped name, a folder or a zip.
        env: an id, a Gymnasium environment or an inspectable one; may be left out where a card names it.
        budget: "quick" or "full".
        concepts: a TOML file of your own concepts, which the text may then call (docs/adding/concepts.md).
    Raises: AgentScopeError: the agent or environment is unknown, unsupported, or they do not fit, or the file is not
        sound.
    """
    opened = _opened(agent, env, None if concepts is None else str(concepts))
    record = pipeline.inspect_agent(opened, BUDGETS[budget], seed=seed, progress=progress)
    return Inspected(record, opened.env)


def _opened(agent: Any, env: Any, concepts: str | None) -> pipeline.OpenAgent:
    if isinstance(agent, str | Path):
        if env is None or isinstance(env, str):
            return pipeline.open_agent(str(agent), env_id=env, concepts=concepts)
        from agentscope.agents import find_agent, load_network

        source = find_agent(str(agent))
        network: Any = load_network(source.zip_path, name=source.name)
    else:
        from agentscope.agents import network_from_model

        network = network_from_model(agent)
    made = _environment(env)
    check_spaces(network, made)
    own = None if concepts is None else read_concepts(concepts)
    declared = made if own is None else extend_environment(made, own)
    return pipeline.OpenAgent(network.name, network, declared, None, made.id, made.kwargs, own)


def _environment(env: Any) -> InspectableEnv:
    if isinstance(env, str):
        return make_environment(env, trusted=True)
    if isinstance(env, gymnasium.Env):
        inside = getattr(env.unwrapped, "inspectable", None)
        if inside is None and env.spec is None:
            raise EnvironmentMissing("this Gymnasium environment was not made by gymnasium.make: pass its id instead.")
        return inside if inside is not None else make_environment(env.spec.id, env.spec.kwargs, trusted=True)  # type: ignore[union-attr]
    if env is None:
        raise EnvironmentMissing("a model in memory names no environment: pass its id or the environment itself.")
    made: InspectableEnv = env
    return made
