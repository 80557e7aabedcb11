"""The exam of a text: four state sets and unseen levels, each with every figure, and paired episodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Int

from agentscope.contracts import InspectableEnv, Network, Policy, ProgressCallback, States, no_progress
from agentscope.measures import action_mass
from agentscope.records import Agreement, Fidelity, StateSet
from agentscope.rollouts import (
    NetworkPolicy,
    StateSampler,
    Streams,
    collect_states,
    decide,
    edited_states,
    enumerated_states,
    levels_of,
    probabilities,
)
from agentscope.rollouts.policies import SAMPLED
from agentscope.verification.lines import worst_line
from agentscope.verification.pairing import Pairs, play_pairs, rollout_rows, summarise_pairs
from agentscope.verification.scoring import Sheet, fill_sheet, measure_sheet

SETS = ("network", "strategy", "edited", "reachable", "unseen_levels")


@dataclass(frozen=True)
class ExamOptions:
    """How an exam is held.

    Attributes:
        max_states: cap on the states that the text visits and on those of unseen levels that must be played.
        max_steps: cap on the steps of an episode.
        deterministic: the mode in which the agent is deployed: greedy, or sampled (actor-critics only). Agreement is
            greedy against greedy in both; returns are in this mode.
        fitted_on: names of the sets whose counterexamples the text was fitted to.
        sets: names of the sets to measure; leaving out all but "network" makes a quick check.
    """

    max_states: int = 20_000
    max_steps: int = 2_000
    deterministic: bool = True
    fitted_on: frozenset[str] = frozenset()
    sets: tuple[str, ...] = SETS


@dataclass(frozen=True)
class Examination:
    """What an exam gives: the figures, and what they were computed from.

    Attributes:
        sheets: by name of the set: its states, the network's decisions, the text's actions.
        rollouts: one row a paired episode, for rollouts.csv.
        worst: the line that most often decided wrongly on the network's states (see `worst_line`).
    """

    fidelity: Fidelity
    sheets: Mapping[str, Sheet]
    rollouts: tuple[Mapping[str, Any], ...] = ()
    worst: Mapping[str, Any] | None = None


LinesOf = Callable[[States], Int[np.ndarray, "states"]]
"""The line of the text that decided each state."""

PolicyIn = Callable[[InspectableEnv], Policy]
"""The text bound to another environment of the same kind, e.g. to unseen levels."""


def examine(
    text: Policy,
    network: Network,
    env: InspectableEnv,
    exam: StateSet,
    *,
    seeds: Int[np.ndarray, "episodes"],
    streams: Streams,
    options: ExamOptions | None = None,
    progress: ProgressCallback = no_progress,
    lines_of: LinesOf | None = None,
    text_in: PolicyIn | None = None,
) -> Examination:
    """Measure a text against a network on every state set of design section 5.

    Args:
        exam: states that the network visits in fresh episodes: nothing may have been fitted on them.
        seeds: of the paired episodes; the states that the text visits there are the set `strategy`.
        streams: draws of edits, thinning and bootstraps (names "exam.*" and "bootstrap.*").
        lines_of: gives the deciding lines, so that the line most often wrong can be named.
        text_in: binds the text to unseen levels; without it the text's concepts must measure those states as well.
    Raises: EmptySample: no states or no seeds.
    """
    hall = _Hall(text, network, env, streams, options or ExamOptions(), progress)
    hall.measure("network", exam)
    pairs = _hold_pairs(hall, seeds)
    if "edited" in hall.options.sets:
        edited = edited_states(env, exam, streams.generator("exam.edits"))
        hall.measure("edited", edited, missing="the environment offers no edits")
    if "reachable" in hall.options.sets:
        hall.measure("reachable", enumerated_states(env), missing="the environment cannot enumerate its states")
    if "unseen_levels" in hall.options.sets:
        _measure_unseen(hall, seeds, text_in)
    network_sheet = hall.sheets["network"]
    episodes = summarise_pairs(env, pairs, streams=streams, mass=_mass(hall, network_sheet)) if pairs else None
    why = {name: reason for name, reason in hall.why.items()}
    if network.algorithm not in SAMPLED:
        why["episodes.mass"] = f"{network.algorithm} chooses greedily: it gives no probabilities"
    fidelity = Fidelity(**{name: hall.results.get(name) for name in SETS}, episodes=episodes, why=why)
    worst = None
    if lines_of is not None:
        worst = worst_line(lines_of(network_sheet.states.states), ~network_sheet.same)
    rows = rollout_rows(env, pairs) if pairs else ()
    return Examination(fidelity, hall.sheets, rows, worst)


@dataclass
class _Hall:
    """What an exam needs throughout, and its results so far."""

    text: Policy
    network: Network
    env: InspectableEnv
    streams: Streams
    options: ExamOptions
    progress: ProgressCallback
    sheets: dict[str, Sheet] = field(default_factory=dict)
    results: dict[str, Agreement] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)

    def measure(
        self,
        name: str,
        states: StateSet | None,
        *,
        missing: str = "",
        env: InspectableEnv | None = None,
        text: Policy | None = None,
    ) -> None:
        """Fill and measure the sheet of one set, or note why there is none."""
        if states is None or not len(states):
            self.why[name] = missing
            return
        env = env or self.env
        decisions = decide(self.network, env, states.states)
        actions = np.asarray((text or self.text).actions(states.states))
        sheet = fill_sheet(env, states, decisions, actions)
        self.sheets[name] = sheet
        generator = self.streams.generator(f"bootstrap.{name}")
        fitted = name in self.options.fitted_on
        self.results[name] = measure_sheet(env, sheet, generator=generator, fitted_on=fitted)
        self.progress("measuring agreement", len(self.results), len(self.options.sets))


def _hold_pairs(hall: _Hall, seeds: np.ndarray) -> Pairs | None:
    """Play the pairs, and measure on the states that the text visits in them."""
    if "strategy" not in hall.options.sets:
        hall.why |= dict.fromkeys(("strategy", "episodes"), "no episodes were played in this check")
        return None
    options, streams = hall.options, hall.streams
    sampler = StateSampler(
        np.asarray(seeds), max_states=options.max_states, generator=streams.generator("exam.strategy")
    )
    draws = None if options.deterministic else streams.generator("exam.deployed")
    deployed = NetworkPolicy(hall.network, hall.env, deterministic=options.deterministic, generator=draws)
    pairs = play_pairs(
        hall.text, deployed, hall.env, seeds,
        max_steps=options.max_steps, watch=sampler.watch, progress=hall.progress,
    )  # fmt: skip
    hall.measure("strategy", sampler.state_set("strategy"))
    return pairs


def _measure_unseen(hall: _Hall, seeds: np.ndarray, text_in: PolicyIn | None) -> None:
    """All states of levels that neither agent nor text has seen, or those the network visits there."""
    if getattr(hall.env, "unseen_levels", None) is None:
        hall.why["unseen_levels"] = "the environment keeps no levels apart"
        return
    unseen: InspectableEnv = hall.env.unseen_levels()  # type: ignore[attr-defined]
    states = enumerated_states(unseen, name="unseen_levels")
    if states is not None:
        # All states of these levels, but the levels are a sample of all levels: the interval goes by level.
        states = replace(states, episode=levels_of(states.states), exhaustive=False)
    else:
        states = collect_states(
            NetworkPolicy(hall.network, unseen), unseen, seeds,
            max_states=hall.options.max_states, generator=hall.streams.generator("exam.unseen"),
            name="unseen_levels", max_steps=hall.options.max_steps,
        )  # fmt: skip
    hall.measure("unseen_levels", states, env=unseen, text=text_in(unseen) if text_in else None)


def _mass(hall: _Hall, sheet: Sheet) -> float | None:
    if hall.network.algorithm not in SAMPLED:
        return None
    return action_mass(probabilities(sheet.decisions.scores), sheet.strategy_actions, sheet.decisions.equivalent)
