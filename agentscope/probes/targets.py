"""What probes are fitted to: labels of concepts as target columns, and the labels of the control tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product

import numpy as np
from jaxtyping import Float, Int, Shaped

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import InspectableEnv, States, action_concepts_of, concepts_of
from agentscope.errors import ConceptsMissing, ContractBroken
from agentscope.rollouts.sampling import levels_of

MOST_OUTPUTS = 512  # values of one concept in one state that are probed at once
FEWEST = 10  # states that must show a label, in at least FEWEST_EPISODES episodes, for it to be scored
FEWEST_EPISODES = 3
FEWEST_LEVELS = 10  # that give folds of their own
VARIANTS = ("real", "task", "shuffled")


@dataclass(frozen=True)
class LabelledStates:
    """Observations with their concepts' values and the episode each came from: what find_primitives learns from.

    Attributes:
        observations: exactly as the network gets them.
        concepts: what is labelled; an ActionConcept has an action axis first.
        labels: values by concept name, of shape (n, *axis) or (n, actions, *axis).
        episodes: what splits go by: the episode, or its level where levels recur (`label_states` sees to it).
        action_axes: axes whose product the actions are, in order, e.g. ("rotations", "columns"); else ("actions",).
        action_shape: their lengths.
    """

    observations: Shaped[np.ndarray, "states ..."]
    concepts: tuple[Concept, ...]
    labels: Mapping[str, np.ndarray]
    episodes: Int[np.ndarray, "states"]
    action_axes: tuple[str, ...] = ("actions",)
    action_shape: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.observations)

    def only(self, name: str) -> LabelledStates:
        """The same states with one concept.

        Raises: ConceptsMissing: no concept goes by this name.
        """
        chosen = tuple(concept for concept in self.concepts if concept.name == name)
        if not chosen:
            known = ", ".join(concept.name for concept in self.concepts)
            raise ConceptsMissing(f"There is no concept {name!r}; the environment declares {known or 'none'}.")
        return LabelledStates(self.observations, chosen, {name: self.labels[name]}, self.episodes, self.action_axes,
                              self.action_shape)  # fmt: skip


def label_states(env: InspectableEnv, states: States, episodes: Int[np.ndarray, "states"]) -> LabelledStates:
    """Measure every concept that the environment declares on these states.

    Where episodes share levels, splits go by level: else held-out episodes repeat what was fitted on.

    Raises: ConceptsMissing: it declares none.
    """
    concepts = (*concepts_of(env), *action_concepts_of(env))
    if not concepts:
        raise ConceptsMissing(
            f"{env.id} declares no concepts, so there is nothing to probe. Declare some (docs/adding/concepts.md)."
        )
    labels = {concept.name: np.asarray(concept.measure(states)) for concept in concepts}
    axes, shape = action_layout(env)
    levels = levels_of(states)
    recurring = FEWEST_LEVELS <= len(np.unique(levels)) < len(np.unique(episodes))
    return LabelledStates(
        env.observe(states), concepts, labels, levels if recurring else np.asarray(episodes), axes, shape
    )


def action_layout(env: InspectableEnv) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The axes that the actions run over, where their names say so: turn0_column3 is (turn0, column3) of two axes."""
    names = tuple(env.action_names)
    parts = [name.split("_") for name in names]
    if names and len({len(part) for part in parts}) == 1:
        axes = []
        for tokens in zip(*parts, strict=True):
            found = [axis for axis, labels in env.axes.items() if set(labels) == set(tokens)]
            axes += found[:1]
        lists = [env.axes[axis] for axis in axes]
        if len(axes) == len(parts[0]) and names == tuple("_".join(labels) for labels in product(*lists)):
            return tuple(axes), tuple(len(labels) for labels in lists)
    return ("actions",), (len(names),)


@dataclass(frozen=True)
class Target:
    """One concept's labels, ready to be fitted.

    Attributes:
        axes: name of each dimension of a state's labels; shape: their lengths.
        labels: (n, *shape); float32 for numbers and counts, bool for flags, codes for choices.
        classes: codes of a choice that occur often enough to be scored.
        origin, scale: subtracted from and divided into numbers before fitting, so that float32 products are safe.
        actions: indices of the actions that were kept of an action concept; None: all, or no action concept.
        memory: scaled labels as each kind of view wants them, laid out once.
    """

    concept: Concept
    axes: tuple[str, ...]
    labels: np.ndarray
    classes: tuple[int, ...] = ()
    origin: float = 0.0
    scale: float = 1.0
    actions: tuple[int, ...] | None = None
    memory: dict[tuple[str, ...], np.ndarray] = field(default_factory=dict, compare=False, repr=False)

    @property
    def name(self) -> str:
        return self.concept.name

    @property
    def shape(self) -> tuple[int, ...]:
        return self.labels.shape[1:]

    def split(self, common: tuple[str, ...]) -> tuple[list[int], list[int]]:
        """Dimensions of the labels that are positions of a shared readout, and the others."""
        places = [self.axes.index(axis) for axis in common]
        return places, [i for i in range(len(self.axes)) if i not in places]

    def values(self, rows: np.ndarray, common: tuple[str, ...]) -> Shaped[np.ndarray, "states positions outputs"]:
        """Labels of some states as (states, positions, outputs)."""
        return self._arranged(self.labels, common)[rows]

    def columns(self, rows: np.ndarray, common: tuple[str, ...]) -> Float[np.ndarray, "states positions targets"]:
        """Regression targets, float32: scaled numbers, 0 and 1, or one column for each class."""
        outputs = int(np.prod(self.shape, dtype=np.int64)) * max(len(self.classes), 1)
        positions = int(np.prod([self.shape[i] for i in self.split(common)[0]], dtype=np.int64))
        made = np.empty((len(rows), positions, outputs // positions), dtype=np.float32)
        self.fill(made, rows, common)
        return made

    def fill(
        self, space: Float[np.ndarray, "states positions targets"], rows: np.ndarray | None, common: tuple[str, ...]
    ) -> None:
        """Write what `columns` gives into part of a larger array, so that nothing is copied twice.

        With rows None, all states once: their labels are then not kept in the order of the view.
        """
        if rows is None:
            values = self._arranged(self.scaled, common)
        else:
            if common not in self.memory:
                self.memory[common] = np.ascontiguousarray(self._arranged(self.scaled, common))
            values = self.memory[common].take(rows, axis=0)
        if self.concept.kind != "choice":
            space[...] = values
            return
        split = space.reshape(*values.shape, len(self.classes))
        assert np.shares_memory(split, space)
        np.equal(values[..., None], np.array(self.classes), out=split, casting="unsafe")

    def _arranged(self, labels: np.ndarray, common: tuple[str, ...]) -> np.ndarray:
        places, others = self.split(common)
        positions = int(np.prod([self.shape[i] for i in places], dtype=np.int64))
        moved = labels.transpose(0, *(1 + i for i in (*places, *others)))
        return moved.reshape(len(labels), positions, int(np.prod(self.shape, dtype=np.int64)) // positions)

    @cached_property
    def scaled(self) -> np.ndarray:
        """Numbers about 0 with unit variance; flags and choices as they are."""
        if self.concept.kind in ("flag", "choice"):
            return self.labels
        return np.asarray((self.labels - self.origin) / self.scale, dtype=np.float32)

    @cached_property
    def distances(self) -> Float[np.ndarray, "states"]:
        """Squared distance of each state's scaled numbers from what a constant would answer: their means."""
        flat = self.scaled.reshape(len(self.scaled), -1)
        apart = flat - flat.mean(axis=0, dtype=np.float64).astype(np.float32)
        return np.einsum("ij,ij->i", apart, apart).astype(np.float64)


def make_target(data: LabelledStates, concept: Concept, generator: np.random.Generator) -> Target | str:
    """The concept's target, or the reason why it cannot be scored on these states."""
    labels = np.asarray(data.labels[concept.name])
    axes = concept.axis
    actions: tuple[int, ...] | None = None
    if isinstance(concept, ActionConcept):
        axes, labels, actions = _by_action(data, concept, labels, generator)
    if labels.ndim != 1 + len(axes) or len(labels) != len(data):
        raise ContractBroken(f"{concept.name} measured shape {labels.shape} for {len(data)} states and axes {axes}.")
    outputs = int(np.prod(labels.shape[1:], dtype=np.int64))
    if outputs > MOST_OUTPUTS:
        return f"{outputs} values a state are more than the {MOST_OUTPUTS} that are probed at once"
    if concept.kind == "choice":
        classes = tuple(code for code in np.unique(labels).tolist() if _often(labels == code, data.episodes))
        if len(classes) < 2:
            return f"fewer than two of its choices occur in {FEWEST} states of {FEWEST_EPISODES} episodes"
        return Target(concept, axes, labels, classes, actions=actions)
    if concept.kind == "flag":
        labels = labels.astype(bool)
        if not _often(labels, data.episodes) or not _often(~labels, data.episodes):
            return f"true in {int(labels.sum())} of {labels.size} cases: too few of one kind to score"
        return Target(concept, axes, labels, actions=actions)
    if not np.isfinite(labels).all():
        return "it is not a finite number in some states"
    spread = float(labels.std(dtype=np.float64))
    if spread <= 1e-12 * max(1.0, float(np.abs(labels).max())) or (labels == labels[:1]).all():
        return "it has the same value in all of these states"
    values = labels.astype(np.float32 if labels.dtype.kind != "f" else labels.dtype)
    return Target(concept, axes, values, (), float(labels.mean(dtype=np.float64)), spread, actions)


def relabelled(target: Target, data: LabelledStates) -> Target:
    """The target on other states, with the same classes, unit and actions.

    Raises: ContractBroken: the labels have another shape.
    """
    labels = np.asarray(data.labels[target.name])
    labels = labels if target.actions is None else labels[:, list(target.actions)]
    if len(labels) != len(data) or np.prod(labels.shape[1:], dtype=np.int64) != np.prod(target.shape, dtype=np.int64):
        raise ContractBroken(f"{target.name} measured shape {labels.shape} for {len(data)} states, not {target.shape}.")
    labels = labels.reshape(len(data), *target.shape).astype(target.labels.dtype)
    return replace(target, labels=labels, memory={})


def _by_action(
    data: LabelledStates, concept: Concept, labels: np.ndarray, generator: np.random.Generator
) -> tuple[tuple[str, ...], np.ndarray, tuple[int, ...] | None]:
    """Labels with the action axis split into its axes, or a capped random choice of actions where they are many."""
    count = labels.shape[1]
    each = int(np.prod(labels.shape[2:], dtype=np.int64))
    if count * each > MOST_OUTPUTS >= each:
        kept = np.sort(generator.choice(count, MOST_OUTPUTS // each, replace=False))
        return ("actions", *concept.axis), labels[:, kept], tuple(kept.tolist())
    if set(data.action_axes) & set(concept.axis) or int(np.prod(data.action_shape, dtype=np.int64)) != count:
        return ("actions", *concept.axis), labels, None
    return (*data.action_axes, *concept.axis), labels.reshape(len(labels), *data.action_shape, *labels.shape[2:]), None


def _often(shown: np.ndarray, episodes: np.ndarray) -> bool:
    states = shown.reshape(len(shown), -1).any(axis=1)
    return int(states.sum()) >= FEWEST and len(np.unique(episodes[states])) >= FEWEST_EPISODES


@dataclass(frozen=True)
class LabelDonors:
    """For each state the state whose labels it gets in each variant of the task.

    `task` is the control task of Hewitt and Liang (2019): random labels with the same distribution, the same for equal
    observations, so that a probe can only know them by heart. `shuffled` mixes labels within each episode: what is
    then still found belongs to the episode and not to the state.
    """

    real: Int[np.ndarray, "states"]
    task: Int[np.ndarray, "states"]
    shuffled: Int[np.ndarray, "states"]
    names: tuple[str, ...] = field(default=VARIANTS)

    def rows(self, variant: str) -> Int[np.ndarray, "states"]:
        """Donor of every state."""
        donors: np.ndarray = getattr(self, variant)
        return donors


def draw_donors(data: LabelledStates, generator: np.random.Generator) -> LabelDonors:
    """Draw the donors of both random variants."""
    count = len(data)
    flat = np.ascontiguousarray(data.observations.reshape(count, -1))
    bits = flat.view(np.dtype((np.void, flat.shape[1] * flat.dtype.itemsize)))[:, 0]
    _, identity = np.unique(bits, return_inverse=True)
    task = generator.integers(count, size=int(identity.max()) + 1)[identity.ravel()]
    order = np.argsort(data.episodes, kind="stable")
    mixed = np.lexsort((generator.random(count), data.episodes))
    shuffled = np.empty(count, dtype=np.int64)
    shuffled[order] = mixed
    return LabelDonors(np.arange(count), task, shuffled)
