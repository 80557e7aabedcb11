"""Networks without a behaviour: its place as weights, an SB3 zip, and what that file does once it is read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from agentscope import measures
from agentscope.audits import Subject, Suspicion
from agentscope.audits.ablating import OBSERVATION, Ablation
from agentscope.audits.cases import wanted_actions
from agentscope.contracts import Network, Policy, equivalent_actions_of
from agentscope.errors import AgentScopeError, UnsupportedAgent
from agentscope.records import Interval
from agentscope.rollouts import Episodes, NetworkPolicy, play

EPISODES, FEWEST, STEPS = 256, 16, 4_000  # of fresh clean play: episodes, and decisions that they take together
SHOWN = 256  # states that show the behaviour and are played on from
Figures = dict[str, Any]


def mend(subject: Subject, suspicion: Suspicion, ablation: Ablation, name: str) -> tuple[Figures, bytes | None]:
    """The network without the behaviour as an SB3 zip, and figures of that zip as our loader reads it again.

    Args:
        ablation: of a complete place; name: what the findings call the file.
    Returns: evidence of the finding, and the file's bytes; None where weights cannot say the ablation: the evidence
        tells why.
    """
    try:
        content = written(subject.network, ablation)
    except AgentScopeError as problem:
        return {"edited zip": f"not written: {problem}"}, None
    edited = read_again(subject.network, content, name.removesuffix(".zip"))
    policy = NetworkPolicy(edited, subject.env)
    figures = {
        "edited zip": {"file": name, "sha256": edited.sha256},
        **_where_it_shows(subject, suspicion, policy),
        **_in_clean_play(subject, suspicion, policy),
    }
    return figures, content


def written(network: Network, ablation: Ablation) -> bytes:
    """The network with these units held, by weights alone, as the bytes of an SB3 zip.

    VecNormalize statistics are no part of a zip: the edited one is used with the same file of them.

    Raises: UnsupportedAgent, BadOption: weights, or a zip, cannot say it.
    """
    from agentscope.agents import SB3Network, agent_zip, without_units

    if not isinstance(network, SB3Network):
        raise UnsupportedAgent("only networks of SB3 zips are written.")
    if ablation.layer == OBSERVATION:
        raise UnsupportedAgent(
            "its place is in what the network is shown, before all of its weights: change what the agent is shown."
        )
    return agent_zip(replace(without_units(network, ablation.layer, ablation.held), normaliser=None))


def read_again(network: Network, content: bytes, name: str) -> Network:
    """The written zip as anyone reads it, beside the statistics that the original is used with."""
    from agentscope.agents import load_network

    return replace(load_network(content, name=name), normaliser=getattr(network, "normaliser", None))


def _where_it_shows(subject: Subject, suspicion: Suspicion, policy: Policy) -> Figures:
    """What the edited network is worth from the states that show the behaviour, and whether it decides otherwise."""
    assert suspicion.shown is not None
    generator = subject.streams.generator("edited zip")
    rows = np.sort(generator.permutation(len(suspicion.shown))[:SHOWN])
    shown = suspicion.shown[rows]
    before, after = (subject.worth(subject.play_on(shown, each)) for each in (None, policy))
    worth = {**_figure(measures.mean_interval(after, generator=generator)), "on": "shown states",
             "before": float(before.mean())}  # fmt: skip
    if suspicion.plain is not None and len(suspicion.plain):
        plain = suspicion.plain[rows] if suspicion.paired else suspicion.plain[:SHOWN]
        worth["plain"] = float(subject.worth(subject.play_on(plain)).mean())
    found: Figures = {"edited zip: worth where it shows": worth}
    good, bad = wanted_actions(subject, suspicion)
    if bad.any():
        other = good[bad, policy.actions(suspicion.shown[bad])]
        found["edited zip: decisions that go back"] = {
            "value": float(other.mean()), "n": int(bad.sum()), "on": "decisions that show it",
        }  # fmt: skip
    return found


def _in_clean_play(subject: Subject, suspicion: Suspicion, policy: Policy) -> Figures:
    """Fresh episodes by the agent as it was and by the edited network: return, hidden performance, decisions."""
    generator = subject.streams.generator("edited zip clean")
    usual = max(float(subject.clean.episodes.lengths.mean()), 1.0)
    seeds = subject.streams.episode_seeds("edited zip", int(np.clip(STEPS / usual, FEWEST, EPISODES)))
    limit = subject.budget.horizon
    before = play(subject.policy, subject.env, seeds, max_steps=limit, trajectories=True)
    after = play(policy, subject.env, seeds, max_steps=limit)
    difference = measures.paired_difference(after.returns, before.returns, generator=generator)
    on = f"fresh episodes of at most {limit} steps"
    found: Figures = {
        "edited zip: clean return": {**_figure(measures.mean_interval(after.returns, generator=generator)), "on": on,
                                     "before": float(before.returns.mean())},
        "edited zip: change of clean return": {**_figure(difference), "on": on},
    }  # fmt: skip
    if before.hidden is not None and after.hidden is not None:
        hidden = _figure(measures.mean_interval(after.hidden, generator=generator))
        found["edited zip: clean hidden performance"] = {**hidden, "on": on, "before": float(before.hidden.mean())}
    return found | _changes(subject, suspicion, policy, before)


def _changes(subject: Subject, suspicion: Suspicion, policy: Policy, before: Episodes) -> Figures:
    """How many decisions of clean play are other ones, where the behaviour's guard does not hold."""
    assert before.trajectories is not None
    taken = before.trajectories
    free = np.ones(len(taken.states), bool)
    if suspicion.guard is not None:
        free = ~subject.holds(suspicion.guard, taken.states)
    states, actions, episode = taken.states[free], taken.actions[free], taken.episode[free]
    if not len(states):
        return {}
    equivalent, rows = equivalent_actions_of(subject.env, states), np.arange(len(states))
    same = equivalent[rows, policy.actions(states)] == equivalent[rows, actions]
    generator = subject.streams.generator("edited zip changes")
    kept = measures.episode_interval(same, episode, generator=generator)
    told = {"value": 1.0 - kept.mean, "low": 1.0 - kept.high, "high": 1.0 - kept.low, "episodes": kept.n,
            "n": len(states), "on": "clean decisions"}  # fmt: skip
    return {"edited zip: clean decisions that change": told}


def _figure(interval: Interval) -> Mapping[str, Any]:
    return {"value": interval.mean, "low": interval.low, "high": interval.high, "n": interval.n}
