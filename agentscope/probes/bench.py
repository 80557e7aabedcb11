"""What the tests for use of all concepts of one network share: scenes, readouts, activations, each computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from agentscope.contracts import Network
from agentscope.measures import same_class
from agentscope.probes.carriers import Carriers, dedicated_units
from agentscope.probes.erasing import Whitening
from agentscope.probes.readouts import Readout
from agentscope.probes.rowspace import readers_of
from agentscope.probes.swapping import Scene

EDITED = 4_000  # edits of the pool on which units and readouts are judged
Key = tuple[str, str]


@dataclass
class Bench:
    """What the tests of all concepts of one network share.

    Attributes:
        readouts: by (layer, concept).
        twins: scene and readouts of each untrained twin, by (layer, concept).
        visited: observations of visited states, for erasure and covariances; legal, equivalent: their actions.
    """

    scene: Scene
    readouts: Mapping[Key, Readout]
    twins: Sequence[tuple[Scene, Mapping[Key, Readout]]]
    visited: Shaped[np.ndarray, "states ..."]
    legal: Bool[np.ndarray, "states actions"]
    equivalent: Int[np.ndarray, "states actions"]
    memory: dict[tuple[str, str], Any] = field(default_factory=dict)

    @property
    def network(self) -> Network:
        return self.scene.network

    @property
    def layers(self) -> tuple[str, ...]:
        return testable_layers(self.network)

    def shape(self, layer: str) -> tuple[int, ...]:
        """Of one state's activation."""
        return next(known.shape for known in self.network.layers if known.name == layer)

    def activations(self, layer: str) -> Float[np.ndarray, "states ..."]:
        """Of the visited states."""
        return self._once("activations", layer, lambda: self.network.activations(self.visited, layer))

    def whitening(self, layer: str) -> Whitening:
        """Of the visited states' activations."""
        return self._once("whitening", layer, lambda: Whitening(self.activations(layer)))

    def flips(self, layer: str, values: np.ndarray) -> float:
        """Share of visited states that are decided otherwise with these values in a layer."""
        before = self._once("choices", "", lambda: self.network.scores(self.visited, self.legal).argmax(axis=1))
        after = self.network.scores_with(self.visited, {layer: values}, self.legal).argmax(axis=1)
        return float((~same_class(before, after, self.equivalent)).mean())

    def readers(self, layer: str) -> Float[np.ndarray, "units reading"]:
        """Basis of what later layers read of this one."""
        return self._once("readers", layer, lambda: readers_of(self.network, self.visited, layer))

    def edited(self, layer: str) -> Float[np.ndarray, "edits ..."]:
        """Activations of some of the pool's edits."""
        rows = self.edited_rows
        return self._once("edited", layer, lambda: self.network.activations(self.scene.stage.edited[rows], layer))

    def bases(self, layer: str) -> Float[np.ndarray, "bases ..."]:
        """Activations of the pool's bases."""
        return self._once("bases", layer, lambda: self.network.activations(self.scene.stage.bases, layer))

    @property
    def edited_rows(self) -> Int[np.ndarray, "edits"]:
        """An even sample of the pool."""
        count = len(self.scene.stage.edited)
        return np.linspace(0, count - 1, min(count, EDITED)).astype(np.int64)

    def _once(self, what: str, layer: str, make: Callable[[], Any]) -> Any:
        if (what, layer) not in self.memory:
            self.memory[what, layer] = make()
        return self.memory[what, layer]

    def carriers(self, concept: str, layer: str) -> Carriers:
        """Units of a layer that are functions of the concept and tell it."""
        before, after = self.scene.stage.values[concept]
        values = (before, after[self.edited_rows])
        return self._once(
            f"carriers {concept}",
            layer,
            lambda: dedicated_units(layer, self.bases(layer), self.edited(layer), values),
        )

    def skill(self, concept: str, layer: str) -> float:
        """How far the concept's readout gets from a constant (0) to the truth (1) on edits, none of which it saw."""
        if (layer, concept) not in self.readouts:
            return 0.0
        values = self.scene.stage.values[concept][1][self.edited_rows]
        return skill_of(self.readouts[layer, concept], self.edited(layer), values)

    def taken(self, concept: str, layer: str) -> Int[np.ndarray, "units"]:
        """Units of a layer that are functions of another concept: a sum of two digits is read off the digits' own."""
        others = (self.carriers(name, layer).functions for name in self.scene.stage.values if name != concept)
        return np.array(sorted({unit for units in others for unit in units}), dtype=np.int64)


def testable_layers(network: Network) -> tuple[str, ...]:
    """All layers but the scores, those that are the input in another code, and those of one number an action."""
    return tuple(
        layer.name
        for layer in network.layers[:-1]
        if not layer.coded and not (np.prod(layer.shape) == network.actions and len(layer.shape) > 1)
    )


def skill_of(readout: Readout, activations: Float[np.ndarray, "edits ..."], values: np.ndarray) -> float:
    """From a constant answer (0) to the truth (1): R2 of numbers, balanced accuracy of flags, accuracy of choices."""
    kept = values[:, list(readout.actions)] if readout.actions else values
    found, true = readout.raw(activations), kept.reshape(len(values), -1)
    if readout.kind in ("number", "count"):
        apart = true.astype(np.float64) - true.mean(axis=0)
        errors = found.reshape(true.shape) - true
        return 1.0 - float((errors**2).sum()) / max(float((apart**2).sum()), 1e-12)
    right = readout.apply(activations).reshape(true.shape) == true
    shares = np.array([float(right[true == code].mean()) for code in np.unique(true)])
    if len(shares) < 2:
        return 0.0
    if readout.kind == "flag":
        return 2.0 * float(shares.mean()) - 1.0
    commonest = float(np.unique(true, return_counts=True)[1].max()) / true.size
    return (float(right.mean()) - commonest) / (1.0 - commonest)
