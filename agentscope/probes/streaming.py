"""Readouts of all concepts from all layers, fitted on states that come in chunks, are counted and forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from agentscope.contracts import Network
from agentscope.errors import BadOption, EmptySample
from agentscope.probes.fitting import Batch, Outcome, Plan, ViewFit, count_batch, read_held_out
from agentscope.probes.heads import Readings, fit_readings
from agentscope.probes.readouts import Readout, head_of, readout_of
from agentscope.probes.ridge import RidgeSystem
from agentscope.probes.scoring import METRICS, score
from agentscope.probes.sources import View, network_source, view_of
from agentscope.probes.splits import VALIDATION, split_episodes
from agentscope.probes.targets import LabelledStates, Target, draw_donors, make_target, relabelled

SCORED = 0  # the group of the held-out episodes that are scored
VARIANT = ("real",)
STREAM = 1  # the group of all states that come in chunks


@dataclass(frozen=True)
class LayerReadout:
    """One concept read from one layer, and its score on held-out episodes.

    Attributes:
        metric: R2, AUC or macro-F1, by the concept's kind.
        strength: penalty relative to the number of rows, as validation chose it.
        read: dimensions of the layer that share the readout's weights; () for a layer that is read as a whole.
        states, episodes: that the score was measured on.
    """

    concept: str
    layer: str
    metric: str
    score: float
    strength: float
    read: tuple[str, ...]
    readout: Readout
    states: int
    episodes: int


class StreamedProbe:
    """Counts states in, one chunk after the other, and fits every readout at the end.

    Memory is that of one chunk, of the held-out states and of X'X and X'Y of each layer: it does not grow with the
    number of states. Probes with the same network, held-out states and seed merge, in any order, e.g. one a process.
    There are no controls here: `probe_concepts` has them.

    Args:
        held_out: never fitted on; about a sixth of its episodes choose penalties, the others are scored. It also says
            which classes of a choice are scored, and the unit that numbers are fitted in.
        generator: of the split of the held-out episodes.
    Attributes:
        states: counted so far.
        why: concepts that cannot be scored on the held-out states, with the reason.
    Raises: EmptySample: fewer than 3 held-out episodes.
    """

    def __init__(self, network: Network, held_out: LabelledStates, *, generator: np.random.Generator) -> None:
        split, donors, chosen = generator.spawn(3)
        folds = split_episodes(held_out.episodes, split)
        folds = replace(folds, groups=np.minimum(folds.groups, SCORED), folds=1)
        self.plan = Plan(held_out, folds, draw_donors(held_out, donors))
        made = {concept.name: make_target(held_out, concept, chosen) for concept in held_out.concepts}
        self.targets = {name: target for name, target in made.items() if isinstance(target, Target)}
        self.why = {name: text for name, text in made.items() if isinstance(text, str)}
        self.source = network_source(network, "network")
        work: dict[View, list[Target]] = {}
        for layer in network.layers:
            for target in self.targets.values():
                work.setdefault(view_of(layer, target.axes), []).append(target)
        self.fits = [ViewFit(view, targets, VARIANT) for view, targets in work.items()]
        self.episodes = np.unique(held_out.episodes)
        self.states = 0
        for group, rows in self.plan.chunks():
            if group == VALIDATION:
                batch = self.plan.batch(group, rows, VARIANT)
                count_batch(self.fits, batch, self.source.activations(held_out.observations[rows]))

    def count(self, chunk: LabelledStates) -> None:
        """Count a chunk of states in.

        Raises: BadOption: it holds states of a held-out episode. ContractBroken: its labels have other shapes.
        """
        shared = np.intersect1d(chunk.episodes, self.episodes)
        if len(shared):
            raise BadOption(
                f"Episode {shared[0]} is held out, so its states cannot be fitted on: give the chunk other episodes."
            )
        targets = {name: relabelled(target, chunk) for name, target in self.targets.items()}
        batch = Batch(STREAM, len(chunk), targets=targets)
        count_batch(self.fits, batch, self.source.activations(chunk.observations))
        self.states += len(chunk)

    def merge(self, other: StreamedProbe) -> None:
        """Add what another probe has counted.

        Raises: BadOption: it reads other layers or concepts. EmptySample: it was made with other held-out states.
        """
        if [fit.view for fit in self.fits] != [fit.view for fit in other.fits] or list(self.targets) != list(
            other.targets
        ):
            raise BadOption("Probes of other layers or concepts cannot be merged: give them the same network and data.")
        for mine, theirs in zip(self.fits, other.fits, strict=True):
            mine.merge(STREAM, theirs)
        self.states += other.states

    def readouts(self) -> Mapping[tuple[str, str], LayerReadout]:
        """By (layer, concept): the readout fitted on all states counted so far, and its score on the held-out ones.

        Raises: EmptySample: no states have been counted.
        """
        if not self.states:
            raise EmptySample("No states have been counted, so there is nothing to fit: call count() first.")
        readings = {fit.view: self._fit(fit) for fit in self.fits}
        outcomes = {(o.view, o.target.name): o for o in read_held_out(self.fits, self.plan, self.source, {})}
        found = {}
        for fit in self.fits:
            for block in fit.blocks:
                outcome = outcomes[fit.view, block.target.name]
                readout = readout_of(fit, block, readings[fit.view], head_of(outcome, self.plan))
                found[fit.view.layer, block.target.name] = self._named(outcome, readout)
        return found

    def _fit(self, fit: ViewFit) -> Readings:
        """Fit one view on the stream; every held-out state is read with the same readout."""
        system = RidgeSystem(fit.fitters[STREAM].moments())
        fit.choose(system)
        readings = fit_readings(system, fit.strengths, fit.blocks)
        fit.readings = {VALIDATION: readings, SCORED: readings}
        return readings

    def _named(self, outcome: Outcome, readout: Readout) -> LayerReadout:
        concept, split = outcome.target.concept, self.plan.split
        return LayerReadout(
            concept.name, outcome.view.layer, METRICS[concept.kind], score(outcome, self.plan), outcome.strength,
            outcome.view.axes, readout, int(split.scored.sum()), split.scored_episodes,
        )  # fmt: skip
