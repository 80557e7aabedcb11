"""A policy network becomes an integer network that one could deploy: recipes, states to teach on, phases."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from agentscope import rollouts
from agentscope.contracts import Policy, States
from agentscope.integers import IntegerNetwork, read_plan
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.running import Run
from agentscope.records import Budget

LOGITS = 256  # first states on which the spread of logits is compared
SHARES = {"network": 0.6, "own": 0.25, "chance": 0.15}  # of the states to teach on: whose play they come from


@dataclass(frozen=True)
class Recipe:
    """How one simplified network is made.

    Attributes:
        point: what it is meant to be: close or small, or a name of its own on the frontier.
        plan: stages of another shape, one line each; empty for those of the network itself.
        weights, activations, widest: bits, as of `agents.quantising.Precision`.
        updates: of each phase of teaching; before each but the first, states of the student's own are added.
        fan_in, sparsity, rate, hard, exact, batch, equalise: as of `agents.teaching.Lesson`.
        states: to teach on, at most.
        slower: by how much the rate falls from phase to phase: a fast start undoes some of what was learned.
    """

    point: str
    plan: tuple[str, ...] = ()
    weights: int = 8
    activations: int = 8
    widest: int = 0
    updates: tuple[int, ...] = (1_000,)
    fan_in: int = 0
    sparsity: float = 0.0
    rate: float = 5e-4
    hard: float = 0.5
    batch: int = 256
    states: int = 20_000
    equalise: bool = False
    exact: float = 0.0
    slower: int = 3


CLOSE = Recipe("close", weights=11, activations=9, widest=14, rate=5e-5, hard=0.0, exact=2.0)
SMALLER = (
    Recipe("6 bits", weights=6, activations=8, rate=1e-3, equalise=True),
    Recipe("5 bits, half pruned", weights=5, activations=6, rate=2e-3, equalise=True, sparsity=0.5),
    Recipe("4 bits, four fifths pruned", weights=4, activations=6, rate=2e-3, equalise=True, sparsity=0.8),
)


def in_phases(recipe: Recipe, budget: Budget) -> Recipe:
    """A recipe for an agent that has none of its own, as long as the budget allows."""
    phases = (5_000, 5_000) if budget.name == "full" else (600,)
    return replace(recipe, updates=phases, states=2 * budget.lesson_states)


@dataclass(frozen=True)
class Simplified:
    """An integer network, the agent that plays it, and how it was made.

    Attributes:
        curve: for each phase, (updates, agreement on held-out lessons).
        fitted_on: sets of states whose every state was taught.
    """

    recipe: Recipe
    integers: IntegerNetwork
    network: Any
    curve: tuple[tuple[tuple[int, float], ...], ...] = field(default=())
    fitted_on: tuple[str, ...] = ()


def simplify(agent: OpenAgent, recipe: Recipe, run: Run) -> Simplified:
    """Teach an integer network of the recipe's shape to choose as the agent does.

    Raises: UnsupportedAgent: the network has parts that integer stages do not hold. BadOption: the plan is unsound.
    """
    import torch

    from agentscope.agents.drafts import draft_of, fresh_draft
    from agentscope.agents.quantising import Precision
    from agentscope.agents.teaching import Lesson, teach

    draft = draft_of(agent.network)
    if recipe.plan:
        generator = torch.Generator().manual_seed(run.number("fresh"))
        draft = fresh_draft(read_plan(recipe.plan), draft.observation, generator)
    precision = Precision(recipe.weights, recipe.activations, recipe.widest)
    everything = rollouts.enumerated_states(agent.env)
    curves, taught, student = [], None, None
    for phase, updates in enumerate(recipe.updates):
        states, episode = _states_to_teach(agent, recipe, run, student, phase=phase)
        lesson = Lesson(
            updates=updates, batch=recipe.batch, rate=recipe.rate / recipe.slower**phase, hard=recipe.hard,
            fan_in=recipe.fan_in, sparsity=recipe.sparsity, all_states=everything is not None, ramp=phase == 0,
            equalise=recipe.equalise, exact=recipe.exact,
        )  # fmt: skip
        taught = teach(draft, _school(agent, states, episode), precision, lesson, seed=run.number(f"teach.{phase}"),
                       progress=run.progress)  # fmt: skip
        draft = taught.draft
        curves.append(taught.curve)
        student = deploy(agent, taught.network, run, name=f"{agent.name}-{recipe.point}")
    assert taught is not None and student is not None
    return Simplified(
        recipe,
        taught.network,
        student,
        tuple(curves),
        ("network", "strategy", "reachable") if everything is not None else (),
    )


def deploy(agent: OpenAgent, integers: IntegerNetwork, run: Run, *, name: str) -> Any:
    """The integer network as an agent; scores of a sampled one are scaled to spread about as its original's do."""
    from agentscope.agents.deploying import deployed

    plain = deployed(integers, agent.network, name=name)
    if agent.network.algorithm not in rollouts.policies.SAMPLED:
        return plain
    states = agent.env.reset(run.streams.episode_seeds("logits", LOGITS))
    spread = [float(np.std(one.scores(agent.env.observe(states)), axis=1).mean()) for one in (plain, agent.network)]
    exponent = round(float(np.log2(max(spread[0], 1.0) / max(spread[1], 1e-3))))
    return deployed(integers, agent.network, name=name, logit_exponent=max(exponent, 0))


def _states_to_teach(
    agent: OpenAgent, recipe: Recipe, run: Run, student: Any, *, phase: int
) -> tuple[States, np.ndarray]:
    """Every state where they can be listed; else states of the network's, the student's and chance's play."""
    everything = rollouts.enumerated_states(agent.env)
    if everything is not None:
        return everything.states, everything.episode
    players: dict[str, Policy] = {"network": agent.policy}
    players["chance"] = rollouts.RandomLegal(agent.env, run.streams.generator("simplify.chance"))
    if student is not None:
        players["own"] = rollouts.NetworkPolicy(student, agent.env)
    total = sum(SHARES[name] for name in players)
    found = []
    for name, player in players.items():
        most = int(recipe.states * SHARES[name] / total)
        stream = f"simplify.{name}.{phase}" if name == "own" else f"simplify.{name}"
        seeds = run.streams.episode_seeds(stream, max(most // 50, 20))
        found.append(rollouts.collect_states(player, agent.env, seeds, max_states=most,
                                             generator=run.streams.generator(f"{stream}.thin"),
                                             max_steps=run.budget.steps))  # fmt: skip
    return np.concatenate([one.states for one in found]), np.concatenate([one.episode for one in found])


def _school(agent: OpenAgent, states: States, episode: np.ndarray) -> Any:
    from agentscope.agents.teaching import Schooling

    decisions = agent.decide(states)
    return Schooling(agent.env.observe(states), decisions.scores, decisions.legal, decisions.equivalent, episode)
