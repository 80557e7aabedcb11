"""Every figure of agreement on one state set, from the network's decisions and the text's actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from agentscope.contracts import InspectableEnv
from agentscope.errors import ContractBroken
from agentscope.measures import (
    Goodness,
    NearTies,
    agreement,
    compare_values,
    episode_interval,
    equally_good,
    good_where_optimal,
    mean_regret,
    near_ties,
    regrets,
    same_class,
)
from agentscope.records import Agreement, Decisions, StateSet

COUNTEREXAMPLES = 20  # listed for each set
EXCEPTIONS = 1_000  # most exceptions to "equally good where the network is optimal" that an exhaustive set lists


@dataclass(frozen=True)
class Sheet:
    """One state set with what network and text do in it: what all figures are computed from."""

    states: StateSet
    decisions: Decisions
    strategy_actions: Int[np.ndarray, "states"]
    ties: NearTies
    same: Bool[np.ndarray, "states"]
    regret: Float[np.ndarray, "states"]
    goodness: Goodness | None


def fill_sheet(
    env: InspectableEnv, states: StateSet, decisions: Decisions, strategy_actions: Int[np.ndarray, "states"]
) -> Sheet:
    """Compare two policies state by state.

    Raises: EmptySample: the set is empty.
    """
    scores, equivalent, legal = decisions.scores, decisions.equivalent, decisions.legal
    return Sheet(
        states,
        decisions,
        strategy_actions,
        near_ties(scores, equivalent, legal),
        same_class(decisions.actions, strategy_actions, equivalent),
        regrets(scores, strategy_actions, equivalent, legal),
        _goodness(env, states, decisions, strategy_actions),
    )


def measure_sheet(
    env: InspectableEnv, sheet: Sheet, *, generator: np.random.Generator, fitted_on: bool = False
) -> Agreement:
    """All figures of one set; no interval on an exhaustive one."""
    clear = ~sheet.ties.mask
    interval = None
    if not sheet.states.exhaustive:
        interval = episode_interval(sheet.same, sheet.states.episode, generator=generator)
    each_itself = np.broadcast_to(np.arange(sheet.decisions.scores.shape[1]), sheet.decisions.scores.shape)
    goodness = sheet.goodness
    return Agreement(
        states=len(sheet.states),
        episodes=len(np.unique(sheet.states.episode)),
        agreement=float(sheet.same.mean()),
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        raw=agreement(sheet.decisions.actions, sheet.strategy_actions, each_itself),
        without_near_ties=float(sheet.same[clear].mean()) if clear.any() else None,
        near_tie_share=sheet.ties.share,
        equally_good=equally_good(goodness) if goodness else None,
        regret=mean_regret(sheet.regret, sheet.same),
        fitted_on=fitted_on,
        by_feature=_by_feature(sheet),
        counterexamples=counterexamples(env, sheet),
        optimal_states=int(goodness.network_optimal.sum()) if goodness else None,
        good_where_optimal=good_where_optimal(goodness) if goodness else None,
    )


def counterexamples(env: InspectableEnv, sheet: Sheet) -> tuple[Mapping[str, Any], ...]:
    """The disagreements with the largest regret; on an exhaustive set first all where only the network is optimal."""
    wrong = np.flatnonzero(~sheet.same)
    wrong = wrong[np.argsort(-sheet.regret[wrong], kind="stable")]
    chosen = wrong[:COUNTEREXAMPLES]
    if sheet.states.exhaustive and sheet.goodness is not None:
        exception = sheet.goodness.network_optimal & ~sheet.goodness.strategy_optimal
        listed = wrong[exception[wrong]][:EXCEPTIONS]
        others = wrong[~exception[wrong]][: max(0, COUNTEREXAMPLES - len(listed))]
        chosen = np.concatenate([listed, others])
    return tuple(_counterexample(env, sheet, int(row)) for row in chosen)


def _counterexample(env: InspectableEnv, sheet: Sheet, row: int) -> Mapping[str, Any]:
    states = sheet.states
    network, strategy = int(sheet.decisions.actions[row]), int(sheet.strategy_actions[row])
    example: dict[str, Any] = {
        "network": env.action_names[network],
        "strategy": env.action_names[strategy],
        "regret": round(float(sheet.regret[row]), 6),
        "near_tie": bool(sheet.ties.mask[row]),
        "worth": _worth(sheet.goodness, row),
        "episode": int(states.episode[row]),
        "step": int(states.step[row]),
    }
    if states.feature is not None:
        example["feature"] = _feature_name(states, int(states.feature[row]))
    render = getattr(env, "render_text", None)
    example["state"] = render(states.states[row : row + 1]) if render is not None else f"state {row}"
    return example


def _worth(goodness: Goodness | None, row: int) -> str | None:
    if goodness is None:
        return None
    for name, mask in (("equally good", goodness.equally_good), ("better", goodness.better)):
        if mask[row]:
            return name
    return "costly"


def _goodness(
    env: InspectableEnv, states: StateSet, decisions: Decisions, strategy_actions: np.ndarray
) -> Goodness | None:
    if getattr(env, "optimal_values", None) is None:
        return None
    try:
        values = env.optimal_values(states.states)  # type: ignore[attr-defined]
    except ContractBroken:  # edited states can lie outside what the rules give a value to
        return None
    return compare_values(decisions.actions, strategy_actions, decisions.equivalent, values, decisions.legal)


def _by_feature(sheet: Sheet) -> tuple[Mapping[str, Any], ...]:
    feature = sheet.states.feature
    if feature is None:
        return ()
    counts = np.bincount(feature)
    agreed = np.bincount(feature, weights=sheet.same)
    return tuple(
        {
            "feature": _feature_name(sheet.states, int(index)),
            "states": int(counts[index]),
            "agreement": float(agreed[index] / counts[index]),
        }
        for index in np.flatnonzero(counts)
    )


def _feature_name(states: StateSet, index: int) -> str:
    return states.feature_names[index] if index < len(states.feature_names) else f"feature {index}"
