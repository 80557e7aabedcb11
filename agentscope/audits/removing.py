"""Ablations that are played: whether a behaviour is gone and clean play stays, and the fewest units that do it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from agentscope.audits.ablating import AblatedPolicy, Ablation, LayerBench
from agentscope.audits.cases import SHOWN, Cases, behaving
from agentscope.audits.detecting import Suspicion
from agentscope.audits.subject import WORTHLESS, Subject
from agentscope.contracts import Policy, States
from agentscope.rollouts.playing import play, play_from

EPISODES = 256  # of clean play, on seeds that it was played on before
MOST = 12  # units of one place
KEPT_ON = 24  # candidates that are tried again after the first unit
LONGER = 2  # times the length of all but the longest clean episodes: what a played episode may take
STEP = 0.005  # what another unit must add
LOOKED_AT = 0.6  # share of the decisions that must go back before an ablation is looked at
REMOVED, KEPT = 0.9, 0.97  # shares of competence that must come back, and of clean return that must stay
PLAYS = 4  # sets of one layer that are played, each of which must bring back enough single decisions
WORSE = 0.2  # share of competence that must come back even where states are not paired: other errors are no cure


@dataclass(frozen=True)
class Play:
    """One network played from the states that show the behaviour, and in clean episodes.

    Attributes:
        shown: mean worth from those states; clean: mean return of the clean episodes.
        restored: share of the decisions that show it with an action that counts as not behaving so; still: with the
            same action as ever.
    """

    shown: float
    clean: float
    restored: float
    still: float


class Stage:
    """Plays ablated networks from the shown states and in clean episodes, and says whether that is enough."""

    def __init__(self, subject: Subject, suspicion: Suspicion, cases: Cases) -> None:
        self.subject, self.suspicion, self.cases = subject, suspicion, cases
        assert suspicion.shown is not None
        count = len(suspicion.shown)
        self.rows = np.sort(subject.streams.generator("place played").permutation(count)[:SHOWN])
        self.shown = suspicion.shown[self.rows]
        met = np.unique(subject.clean.episode[behaving(subject, suspicion)])
        free = np.setdiff1d(np.arange(len(subject.clean.episodes)), met)
        self.episodes = (free if len(free) else met)[:EPISODES]
        usual = float(np.quantile(subject.clean.episodes.lengths[self.episodes], 0.95))
        self.steps = min(LONGER * int(np.ceil(usual)), subject.budget.horizon)

    @cached_property
    def reference(self) -> float:
        """What the agent is worth without the behaviour: from the plain states, else from its bases."""
        plain = self.suspicion.plain
        if plain is None or not len(plain):
            plain = self.subject.bases[:SHOWN]
        elif self.suspicion.paired:
            plain = plain[self.rows]
        return self._worth(plain[:SHOWN], self.subject.policy)

    @cached_property
    def before(self) -> Play:
        """The network as it is."""
        return self._played(self.subject.policy)

    def played(self, ablation: Ablation) -> Play:
        """The network with an ablation, on the same states and seeds."""
        return self._played(AblatedPolicy(self.subject.network, self.subject.env, ablation))

    def _played(self, policy: Policy) -> Play:
        subject = self.subject
        seeds = subject.clean.episodes.seeds[self.episodes]
        clean = float(play(policy, subject.env, seeds, max_steps=self.steps).returns.mean())
        actions = policy.actions(self.cases.shown)
        restored = self.cases.good[np.arange(len(actions)), actions].mean()
        still = (actions == self.cases.own).mean()
        return Play(self._worth(self.shown, policy), clean, float(restored), float(still))

    def _worth(self, states: States, policy: Policy) -> float:
        """Mean worth of playing on from there."""
        return float(self.subject.worth(play_from(policy, self.subject.env, states, max_steps=self.steps)).mean())

    def removed(self, after: Play) -> float | None:
        """Share of the lost competence that is back; None where the behaviour costs none."""
        lost = self.reference - self.before.shown
        small = WORTHLESS * max(abs(self.reference), abs(self.before.shown))
        return (after.shown - self.before.shown) / lost if lost > small else None

    def gone(self, after: Play) -> float:
        """How far the behaviour is gone, from 0 to 1: decisions that are other ones, and competence that is back.

        Decisions need not be those of the plain state where competence tells that they are as good. What states that
        are not paired are worth says little of what the shown ones should be: there they must be.
        """
        removed = self.removed(after)
        if removed is None or not self.suspicion.paired:
            return after.restored
        return min(removed, 1.0 - after.still)

    def kept(self, after: Play) -> float:
        """Share of the clean return that stays: 1 less the loss as a share of it, whatever its sign."""
        before = self.before.clean
        return 1.0 - (before - after.clean) / abs(before) if before else float(after.clean >= 0)

    def passes(self, after: Play) -> bool:
        """Whether the behaviour is gone and clean play is not."""
        removed = self.removed(after)
        return self.gone(after) >= REMOVED and (removed is None or removed >= WORSE) and self.kept(after) >= KEPT

    def nearness(self, after: Play) -> float:
        """How much of both is reached: the behaviour gone, clean play kept; 2 at most."""
        return self.gone(after) + min(self.kept(after), 1.0)

    def smallest(self, bench: LayerBench, kind: str) -> tuple[Ablation, Play] | None:
        """The first set on the way up that passes, without what it can spare; else the best that was played."""
        way = [(ablation, verdict) for ablation, verdict in additions(bench, kind) if verdict[0] >= LOOKED_AT]
        bar = LOOKED_AT if self.suspicion.paired else REMOVED
        enough = [ablation for ablation, verdict in way if verdict[0] >= bar][:PLAYS]
        if way:
            best = max(way, key=lambda each: each[1][0] - each[1][1])[0]
            enough += [best] * (best not in enough)
        tried: list[tuple[Ablation, Play]] = []
        for ablation in enough:
            tried.append((ablation, self.played(ablation)))
            if self.passes(tried[-1][1]):
                return self.spared(bench, *tried[-1])
        return max(tried, key=lambda each: self.nearness(each[1]), default=None)

    def spared(self, bench: LayerBench, ablation: Ablation, after: Play) -> tuple[Ablation, Play]:
        """Give back units, the last added first, as long as the rest passes."""
        for name in ablation.units[-2::-1]:
            less = bench.ablation(ablation.kind, tuple(unit for unit in ablation.units if unit != name))
            if len(ablation.units) == 1 or float(bench.verdicts([less]).restored[0]) < LOOKED_AT:
                continue
            played = self.played(less)
            if self.passes(played):
                ablation, after = less, played
        return ablation, after


def additions(bench: LayerBench, kind: str) -> Iterator[tuple[Ablation, tuple[float, float]]]:
    """Units added one by one, each time the one that wins most.

    With the shares of shown decisions that went back, and of clean ones that changed.
    """
    chosen: tuple[str, ...] = ()
    candidates, worth = bench.promising(kind), -np.inf
    while len(chosen) < MOST and candidates:
        tried = [bench.ablation(kind, (*chosen, name)) for name in candidates]
        verdicts = bench.verdicts(tried)
        best = int(verdicts.worth.argmax())
        if verdicts.worth[best] < worth + STEP:
            return
        worth = float(verdicts.worth[best])
        chosen = (*chosen, candidates[best])
        order = np.argsort(-verdicts.worth, kind="stable")[: len(tried) if bench.steps else KEPT_ON + 1]
        candidates = [candidates[at] for at in order if at != best]
        yield tried[best], (float(verdicts.restored[best]), float(verdicts.changed[best]))
