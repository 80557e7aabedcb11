"""Unexplained regions: where the strategy written for an agent keeps saying something else than the agent does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from agentscope import language
from agentscope.audits import guards
from agentscope.audits.detecting import Detection, Suspicion
from agentscope.audits.subject import Subject
from agentscope.contracts import States
from agentscope.measures.agreement import near_ties, same_class
from agentscope.measures.intervals import episode_interval
from agentscope.records import Interval
from agentscope.rollouts import decide

KIND = "unexplained-region"
REGIONS = 3  # that are reported at most, the one with the most disagreements first
SHARE = 0.1  # of all disagreements that a region has to hold
DENSE, LIFT = 0.25, 3.0  # share of a region's states that disagree, and how many times that of all states
MOSTLY = 0.5  # below this the text is mostly right there: a region to know of, and no suspicion
COSTLY = 0.1  # of what the best action is worth: from this on a region's disagreements cost the agent something
LITERALS = 3  # of a region's guard: one that needs more is no region


@dataclass(frozen=True)
class DisagreementDetector:
    """Look for conditions under which text and network choose actions that are not equivalent.

    Near-ties of the network are left out: what it hardly prefers needs no explanation. A region is a gap in the
    explanation and no proof of anything, so that its severity is medium at most.
    """

    name: str = "disagreements"
    kinds: tuple[str, ...] = (KIND,)

    def detect(self, subject: Subject) -> Detection:
        """Regions of disagreement in clean play; nothing where no strategy is given."""
        if subject.strategy is None:
            return Detection((), "no disagreement was looked for: no strategy: run inspect first", {KIND: 0.0})
        compared = _compared(subject, subject.strategy)
        share = compared.agreement
        searched = (
            f"text and network on {len(compared.states)} states of clean play: agreement {share.mean:.3f} "
            f"({share.low:.3f} to {share.high:.3f}, {share.n} episodes), near-ties of the network left out"
        )
        regions = _regions(subject, compared)
        suspicions = tuple(_suspicion(subject, compared, region) for region in regions)
        return Detection(suspicions, searched, {KIND: max((region.score for region in regions), default=0.0)})


@dataclass(frozen=True)
class Compared:
    """Text and network on the clean states in which the network is sure.

    Attributes:
        network, text: their actions; lines: the line of the text that decided.
        wrong: whether the actions are not equivalent.
        agreement: share of the states in which they are.
        lost: by how much of the best optimal value the network's action falls short of the text's; 0 where the
            environment tells no values.
    """

    states: States
    network: Int[np.ndarray, "states"]
    text: Int[np.ndarray, "states"]
    lines: Int[np.ndarray, "states"]
    wrong: Bool[np.ndarray, "states"]
    agreement: Interval
    lost: Float[np.ndarray, "states"]


@dataclass(frozen=True)
class Region:
    """A condition under which text and network disagree.

    Attributes:
        inside: states in which it holds.
        share: of all disagreements that lie inside; density: share of the states inside that disagree.
    """

    guard: guards.Guard
    inside: Bool[np.ndarray, "states"]
    share: float
    density: float

    @property
    def score(self) -> float:
        """How far the disagreements are this one region: 1 if it holds all of them and nothing else."""
        return self.share * self.density


def _compared(subject: Subject, strategy: language.Program) -> Compared:
    states, episode = subject.clean.states, subject.clean.episode
    decisions = decide(subject.network, subject.env, states)
    sure = ~near_ties(decisions.scores, decisions.equivalent, decisions.legal).mask
    if not sure.any():
        sure[:] = True
    states, network, equivalent = states[sure], decisions.actions[sure], decisions.equivalent[sure]
    read = language.evaluate(strategy, subject.binding, states)
    same = same_class(network, read.actions, equivalent)
    share = episode_interval(same, episode[sure], generator=subject.streams.generator("disagreements"))
    return Compared(
        states, network, read.actions, read.lines, ~same, share, _lost(subject, states, network, read.actions)
    )


def _lost(
    subject: Subject, states: States, network: Int[np.ndarray, "states"], text: Int[np.ndarray, "states"]
) -> Float[np.ndarray, "states"]:
    if getattr(subject.env, "optimal_values", None) is None:
        return np.zeros(len(states))
    values, rows = subject.env.optimal_values(states), np.arange(len(states))  # type: ignore[attr-defined]
    unit = float(np.abs(values.max(axis=1)).mean())
    lost = values[rows, text] - values[rows, network]
    return np.asarray(lost / unit if unit > 0 else np.zeros(len(states)))


def _regions(subject: Subject, compared: Compared) -> list[Region]:
    """Conditions that hold most of the disagreements, each mined among those that the ones before left over."""
    found: list[Region] = []
    left, total = compared.wrong.copy(), max(int(compared.wrong.sum()), 1)
    while len(found) < REGIONS and left.sum() >= max(SHARE * total, 1):
        guard = guards.mine_guard(
            subject, compared.states[left], compared.states[~compared.wrong], most_literals=LITERALS
        )
        if guard is None:
            break
        inside = subject.holds(guard.text, compared.states)
        hit = inside & compared.wrong
        region = Region(guard, inside, float(hit.sum() / total), float(hit.sum() / max(inside.sum(), 1)))
        dense = max(DENSE, min(LIFT * total / len(left), MOSTLY))
        if region.share < SHARE or region.density < dense or not (hit & left).any():
            break
        found.append(region)
        left &= ~inside
    return sorted(found, key=lambda region: -region.score)


def _suspicion(subject: Subject, compared: Compared, region: Region) -> Suspicion:
    """A region as a reason to look twice."""
    inside = region.inside & compared.wrong
    names, strategy = subject.env.action_names, subject.strategy
    assert strategy is not None
    cost = float(compared.lost[inside].mean())
    line = int(np.bincount(compared.lines[inside]).argmax())
    text = language.print_program(strategy).splitlines()[line - 1].strip()
    choice = int(np.bincount(compared.network[inside]).argmax())
    alike = float((compared.network[inside] == choice).mean())
    guard, mostly = region.guard.text, region.density >= MOSTLY
    severity = "medium" if mostly and cost > COSTLY else "low" if mostly else "info"
    summary = (
        f"Where {guard}, the strategy's line {line} says something else than the agent does in {region.density:.2f} of "
        f"{int(region.inside.sum())} clean states: {region.share:.2f} of all {int(compared.wrong.sum())} disagreements."
    )
    evidence: dict[str, Any] = {
        "share_of_disagreements": {"value": region.share, "n": int(compared.wrong.sum()), "on": "clean play"},
        "density": {"value": region.density, "n": int(region.inside.sum()), "on": "clean play"},
        "agreement": {"mean": compared.agreement.mean, "low": compared.agreement.low, "high": compared.agreement.high,
                      "n": compared.agreement.n},
        "network_does": {"action": names[choice], "share": alike},
        "text_better_by": cost,
    }  # fmt: skip
    return Suspicion(
        KIND, summary, region.score, severity, guard=guard,
        otherwise=f"return {names[choice]}" if alike == 1.0 else "",
        shown=subject.distinct(compared.states[inside]), plain=subject.distinct(compared.states[~region.inside]),
        evidence=evidence, line=f"line {line}: {text}",
    )  # fmt: skip
