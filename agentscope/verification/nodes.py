"""Equality of a decompiled text and the network that it came from: actions, every node's numbers, and substitution.

A node is one function's whole output. Equal actions could come about in other ways, so every function's values are
compared with what the network's stage puts out, and then put out in its place: equal numbers, equal scores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from agentscope.contracts import InspectableEnv, Network, ProgressCallback, States, legal_actions_of, no_progress
from agentscope.errors import ContractBroken, EmptySample
from agentscope.verification.node_values import NodeText
from agentscope.verification.proof_sets import ProofStates

SCORES = "scores"
KEPT = 5  # counterexamples that are kept
_AT_ONCE = 2_048  # states that are compared at once: bounds memory
_EXPONENTS = range(41)  # a deployed network may divide its whole scores by a power of two


@dataclass(frozen=True)
class NodeProof:
    """What was found at one stage.

    Attributes:
        functions: of the text that stand for its units; failed: those of them whose values differ anywhere.
        units, covered: numbers that the stage puts out for one state, and how many of them functions stand for.
        numbers: that were compared; changed: of those that differ.
        substituted_changed: scores that change when the stage puts out the text's values; None for the scores
            themselves, behind which nothing comes.
    """

    stage: str
    states: int
    functions: int
    failed: tuple[str, ...]
    units: int
    covered: int
    numbers: int
    changed: int
    substituted_changed: int | None


@dataclass(frozen=True)
class Equality:
    """How a text and a network compare on states that are all different for them.

    Attributes:
        states: distinct ones that were checked; sets: by name, how many were met and how many of them are distinct.
        exhaustive: all states that can be reached are among them.
        disagreements: states with another action; counterexamples: the first of them.
        nodes: functions that were compared; nodes_failed: those that differ, and all of a stage whose substitution
            changes a score.
        changed: numbers that differ, over all stages; substituted_changed: scores that change when every stage puts
            out the text's values.
        score_exponent: the network's scores are the text's divided by two to this.
        unread: functions that stand for units but that the text never calls.
    """

    states: int
    sets: Mapping[str, Mapping[str, int]]
    exhaustive: bool
    disagreements: int
    nodes: int
    nodes_failed: int
    changed: int
    substituted_changed: int
    score_exponent: int
    stages: tuple[NodeProof, ...]
    counterexamples: tuple[Mapping[str, Any], ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether all functions that stand for units were compared, and nothing differs anywhere."""
        return self.nodes > 0 and not (
            self.unread or self.disagreements or self.nodes_failed or self.changed or self.substituted_changed
        )


def verify_nodes(
    text: NodeText,
    network: Network,
    env: InspectableEnv,
    proof: ProofStates,
    *,
    progress: ProgressCallback = no_progress,
) -> Equality:
    """Compare a text with the network that it was made from, on every one of these states; nothing stops early.

    Args:
        env: the environment that the text is bound to.
        proof: as `proof_states` collects them.
    Raises:
        EmptySample: there are no states.
        ContractBroken: a function stands for a stage that is no layer of the network, or for places beyond its end.
        TextError: as `language.evaluate`.
    """
    if not len(proof.states):
        raise EmptySample("there are no states, so that equality has no meaning: collect at least one.")
    ledger = _Ledger(text, network)
    names = list(proof.sets)
    for start in range(0, len(proof.states), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        ledger.enter(env, proof.states[part], [names[origin] for origin in proof.origin[part]])
        progress("proving equality", ledger.states, len(proof.states))
    return ledger.equality(proof)


@dataclass
class _Stage:
    """The functions of one stage with their places, and what was counted there so far."""

    units: int
    parts: dict[str, np.ndarray]
    changed: Counter[str] = field(default_factory=Counter)
    numbers: int = 0
    substituted: int = 0

    def filled(self, own: Shaped[np.ndarray, "states ..."], values: Mapping[str, np.ndarray]) -> np.ndarray:
        """The stage's output with the text's values at the places of its functions; differences are counted."""
        before = own.reshape(len(own), -1)
        flat = before.copy()
        for name, places in self.parts.items():
            given = values[name][:, :, None]
            self.changed[name] += int((before[:, places] != given).sum())
            self.numbers += len(own) * places.size
            flat[:, places] = given
        return flat.reshape(own.shape)

    def proof(self, name: str, states: int) -> NodeProof:
        """What was found."""
        covered = len(np.unique(np.concatenate([places.ravel() for places in self.parts.values()])))
        return NodeProof(
            name, states, len(self.parts), tuple(part for part, count in self.changed.items() if count),
            self.units, covered, self.numbers, sum(self.changed.values()), None if name == SCORES else self.substituted,
        )  # fmt: skip


def _stages(text: NodeText, network: Network) -> dict[str, _Stage]:
    """The stages that functions of the text stand for, in the order of the network's layers."""
    sizes = {layer.name: int(np.prod(layer.shape)) for layer in network.layers}
    found: dict[str, _Stage] = {name: _Stage(size, {}) for name, size in sizes.items()}
    for part in text.parts:
        if part.stage not in sizes or part.places.max(initial=0) >= sizes[part.stage] or part.places.min(initial=0) < 0:
            raise ContractBroken(
                f"function {part.name!r} stands for places of {part.stage!r} that this network does not have; its "
                f"layers are {', '.join(f'{name} ({size})' for name, size in sizes.items())}"
            )
        if part.name in text.called:
            found[part.stage].parts[part.name] = text.places(part)
    return {name: stage for name, stage in found.items() if stage.parts}


class _Ledger:
    """What was counted over all batches so far."""

    def __init__(self, text: NodeText, network: Network) -> None:
        self.text, self.network = text, network
        self.stages = _stages(text, network)
        self.layers = [name for name in self.stages if name != SCORES]
        self.exponent: int | None = None
        self.states = self.disagreements = self.together = 0
        self.counterexamples: list[Mapping[str, Any]] = []

    def enter(self, env: InspectableEnv, states: States, sets: list[str]) -> None:
        """Compare one batch of states."""
        observations, legal = env.observe(states), legal_actions_of(env, states)
        values = self.text.read(states)
        held = dict(self.network.activations_of(observations, [*self.layers, SCORES]))
        scores = held[SCORES]
        self.compare_actions(values.actions, np.where(legal, scores, -np.inf).argmax(axis=1), sets)
        if SCORES in self.stages:
            self.stages[SCORES].filled(self.whole(scores, values.of), values.of)
        given = {layer: self.stages[layer].filled(held[layer], values.of) for layer in self.layers}
        for layer in self.layers:
            self.stages[layer].substituted += self.changed_scores(observations, {layer: given[layer]}, scores)
        self.together += self.changed_scores(observations, given, scores) if given else 0
        self.states += len(states)

    def compare_actions(self, text: np.ndarray, network: np.ndarray, sets: list[str]) -> None:
        wrong = np.flatnonzero(text != network)
        self.disagreements += len(wrong)
        for row in wrong[: KEPT - len(self.counterexamples)]:
            self.counterexamples.append(
                {
                    "state": self.states + int(row),
                    "set": sets[row],
                    "network": int(network[row]),
                    "text": int(text[row]),
                }
            )

    def changed_scores(
        self, observations: np.ndarray, given: Mapping[str, np.ndarray], scores: Float[np.ndarray, "states actions"]
    ) -> int:
        return int((self.network.scores_with(observations, given) != scores).sum())

    def whole(self, scores: np.ndarray, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """The network's scores as whole numbers: times the power of two that fits the text in the first batch."""
        exact = scores.astype(np.float64)
        if self.exponent is None:
            parts = self.stages[SCORES].parts
            found = [(exact[:, places], values[name][:, :, None]) for name, places in parts.items()]
            fitting = (e for e in _EXPONENTS if all((own * 2.0**e == given).all() for own, given in found))
            self.exponent = next(fitting, 0)
        return np.asarray(exact * 2.0**self.exponent)

    def equality(self, proof: ProofStates) -> Equality:
        """The counts of all batches."""
        stages = tuple(stage.proof(name, self.states) for name, stage in self.stages.items())
        failed = sum(stage.functions if stage.substituted_changed else len(stage.failed) for stage in stages)
        return Equality(
            states=self.states, sets=proof.sets, exhaustive=proof.exhaustive, disagreements=self.disagreements,
            nodes=sum(stage.functions for stage in stages), nodes_failed=failed,
            changed=sum(stage.changed for stage in stages), substituted_changed=self.together,
            score_exponent=self.exponent or 0, stages=stages, counterexamples=tuple(self.counterexamples),
            unread=self.text.unread,
        )  # fmt: skip
