"""Readouts that ground a text: the primitives that it calls, from every layer, linear and through random features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int, Shaped

from agentscope.contracts import InspectableEnv, Layer, Network, States, action_concepts_of, concepts_of
from agentscope.probes.fitting import Plan, probe_source
from agentscope.probes.readouts import Readout, every_readout
from agentscope.probes.scoring import score
from agentscope.probes.sources import Source, View, view_of
from agentscope.probes.splits import split_episodes
from agentscope.probes.targets import LabelledStates, Target, action_layout, draw_donors, make_target

FOLDS = 2  # held-out scores only say how good a readout is: halves are enough
WIDEST = 160  # features a position beyond which a layer is read linearly only
MOST_CLASSES = 40  # values of a count or number that is read as a choice among them too
BY_CLASS = ", by class"
HIDDEN = 768  # random features of a layer read as a whole
HIDDEN_SHARED = 96  # and of each position of a shared readout


@dataclass(frozen=True)
class Lift:
    """A fixed random hidden layer behind a layer: its features, standardised, and ReLUs of random sums of them.

    Random features (Rahimi and Recht 2008) make a small non-linear readout that is fitted in closed form.
    """

    view: View
    mean: Float[np.ndarray, "features"]
    scale: Float[np.ndarray, "features"]
    weights: Float[np.ndarray, "features hidden"]
    bias: Float[np.ndarray, "hidden"]

    @property
    def lifted(self) -> View:
        """How the lifted features are read: at the positions of the view."""
        lengths = tuple(self.view.shape[i] for i in self.view.places)
        width = sum(self.weights.shape)
        return View(
            f"{self.view.layer}+{self.view.places}", (*lengths, width), tuple(range(len(lengths))), self.view.axes
        )

    def __call__(self, activations: Shaped[np.ndarray, "states ..."]) -> Float[np.ndarray, "states ..."]:
        """Lifted features of a batch of activations, positions first."""
        found = (self.view.arrange(activations).astype(np.float32) - self.mean) * self.scale
        hidden = np.maximum(found @ self.weights + self.bias, 0)
        both = np.concatenate([found, hidden], axis=2)
        return both.reshape(len(activations), *self.lifted.shape)


@dataclass(frozen=True)
class Grounded:
    """One primitive as one layer's activations give it.

    Attributes:
        form: "linear", or "non-linear" where it is read through a `lift`; "..., by class" where a count or number is
            read as a choice among its `values`.
        score: on held-out episodes or levels: AUC of flags, macro-F1 of choices and of what is read by class, else R2.
    """

    concept: str
    layer: str
    form: str
    score: float
    readout: Readout
    lift: Lift | None = None
    values: Shaped[np.ndarray, "classes"] | None = None

    def read(self, activations: Shaped[np.ndarray, "states ..."]) -> Shaped[np.ndarray, "states ..."]:
        """The concept's values, of shape (n, *axis) or (n, actions, *axis)."""
        found = self.readout.apply(activations if self.lift is None else self.lift(activations))
        return found if self.values is None else self.values[found]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """What lift and values hold, as plain arrays by name; the readout has arrays of its own."""
        lift = ("mean", "scale", "weights", "bias") if self.lift is not None else ()
        arrays = {f"lift_{name}": getattr(self.lift, name) for name in lift}
        return arrays if self.values is None else arrays | {"values": self.values}


def fit_grounded(
    network: Network, data: LabelledStates, layers: Sequence[str], *, generator: np.random.Generator
) -> tuple[Grounded, ...]:
    """Readouts of every concept of `data` from each of these layers: linear, and where it is narrow non-linear too.

    Concepts that cannot be scored on these states, and action concepts of which only some actions can be probed at
    once, have none.

    Raises: EmptySample: fewer than 3 episodes.
    """
    split, donors, chosen, drawn = generator.spawn(4)
    data, of = _by_class(data)
    groups = split_episodes(data.episodes, split)
    halves = replace(groups, groups=np.where(groups.groups < 0, groups.groups, groups.groups % FOLDS), folds=FOLDS)
    plan = Plan(data, halves, draw_donors(data, donors))
    made = [make_target(data, concept, chosen) for concept in data.concepts]
    targets = [target for target in made if isinstance(target, Target) and target.actions is None]
    named = [layer for layer in network.layers if layer.name in layers]
    views = {(layer.name, target.name): view_of(layer, target.axes) for layer in named for target in targets}
    lifts = _lifts(network, data, tuple(dict.fromkeys(views.values())), drawn)
    work: dict[View, list[Target]] = {}
    for (_, name), view in views.items():
        target = next(target for target in targets if target.name == name)
        work.setdefault(view, []).append(target)
        if view in lifts:
            work.setdefault(lifts[view].lifted, []).append(target)
    probed = probe_source(_source(network, named, lifts), work, plan, ("real",))
    readouts = every_readout(probed, plan)
    scores = {(o.view.layer, o.target.name): score(o, plan) for o in probed.outcomes}
    found = []
    for (layer, name), view in views.items():
        by_class = BY_CLASS if name in of else ""
        concept, values = of.get(name, (name, None))
        keys: dict[str, tuple[tuple[str, str], Lift | None]] = {"linear": ((layer, name), None)}
        if view in lifts:
            keys["non-linear"] = ((lifts[view].lifted.layer, name), lifts[view])
        for form, (key, lift) in keys.items():
            found.append(Grounded(concept, layer, form + by_class, scores[key], readouts[key], lift, values))
    return tuple(each for each in found if np.isfinite(each.score))


def _by_class(data: LabelledStates) -> tuple[LabelledStates, dict[str, tuple[str, np.ndarray]]]:
    """The same states with each count or number of few values as a choice among them too, and what each choice means.

    A line through all values may be a poor guide to whether one lies above a bound, which is what texts ask: of 0.0,
    read as 0.03, `<= 0.0` says the opposite.
    """
    concepts, labels = list(data.concepts), dict(data.labels)
    of: dict[str, tuple[str, np.ndarray]] = {}
    for concept in data.concepts:
        values = data.labels[concept.name]
        known = np.unique(values)
        if concept.kind in ("count", "number") and values.ndim == 1 and len(known) <= MOST_CLASSES:
            name = concept.name + BY_CLASS
            concepts.append(replace(concept, name=name, kind="choice"))
            labels[name], of[name] = np.searchsorted(known, values), (concept.name, known)
    return replace(data, concepts=tuple(concepts), labels=labels), of


def _lifts(
    network: Network, data: LabelledStates, views: Sequence[View], generator: np.random.Generator
) -> dict[View, Lift]:
    """A lift for each narrow view, its features standardised on a sample of the states."""
    sample = data.observations[np.linspace(0, len(data) - 1, min(len(data), 2_000)).astype(np.int64)]
    found = network.activations_of(sample, tuple(dict.fromkeys(view.layer for view in views)))
    lifts = {}
    for view in views:
        if view.features > WIDEST:
            continue
        flat = view.arrange(found[view.layer]).reshape(-1, view.features).astype(np.float64)
        spread = flat.std(axis=0)
        scale = np.where(spread > 1e-6, 1.0 / np.maximum(spread, 1e-6), 0.0)
        hidden = HIDDEN if view.positions == 1 else HIDDEN_SHARED
        weights = generator.normal(size=(view.features, hidden)) / np.sqrt(view.features)
        parts = (flat.mean(axis=0), scale, weights, generator.normal(size=hidden))
        lifts[view] = Lift(view, *(part.astype(np.float32) for part in parts))
    return lifts


def _source(network: Network, layers: Sequence[Layer], lifts: Mapping[View, Lift]) -> Source:
    names = tuple(layer.name for layer in layers)

    def activations(observations: np.ndarray) -> Mapping[str, np.ndarray]:
        found = dict(network.activations_of(observations, names))
        return found | {lift.lifted.layer: lift(found[view.layer]) for view, lift in lifts.items()}

    return Source("network", activations)


def label_called(
    env: InspectableEnv, states: States, episodes: Int[np.ndarray, "states"], names: Sequence[str]
) -> LabelledStates:
    """Measure these concepts on these states; `episodes` is what held-out parts are split by."""
    declared = (*concepts_of(env), *action_concepts_of(env))
    concepts = tuple(concept for concept in declared if concept.name in names)
    labels = {concept.name: np.asarray(concept.measure(states)) for concept in concepts}
    return LabelledStates(env.observe(states), concepts, labels, np.asarray(episodes), *action_layout(env))
