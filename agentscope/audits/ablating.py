"""Units held where clean play has them: what each such ablation does to single decisions, many at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from agentscope.audits.cases import Cases
from agentscope.audits.subject import Subject
from agentscope.contracts import DenseStep, InspectableEnv, Layer, Network, States, legal_actions_of

RANGE, MIDDLE, MEAN = "clean range", "middle of clean range", "clean mean"
TAIL = 0.1  # share of clean play on either side of its middle
OBSERVATION = "observation"  # in place of a layer's name: what the network is shown
SINGLES = 48  # single units of a wide layer that are tried, those with the largest slope times change
ROWS = 24_576  # decisions scored at once
CAREFUL = 2.0  # what a clean decision that changes weighs beside it
GENTLE = 0.25  # what the margin weighs beside a decision that goes back


@dataclass(frozen=True, eq=False)
class Ablation:
    """Units of one layer held within bounds; held still where both bounds are one number.

    Attributes:
        kind: "clean range": between the least and the greatest value met in clean play; "clean mean": at their mean.
        units: names, the most important first, e.g. "hidden_1[3]", or "conv_1[channel 5]" for all its positions.
        low, high: bounds over the flattened layer; infinite for units that are left alone.
    """

    layer: str
    kind: str
    units: tuple[str, ...]
    low: Float[np.ndarray, "units"]
    high: Float[np.ndarray, "units"]

    def apply(self, outputs: Shaped[np.ndarray, "states ..."]) -> Float[np.ndarray, "states ..."]:
        """The layer's outputs with these units held."""
        return np.clip(outputs.reshape(len(outputs), -1), self.low, self.high).reshape(outputs.shape)

    def scores(
        self, network: Network, observations: np.ndarray, legal: Bool[np.ndarray, "states actions"]
    ) -> Float[np.ndarray, "states actions"]:
        """The network's scores with these units held; -inf where an action is illegal."""
        if self.layer == OBSERVATION:
            return network.scores(self.apply(observations).astype(observations.dtype), legal)
        return network.with_patch(self.layer, self.apply).scores(observations, legal)

    @cached_property
    def held(self) -> Mapping[int, tuple[float, float]]:
        """Bounds by index in the flattened layer, of the units that are held."""
        indices = np.flatnonzero(np.isfinite(self.low) | np.isfinite(self.high))
        return {int(unit): (float(self.low[unit]), float(self.high[unit])) for unit in indices}


@dataclass(frozen=True)
class AblatedPolicy:
    """What the agent does with units held: greedy, the lowest index among ties."""

    network: Network
    env: InspectableEnv
    ablation: Ablation

    def actions(self, states: States) -> Int[np.ndarray, "states"]:
        """One legal action a state."""
        legal = legal_actions_of(self.env, states)
        scores = self.ablation.scores(self.network, self.env.observe(states), legal)
        return np.asarray(np.where(legal, scores, -np.inf).argmax(axis=1))


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What each of several ablations does to the cases, one row each.

    Attributes:
        restored: share of the shown states with a good action; changed: share of the clean ones with another action.
        margin: mean over the shown states of the best good score above the best other, as a share of how far it lies
            below without an ablation; within -1 and 1.
    """

    restored: Float[np.ndarray, "ablations"]
    changed: Float[np.ndarray, "ablations"]
    margin: Float[np.ndarray, "ablations"]

    @property
    def worth(self) -> Float[np.ndarray, "ablations"]:
        """What a search climbs: decisions won, less decisions lost, and a little for margins that no decision shows."""
        return self.restored - CAREFUL * self.changed + GENTLE * self.margin


class LayerBench:
    """One layer of a subject, with the cases' activations there: scores ablations of it in batches."""

    def __init__(self, subject: Subject, layer: Layer, cases: Cases) -> None:
        self.network, self.layer, self.cases = subject.network, layer, cases
        env = subject.env
        both = np.concatenate([cases.shown, cases.clean])
        self.seen, self.legal = env.observe(both), legal_actions_of(env, both)
        self.outputs = self._read(self.seen)
        self.met = self._read(env.observe(cases.met))
        self.wide = self.outputs.shape[1]
        self.steps = () if layer.name == OBSERVATION else dense_steps(subject.network, layer.name)

    def _read(self, seen: np.ndarray) -> Float[np.ndarray, "states units"]:
        values = seen if self.layer.name == OBSERVATION else self.network.activations(seen, self.layer.name)
        return values.reshape(len(values), -1).astype(np.float32)

    @cached_property
    def bounds(self) -> Mapping[str, tuple[np.ndarray, np.ndarray]]:
        """Least and greatest value of every unit by kind of ablation."""
        mean = self.met.mean(axis=0, dtype=np.float64).astype(np.float32)
        low, high = np.quantile(self.met, (TAIL, 1.0 - TAIL), axis=0).astype(np.float32)
        return {RANGE: (self.met.min(axis=0), self.met.max(axis=0)), MIDDLE: (low, high), MEAN: (mean, mean)}

    @cached_property
    def parts(self) -> Mapping[str, Int[np.ndarray, "units"]]:
        """What may be ablated, by name: each unit; where a computed layer has positions, each channel and position."""
        name, shape = self.layer.name, self.layer.shape
        if name == OBSERVATION:
            indices = (",".join(map(str, at)) for at in np.ndindex(*shape))
            return {f"{name}[{index}]": np.array([unit]) for unit, index in enumerate(indices)}
        named = {f"{name}[{unit}]": np.array([unit]) for unit in range(self.wide)}
        if len(shape) == 1 or self.layer.coded:
            return named
        numbers = np.arange(self.wide).reshape(shape[0], -1)
        channels = {f"{name}[channel {at}]": units for at, units in enumerate(numbers)}
        places = zip(np.ndindex(*shape[1:]), numbers.T, strict=True)
        positions = {f"{name}[position {','.join(map(str, at))}]": units for at, units in places}
        return {**named, **channels, **positions}

    def ablation(self, kind: str, names: tuple[str, ...]) -> Ablation:
        """These parts held as this kind says."""
        low, high = np.full(self.wide, -np.inf, np.float32), np.full(self.wide, np.inf, np.float32)
        for name in names:
            at = self.parts[name]
            low[at], high[at] = self.bounds[kind][0][at], self.bounds[kind][1][at]
        return Ablation(self.layer.name, kind, names, low, high)

    def verdicts(self, ablations: list[Ablation]) -> Verdicts:
        """What each ablation does to the cases' decisions, exactly."""
        rows, each = len(self.outputs), max(ROWS // len(self.outputs), 1)
        found = []
        for start in range(0, len(ablations), each):
            part = ablations[start : start + each]
            held = np.concatenate([np.clip(self.outputs, ablation.low, ablation.high) for ablation in part])
            found.append(self._judged(self._scores(held).reshape(len(part), rows, -1)))
        return Verdicts(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def _scores(self, held: Float[np.ndarray, "rows units"]) -> Float[np.ndarray, "rows actions"]:
        """Scores where the layer puts out these values, one row for each ablation and case."""
        times = len(held) // len(self.seen)
        legal = np.tile(self.legal, (times, 1))
        if self.steps:  # what reads the layer is plain arithmetic: no need to run what comes before it
            for step in self.steps:
                held = held @ step.weights.T.astype(np.float32) + step.bias.astype(np.float32)
                held = _ACTIVATIONS[step.activation](held)
            return np.where(legal, held, np.float32(-np.inf))
        if self.layer.name == OBSERVATION:
            return self.network.scores(held.reshape(-1, *self.seen.shape[1:]).astype(self.seen.dtype), legal)
        seen = np.tile(self.seen, (times, *[1] * (self.seen.ndim - 1)))
        outputs = {self.layer.name: held.reshape(-1, *self.layer.shape)}
        return self.network.scores_with(seen, outputs, legal)

    @cached_property
    def scale(self) -> Float[np.ndarray, "shown"]:
        """The unit of margins: by how much the agent prefers what it does there, at least a spread."""
        shown = slice(0, len(self.cases.shown))
        before = self.network.scores(self.seen[shown], self.legal[shown])
        return np.maximum(-best_gap(before, self.cases.good), self.cases.spread)

    def _judged(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        shown, clean = scores[:, : len(self.cases.shown)], scores[:, len(self.cases.shown) :]
        margins = best_gap(shown, self.cases.good) / self.scale
        restored = np.take_along_axis(self.cases.good[None], shown.argmax(axis=2)[..., None], axis=2)[..., 0]
        changed = (clean.argmax(axis=2) != self.cases.kept).mean(axis=1)
        return restored.mean(axis=1), changed, np.clip(margins, -1.0, 1.0).mean(axis=1)

    def promising(self, kind: str) -> list[str]:
        """Parts worth trying: all of a narrow layer, else all channels and the single units with the largest effect.

        The effect of a unit is the slope of the good actions' margin times the change that the ablation makes.
        """
        names = list(self.parts)
        if self.layer.name == OBSERVATION:  # what is an id has no slope: what leaves its range in clean play counts
            low, high = self.bounds[RANGE]
            outputs = self.outputs[: len(self.cases.shown)]
            return [names[unit] for unit in np.flatnonzero(((outputs < low) | (outputs > high)).any(axis=0))]
        if self.wide <= SINGLES:
            return names
        shown = len(self.cases.shown)
        low, high = self.bounds[kind]
        outputs = self.outputs[:shown]
        shaped = outputs.reshape(-1, *self.layer.shape)
        scores = self.network.scores_with(self.seen[:shown], {self.layer.name: shaped}, self.legal[:shown])
        towards = _towards(scores, self.cases.good)
        slopes = self.network.pull_back(self.seen[:shown], self.layer.name, shaped, towards).reshape(outputs.shape)
        effects = (slopes * (np.clip(outputs, low, high) - outputs)).mean(axis=0)
        best = np.argsort(-effects, kind="stable")[:SINGLES]
        return [names[unit] for unit in best if effects[unit] > 0] + names[self.wide :]


def layers_of(subject: Subject) -> tuple[Layer, ...]:
    """Where a behaviour may sit: all layers but the scores, and the observation where no layer holds the input."""
    layers = tuple(layer for layer in subject.network.layers if layer.name != "scores")
    if any(layer.coded for layer in layers):
        return layers
    shape = subject.env.observe(subject.clean.states[:1]).shape[1:]
    return (Layer(OBSERVATION, shape, ("",) * len(shape), coded=True), *layers)


def kinds_of(layer: Layer) -> tuple[str, ...]:
    """Ablations that mean something there: the mean of ids is none."""
    return (RANGE,) if layer.name == OBSERVATION else (RANGE, MIDDLE, MEAN)


_ACTIVATIONS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "ReLU": lambda values: np.maximum(values, 0.0), "Tanh": np.tanh, "": lambda values: values,
}  # fmt: skip


def dense_steps(network: Network, layer: str) -> tuple[DenseStep, ...]:
    """The dense layers from this one to the scores; none where something else stands between."""
    steps: list[DenseStep] = []
    while layer != "scores":
        step = network.dense_after(layer)
        if step is None:
            return ()
        steps.append(step)
        layer = step.layer
    return tuple(steps)


def best_gap(
    scores: Float[np.ndarray, "*more actions"], good: Bool[np.ndarray, "states actions"]
) -> Float[np.ndarray, "*more"]:
    """How far the best good action's score lies above the best other one's; infinite where there is no other."""
    return np.where(good, scores, -np.inf).max(axis=-1) - np.where(good, -np.inf, scores).max(axis=-1)


def _towards(scores: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Cotangents of that gap: 1 at the best good action, -1 at the best other."""
    rows = np.arange(len(scores))
    cotangents = np.zeros(scores.shape, dtype=np.float32)
    cotangents[rows, np.where(good, scores, -np.inf).argmax(axis=1)] += 1.0
    cotangents[rows, np.where(good, -np.inf, scores).argmax(axis=1)] -= 1.0
    return cotangents
