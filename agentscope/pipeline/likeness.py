"""How much a simplified network is like its original: agreement on fresh states, and what it earns in play."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float64

from agentscope import rollouts, verification
from agentscope.contracts import Policy
from agentscope.measures import mean_regret, near_ties, regrets, same_class
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.running import Run
from agentscope.records import StateSet
from agentscope.rollouts import NetworkPolicy, RandomLegal

RESAMPLES = 2_000
PLAYED = 4  # times as many episodes as the exam has: returns of long games spread widely
SAME_RETURN = 1e-9


def examine_simplified(
    agent: OpenAgent, network: Any, exam: StateSet, run: Run, *, fitted_on: tuple[str, ...]
) -> verification.Examination:
    """Every figure of fidelity, the simplified network in the place of the text."""
    options = verification.ExamOptions(
        max_states=run.budget.exam_states, max_steps=run.budget.steps, fitted_on=frozenset(fitted_on)
    )
    return verification.examine(
        NetworkPolicy(network, agent.env), agent.network, agent.env, exam,
        seeds=run.streams.episode_seeds("exam", run.budget.exam), streams=run.streams, options=options,
        progress=run.progress, text_in=lambda env: NetworkPolicy(network, env),
    )  # fmt: skip


def earned(agent: OpenAgent, network: Any, run: Run, *, episodes: int | None = None) -> dict[str, Any]:
    """Returns of the original, the simplified network and random legal play on the same seeds, and their ratio.

    The ratio is (simplified - random) / (original - random): a plain ratio of returns has no meaning where they may be
    negative. Its interval is a bootstrap over seeds; it is None where the original plays no better than chance.
    """
    seeds = run.streams.episode_seeds("earned", episodes or PLAYED * run.budget.exam)
    players: dict[str, Policy] = {
        "network": agent.policy,
        "simplified": NetworkPolicy(network, agent.env),
        "random": RandomLegal(agent.env, run.streams.generator("earned.random")),
    }
    returns = {}
    for name, player in players.items():
        returns[name] = rollouts.play(player, agent.env, seeds, max_steps=run.budget.steps,
                                      progress=run.progress).returns  # fmt: skip
    ratio = _ratios(*(returns[name][None] for name in ("simplified", "network", "random")))[0]
    generator = run.streams.generator("bootstrap.earned")
    rows = generator.integers(len(seeds), size=(RESAMPLES, len(seeds)))
    spread = _ratios(*(returns[name][rows] for name in ("simplified", "network", "random")))
    low, high = (None, None) if np.isnan(ratio) else map(float, np.nanquantile(spread, (0.025, 0.975)))
    return {
        "episodes": len(seeds), **{f"{name}_return": float(values.mean()) for name, values in returns.items()},
        "return_ratio": None if np.isnan(ratio) else float(ratio), "return_ratio_low": low, "return_ratio_high": high,
    }  # fmt: skip


def _ratios(
    simplified: Float64[np.ndarray, "samples episodes"],
    network: Float64[np.ndarray, "samples episodes"],
    random: Float64[np.ndarray, "samples episodes"],
) -> Float64[np.ndarray, "samples"]:
    floor = random.mean(axis=1)
    over = network.mean(axis=1) - floor
    over = np.where(over > SAME_RETURN, over, np.nan)
    return np.asarray((simplified.mean(axis=1) - floor) / over)


def agreement_row(agent: OpenAgent, network: Any, states: StateSet) -> dict[str, Any]:
    """Agreement on the original's states, plain and without near-ties, and the regret of what is left."""
    known, found = agent.decide(states.states), rollouts.decide(network, agent.env, states.states)
    same = same_class(known.actions, found.actions, known.equivalent)
    clear = ~near_ties(known.scores, known.equivalent, known.legal).mask
    regret = regrets(known.scores, found.actions, known.equivalent, known.legal)
    return {
        "states": len(states), "agreement": float(same.mean()),
        "clear": float(same[clear].mean()) if clear.any() else float(same.mean()), "regret": mean_regret(regret, same),
    }  # fmt: skip
