"""Fitted readouts as values: what turns a layer's activations into a concept, and plain arrays to keep them in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from agentscope.errors import ConceptsMissing, ContractBroken
from agentscope.probes.fitting import Outcome, Plan, Probed, ViewFit
from agentscope.probes.heads import HEADS, Block, Readings, fit_readings
from agentscope.probes.ridge import RidgeSystem
from agentscope.probes.scoring import best_head
from agentscope.probes.sources import View, folding
from agentscope.probes.splits import VALIDATION

FIELDS = (
    "layer", "kind", "weights", "bias", "classes", "layer_shape", "places", "shape", "concept_places", "action_dims",
    "actions",
)  # fmt: skip


@dataclass(frozen=True)
class Readout:
    """One concept as a linear function of one layer.

    Attributes:
        weights: (features, columns) of the arranged activations; bias: (positions, columns).
        classes: codes of a choice's columns; () otherwise.
        layer_shape, places: the layer's shape, and its dimensions that are positions of a shared readout.
        shape, concept_places: the concept's shape (one dimension an axis), and its dimensions that are positions.
        action_dims: leading dimensions of `shape` whose product the actions are; 0 for a concept of states.
        actions: which actions are read, where only some were probed; () means all.
    """

    concept: str
    kind: str
    layer: str
    weights: Float[np.ndarray, "features columns"]
    bias: Float[np.ndarray, "positions columns"]
    classes: tuple[int, ...]
    layer_shape: tuple[int, ...]
    places: tuple[int, ...]
    shape: tuple[int, ...]
    concept_places: tuple[int, ...]
    action_dims: int = 0
    actions: tuple[int, ...] = ()

    def raw(self, activations: Shaped[np.ndarray, "states ..."]) -> Float[np.ndarray, "states ..."]:
        """Readings before they are made flags, counts or choices, of the concept's shape (actions first, if any).

        A choice has one more dimension, its classes.


        Raises: ContractBroken: activations of another shape.
        """
        if activations.shape[1:] != self.layer_shape:
            raise ContractBroken(
                f"The readout of {self.concept} reads layer {self.layer} of shape {self.layer_shape}, "
                f"found {activations.shape[1:]}."
            )
        arranged = View(self.layer, self.layer_shape, self.places).arrange(activations).astype(np.float64)
        columns = arranged @ self.weights + self.bias
        others = [i for i in range(len(self.shape)) if i not in self.concept_places]
        order = [*self.concept_places, *others]
        ends = (len(self.classes),) if self.classes else ()
        split = columns.reshape(len(columns), *(self.shape[i] for i in order), *ends)
        back = [1 + order.index(i) for i in range(len(self.shape))]
        found = split.transpose(0, *back, *range(1 + len(self.shape), split.ndim))
        if not self.action_dims:
            return found
        return found.reshape(len(found), -1, *found.shape[1 + self.action_dims :])

    def apply(self, activations: Shaped[np.ndarray, "states ..."]) -> Shaped[np.ndarray, "states ..."]:
        """The concept's values as its kind says: bool, int64 (rounded), or float64."""
        found = self.raw(activations)
        if self.kind == "flag":
            return np.asarray(found > 0)
        if self.kind == "choice":
            return np.array(self.classes, dtype=np.int64)[found.argmax(axis=-1)]
        return np.rint(found).astype(np.int64) if self.kind == "count" else found


@dataclass(frozen=True)
class Readouts:
    """The readouts of a network by concept."""

    by_concept: Mapping[str, Readout]

    def __getitem__(self, concept: str) -> Readout:
        if concept not in self.by_concept:
            known = ", ".join(self.by_concept) or "none"
            raise ConceptsMissing(f"There is no readout of {concept!r}; there are {known}.")
        return self.by_concept[concept]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_concept)

    def __len__(self) -> int:
        return len(self.by_concept)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Plain arrays by name (`holes.weights`), loadable without pickle."""
        arrays = {}
        for name, readout in self.by_concept.items():
            for field in FIELDS:
                value = getattr(readout, field)
                arrays[f"{name}.{field}"] = (
                    np.array(value, dtype=np.int64) if isinstance(value, tuple) else np.asarray(value)
                )
        return arrays

    @staticmethod
    def from_arrays(arrays: Mapping[str, np.ndarray]) -> Readouts:
        """The readouts that `to_arrays` wrote.

        Raises: ContractBroken: a field is missing.
        """
        found = {}
        for name in dict.fromkeys(key.rsplit(".", 1)[0] for key in arrays):
            missing = [field for field in FIELDS if f"{name}.{field}" not in arrays]
            if missing:
                raise ContractBroken(f"The readout of {name!r} lacks {', '.join(missing)}; write it with to_arrays().")
            parts = {field: arrays[f"{name}.{field}"] for field in FIELDS}
            plain = {key: tuple(int(i) for i in value) for key, value in parts.items() if value.ndim == 1}
            texts = {key: str(parts[key]) for key in ("layer", "kind")}
            plain["action_dims"] = int(parts["action_dims"])  # type: ignore[assignment]
            found[name] = Readout(concept=name, weights=parts["weights"], bias=parts["bias"], **texts, **plain)  # type: ignore[arg-type]
        return Readouts(found)


def every_readout(probed: Probed, plan: Plan, *, anew: bool = True) -> dict[tuple[str, str], Readout]:
    """Readouts of each concept from each layer, by (layer, concept), with chosen penalties.

    Args:
        anew: fit them on all states; else take those that were fitted on all but the validation states, which costs
            nothing more.
    """
    outcomes = {(o.view.layer, o.target.name): o for o in probed.outcomes if o.variant == "real"}
    found = {}
    for fit in probed.fits:
        system = RidgeSystem(fit.without(None)) if anew else None
        readings = fit_readings(system, fit.strengths, fit.blocks) if system else fit.readings[VALIDATION]
        for block in fit.blocks:
            if block.variant == "real":
                key = fit.view.layer, block.target.name
                found[key] = readout_of(fit, block, readings, head_of(outcomes[key], plan))
    return found


def head_of(outcome: Outcome, plan: Plan) -> int:
    """The linear rule that validation chose for a choice; 0 for other kinds."""
    return best_head(outcome, plan) if outcome.target.classes else 0


def readout_of(fit: ViewFit, block: Block, readings: Readings, head: int) -> Readout:
    """One concept's columns in the units of the raw activations and of the concept."""
    target, view = block.target, fit.view
    columns, offset = block.columns, np.zeros(())
    if head and block.extra is not None:
        columns = slice(fit.width + block.extra.start, fit.width + block.extra.stop)
        offset = -readings.log_priors[block.extra] if HEADS[head] == "even discriminant" else offset
    weights, bias = readings.solution.weights[:, columns], readings.solution.bias[:, columns]
    bias = (bias - fit.shift @ weights + offset) * target.scale + target.origin
    weights = weights * target.scale
    if view.dims < view.features:
        weights = np.asarray(folding(view.features) @ weights)
    places, _ = target.split(view.axes)
    return Readout(
        target.name, target.concept.kind, view.layer, weights, bias, target.classes, view.shape, view.places,
        target.shape, tuple(places), len(target.axes) - len(target.concept.axis), target.actions or (),
    )  # fmt: skip
