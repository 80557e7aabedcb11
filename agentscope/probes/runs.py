"""One run of probing over all sources: the network, its untrained twins, the raw input and random features of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agentscope.concepts import Concept
from agentscope.contracts import Network, ProgressCallback, no_progress
from agentscope.errors import BadOption
from agentscope.probes.code_length import code_lengths
from agentscope.probes.fitting import Outcome, Plan, Probed, probe_source, read_held_out
from agentscope.probes.judging import NO_INTERVAL, Ends, LayerScores, first_of_the_best, judged, unscored
from agentscope.probes.logistic import logistic_outcomes
from agentscope.probes.measuring import Score, draw_resamples, interval_of
from agentscope.probes.nonlinear import widened_source
from agentscope.probes.readouts import Readout, Readouts, every_readout
from agentscope.probes.ridge import STRENGTHS
from agentscope.probes.scoring import Scorer, accuracy, constant_score, score, value_scores
from agentscope.probes.significance import Measured, chance, difference_interval, false_discovery_rates, measure
from agentscope.probes.sources import (
    RawInput,
    Source,
    View,
    input_source,
    network_source,
    random_source,
    raw_input,
    view_of,
)
from agentscope.probes.splits import split_episodes
from agentscope.probes.targets import VARIANTS, LabelledStates, Target, draw_donors, make_target
from agentscope.probes.values import value_rows
from agentscope.probes.verdicts import HELD, MARGIN, TOP, closed_share
from agentscope.records import Primitive

Key = tuple[str, str]  # layer, concept


@dataclass(frozen=True)
class Probing:
    """What probing found: a record for each concept, and the readouts of each that could be scored.

    Attributes:
        readouts: of each concept from the layer that its record names.
        network: of each concept from every layer, by (layer, concept); twins: the same of each untrained twin, fitted
            on all but the validation states.
    """

    primitives: tuple[Primitive, ...]
    readouts: Readouts
    network: Mapping[Key, Readout]
    twins: tuple[Mapping[Key, Readout], ...]


class ProbeRun:
    """One run over all sources.

    Args:
        depth: for one concept: intervals for every layer and not for the best alone, each value of a concept with axes
            by itself, the non-linear readout (of the twins from the layer where it finds most), code lengths.
    """

    def __init__(
        self, network: Network, data: LabelledStates, twins: Sequence[Network], *, generator: np.random.Generator,
        progress: ProgressCallback = no_progress, depth: bool = False,
    ) -> None:  # fmt: skip
        _check_twins(network, twins)
        split, donors, chosen, drawn, resampling, self.order = generator.spawn(6)
        self.data, self.layers, self.depth = data, [layer.name for layer in network.layers], depth
        self.plan = Plan(data, split_episodes(data.episodes, split), draw_donors(data, donors), depth)
        self.resamples = draw_resamples(self.plan.split.episodes, resampling)
        made = {concept.name: make_target(data, concept, chosen) for concept in data.concepts}
        self.targets = {name: target for name, target in made.items() if isinstance(target, Target)}
        self.why = {name: text for name, text in made.items() if isinstance(text, str)}
        self.work: dict[View, list[Target]] = {}
        for layer in network.layers:
            for target in self.targets.values():
                self.work.setdefault(view_of(layer, target.axes), []).append(target)
        self.by_value: dict[Key, list[np.ndarray]] = {}
        self.fitted: dict[str, float] = {}
        steps = 3 + len(twins)
        self._read_network(network)
        progress("probes", 1, steps)
        self.twins: list[Mapping[Key, Measured]] = []
        self.twin_readouts: list[Mapping[Key, Readout]] = []
        self.twins_nonlinear: list[Mapping[Key, float]] = []
        for index, twin in enumerate(twins):
            self._read_twin(twin)
            progress("probes", 2 + index, steps)
        raw = raw_input(data.observations)
        self._read_input(raw)
        progress("probes", steps - 1, steps)
        self._read_random(raw, drawn)
        progress("probes", steps, steps)

    def _read_network(self, network: Network) -> None:
        """Every concept from every layer, with the control task and the labels shuffled within episodes."""
        self.own: Probed = probe_source(network_source(network, "network"), self.work, self.plan, VARIANTS)
        self.outcomes = {(o.view.layer, o.target.name, o.variant): o for o in self.own.outcomes}
        self.found = {key: measure(outcome, self.plan) for key, outcome in self.outcomes.items()}
        self.kept: set[Key] = set()  # whose controls keep their scorers, for intervals
        for name in self.targets:
            scores = [self.found[layer, name, "real"].value for layer in self.layers]
            if not np.isfinite(scores).all():
                self.why[name] = "it does not vary within the held-out episodes of any fold"
                continue
            best = self.layers[first_of_the_best(scores)]
            self.kept |= {(layer, name) for layer in (self.layers if self.depth else [best])}
        for layer, name in self.kept:
            for variant in ("real", "task"):
                found = self.found[layer, name, variant]
                scorer = Scorer(self.outcomes[layer, name, variant], self.plan)
                self.found[layer, name, variant] = replace(found, scorer=scorer)

        self.nonlinear = self._nonlinear(network, self.own) if self.depth else {}
        source = network_source(network, "network")
        self.codes = code_lengths(source, self.work, self.plan, generator=self.order) if self.depth else {}

    def _read_twin(self, twin: Network) -> None:
        probed = probe_source(network_source(twin, "twin"), self.work, self.plan, ("real",))
        self.twins.append(self._control(probed.outcomes, self.kept))
        self.twin_readouts.append(every_readout(probed, self.plan, anew=False))
        if self.depth:
            best = max(self.nonlinear, key=lambda key: self.nonlinear[key], default=("", ""))
            self.twins_nonlinear.append(self._nonlinear(twin, probed, (best[0],)))

    def _nonlinear(self, network: Network, probed: Probed, layers: Sequence[str] | None = None) -> dict[Key, float]:
        """Scores of the small non-linear readout, of some layers or of all."""
        names = self.layers if layers is None else layers
        source = Source(network.name, lambda observations: network.activations_of(observations, names))
        widened, work = widened_source(source, [fit for fit in probed.fits if fit.view.layer in names])
        outcomes = probe_source(widened, work, self.plan, ("real",)).outcomes
        return {(o.view.layer, o.target.name): score(o, self.plan) for o in outcomes}

    def _read_input(self, raw: RawInput) -> None:
        whole, source = View("input", (raw.width,)), input_source(raw)
        kept = {("input", name) for _, name in self.kept}
        probed = probe_source(source, {whole: list(self.targets.values())}, self.plan, ("real",))
        self.input = self._control(probed.outcomes, kept)
        for outcome in logistic_outcomes(self._undecided(), raw, self.plan, whole):
            stronger = measure(outcome, self.plan, keep=("input", outcome.target.name) in kept)
            key = "input", outcome.target.name
            self.input[key] = max(self.input[key], stronger, key=lambda each: each.value)
        near = self._near_the_input()
        if near:
            probed.fits[0].fit_on_all(STRENGTHS[0])
            again = read_held_out(probed.fits, self.plan, source, {})
            self.fitted = {o.target.name: score(o, self.plan) for o in again if o.target.name in near}

    def _best(self, name: str) -> float:
        return max(self.found[layer, name, "real"].value for layer in self.layers)

    def _undecided(self) -> list[Target]:
        """Choices that the closed-form rules cannot read off the raw input as well as off some layer."""
        return [t for name, t in self.targets.items()
                if t.classes and self.input["input", name].value < self._best(name) - MARGIN]  # fmt: skip

    def _near_the_input(self) -> set[str]:
        """Concepts that the raw input has within MARGIN of a layer, and that the layer holds nevertheless.

        They are the input's unless it cannot even fit the states that it is fitted on.
        """
        pairs = {name: (self._best(name), self.input["input", name].value) for name in self.targets}
        return {name for name, (best, raw) in pairs.items()
                if best - MARGIN <= raw < TOP and closed_share(best, raw) >= HELD}  # fmt: skip

    def _read_random(self, raw: RawInput, drawn: np.random.Generator) -> None:
        widths = sorted({view.random_width for view in self.work})
        views = {View(f"random_{width}", (width,)): list(self.targets.values()) for width in widths}
        self.width = {view.layer: view.random_width for view in self.work}
        kept = {(f"random_{self.width[layer]}", name) for layer, name in self.kept}
        probed = probe_source(random_source(raw, widths, drawn), views, self.plan, ("real",))
        self.random = self._control(probed.outcomes, kept)

    def _control(self, outcomes: Sequence[Outcome], kept: set[Key]) -> dict[Key, Measured]:
        """Scores of a control; those of single values are kept beside them where a concept is looked at in depth."""
        found = {}
        for outcome in outcomes:
            key = outcome.view.layer, outcome.target.name
            if self.plan.keep and outcome.target.shape:
                self.by_value.setdefault(key, []).append(value_scores(outcome, self.plan))
            found[key] = measure(outcome, self.plan, keep=key in kept)
        return found

    def values(self, real: Outcome, task: Outcome) -> tuple[Mapping[str, Any], ...]:
        """Each value of a concept by itself, read from one layer."""
        name = real.target.name
        layers = {"input": "input", "untrained": real.view.layer, "random": f"random_{real.view.random_width}"}
        controls = {control: self.by_value.get((layer, name), []) for control, layer in layers.items()}
        return value_rows(real, task, controls, self.plan)

    def primitives(self) -> tuple[Primitive, ...]:
        """One record a concept."""
        scored = [concept for concept in self.data.concepts if concept.name not in self.why]
        layers = {concept.name: [self._layer(layer, concept.name) for layer in self.layers] for concept in scored}
        rates = false_discovery_rates(np.array([layer.p for row in layers.values() for layer in row]))
        found = iter(rates.tolist())
        layers = {name: [replace(layer, q=next(found)) for layer in row] for name, row in layers.items()}
        return tuple(self._record(concept, layers, len(rates)) for concept in self.data.concepts)

    def _record(self, concept: Concept, layers: Mapping[str, Sequence[LayerScores]], tests: int) -> Primitive:
        if concept.name in self.why:
            return unscored(concept, self.why[concept.name])
        split = self.plan.split
        return judged(
            concept, layers[concept.name], states=int(split.scored.sum()), episodes=split.scored_episodes, tests=tests
        )

    def _layer(self, layer: str, name: str) -> LayerScores:
        """One concept in one layer beside every control."""
        real, task = (self.found[layer, name, variant] for variant in ("real", "task"))
        outcome = self.outcomes[layer, name, "real"]
        twins = [twin[layer, name] for twin in self.twins]
        raw, features = self.input["input", name], self.random[f"random_{self.width[layer]}", name]
        controls = (raw, features, *twins)
        ends: list[Ends] = [NO_INTERVAL] * 3
        if real.scorer is not None:
            found = [difference_interval(real, each, self.resamples) for each in (controls, (task,))]
            ends = [each or NO_INTERVAL for each in (interval_of(real.scorer(self.resamples)), *found)]
        constant = constant_score(outcome.target, self.plan)
        code = self.codes.get((layer, name))
        twins_nonlinear = [twin[layer, name] for twin in self.twins_nonlinear if (layer, name) in twin]
        return LayerScores(
            outcome.view, Score(real.value, *ends[0]), raw.value, tuple(twin.value for twin in twins), features.value,
            _known(task.value), _known(self.found[layer, name, "shuffled"].value),
            constant, accuracy(outcome, self.plan), self.fitted.get(name),
            gain_ends=ends[1], selectivity_ends=ends[2],
            p=chance(real, (*controls, task), episodes=self.plan.split.scored_episodes, floor=constant),
            nonlinear=self.nonlinear.get((layer, name)),
            nonlinear_untrained=max(twins_nonlinear, default=None), code=code.row(self.resamples) if code else None,
        )  # fmt: skip

    def probing(self) -> Probing:
        """Records and readouts."""
        primitives = self.primitives()
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
