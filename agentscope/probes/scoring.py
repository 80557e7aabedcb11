"""From held-out readings to one number: R2, AUC or macro-F1, what a constant would get, and intervals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from agentscope.probes.fitting import Outcome, Plan
from agentscope.probes.measuring import (
    RankedPairs,
    auc,
    balanced_accuracy,
    constant_f1,
    macro_f1,
    macro_f1_influence,
    macro_f1_of_each,
    ratio,
)
from agentscope.probes.splits import VALIDATION
from agentscope.probes.targets import Target

Measure = Callable[[np.ndarray], np.ndarray]  # (resamples, episodes) weights -> scores
Influence = Callable[[], np.ndarray]
METRICS = {"number": "R2", "count": "R2", "flag": "AUC", "choice": "macro-F1"}


def truth(target: Target, rows: np.ndarray, axes: tuple[str, ...]) -> np.ndarray:
    """Labels as (states, outputs), in the order of a view's readings."""
    values = target.values(rows, axes)
    return values.reshape(len(rows), -1)


def score(outcome: Outcome, plan: Plan) -> float:
    """The score on all held-out states; nan where it has no meaning."""
    return Scorer(outcome, plan).value


class Scorer:
    """The score of one outcome as a function of how often each episode counts.

    R2 is pooled over outputs, 1 - squared error / squared distance from each output's own mean, so that an output
    that hardly varies has no weight of its own. AUC is the mean over outputs; macro-F1 pools them.

    Attributes:
        value: the score on all held-out states; nan where it has no meaning.
    """

    def __init__(self, outcome: Outcome, plan: Plan) -> None:
        self.outcome, self.plan = outcome, plan
        self.scored = np.flatnonzero(plan.split.scored)
        self.episode = plan.split.episode[self.scored]
        kind = outcome.target.concept.kind
        self.measure, self._influence = {"flag": self._flags, "choice": self._choices}.get(kind, self._numbers)()
        del self.outcome, self.scored, self.episode  # readings are large, and counted by now
        self.value = float(self(np.ones((1, plan.split.episodes)))[0])

    def __call__(self, weights: Float[np.ndarray, "resamples episodes"]) -> Float[np.ndarray, "resamples"]:
        return self.measure(weights)

    def influence(self) -> Float[np.ndarray, "episodes"]:
        """Derivative of the score by the weight of each episode, where all weigh 1; nan where there is no score."""
        if not np.isfinite(self.value):
            return np.full(self.plan.split.episodes, np.nan)
        return self._influence()

    def _donors(self) -> Int[np.ndarray, "scored"]:
        return self.plan.donors.rows(self.outcome.variant)[self.scored]

    def _numbers(self) -> tuple[Measure, Influence]:
        error = self._by_episode(self.outcome.readings[self.scored])
        spread = self._by_episode(self.outcome.target.distances[self._donors()])

        def influence() -> np.ndarray:
            total = spread.sum()
            return np.asarray((error.sum() / total * spread - error) / total)

        return lambda weights: 1.0 - ratio(weights @ error, weights @ spread), influence

    def _by_episode(self, values: np.ndarray) -> Float[np.ndarray, "episodes"]:
        return np.bincount(self.episode, values, minlength=self.plan.split.episodes)

    def _flags(self) -> tuple[Measure, Influence]:
        labels = truth(self.outcome.target, self._donors(), self.outcome.view.axes)
        folds, episodes = self.plan.split.groups[self.scored], self.plan.split.episodes
        readings = self.outcome.readings[self.scored]
        ranked = [RankedPairs(readings[:, i], labels[:, i], folds, self.episode) for i in range(labels.shape[1])]
        ranked = [pairs for pairs in ranked if pairs.pairs.any()]

        def measure(weights: np.ndarray) -> np.ndarray:
            total, known = np.zeros(len(weights)), np.zeros(len(weights))
            for pairs in ranked:
                found = pairs(weights[:, : len(pairs.won)])
                total += np.nan_to_num(found)
                known += np.isfinite(found)
            return ratio(total, known)

        def influence() -> np.ndarray:
            found = np.zeros(episodes)
            for pairs in ranked:
                found[: len(pairs.won)] += pairs.influence() / len(ranked)
            return found

        return measure, influence

    def _choices(self) -> tuple[Measure, Influence]:
        tables = confusions(self.outcome, self.plan, best_head(self.outcome, self.plan))
        return (lambda weights: macro_f1_of_each(np.tensordot(weights, tables, axes=1))), lambda: macro_f1_influence(
            tables
        )


def class_indices(target: Target, labels: np.ndarray) -> np.ndarray:
    """Position of each code among the scored classes; -1 for a class too rare to score."""
    codes = np.array(target.classes)
    at = np.minimum(np.searchsorted(codes, labels), len(codes) - 1)
    return np.where(codes[at] == labels, at, -1)


def confusions(outcome: Outcome, plan: Plan, head: int) -> Float[np.ndarray, "episodes true predicted"]:
    """Table of true and named classes of each episode, over the scored states."""
    return _tables(outcome, plan, head, np.flatnonzero(plan.split.scored))


def _tables(outcome: Outcome, plan: Plan, head: int, rows: np.ndarray) -> Float[np.ndarray, "episodes true predicted"]:
    donors = plan.donors.rows(outcome.variant)[rows]
    true = class_indices(outcome.target, truth(outcome.target, donors, outcome.view.axes))
    named = outcome.readings[rows][:, :, head]
    classes = len(outcome.target.classes)
    episode = np.broadcast_to(plan.split.episode[rows][:, None], true.shape)
    known = true >= 0
    flat = (episode[known] * classes + true[known]) * classes + named[known]
    return (
        np.bincount(flat, minlength=plan.split.episodes * classes**2).reshape(-1, classes, classes).astype(np.float64)
    )


def best_head(outcome: Outcome, plan: Plan) -> int:
    """The linear rule with the best macro-F1 on the validation episodes; the first of equals."""
    rows = np.flatnonzero(plan.split.groups == VALIDATION)
    heads = range(outcome.readings.shape[2])
    return int(np.argmax([macro_f1(_tables(outcome, plan, head, rows).sum(axis=0)) for head in heads]))


def constant_score(target: Target, plan: Plan) -> float:
    """What the best constant answer scores: 0 for R2, .5 for AUC, the most frequent class for macro-F1."""
    if target.concept.kind == "flag":
        return 0.5
    if target.concept.kind != "choice":
        return 0.0
    true = class_indices(target, target.labels[plan.split.scored])
    counts = np.bincount(true[true >= 0], minlength=len(target.classes)).astype(np.float64)
    return constant_f1(np.diag(counts))


def accuracy(outcome: Outcome, plan: Plan) -> float | None:
    """Balanced accuracy of a flag at its threshold or of a choice; None for numbers.

    A flag with axes: the mean over the values that held-out states show both true and false, as in its AUC.
    """
    if outcome.target.concept.kind == "choice":
        return balanced_accuracy(confusions(outcome, plan, best_head(outcome, plan)).sum(axis=0))
    if outcome.target.concept.kind != "flag":
        return None
    found = _flag_accuracies(outcome, plan)
    return float(np.nanmean(found)) if np.isfinite(found).any() else None


def _flag_accuracies(outcome: Outcome, plan: Plan) -> Float[np.ndarray, "outputs"]:
    """Balanced accuracy of each output of a flag; nan where only one class is seen."""
    rows = np.flatnonzero(plan.split.scored)
    true = truth(outcome.target, plan.donors.rows(outcome.variant)[rows], outcome.view.axes)
    right = (outcome.readings[rows] > 0) == true
    with np.errstate(invalid="ignore"):
        shares = [(right & shown).sum(axis=0) / shown.sum(axis=0) for shown in (true, ~true)]
    return np.asarray((shares[0] + shares[1]) / 2)


def concept_order(outcome: Outcome) -> Int[np.ndarray, "outputs"]:
    """Index into the concept's flattened values of each output of a view, which puts positions first."""
    shape = outcome.target.shape
    places, others = outcome.target.split(outcome.view.axes)
    return np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape).transpose(*places, *others).ravel()


def value_scores(outcome: Outcome, plan: Plan) -> Float[np.ndarray, "outputs"]:
    """The score of each of a concept's values by itself, in the concept's order.

    nan where it has none: no held-out fold shows both classes, or the number does not vary or was not kept.
    """
    rows = np.flatnonzero(plan.split.scored)
    true = truth(outcome.target, plan.donors.rows(outcome.variant)[rows], outcome.view.axes)
    found = np.full(true.shape[1], np.nan)
    if outcome.target.concept.kind == "flag":
        folds, readings = plan.split.groups[rows], outcome.readings[rows]
        found[:] = [auc(readings[:, i], true[:, i], folds) for i in range(len(found))]
    elif outcome.target.concept.kind == "choice":
        found[:] = _choice_scores(outcome, plan, true)
    elif outcome.values is not None:
        read = outcome.values[rows].astype(np.float64) * outcome.target.scale + outcome.target.origin
        spread = true.var(axis=0, dtype=np.float64)
        np.divide(((read - true) ** 2).mean(axis=0), spread, out=found, where=spread > 0)
        found = 1.0 - found
    ordered = np.empty_like(found)
    ordered[concept_order(outcome)] = found
    return ordered


def _choice_scores(outcome: Outcome, plan: Plan, true: np.ndarray) -> list[float]:
    """Macro-F1 of each output of a choice."""
    classes = len(outcome.target.classes)
    named = outcome.readings[plan.split.scored][:, :, best_head(outcome, plan)]
    indices = class_indices(outcome.target, true)
    scores = []
    for i in range(true.shape[1]):
        known = indices[:, i] >= 0
        table = np.bincount(indices[known, i] * classes + named[known, i], minlength=classes**2)
        scores.append(macro_f1(table.reshape(classes, classes).astype(np.float64)))
    return scores


def value_accuracies(outcome: Outcome, plan: Plan) -> Float[np.ndarray, "outputs"] | None:
    """Balanced accuracy of each of a flag's values, in the concept's order; None for other kinds."""
    if outcome.target.concept.kind != "flag":
        return None
    found = _flag_accuracies(outcome, plan)
    ordered = np.empty_like(found)
    ordered[concept_order(outcome)] = found
    return ordered
