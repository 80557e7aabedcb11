"""Pairs of a state and its one-feature edit, and what a network decides when parts of one are put into the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import InspectableEnv, Network, equivalent_actions_of, legal_actions_of
from agentscope.measures import same_class
from agentscope.probes.targets import LabelledStates, action_layout
from agentscope.rollouts import EditPool

CHUNK = 4_096
ENOUGH = 30  # effect pairs on either side that make it worth while to leave out those that change more
MOST, OTHERS = 400, 200  # effect pairs and no-effect pairs that are looked at


@dataclass(frozen=True)
class Stage:
    """A pool of edits as any network of this environment meets it.

    Attributes:
        bases, edited: observations; parent, episode: of each edit.
        equivalent, legal: of the edited states: a swap makes the network take the base for the edit.
        changed: by concept, whether the edit changes any of its values.
        values: by concept its values on the bases and on the edits.
        tests: whether the pair is of an episode that judges; the others choose layers and subspaces. base_tests: the
            same of the bases.
        concepts: what was measured; action_axes, action_shape: as in `LabelledStates`.
        crowd: how many concepts of states the edit changes.
        priority: the order, by chance, in which pairs are taken where not all are.
    """

    bases: Shaped[np.ndarray, "bases ..."]
    edited: Shaped[np.ndarray, "edits ..."]
    parent: Int[np.ndarray, "edits"]
    episode: Int[np.ndarray, "edits"]
    base_episode: Int[np.ndarray, "bases"]
    equivalent: Int[np.ndarray, "edits actions"]
    legal: Bool[np.ndarray, "edits actions"]
    changed: Mapping[str, Bool[np.ndarray, "edits"]]
    values: Mapping[str, tuple[np.ndarray, np.ndarray]]
    tests: Bool[np.ndarray, "edits"]
    crowd: Int[np.ndarray, "edits"]
    priority: Float[np.ndarray, "edits"]
    base_tests: Bool[np.ndarray, "bases"]
    concepts: tuple[Concept, ...]
    action_axes: tuple[str, ...]
    action_shape: tuple[int, ...]

    def others_changed(self, concept: str, rows: Int[np.ndarray, "pairs"]) -> float:
        """How many other concepts of states these pairs change, on average."""
        own = any(known.name == concept and not isinstance(known, ActionConcept) for known in self.concepts)
        return float(self.crowd[rows].mean()) - own

    def thinned(self, every: int) -> Stage:
        """The same stage with one edit of so many: what untrained twins are looked at on."""
        rows = np.sort(np.argsort(self.priority)[: max(len(self.priority) // every, 1)])
        values = {name: (before, after[rows]) for name, (before, after) in self.values.items()}
        changed = {name: apart[rows] for name, apart in self.changed.items()}
        return replace(
            self, edited=self.edited[rows], parent=self.parent[rows], episode=self.episode[rows],
            equivalent=self.equivalent[rows], legal=self.legal[rows], changed=changed, values=values,
            tests=self.tests[rows], crowd=self.crowd[rows], priority=self.priority[rows],
        )  # fmt: skip

    def lessons(self, most: int) -> LabelledStates:
        """Bases and edits of the choosing episodes, labelled: what readouts that are to be swapped are fitted on."""
        bases = np.flatnonzero(~self.base_tests)
        edits = np.flatnonzero(~self.tests)
        edits = np.sort(edits[np.argsort(self.priority[edits])[: max(most - len(bases), 0)]])
        labels = {name: np.concatenate([before[bases], after[edits]]) for name, (before, after) in self.values.items()}
        return LabelledStates(
            np.concatenate([self.bases[bases], self.edited[edits]]), self.concepts, labels,
            np.concatenate([self.base_episode[bases], self.episode[edits]]), self.action_axes, self.action_shape,
        )  # fmt: skip


def set_stage(
    env: InspectableEnv, pool: EditPool, concepts: Sequence[Concept], generator: np.random.Generator
) -> Stage:
    """Measure the concepts and the actions' classes on a pool; half of the episodes, by chance, are kept to judge."""
    values = {concept.name: _measured(concept, pool) for concept in concepts}
    changed = {}
    for name, (before, after) in values.items():
        apart = before[pool.parent] != after
        changed[name] = apart.reshape(len(apart), -1).any(axis=1)
    names, index = np.unique(pool.episode, return_inverse=True)
    judging = generator.permutation(len(names)) % 2 == 0
    crowd = np.zeros(len(pool), dtype=np.int64)
    for concept in concepts:
        if not isinstance(concept, ActionConcept):  # some action or other looks different after any edit
            crowd += changed[concept.name]
    return Stage(
        env.observe(pool.bases), env.observe(pool.edited), pool.parent, pool.episode[pool.parent],
        pool.episode, equivalent_actions_of(env, pool.edited), legal_actions_of(env, pool.edited), changed, values,
        judging[index.ravel()][pool.parent], crowd,
        generator.random(len(pool)), judging[index.ravel()], tuple(concepts), *action_layout(env),
    )  # fmt: skip


def _measured(concept: Concept, pool: EditPool) -> tuple[np.ndarray, np.ndarray]:
    parts = [
        np.concatenate([np.asarray(concept.measure(s[i : i + CHUNK])) for i in range(0, max(len(s), 1), CHUNK)])
        for s in (pool.bases, pool.edited)
    ]
    return parts[0], parts[1]


@dataclass(frozen=True)
class Held:
    """What the layers put out for both sides of some pairs."""

    rows: Int[np.ndarray, "pairs"]
    base: Mapping[str, np.ndarray]
    edit: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Scene:
    """What one network decides on a stage.

    Attributes:
        base, edit: its scores (-inf where the edit does not allow the action).
        differs: pairs that it decides differently.
    """

    network: Network
    stage: Stage
    base: Float[np.ndarray, "edits actions"]
    edit: Float[np.ndarray, "edits actions"]
    differs: Bool[np.ndarray, "edits"]

    def effect_pairs(self, concept: str) -> tuple[Int[np.ndarray, "choosing"], Int[np.ndarray, "judging"]]:
        """Pairs that differ in the concept and are decided differently, of the episodes that choose and that judge.

        The cleanest: those that change the fewest other concepts of as many as leave ENOUGH pairs on both sides. Who
        moves the key changes the distance to it as well; only where nothing else changes does a choice tell which
        of the two was used.
        """
        stage = self.stage
        effect = self.differs & stage.changed[concept]
        for most in np.unique(stage.crowd[effect]).tolist():
            clean = effect & (stage.crowd <= most)
            if min((clean & stage.tests).sum(), (clean & ~stage.tests).sum()) >= ENOUGH:
                effect = clean
                break
        return self._some(effect & ~stage.tests), self._some(effect & stage.tests)

    def other_pairs(self, concept: str) -> tuple[Int[np.ndarray, "choosing"], Int[np.ndarray, "judging"]]:
        """Pairs that are decided differently though the concept stays as it is, of both kinds of episodes."""
        stray = self.differs & ~self.stage.changed[concept]
        return self._some(stray & ~self.stage.tests, OTHERS), self._some(stray & self.stage.tests, OTHERS)

    def _some(self, wanted: Bool[np.ndarray, "edits"], most: int = MOST) -> Int[np.ndarray, "pairs"]:
        rows = np.flatnonzero(wanted)
        return np.sort(rows[np.argsort(self.stage.priority[rows])[:most]])

    def held(self, rows: Int[np.ndarray, "pairs"], layers: Sequence[str]) -> Held:
        """Activations of the bases and of the edits of some pairs, each from one pass."""
        bases, edited = self.stage.bases[self.stage.parent[rows]], self.stage.edited[rows]
        return Held(rows, self.network.activations_of(bases, layers), self.network.activations_of(edited, layers))

    def scores(self, rows: Int[np.ndarray, "pairs"], layer: str, values: np.ndarray) -> Float[np.ndarray, "pairs n"]:
        """Scores of the bases with these values in a layer."""
        bases = self.stage.bases[self.stage.parent[rows]]
        return self.network.scores_with(bases, {layer: values}, self.stage.legal[rows])

    def follows(
        self, rows: Int[np.ndarray, "pairs"], scores: Float[np.ndarray, "pairs n"]
    ) -> Bool[np.ndarray, "pairs"]:
        """Whether these scores decide the base like its edit."""
        return same_class(scores.argmax(axis=1), self.edit[rows].argmax(axis=1), self.stage.equivalent[rows])

    def shift(self, rows: Int[np.ndarray, "pairs"], scores: Float[np.ndarray, "pairs n"]) -> Float[np.ndarray, "pairs"]:
        """Share of the edit's effect on the centred scores that these scores show: 0 none, 1 all of it."""
        known = self.stage.legal[rows]
        wanted = _centred(self.edit[rows], known) - _centred(self.base[rows], known)
        found = _centred(scores, known) - _centred(self.base[rows], known)
        length = np.maximum((wanted**2).sum(axis=1), 1e-12)
        share: np.ndarray = (found * wanted).sum(axis=1) / length
        return share


def _centred(scores: np.ndarray, legal: np.ndarray) -> np.ndarray:
    filled = np.where(legal, scores, 0.0).astype(np.float64)
    mean = filled.sum(axis=1, keepdims=True) / np.maximum(legal.sum(axis=1, keepdims=True), 1)
    return np.where(legal, filled - mean, 0.0)


def play_scene(network: Network, stage: Stage) -> Scene:
    """A network's decisions on a stage."""
    base = in_chunks(lambda rows: network.scores(stage.bases[rows]), len(stage.bases))[stage.parent]
    base = np.where(stage.legal, base, -np.inf)
    edit = in_chunks(lambda rows: network.scores(stage.edited[rows], stage.legal[rows]), len(stage.edited))
    same = same_class(base.argmax(axis=1), edit.argmax(axis=1), stage.equivalent)
    return Scene(network, stage, base, edit, ~same)


def in_chunks(function: Callable[[slice], np.ndarray], count: int) -> np.ndarray:
    """A function of rows, in bounded memory."""
    return np.concatenate([function(slice(start, start + CHUNK)) for start in range(0, max(count, 1), CHUNK)])
