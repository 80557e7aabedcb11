"""Network scores = strategy + residual: how much each part holds, and whether the residual is structure or noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Shaped

from agentscope.concepts import Concept
from agentscope.contracts import InspectableEnv, States, action_concepts_of, concepts_of
from agentscope.measures import spreads
from agentscope.records import Decisions

FEW_ACTIONS = 8  # up to so many, all actions of a state are predicted at once; else each (state, action) is a row
MOST_VALUES = 96  # values a state of a concept that enters the prediction
HIDDEN = 256  # random features of the prediction
PENALTY = 1e-2  # of its ridge regression, relative to the number of rows
STRUCTURE = 0.10  # held-out R2, above that of shuffled residuals, from which a residual has structure
SHARED = 0.20  # correlation with the residual of another seed's network from which it is shared
TINY = 1e-300  # in place of a power of 0
RESAMPLES = 2_000
NOTHING = 0.01  # share of the scores' variance below which there is no residual to speak of


@dataclass(frozen=True)
class Ranking:
    """What a text says of the actions of each state.

    Attributes:
        keys: the score that it gives each action, -inf where it compares none; None for texts that only choose.
        actions: its choices.
    """

    keys: Float[np.ndarray, "states actions"] | None
    actions: Int[np.ndarray, "states"]


@dataclass(frozen=True)
class Split:
    """A fitted split of a network's scores into strategy and residual.

    Attributes:
        spread: unit of all scores: mean over the states of the standard deviation of the legal actions' scores.
        slope: by which the text's centred keys, or the indicator of its choice, are multiplied.
        means: mean centred scores by the text's choice, for texts that only choose among few actions; else None.
    """

    spread: float
    slope: float
    means: Float64[np.ndarray, "actions actions"] | None = None

    def strategy(self, ranking: Ranking, decisions: Decisions) -> Float64[np.ndarray, "states actions"]:
        """The part of the centred scores that the text gives, 0 where an action is not legal."""
        if self.means is not None:
            return centred(self.means[ranking.actions], decisions.legal)
        return self.slope * centred(_raw(ranking, decisions), decisions.legal)

    def residual(self, ranking: Ranking, decisions: Decisions) -> Float64[np.ndarray, "states actions"]:
        """What is left of the network's centred scores, in mean spreads."""
        return self.scores(decisions) - self.strategy(ranking, decisions)

    def scores(self, decisions: Decisions) -> Float64[np.ndarray, "states actions"]:
        """The network's scores, centred in each state, in mean spreads."""
        return centred(decisions.scores, decisions.legal) / self.spread


def split_scores(ranking: Ranking, decisions: Decisions) -> Split:
    """The least-squares map from what a text says to the network's scores, centred in each state.

    A constant a state does not matter to a choice, so both sides are centred over the legal actions; then a text's
    keys need one slope. A text that only chooses gives the mean scores of the states with its choice, or among many
    actions the indicator of the actions that are equivalent to its choice.
    """
    legal = decisions.legal
    spread = float(spreads(decisions.scores, legal).mean()) or 1.0
    scores = centred(decisions.scores, legal) / spread
    if ranking.keys is None and legal.shape[1] <= FEW_ACTIONS:
        chosen = ranking.actions[:, None] == np.arange(legal.shape[1])
        counts = chosen.T.astype(np.float64) @ legal
        sums = np.einsum("sc,sa->ca", chosen.astype(np.float64), scores)
        return Split(spread, 1.0, sums / np.maximum(counts, 1.0))
    said = centred(_raw(ranking, decisions), legal)
    power = float((said**2).sum())
    return Split(spread, float((said * scores).sum()) / power if power > 0 else 0.0)


def _raw(ranking: Ranking, decisions: Decisions) -> np.ndarray:
    if ranking.keys is not None:
        return ranking.keys
    chosen = decisions.equivalent[np.arange(len(ranking.actions)), ranking.actions]
    return (decisions.equivalent == chosen[:, None]).astype(np.float64)


def centred(
    values: Float[np.ndarray, "states actions"], legal: Bool[np.ndarray, "states actions"]
) -> Float64[np.ndarray, "states actions"]:
    """Values about their mean over the legal actions of each state; 0 elsewhere."""
    known = np.where(legal & np.isfinite(values), values, 0.0).astype(np.float64)
    mean = known.sum(axis=1, keepdims=True) / np.maximum(legal.sum(axis=1, keepdims=True), 1)
    return np.where(legal, known - mean, 0.0)


@dataclass(frozen=True)
class Features:
    """Concepts of states, and of their actions where there are many, as columns.

    Attributes:
        state: (states, columns); action: (states, actions, columns), or None where actions are few.
    """

    state: Float[np.ndarray, "states columns"]
    action: Float[np.ndarray, "states actions more"] | None

    def only(self, rows: Shaped[np.ndarray, "chosen"]) -> Features:
        """Those of some states, by index or mask."""
        return Features(self.state[rows], None if self.action is None else self.action[rows])


def features_of(env: InspectableEnv, states: States) -> Features:
    """What a residual is predicted from: every declared concept that is not too wide, choices as one column each."""
    found = [np.zeros((len(states), 0)), *(_columns(concept, states) for concept in concepts_of(env))]
    columns = [each for each in found if each.shape[1] <= MOST_VALUES]
    actions = int(env.action_space.n)
    if actions <= FEW_ACTIONS:
        return Features(np.concatenate(columns, axis=1), None)
    acted: list[np.ndarray] = [np.broadcast_to(np.eye(actions), (len(states), actions, actions))]
    acted += [_columns(each, states, (actions,)) for each in action_concepts_of(env)]
    kept = [each for each in acted if each.shape[2] <= MOST_VALUES]
    return Features(np.concatenate(columns, axis=1), np.concatenate(kept, axis=2))


def _columns(concept: Concept, states: States, before: tuple[int, ...] = ()) -> np.ndarray:
    """Values of a concept as columns, a choice as one column a label; `before`: axes that are kept."""
    values = np.asarray(concept.measure(states)).reshape(len(states), *before, -1)
    if concept.kind == "choice":
        values = (values[..., None] == np.arange(max(len(concept.choices), 1))).reshape(len(states), *before, -1)
    return values.astype(np.float64)


class Predictor:
    """Ridge regression of a residual on concepts and random ReLU features of them (Rahimi and Recht 2008)."""

    def __init__(
        self,
        features: Features,
        residual: Float[np.ndarray, "states actions"],
        legal: Bool[np.ndarray, "states actions"],
        *,
        generator: np.random.Generator,
    ) -> None:
        rows, targets = _rows(features, legal), _targets(residual, features, legal)
        self.mean, spread = rows.mean(axis=0), rows.std(axis=0)
        self.scale = np.where(spread > 1e-9, 1.0 / np.maximum(spread, 1e-9), 0.0)
        width = max(rows.shape[1], 1)
        self.weights = (generator.normal(size=(rows.shape[1], HIDDEN)) / np.sqrt(width)).astype(np.float32)
        self.bias = generator.normal(size=HIDDEN).astype(np.float32)
        lifted = self._lifted(rows)
        self.level = lifted.mean(axis=0, dtype=np.float64)
        about = lifted - self.level.astype(np.float32)
        gram = (about.T @ about).astype(np.float64)
        gram[np.diag_indices(len(gram))] += PENALTY * len(rows) + 1e-9
        self.target_mean = targets.mean(axis=0)
        cross = about.T @ (targets - self.target_mean).astype(np.float32)
        self.solution = np.linalg.solve(gram, cross.astype(np.float64)).astype(np.float32)

    def _lifted(self, rows: np.ndarray) -> np.ndarray:
        found = ((rows - self.mean) * self.scale).astype(np.float32)
        return np.concatenate([found, np.maximum(found @ self.weights + self.bias, 0)], axis=1)

    def __call__(
        self, features: Features, legal: Bool[np.ndarray, "states actions"]
    ) -> Float64[np.ndarray, "states actions"]:
        """The predicted residual, centred in each state; 0 where an action is not legal."""
        found = (self._lifted(_rows(features, legal)) - self.level.astype(np.float32)) @ self.solution
        found = found + self.target_mean
        if features.action is None:
            return centred(found, legal)
        dense = np.zeros(legal.shape)
        dense[legal] = found[:, 0]
        return centred(dense, legal)


def _rows(features: Features, legal: np.ndarray) -> np.ndarray:
    """One row a state, or one a legal action."""
    if features.action is None:
        return features.state
    state, action = np.nonzero(legal)
    return np.concatenate([features.state[state], features.action[state, action]], axis=1)


def _targets(residual: np.ndarray, features: Features, legal: np.ndarray) -> np.ndarray:
    return residual if features.action is None else residual[legal][:, None]


def explained(
    residual: Float[np.ndarray, "states actions"],
    predicted: Float[np.ndarray, "states actions"],
    episode: Int[np.ndarray, "states"],
    *,
    generator: np.random.Generator,
) -> dict[str, Any]:
    """R2 of a prediction of held-out residuals, with its interval over episodes: r2, low, high, states, episodes."""
    parts = np.stack([((residual - predicted) ** 2).sum(axis=1), (residual**2).sum(axis=1)], axis=1)
    r2, low, high = _resampled(parts, episode, lambda sums: 1.0 - sums[:, 0] / np.maximum(sums[:, 1], TINY), generator)
    return {"r2": r2, "low": low, "high": high, "states": len(residual), "episodes": len(np.unique(episode))}


def _resampled(
    parts: Float[np.ndarray, "states terms"],
    episode: Int[np.ndarray, "states"],
    figure: Callable[[np.ndarray], np.ndarray],
    generator: np.random.Generator,
) -> tuple[float, float, float]:
    """A figure of the sums over all states, and its 95 % percentiles when whole episodes are drawn anew."""
    names, index = np.unique(episode, return_inverse=True)
    sums = np.stack([np.bincount(index, weights=part, minlength=len(names)) for part in parts.T], axis=1)
    drawn = generator.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=RESAMPLES)
    # einsum and not @: a BLAS product's last bits depend on the number of threads.
    found = figure(np.einsum("re,et->rt", drawn.astype(np.float64), sums))
    low, high = np.percentile(found, [2.5, 97.5])
    value = float(figure(sums.sum(axis=0, keepdims=True))[0])
    return value, min(float(low), value), max(float(high), value)


def shuffled(
    residual: Float[np.ndarray, "states actions"],
    legal: Bool[np.ndarray, "states actions"],
    episode: Int[np.ndarray, "states"],
    *,
    generator: np.random.Generator,
) -> Float64[np.ndarray, "states actions"]:
    """The residuals of each episode dealt out to its states anew: what then can be predicted is no structure.

    What all states have in common is taken off first: a preference that the text lacks altogether is structure, though
    it needs no state to be known.
    """
    residual = residual - residual.mean(axis=0)
    order = np.lexsort((generator.random(len(episode)), episode))
    dealt = np.empty_like(residual)
    dealt[np.argsort(episode, kind="stable")] = residual[order]
    return centred(dealt, legal)


def correlation(
    one: Float[np.ndarray, "states actions"],
    other: Float[np.ndarray, "states actions"],
    episode: Int[np.ndarray, "states"],
    *,
    generator: np.random.Generator,
) -> dict[str, Any]:
    """Correlation of two residuals over all legal actions of all states, with its interval over episodes.

    Both are centred in each state, so that their products need no mean taken off.
    """
    parts = np.stack([(one * other).sum(axis=1), (one**2).sum(axis=1), (other**2).sum(axis=1)], axis=1)

    def figure(sums: np.ndarray) -> np.ndarray:
        return np.asarray(sums[:, 0] / np.sqrt(np.maximum(sums[:, 1] * sums[:, 2], TINY)))

    value, low, high = _resampled(parts, episode, figure, generator)
    return {"correlation": value, "low": low, "high": high, "states": len(one), "episodes": len(np.unique(episode))}


def verdict(structure: Mapping[str, Any] | None, share: float) -> str:
    """Structure, noise or undecided, by thresholds that were fixed before looking.

    Structure: a prediction of held-out residuals explains at least STRUCTURE more of them than of shuffled ones, and
    more in 97.5 % of the resamples. Noise: less, and less than that in 97.5 % of them.
    """
    if share < NOTHING:
        return "nothing left"
    if structure is None:
        return "undecided"
    control = max(structure["control"], 0.0)
    if structure["r2"] >= control + STRUCTURE and structure["low"] > control:
        return "structure"
    return "noise" if structure["high"] < control + STRUCTURE else "undecided"
