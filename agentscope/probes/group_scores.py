"""What a group of units goes with, and what it does to play when it is resampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Shaped
from scipy.stats import rankdata

from agentscope.contracts import Network
from agentscope.measures import same_class
from agentscope.records import Decisions

NAMED = 3  # concepts that are printed of a group
FEWEST = 10  # states that must show a flag, and that must not, on either side


def concept_rows(
    chosen_by: tuple[Float[np.ndarray, "train groups"], Mapping[str, Shaped[np.ndarray, "train"]]],
    scored_on: tuple[Float[np.ndarray, "held groups"], Mapping[str, Shaped[np.ndarray, "held"]]],
) -> list[list[dict[str, Any]]]:
    """The concepts that each group's strength goes with best: chosen on training states, scored on held-out ones.

    Flags by the AUC of the strength as it is, numbers by the squared correlation: nothing is fitted but the direction,
    which the training states give.

    Args:
        chosen_by, scored_on: strengths of the groups, and labels by concept.
    Returns: for each group at most three rows of concept, metric ("auc" or "r2"), score and direction ("more" where the
        group is stronger with the concept, else "less"), the best on training states first.
    """
    names = [name for name in chosen_by[1] if _varies(chosen_by[1][name]) and _varies(scored_on[1][name])]
    if not names:
        return [[] for _ in range(chosen_by[0].shape[1])]
    train, held = (_associations(strength, labels, names) for strength, labels in (chosen_by, scored_on))
    rows = []
    for group in range(train.shape[0]):
        order = np.argsort(-np.abs(train[group]), kind="stable")[:NAMED]
        rows.append([_row(names[i], _flag(chosen_by[1][names[i]]), train[group, i], held[group, i]) for i in order])
    return rows


def _row(name: str, flag: bool, train: float, held: float) -> dict[str, Any]:
    sign = 1.0 if train >= 0 else -1.0
    score = 0.5 + sign * held / 2 if flag else max(sign * held, 0.0) ** 2
    direction = "more" if sign > 0 else "less"
    return {"concept": name, "metric": "auc" if flag else "r2", "score": float(score), "direction": direction}


def _varies(labels: Shaped[np.ndarray, "states"]) -> bool:
    """Whether a concept shows often enough, both ways, to be scored."""
    if _flag(labels):
        return FEWEST <= int(labels.sum()) <= len(labels) - FEWEST
    return bool((labels != labels[:1]).any())


def _flag(labels: Shaped[np.ndarray, "states"]) -> bool:
    return labels.dtype == np.bool_


def _associations(
    strength: Float[np.ndarray, "states groups"], labels: Mapping[str, np.ndarray], names: Sequence[str]
) -> Float64[np.ndarray, "groups concepts"]:
    """From -1 to 1: twice the AUC less 1 for flags, the correlation for numbers."""
    flags = np.array([_flag(labels[name]) for name in names])
    table = np.stack([labels[name].astype(np.float64) for name in names], axis=1)
    ranks = rankdata(strength, axis=0)
    true = table.sum(axis=0)
    false = len(table) - true
    pairs = np.where(flags, true * false, 1.0)
    auc = (ranks.T @ table - true * (true + 1) / 2) / pairs
    return np.asarray(np.where(flags, 2 * auc - 1, _standard(strength).T @ _standard(table) / len(table)))


def _standard(values: Float[np.ndarray, "states columns"]) -> Float64[np.ndarray, "states columns"]:
    """Mean 0 and variance 1; a constant column stays 0."""
    apart = values - values.mean(axis=0, dtype=np.float64)
    spread = apart.std(axis=0)
    return np.asarray(apart / np.where(spread > 1e-12, spread, np.inf))


@dataclass(frozen=True)
class Resampling:
    """States whose units can be replaced, several at once, by what they are in another state.

    Attributes:
        observations, decisions: of the states; donors: the other state that each takes values from.
        activations: what the layer puts out there; places: where each unit lies in them when flattened, a row for each
            position.
    """

    network: Network
    layer: str
    observations: np.ndarray
    decisions: Decisions
    activations: Float[np.ndarray, "states ..."]
    places: Int[np.ndarray, "positions units"]
    donors: Int[np.ndarray, "states"]

    def effect(self, units: Sequence[int]) -> float:
        """Share of the states whose choice changes in effect when these units come from the other state together.

        Values that the network really produced, jointly: zeroing units, or drawing each by itself, would ask it about
        activations that it never has.
        """
        mixed: Bool[np.ndarray, "values"] = np.zeros(self.places.size, dtype=bool)
        mixed[self.places[:, list(units)].ravel()] = True
        swapped = np.where(mixed.reshape(self.activations.shape[1:]), self.activations[self.donors], self.activations)
        legal = self.decisions.legal
        scores = self.network.scores_with(self.observations, {self.layer: swapped}, legal)
        moved = np.where(legal, scores, -np.inf).argmax(axis=1)
        return float(1 - same_class(self.decisions.actions, moved, self.decisions.equivalent).mean())


def draw_donors(states: int, generator: np.random.Generator) -> Int[np.ndarray, "states"]:
    """For each state another one, uniformly."""
    shift = generator.integers(1, max(states, 2), size=states)
    return (np.arange(states) + shift) % states


def random_effects(
    resampling: Resampling, live: Int[np.ndarray, "units"], size: int, *, count: int, generator: np.random.Generator
) -> Float64[np.ndarray, "draws"]:
    """The effects of so many random groups of this size, drawn from the units that vary."""
    return np.array([resampling.effect(generator.choice(live, size, replace=False).tolist()) for _ in range(count)])
