"""Find primitives: probe every concept in every layer, beside its controls, and say where it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agentscope.contracts import Network, ProgressCallback, no_progress
from agentscope.errors import BadOption
from agentscope.probes.examples import Examples, examples_of
from agentscope.probes.fitting import Outcome, Plan, Probed, probe_source
from agentscope.probes.judging import MARGIN, LayerScores, best_layer, judged, unscored, with_interval
from agentscope.probes.logistic import logistic_outcomes
from agentscope.probes.measuring import Score
from agentscope.probes.readouts import Readout, Readouts, every_readout
from agentscope.probes.scoring import accuracy, constant_score, interval, score, value_scores
from agentscope.probes.sources import View, input_source, network_source, random_source, raw_input, view_of
from agentscope.probes.splits import split_episodes
from agentscope.probes.targets import VARIANTS, LabelledStates, Target, draw_donors, make_target
from agentscope.probes.values import value_rows
from agentscope.records import Primitive

Key = tuple[str, str]  # layer, concept


@dataclass(frozen=True)
class Probing:
    """What probing found: a record for each concept, and the readouts of each that could be scored.

    Attributes:
        readouts: of each concept from the layer that its record names.
        network: of each concept from every layer, by (layer, concept); twins: the same of each untrained twin.
    """

    primitives: tuple[Primitive, ...]
    readouts: Readouts
    network: Mapping[Key, Readout]
    twins: tuple[Mapping[Key, Readout], ...]


@dataclass(frozen=True)
class ConceptProbe:
    """One concept in depth: every layer with its interval, and states to look at.

    Attributes:
        axes: names of the concept's axes (actions first); values: the best layer's scores of each value by itself
            (`value_rows`), none for a concept without axes.
    """

    probing: Probing
    examples: Examples
    axes: tuple[str, ...] = ()
    values: tuple[Mapping[str, Any], ...] = ()

    @property
    def primitive(self) -> Primitive:
        """The record of the concept."""
        return self.probing.primitives[0]

    @property
    def readouts(self) -> Readouts:
        """Its readout, from the layer that the record names."""
        return self.probing.readouts


def find_primitives(
    network: Network,
    data: LabelledStates,
    *,
    twins: Sequence[Network],
    generator: np.random.Generator,
    progress: ProgressCallback = no_progress,
) -> tuple[Primitive, ...]:
    """The records of `probe_concepts`, without the readouts."""
    return probe_concepts(network, data, twins=twins, generator=generator, progress=progress).primitives


def probe_concepts(
    network: Network,
    data: LabelledStates,
    *,
    twins: Sequence[Network],
    generator: np.random.Generator,
    progress: ProgressCallback = no_progress,
) -> Probing:
    """Fit a readout of every concept in every layer, and the same for each control, on the same held-out episodes.

    Args:
        twins: untrained networks of the same architecture; at least 5 are wanted.
        generator: of the split, the random labels, the random features and the bootstrap.
    Returns: one record a concept, in the order of `data.concepts`; use is "untested".
    Raises: EmptySample: fewer than 3 episodes.
    """
    run = _Run(network, data, twins, generator, progress)
    return run.probing(every_interval=False)


def probe_concept(
    network: Network,
    data: LabelledStates,
    concept: str,
    *,
    twins: Sequence[Network],
    generator: np.random.Generator,
    progress: ProgressCallback = no_progress,
) -> ConceptProbe:
    """One concept in depth: intervals for all layers, top states and near misses.

    Raises: ConceptsMissing: there is no such concept. EmptySample: fewer than 3 episodes.
    """
    run = _Run(network, data.only(concept), twins, generator, progress, keep=True)
    probing = run.probing(every_interval=True)
    best = {o.variant: o for o in run.own.outcomes if o.view.layer == probing.primitives[0].layer}
    if not best:
        return ConceptProbe(probing, Examples((), ()))
    real = best["real"]
    values = run.values(real, best["task"]) if real.target.shape else ()
    return ConceptProbe(probing, examples_of(real, run.plan), real.target.axes, values)


class _Run:
    """One run over all sources: the network, its twins, the raw input and random features."""

    def __init__(
        self, network: Network, data: LabelledStates, twins: Sequence[Network], generator: np.random.Generator,
        progress: ProgressCallback, keep: bool = False,
    ) -> None:  # fmt: skip
        _check_twins(network, twins)
        split, donors, chosen, drawn, self.resampling = generator.spawn(5)
        self.data, self.layers = data, [layer.name for layer in network.layers]
        self.plan = Plan(data, split_episodes(data.episodes, split), draw_donors(data, donors), keep)
        made = {concept.name: make_target(data, concept, chosen) for concept in data.concepts}
        self.targets = [target for target in made.values() if isinstance(target, Target)]
        self.why = {name: text for name, text in made.items() if isinstance(text, str)}
        work: dict[View, list[Target]] = {}
        for layer in network.layers:
            for target in self.targets:
                work.setdefault(view_of(layer, target.axes), []).append(target)
        steps = 3 + len(twins)
        self.own: Probed = probe_source(network_source(network, "network"), work, self.plan, VARIANTS)
        progress("probes", 1, steps)
        self.twins: list[Mapping[Key, float]] = []
        self.twin_readouts: list[Mapping[Key, Readout]] = []
        self.by_value: dict[Key, list[np.ndarray]] = {}
        for index, twin in enumerate(twins):
            probed = probe_source(network_source(twin, "twin"), work, self.plan, ("real",))
            self.twins.append(self._control(probed.outcomes))
            self.twin_readouts.append(every_readout(probed, self.plan))
            progress("probes", 2 + index, steps)
        raw = raw_input(data.observations)
        whole = View("input", (raw.width,))
        found = probe_source(input_source(raw), {whole: self.targets}, self.plan, ("real",)).outcomes
        self.input = self._control(found)
        self._strengthen(logistic_outcomes(self._undecided(), raw, self.plan, whole))
        progress("probes", steps - 1, steps)
        widths = sorted({view.random_width for view in work})
        views = {View(f"random_{width}", (width,)): self.targets for width in widths}
        source = random_source(raw, widths, drawn)
        self.random = self._control(probe_source(source, views, self.plan, ("real",)).outcomes)
        progress("probes", steps, steps)

    def _undecided(self) -> list[Target]:
        """Choices that the closed-form rules cannot read off the raw input as well as off some layer."""
        best: dict[str, float] = {}
        for (_, name), value in self._scores([o for o in self.own.outcomes if o.variant == "real"]).items():
            best[name] = max(best.get(name, -np.inf), value)
        return [t for t in self.targets if t.classes and self.input["input", t.name] < best[t.name] - MARGIN]

    def _strengthen(self, outcomes: Sequence[Outcome]) -> None:
        for key, value in self._scores(outcomes).items():
            self.input[key] = max(self.input[key], value)

    def _scores(self, outcomes: Sequence[Outcome]) -> dict[Key, float]:
        return {(o.view.layer, o.target.name): score(o, self.plan) for o in outcomes}

    def _control(self, outcomes: Sequence[Outcome]) -> dict[Key, float]:
        """Scores of a control; those of single values are kept beside them where a concept is looked at in depth."""
        for outcome in outcomes:
            if self.plan.keep and outcome.target.shape:
                kept = self.by_value.setdefault((outcome.view.layer, outcome.target.name), [])
                kept.append(value_scores(outcome, self.plan))
        return self._scores(outcomes)

    def values(self, real: Outcome, task: Outcome) -> tuple[Mapping[str, Any], ...]:
        """Each value of a concept by itself, read from one layer."""
        name = real.target.name
        layers = {"input": "input", "untrained": real.view.layer, "random": f"random_{real.view.random_width}"}
        controls = {control: self.by_value.get((layer, name), []) for control, layer in layers.items()}
        return value_rows(real, task, controls, self.plan)

    def primitives(self, *, every_interval: bool) -> tuple[Primitive, ...]:
        """One record a concept."""
        outcomes = {(o.target.name, o.variant, o.view.layer): o for o in self.own.outcomes}
        targets = {target.name: target for target in self.targets}
        records = []
        for concept in self.data.concepts:
            if concept.name in self.why:
                records.append(unscored(concept, self.why[concept.name]))
                continue
            named = [[outcomes[concept.name, variant, layer] for variant in VARIANTS] for layer in self.layers]
            constant = constant_score(targets[concept.name], self.plan)
            layers = [self._layer(real, task, shuffled, constant) for real, task, shuffled in named]
            if not all(np.isfinite(layer.score.value) for layer in layers):
                records.append(unscored(concept, "it does not vary within the held-out episodes of any fold"))
                continue
            best = best_layer(layers)
            layers = [
                with_interval(layer, interval(real, self.plan, self.resampling))
                if every_interval or layer is best else layer
                for layer, (real, _, _) in zip(layers, named, strict=True)
            ]  # fmt: skip
            split = self.plan.split
            records.append(judged(concept, layers, states=int(split.scored.sum()), episodes=split.scored_episodes))
        return tuple(records)

    def _layer(self, real: Outcome, task: Outcome, shuffled: Outcome, constant: float) -> LayerScores:
        layer, name = real.view.layer, real.target.name
        return LayerScores(
            real.view, Score(score(real, self.plan)), self.input[("input", name)],
            tuple(twin[(layer, name)] for twin in self.twins), self.random[(f"random_{real.view.random_width}", name)],
            _known(score(task, self.plan)), _known(score(shuffled, self.plan)), constant, accuracy(real, self.plan),
        )  # fmt: skip

    def probing(self, *, every_interval: bool) -> Probing:
        """Records and readouts."""
        primitives = self.primitives(every_interval=every_interval)
        every = every_readout(self.own, self.plan)
        named = {p.concept: every[p.layer, p.concept] for p in primitives if p.layer is not None}
        return Probing(primitives, Readouts(named), every, tuple(self.twin_readouts))


def _known(value: float) -> float | None:
    """None for a control without a score: its random labels do not vary where they are held out."""
    return value if np.isfinite(value) else None


def _check_twins(network: Network, twins: Sequence[Network]) -> None:
    for twin in twins:
        if [layer.shape for layer in twin.layers] != [layer.shape for layer in network.layers]:
            raise BadOption(
                "An untrained twin has other layers than the network: a control needs the same architecture."
            )
