"""What is known about a compiled agent: frozen records that are plain JSON and the same on every run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import gymnasium
import numpy as np
from jaxtyping import Float64, Shaped

from agentscope.compiling.layers import Dense
from agentscope.compiling.sensing import Sensor
from agentscope.compiling.units import Activation
from agentscope.contracts import Scalar

SCHEMA = "agentscope/compiled/1"
Algorithm = Literal["DQN", "PPO"]
Level = Literal["L0", "L1", "L2", "shuffled", "random"]


@dataclass(frozen=True)
class Carrier:
    """The units of one layer that carry one value: unit i is `scales[i]` times what `thresholds[i]` says.

    A ReLU unit is `scale * max(0, value - threshold)`; a Tanh unit is `scale` where the value is above the threshold,
    else `-scale`. Each unit is right alone; together they give the whole value.

    Attributes:
        layer: as `network.layers` names it, e.g. "hidden_2".
        units: indices along the layer's first axis.
        place: index along its second axis (a column), where it has one.
    """

    layer: str
    units: tuple[int, ...]
    thresholds: tuple[float, ...]
    scales: tuple[float, ...]
    place: int | None = None


def encode(
    carrier: Carrier, values: Shaped[np.ndarray, "states"], activation: Activation
) -> Float64[np.ndarray, "states units"]:
    """What the carrier's units hold where the concept has these values, in the order of `carrier.units`."""
    above = np.asarray(values, dtype=np.float64)[:, None] - np.array(carrier.thresholds)
    held = np.maximum(above, 0.0) if activation == "ReLU" else np.sign(above)
    return held * np.array(carrier.scales)


@dataclass(frozen=True)
class CarriedConcept:
    """One concept at one place of its axes, and where it lies in the network.

    Attributes:
        concept, arguments: e.g. height at (2,).
        status: used (the scores depend on it), unused (it is computed, and no score reads it), or constant.
        low, high: bounds of its value.
        carriers: first layer first: whoever reads the value reads the first, or copies of it.
    """

    concept: str
    arguments: tuple[int, ...]
    status: Literal["used", "unused", "constant"]
    low: int
    high: int
    carriers: tuple[Carrier, ...]


@dataclass(frozen=True)
class Noise:
    """What a random change of the weights did.

    Attributes:
        share: standard deviation of the change, as a share of the layer's root mean square weight.
        states: how many were tried, all that there are.
        changed: share of them in which the greedy action became another.
    """

    share: float
    states: int
    changed: float


@dataclass(frozen=True)
class CompilationRecord:
    """The truth about one compiled agent.

    Attributes:
        level: L0 as compiled; L1 permuted, rescaled, with duplicated and dead units; L2 with noise on the weights;
            shuffled and random: nothing is left, so that `concepts` is empty and all of them are absent.
        program, definitions: the texts that were compiled.
        reads: (axis, labels) of `seen(...)`, the numbers that the first dense layer reads.
        hidden: widths of the dense layers behind the extractor.
        concepts: used, unused and constant ones; `absent`: those of the environment for which no unit was made.
        dead: (layer, indices) of the units that were added and have no effect.
        largest_sum: bound on any partial sum (below 2**24).
        margin: share of the slack that saturation errors could take (units.py; below 1).
        learned_twin: name of the shipped agent that learned the same task by ordinary training (level L5), "" if none.
    """

    schema: str
    name: str
    environment: str
    kwargs: Mapping[str, Scalar]
    level: Level
    seed: int | None
    algorithm: Algorithm
    activation: Activation
    extractor: str
    extractor_kwargs: Mapping[str, Scalar]
    hidden: tuple[int, ...]
    program: str
    definitions: str
    reads: tuple[tuple[str, tuple[str, ...]], ...]
    concepts: tuple[CarriedConcept, ...]
    absent: tuple[str, ...]
    dead: tuple[tuple[str, tuple[int, ...]], ...]
    largest_sum: float
    margin: float
    noise: Noise | None
    learned_twin: str

    def to_json(self) -> str:
        """The record as one JSON document with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True, indent=1)


@dataclass(frozen=True)
class CompiledAgent:
    """A network that does what its program says, as plain arrays, with its record.

    Attributes:
        layers: the dense layers behind the extractor; the last gives the scores.
        sensor: the extractor, and what the first layer reads.
    """

    layers: tuple[Dense, ...]
    sensor: Sensor
    observation_space: gymnasium.spaces.Box
    actions: int
    record: CompilationRecord

    @property
    def name(self) -> str:
        """What reports call the agent, e.g. "trigger-dqn-relu-l1"."""
        record = self.record
        return f"{record.name}-{record.algorithm}-{record.activation}-{record.level}".lower()
