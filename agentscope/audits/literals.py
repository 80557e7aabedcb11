"""Literals: the simple yes-or-no questions that guards are made of, as text and as a column of answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Shaped

from agentscope.contracts import InspectableEnv, States
from agentscope.language.columns import Column, state_columns, thresholds

VALUES = 24  # a column with more different values than this is cut by thresholds, never compared with each of them
PLAIN, NEGATED, BOUND = 0, 1, 2  # the price of a literal: of two that say the same, the cheaper one is kept


@dataclass(frozen=True)
class Literals:
    """Questions that part the states somehow, no two with the same answers.

    Attributes:
        texts: in the pseudocode language.
        truth: the answer of each state to each.
        price: PLAIN, NEGATED or BOUND: how much a reader has to think, before its place in the vocabulary.
    """

    texts: tuple[str, ...]
    truth: Bool[np.ndarray, "states literals"]
    price: Shaped[np.ndarray, "literals"]

    def __len__(self) -> int:
        return len(self.texts)


def literals_of(env: InspectableEnv, states: States, *, absolute: bool = False) -> Literals:
    """Every question over the world's concepts on which these states differ, the plainest of those that agree.

    Args:
        absolute: ask for coordinates, too.
    """
    found = [literal for column in state_columns(env, states, absolute=absolute) for literal in _of_column(column)]
    order = sorted(range(len(found)), key=lambda place: found[place][1])  # stable: then as the world lists them
    seen: set[bytes] = set()
    kept: list[int] = []
    for place in order:
        answers = found[place][2]
        key = np.packbits(answers).tobytes()
        if answers.any() and not answers.all() and key not in seen:
            seen.add(key)
            kept.append(place)
    truth = np.zeros((len(states), len(kept)), dtype=bool)
    for row, place in enumerate(kept):
        truth[:, row] = found[place][2]
    return Literals(tuple(found[place][0] for place in kept), truth, np.array([found[place][1] for place in kept]))


def _of_column(column: Column) -> Iterator[tuple[str, int, np.ndarray]]:
    """Text, price and answers of each question about one column."""
    text, values = column.text, column.values
    if column.kind == "flag":
        yield text, PLAIN, values.astype(bool)
        yield f"not {text}", NEGATED, ~values.astype(bool)
    elif column.kind == "choice":
        for code in np.unique(values):
            label = column.choices[int(code)] if int(code) < len(column.choices) else str(int(code))
            yield f"{text} == {label}", PLAIN, values == code
            yield f"{text} != {label}", NEGATED, values != code
    else:
        yield from _of_numbers(text, values)


def _of_numbers(text: str, values: np.ndarray) -> Iterator[tuple[str, int, np.ndarray]]:
    distinct = np.unique(values)
    if not np.isfinite(values.astype(np.float64)).all():
        return
    if (distinct == np.rint(distinct)).all():
        if len(distinct) <= VALUES:
            for value in distinct:
                yield f"{text} == {int(value)}", PLAIN, values == value
        for cut in _whole_cuts(distinct, values):
            yield f"{text} >= {cut}", BOUND, values >= cut
            yield f"{text} <= {cut - 1}", BOUND, values < cut
        return
    for number in thresholds(values, whole=False):
        yield f"{text} > {number}", BOUND, values > float(number)
        yield f"{text} <= {number}", BOUND, values <= float(number)


def _whole_cuts(distinct: np.ndarray, values: np.ndarray) -> Sequence[int]:
    """Whole numbers at which the values are cut in two: every one that occurs, or quantiles where there are many."""
    if len(distinct) <= VALUES:
        return [int(value) for value in distinct[1:]]
    return [int(text) + 1 for text in thresholds(values, whole=True)]
