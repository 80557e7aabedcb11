"""What the scores say: one concept in one layer beside every control, and the record of a concept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentscope.concepts import Concept
from agentscope.probes.measuring import Score
from agentscope.probes.scoring import METRICS
from agentscope.probes.significance import LEVEL
from agentscope.probes.sources import View
from agentscope.probes.verdicts import settle
from agentscope.records import Primitive, ProbeScores

TIE = 0.005  # the first layer this close to the best is named: later layers often just pass a concept on
NO_INTERVAL = (None, None)
Ends = tuple[float | None, float | None]  # of an interval


@dataclass(frozen=True)
class LayerScores:
    """One concept in one layer: its score beside every control, all on the same held-out episodes.

    Attributes:
        input: the raw input's; input_fitted: the same on the states that it was fitted on, where that may decide.
        untrained: the same layer of each untrained twin.
        task: random labels, the same for equal observations; shuffled: labels mixed within episodes.
        constant: the best constant answer.
        accuracy: balanced accuracy of flags and choices.
        gain_ends, selectivity_ends: 95 % intervals, paired over episodes.
        p: that the score is no higher than its best control; q: the false discovery rate at which it is found.
        nonlinear: of a small non-linear readout; nonlinear_untrained: the best twin's, where it was fitted.
        code: code lengths (`CodeLengths.row`), where they were measured.
    """

    view: View
    score: Score
    input: float | None
    untrained: tuple[float, ...]
    random: float | None
    task: float | None
    shuffled: float | None
    constant: float
    accuracy: float | None = None
    input_fitted: float | None = None
    gain_ends: Ends = NO_INTERVAL
    selectivity_ends: Ends = NO_INTERVAL
    p: float = 1.0
    q: float = 1.0
    nonlinear: float | None = None
    nonlinear_untrained: float | None = None
    code: Mapping[str, float | None] | None = None

    @property
    def untrained_best(self) -> float | None:
        """The best of the twins: the conservative control."""
        return max(self.untrained) if self.untrained else None

    @property
    def gain(self) -> float | None:
        """Score minus the best of raw input, untrained twins and random features."""
        known = [value for value in (self.input, self.untrained_best, self.random) if value is not None]
        return self.score.value - max(known) if known else None

    @property
    def selectivity(self) -> float | None:
        """Score minus the control task's."""
        return _minus(self.score.value, self.task)

    def row(self) -> Mapping[str, Any]:
        """The figures as one row of the report."""
        untrained, value = self.untrained, self.score.value
        read = f"shared over {' and '.join(self.view.axes)}" if self.view.axes else "whole"
        return {
            "layer": self.view.layer,
            "score": value,
            "low": self.score.low,
            "high": self.score.high,
            "gain": self.gain,
            "gain_low": self.gain_ends[0],
            "gain_high": self.gain_ends[1],
            "p": self.p,
            "q": self.q,
            "significant": self.q <= LEVEL,
            "input": self.input,
            "input_fitted": self.input_fitted,
            "gain_over_input": _minus(value, self.input),
            "untrained": self.untrained_best,
            "untrained_mean": sum(untrained) / len(untrained) if untrained else None,
            "gain_over_untrained": _minus(value, self.untrained_best),
            "random": self.random,
            "gain_over_random": _minus(value, self.random),
            "task": self.task,
            "selectivity": self.selectivity,
            "selectivity_low": self.selectivity_ends[0],
            "selectivity_high": self.selectivity_ends[1],
            "shuffled": self.shuffled,
            "constant": self.constant,
            "balanced_accuracy": self.accuracy,
            "read": read,
            "units": self.view.units,
            "dims": self.view.dims,
            **({} if self.nonlinear is None else {"nonlinear": self.nonlinear}),
            **({} if self.nonlinear_untrained is None else {"nonlinear_untrained": self.nonlinear_untrained}),
            **(self.code or {}),
        }


def _minus(value: float, control: float | None) -> float | None:
    return None if control is None else value - control


def best_layer(layers: Sequence[LayerScores]) -> LayerScores:
    """The first layer whose score is within TIE of the best."""
    return layers[first_of_the_best([layer.score.value for layer in layers])]


def first_of_the_best(scores: Sequence[float]) -> int:
    """Index of the first score within TIE of the best."""
    top = max(scores)
    return next(index for index, value in enumerate(scores) if value >= top - TIE)


def judged(
    concept: Concept, layers: Sequence[LayerScores], *, states: int, episodes: int, tests: int
) -> Primitive:  # fmt: skip
    """The record of one concept: its best layer beside that layer's controls, and one row for each layer."""
    best = best_layer(layers)
    controls = ProbeScores(best.input, best.untrained_best, best.random, best.task)
    row = best.row()
    return settle(Primitive(
        concept.name, concept.kind, best.view.layer, METRICS[concept.kind], best.score.value, controls, best.gain,
        best.selectivity, "absent", low=best.score.low, high=best.score.high, states=states, episodes=episodes,
        layers=tuple(layer.row() for layer in layers), gain_low=best.gain_ends[0], gain_high=best.gain_ends[1],
        selectivity_low=best.selectivity_ends[0], selectivity_high=best.selectivity_ends[1], q=best.q,
        significant=best.q <= LEVEL, tests=tests, nonlinear=best.nonlinear, code_length=row.get("code_length"),
    ))  # fmt: skip


def unscored(concept: Concept, why: str) -> Primitive:
    """The record of a concept that cannot be scored on these states, with the reason."""
    nothing = ProbeScores(None, None, None, None)
    return Primitive(
        concept.name, concept.kind, None, METRICS[concept.kind], None, nothing, None, None, "absent", why=why
    )
