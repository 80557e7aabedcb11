"""Harder copies of a compiled agent (L1, L2) and the two that nothing can be found in (shuffled, random)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Shaped

from agentscope.compiling.compiling import HEAD_GAIN
from agentscope.compiling.layers import EXACT, Dense, error_share
from agentscope.compiling.models import build_model, scores_of
from agentscope.compiling.records import CarriedConcept, Carrier, CompiledAgent, Level, Noise
from agentscope.compiling.units import GAIN
from agentscope.errors import BadOption

DUPLICATED, DEAD = 0.2, 0.2  # share of each layer's units, at least one


@dataclass(frozen=True)
class _Moved:
    """What became of one layer's units: where each went, what it was multiplied by, which of them are copies.

    Attributes:
        places: new index of each old unit, then of each copy, then of each dead unit.
        copied: the old unit that each copy repeats.
        scales: of all of them.
    """

    places: np.ndarray
    copied: np.ndarray
    scales: np.ndarray
    old: int

    @property
    def dead(self) -> tuple[int, ...]:
        """New indices of the dead units."""
        return tuple(sorted(self.places[self.old + len(self.copied) :].tolist()))


def disguise(agent: CompiledAgent, *, seed: int) -> CompiledAgent:
    """Level L1: the same scores bit by bit, from units that are permuted, rescaled, doubled and joined by dead ones.

    A ReLU unit is multiplied by a power of two and its readers divided by it; a Tanh unit changes its sign. A fifth of
    the units of each layer is doubled, each twin counting half. As many are added that never change and yet have
    weights to every unit behind them; what a constant Tanh unit adds is taken out of the biases.
    """
    rng = np.random.default_rng(seed)
    layers = list(agent.layers)
    moved: dict[str, _Moved] = {}
    extra = 0.0
    for index in range(len(layers) - 1):
        positive = agent.sensor.low.ravel() >= 0 if index == 0 else None
        layers[index], layers[index + 1], found, added = _change(
            layers[index], layers[index + 1], rng, tanh=agent.record.activation == "Tanh", positive=positive
        )
        moved[f"hidden_{index + 1}"] = found
        extra = max(extra, added)
    record = agent.record
    largest = 2 * (record.largest_sum + extra)  # twins count half, so that sums are whole multiples of 1/2
    margin = error_share(layers, record.activation, HEAD_GAIN[record.algorithm])
    if largest >= EXACT or margin >= 1:
        raise BadOption(f"{agent.name} cannot be disguised exactly: a sum could reach {largest:.0f}.")
    record = replace(
        record,
        level="L1",
        seed=seed,
        hidden=tuple(len(layer.bias) for layer in layers[:-1]) if record.hidden else (),
        concepts=tuple(_followed(concept, moved) for concept in record.concepts),
        dead=tuple((name, found.dead) for name, found in moved.items()),
        largest_sum=largest,
        margin=margin,
    )
    return replace(agent, layers=tuple(layers), record=record)


def _change(
    layer: Dense, reader: Dense, rng: np.random.Generator, *, tanh: bool, positive: np.ndarray | None
) -> tuple[Dense, Dense, _Moved, float]:
    """Double, add, rescale and permute the units of one layer; the layer that reads it is changed to match.

    `positive` says of the first layer's inputs which are never negative; units (None) are so, or lie within -1 and 1.
    """
    units, inputs = layer.weight.shape
    gain = GAIN if tanh else 1.0
    copied = rng.choice(units, size=max(1, round(DUPLICATED * units)), replace=False)
    dead = max(1, round(DEAD * units))
    rows = -rng.integers(0, 3, (dead, inputs)) * (
        1 if positive is None else positive
    )  # never positive where the inputs are not negative,
    biases = -np.ones(dead) - (
        np.abs(rows).sum(axis=1) if tanh and positive is None else 0
    )  # or outweighed by the bias
    weight = np.concatenate([layer.weight, layer.weight[copied], gain * rows])
    bias = np.concatenate([layer.bias, layer.bias[copied], gain * biases])
    share = np.ones(units)
    share[copied] = 0.5
    idle = gain * rng.choice([-2.0, -1.0, 1.0, 2.0], (len(reader.bias), dead))
    columns = np.concatenate([reader.weight * share, 0.5 * reader.weight[:, copied], idle], axis=1)
    constant = idle.sum(axis=1) if tanh else 0.0  # a Tanh unit that never rises is -1
    scales = rng.choice([-1.0, 1.0], len(bias)) if tanh else 2.0 ** rng.integers(-2, 4, len(bias))
    order = rng.permutation(len(bias))
    steepness = 2.0 ** rng.integers(0, 3, len(bias)) if tanh else np.ones(len(bias))
    changed = Dense((weight * (scales * steepness)[:, None])[order], (bias * scales * steepness)[order])
    reading = Dense((columns / scales)[:, order], reader.bias + constant)
    return changed, reading, _Moved(np.argsort(order), copied, scales, units), float(np.abs(idle).sum(axis=1).max())


def _followed(concept: CarriedConcept, moved: Mapping[str, _Moved]) -> CarriedConcept:
    """The concept's units under their new indices, with their twins."""
    return replace(concept, carriers=tuple(_renamed(carrier, moved[carrier.layer]) for carrier in concept.carriers))


def _renamed(carrier: Carrier, moved: _Moved) -> Carrier:
    found = []
    for unit, threshold, scale in zip(carrier.units, carrier.thresholds, carrier.scales, strict=True):
        twins = moved.old + np.flatnonzero(moved.copied == unit)
        found += [(int(moved.places[i]), threshold, float(scale * moved.scales[i])) for i in [unit, *twins.tolist()]]
    units, thresholds, scales = zip(*found, strict=True)
    return replace(carrier, units=units, thresholds=thresholds, scales=scales)


def add_noise(
    agent: CompiledAgent,
    observations: Shaped[np.ndarray, "states ..."],
    *,
    seed: int,
    share: float,
    extractors: Mapping[str, type] | None = None,
) -> CompiledAgent:
    """Level L2: every weight and bias, the extractor's too, moved by chance; how many actions change is measured.

    Args:
        observations: of all states that there are.
        share: standard deviation of the change, as a share of the root mean square of the layer's weights.
    """
    rng = np.random.default_rng(seed)

    def moved(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
        spread = share * float(np.sqrt((weight**2).mean()))
        changed: np.ndarray = values + spread * rng.standard_normal(values.shape)
        return changed

    layers = [Dense(moved(one.weight, one.weight), moved(one.bias, one.weight)) for one in agent.layers]
    sensor = replace(agent.sensor, tensors={name: moved(one, one) for name, one in agent.sensor.tensors.items()})
    noisy = replace(agent, layers=tuple(layers), sensor=sensor, record=replace(agent.record, level="L2", seed=seed))
    before, after = (scores_of(build_model(one, extractors), observations).argmax(axis=1) for one in (agent, noisy))
    noise = Noise(share, len(observations), float((before != after).mean()))
    return replace(noisy, record=replace(noisy.record, noise=noise))


def shuffle_weights(agent: CompiledAgent, *, seed: int) -> CompiledAgent:
    """A negative: the same numbers in every layer, each in another place."""
    rng = np.random.default_rng(seed)
    layers = tuple(
        Dense(rng.permutation(layer.weight.ravel()).reshape(layer.weight.shape), rng.permutation(layer.bias))
        for layer in agent.layers
    )
    tensors = {
        name: rng.permutation(tensor.ravel()).reshape(tensor.shape) for name, tensor in agent.sensor.tensors.items()
    }
    return _emptied(replace(agent, layers=layers, sensor=replace(agent.sensor, tensors=tensors)), "shuffled", seed)


def untrained(agent: CompiledAgent, *, seed: int) -> CompiledAgent:
    """A negative: the same architecture as SB3 initialises it."""
    return _emptied(agent, "random", seed)


def _emptied(agent: CompiledAgent, level: Level, seed: int) -> CompiledAgent:
    """Nothing of the program is left, so that its concepts are absent."""
    record = agent.record
    absent = tuple(sorted({*record.absent, *(concept.concept for concept in record.concepts)}))
    return replace(agent, record=replace(record, level=level, seed=seed, concepts=(), dead=(), absent=absent))
