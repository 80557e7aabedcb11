"""What the scores say: gains over controls, and where a concept is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from agentscope.concepts import Concept
from agentscope.probes.measuring import Score
from agentscope.probes.scoring import METRICS
from agentscope.probes.sources import View
from agentscope.records import Primitive, ProbeScores

MARGIN = 0.05  # design section 6: what counts as better
TIE = 0.005  # the first layer this close to the best is named: later layers often just pass a concept on

Where = Literal["computed", "input", "absent"]


@dataclass(frozen=True)
class LayerScores:
    """One concept in one layer: its score beside every control, all on the same held-out episodes.

    Attributes:
        untrained: the same layer of each untrained twin.
        task: random labels, the same for equal observations; shuffled: labels mixed within episodes.
        constant: the best constant answer.
        accuracy: balanced accuracy of flags and choices.
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
            "input": self.input,
            "gain_over_input": _minus(value, self.input),
            "untrained": self.untrained_best,
            "untrained_mean": sum(untrained) / len(untrained) if untrained else None,
            "gain_over_untrained": _minus(value, self.untrained_best),
            "random": self.random,
            "gain_over_random": _minus(value, self.random),
            "task": self.task,
            "selectivity": self.selectivity,
            "shuffled": self.shuffled,
            "constant": self.constant,
            "balanced_accuracy": self.accuracy,
            "read": read,
            "units": self.view.units,
            "dims": self.view.dims,
        }


def _minus(value: float, control: float | None) -> float | None:
    return None if control is None else value - control


def where_is(best: LayerScores) -> Where:
    """Absent, in the input, or computed, by the rule of design section 6.

    A layer must beat both the constant and the control task by .05: against a control task far below the constant
    (R2 of random labels is negative), every failing probe would pass.
    """
    floor = best.constant if best.task is None else max(best.constant, best.task)
    if best.score.value < floor + MARGIN:
        return "absent"
    if best.input is not None and best.input >= best.score.value - MARGIN:
        return "input"
    return "computed"


def best_layer(layers: Sequence[LayerScores]) -> LayerScores:
    """The first layer whose score is within TIE of the best."""
    top = max(layer.score.value for layer in layers)
    return next(layer for layer in layers if layer.score.value >= top - TIE)


def judged(concept: Concept, layers: Sequence[LayerScores], *, states: int, episodes: int) -> Primitive:
    """The record of one concept: its best layer beside that layer's controls, and one row for each layer."""
    best = best_layer(layers)
    controls = ProbeScores(best.input, best.untrained_best, best.random, best.task)
    return Primitive(
        concept.name, concept.kind, best.view.layer, METRICS[concept.kind], best.score.value, controls, best.gain,
        best.selectivity, where_is(best), low=best.score.low, high=best.score.high, states=states, episodes=episodes,
        layers=tuple(layer.row() for layer in layers),
    )  # fmt: skip


def unscored(concept: Concept, why: str) -> Primitive:
    """The record of a concept that cannot be scored on these states, with the reason."""
    nothing = ProbeScores(None, None, None, None)
    return Primitive(
        concept.name, concept.kind, None, METRICS[concept.kind], None, nothing, None, None, "absent", why=why
    )


def with_interval(layer: LayerScores, score: Score) -> LayerScores:
    """The same figures with the interval of the score."""
    return replace(layer, score=score)
