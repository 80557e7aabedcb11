"""The forms of scores: the action whose weighted sum of features is the largest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agentscope.language import vocabulary_of
from agentscope.strategies.columns import ActionColumn
from agentscope.strategies.layout import WIDTH
from agentscope.strategies.logit import Choices, Weights, fit_weights, hit_rate, loss, next_feature, spread_of
from agentscope.strategies.naming import free_name
from agentscope.strategies.rounding import fewest_digits, summed, written
from agentscope.strategies.study import Study, weight_of

SCOUT = 2_000  # states on which terms are chosen
SPARE = 8  # terms taken in beyond the largest size, so that the best sets can be left over
FEW_ACTIONS = 8  # up to here each action may have a constant of its own


@dataclass(frozen=True)
class ShortScore:
    """The action with the largest short sum of action concepts and afterstates, and a constant an action."""

    name: str = "score of actions"
    sizes: tuple[int, ...] = (1, 2, 3, 4, 6, 8)

    def applies(self, study: Study) -> str | None:
        """It needs features that tell actions apart, and few actions, so that constants can be given to each."""
        if len(study.actions) > FEW_ACTIONS:
            return f"with more than {FEW_ACTIONS} actions a constant for each is a table"
        return needs_features(study)

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
        return needs_features(study)

    def fit(self, study: Study, sizes: Sequence[int], generator: np.random.Generator) -> tuple[str, ...]:
        """One text a size (terms)."""
        return _fit(study, sizes, generator, constants=False)


def needs_features(study: Study) -> str | None:
    return None if telling(study) else "no action concept and no afterstate differs between the actions of a state"


def telling(study: Study) -> tuple[ActionColumn, ...]:
    """Columns that differ between the possible actions of some state, each kind of difference once.

    Only differences between actions decide: `after(a, wells)` and what `a` adds to the wells are one column here.
    """
    possible = study.scored.representative
    first = possible.argmax(axis=1)
    rows = np.arange(len(first))
    seen: set[bytes] = set()
    kept = []
    for column in study.action_columns:
        apart = np.where(possible, column.values - column.values[rows, first][:, None], 0.0)
        key = apart.tobytes()
        if apart.any() and key not in seen:
            seen.add(key)
            kept.append(column)
    return tuple(kept)


def choices_of(study: Study, columns: Sequence[ActionColumn], rows: np.ndarray, *, constants: bool) -> Choices:
    """The lessons of these rows as choices among equivalence classes, described by these columns."""
    lessons = study.scored
    shape = (len(rows), len(study.actions))
    table = np.stack([c.values[rows] for c in columns], axis=2) if columns else np.zeros((*shape, 0))
    ones = np.ones((len(rows), 1 if constants else 0))
    return Choices(table, ones, lessons.same[rows], lessons.representative[rows], weight_of(lessons)[rows])


def _fit(study: Study, sizes: Sequence[int], generator: np.random.Generator, *, constants: bool) -> tuple[str, ...]:
    columns = telling(study)
    rows = np.arange(len(study.scored))
    scout = np.sort(generator.permutation(rows)[:SCOUT])
    chosen = chosen_terms(choices_of(study, columns, scout, constants=constants), sizes)
    texts = []
    for terms in chosen:
        kept = [columns[at] for at in terms]
        choices = choices_of(study, kept, rows, constants=constants)
        texts.append(_text(study, kept, choices, fit_weights(choices, steps=60)))
    return tuple(texts)


def chosen_terms(choices: Choices, sizes: Sequence[int]) -> list[list[int]]:
    """For each size the features that explain the choices best: taken in one by one, or left over one by one.

    A term that was taken in early may be no use beside those after it, so that dropping from many finds other, and
    mostly better, sets than taking in; the likelier of the two is kept.
    """
    forward = _taken_in(choices, min(max(sizes) + SPARE, choices.of_action.shape[2]))
    backward = _left_over(choices, forward)
    found = []
    for size in sizes:
        first, second = forward[:size], backward.get(size, forward[:size])
        same = set(first) == set(second)
        found.append(first if same or _likelihood(choices, first) >= _likelihood(choices, second) else second)
    return found


def _only(choices: Choices, terms: Sequence[int]) -> Choices:
    return replace(choices, of_action=choices.of_action[:, :, list(terms)])


def _likelihood(choices: Choices, terms: Sequence[int]) -> float:
    some = _only(choices, terms)
    return -loss(some, fit_weights(some, steps=30))


def _taken_in(choices: Choices, most: int) -> list[int]:
    order: list[int] = []
    weights = Weights(np.zeros(0), np.zeros((choices.of_state.shape[1], choices.chosen.shape[1])))
    current = _only(choices, order)
    while len(order) < most:
        found = next_feature(current, weights, choices, set(order))
        if found is None:
            break
        order.append(found)
        current = _only(choices, order)
        weights = fit_weights(current, replace(weights, of_action=np.append(weights.of_action, 0.0)), steps=12)
    return order


def _left_over(choices: Choices, order: Sequence[int]) -> dict[int, list[int]]:
    """The sets left while the feature with the smallest standardised weight is dropped, by their size."""
    left = list(order)
    found: dict[int, list[int]] = {}
    weights: Weights | None = None
    while left:
        found[len(left)] = list(left)
        current = _only(choices, left)
        weights = fit_weights(current, weights, steps=12)
        least = int((np.abs(weights.of_action) * spread_of(current)).argmin())
        left.pop(least)
        weights = replace(weights, of_action=np.delete(weights.of_action, least))
    return found


def _text(study: Study, columns: Sequence[ActionColumn], choices: Choices, weights: Weights) -> str:
    cut = len(weights.of_action)
    table = weights.of_state - weights.of_state.mean(axis=1, keepdims=True)

    def judge(values: np.ndarray) -> float:
        return hit_rate(choices, Weights(values[:cut], values[cut:].reshape(table.shape)))

    numbers = fewest_digits(np.concatenate([weights.of_action, table.ravel()]), judge)
    score = summed([(float(value), column.text) for value, column in zip(numbers[:cut], columns, strict=True)])
    if table.size and numbers[cut:].any():
        score = f"({', '.join(written(value) for value in numbers[cut:])})[a] + {score}"
    return argmax_of(study, score)


def argmax_of(study: Study, score: str) -> str:
    """The text that takes the action with the largest score, in a helper where it is long."""
    one = f"    return argmax(actions, key=lambda a: {score})\n"
    if len(one) <= WIDTH:
        return f"def strategy(state):\n{one}"
    name = free_name(vocabulary_of(study.env), "score")
    helper = f"def {name}(a):\n    return {score}\n"
    return f"{helper}def strategy(state):\n    return argmax(actions, key=lambda a: {name}(a))\n"
