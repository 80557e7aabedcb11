"""The forms of scores: the action whose weighted sum of features is the largest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agentscope.strategies.columns import ActionColumn
from agentscope.strategies.logit import Choices, Weights, fit_weights, hit_rate, next_feature
from agentscope.strategies.rounding import fewest_digits, summed, written
from agentscope.strategies.study import Study

SCOUT = 3_000  # states on which terms are chosen
MOST_STATES = 12_000  # states on which weights are fitted
FEW_ACTIONS = 8  # up to here each action may have a constant of its own
ONE_LINE = 84


@dataclass(frozen=True)
class ShortScore:
    """The action with the largest short sum of action concepts and afterstates, and a constant an action."""

    name: str = "score of actions"
    sizes: tuple[int, ...] = (1, 2, 3, 4, 6, 8)

    def applies(self, study: Study) -> str | None:
        """It needs features that tell actions apart, and few actions, so that constants can be given to each."""
        if len(study.actions) > FEW_ACTIONS:
            return f"with more than {FEW_ACTIONS} actions a constant for each is a table"
        return _needs_features(study)

    def fit(self, study: Study, sizes: Sequence[int], generator: np.random.Generator) -> tuple[str, ...]:
        """One text a size (terms beside the constants)."""
        return _fit(study, sizes, generator, constants=True)


@dataclass(frozen=True)
class AfterstateScore:
    """The action whose afterstate and effects score the largest weighted sum: the same weights for every action."""

    name: str = "score of afterstates"
    sizes: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 11, 16, 24)

    def applies(self, study: Study) -> str | None:
        """It needs features that tell actions apart."""
        return _needs_features(study)

    def fit(self, study: Study, sizes: Sequence[int], generator: np.random.Generator) -> tuple[str, ...]:
        """One text a size (terms)."""
        return _fit(study, sizes, generator, constants=False)


def _needs_features(study: Study) -> str | None:
    return None if _telling(study) else "no action concept and no afterstate differs between the actions of a state"


def _telling(study: Study) -> tuple[ActionColumn, ...]:
    """Columns that differ between the possible actions of some state."""
    possible = study.lessons.representative
    kept = []
    for column in study.action_columns:
        high = np.where(possible, column.values, -np.inf).max(axis=1)
        low = np.where(possible, column.values, np.inf).min(axis=1)
        if (high > low).any():
            kept.append(column)
    return tuple(kept)


def choices_of(study: Study, columns: Sequence[ActionColumn], rows: np.ndarray, *, constants: bool) -> Choices:
    """The lessons of these rows as choices among equivalence classes, described by these columns."""
    lessons = study.lessons
    shape = (len(rows), len(study.actions))
    table = np.stack([c.values[rows] for c in columns], axis=2) if columns else np.zeros((*shape, 0))
    ones = np.ones((len(rows), 1 if constants else 0))
    return Choices(table, ones, lessons.same[rows], lessons.representative[rows], study.weight[rows])


def _fit(study: Study, sizes: Sequence[int], generator: np.random.Generator, *, constants: bool) -> tuple[str, ...]:
    columns = _telling(study)
    rows = generator.permutation(len(study.lessons))
    scout, rows = np.sort(rows[:SCOUT]), np.sort(rows[:MOST_STATES])
    order = chosen_terms(choices_of(study, columns, scout, constants=constants), max(sizes))
    texts = []
    for size in sizes:
        kept = [columns[at] for at in order[:size]]
        choices = choices_of(study, kept, rows, constants=constants)
        texts.append(_text(study, kept, choices, fit_weights(choices, steps=80)))
    return tuple(texts)


def chosen_terms(choices: Choices, most: int) -> list[int]:
    """Features in the order in which each raises the likelihood fastest beside those before it."""
    order: list[int] = []
    empty = replace(choices, of_action=choices.of_action[:, :, :0])
    weights = Weights(np.zeros(0), np.zeros((choices.of_state.shape[1], choices.chosen.shape[1])))
    current = empty
    while len(order) < min(most, choices.of_action.shape[2]):
        found = next_feature(current, weights, choices, set(order))
        if found is None:
            break
        order.append(found)
        current = replace(choices, of_action=choices.of_action[:, :, order])
        weights = fit_weights(current, replace(weights, of_action=np.append(weights.of_action, 0.0)), steps=20)
    return order


def _text(study: Study, columns: Sequence[ActionColumn], choices: Choices, weights: Weights) -> str:
    cut = len(weights.of_action)
    table = weights.of_state - weights.of_state.mean(axis=1, keepdims=True)

    def judge(values: np.ndarray) -> float:
        return hit_rate(choices, Weights(values[:cut], values[cut:].reshape(table.shape)))

    numbers = fewest_digits(np.concatenate([weights.of_action, table.ravel()]), judge)
    score = summed([(float(value), column.text) for value, column in zip(numbers[:cut], columns, strict=True)])
    if table.size and numbers[cut:].any():
        score = f"({', '.join(written(value) for value in numbers[cut:])})[a] + {score}"
    one = f"    return argmax(actions, key=lambda a: {score})"
    if len(score) <= ONE_LINE - len("    return argmax(actions, key=lambda a: )") + 16:
        return f"def strategy(state):\n{one}\n"
    return f"def score(a):\n    return {score}\ndef strategy(state):\n    return argmax(actions, key=lambda a: score(a))\n"
