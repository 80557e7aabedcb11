"""Columns: every state concept of an environment as an expression of the language beside its values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Real, Shaped

from agentscope.contracts import InspectableEnv, States, concepts_of
from agentscope.language.vocabulary import Vocabulary, vocabulary_of

THRESHOLDS = 24  # at most so many thresholds for a column: quantiles of its distinct values


@dataclass(frozen=True)
class Column:
    """One value a state, and the expression that reads it.

    Attributes:
        text: an expression of the language, e.g. `height(3)` or `obs(angle)`.
        concept: name of the concept; `index` its position on each axis, as written.
        choices: labels where the values are indices into them.
    """

    text: str
    concept: str
    kind: str
    values: Shaped[np.ndarray, "states"]
    choices: tuple[str, ...] = ()
    unit: str = ""
    index: tuple[str, ...] = ()


def constant(vocabulary: Vocabulary, label: str, index: int) -> str:
    """A label by name where it means this index and nothing else, else the index."""
    return label if vocabulary.constants.get(label) == index else str(index)


def constants(vocabulary: Vocabulary, labels: Sequence[str]) -> tuple[str, ...]:
    """Labels by name if all of them can be, else all by number."""
    names = tuple(constant(vocabulary, label, index) for index, label in enumerate(labels))
    return names if names == tuple(labels) else tuple(str(index) for index in range(len(labels)))


def labels_of(env: InspectableEnv, axis: str) -> tuple[str, ...]:
    """How positions on an axis are written: by name where names are constants of the language, else by number."""
    return constants(vocabulary_of(env), tuple(env.axes[axis]))


def state_columns(env: InspectableEnv, states: States, *, absolute: bool = False) -> tuple[Column, ...]:
    """Every state concept, one column for each position on its axes; coordinates only where `absolute` allows."""
    columns: list[Column] = []
    for concept in concepts_of(env):
        if concept.absolute and not absolute:
            continue
        values = np.asarray(concept.measure(states))
        choices = constants(vocabulary_of(env), concept.choices)
        for place, index in places(env, concept.axis):
            text = f"{concept.name}({', '.join(index)})"
            cell = np.ascontiguousarray(np.moveaxis(values, 0, -1)[place])
            columns.append(Column(text, concept.name, concept.kind, cell, choices, concept.unit, index))
    return tuple(columns)


def places(env: InspectableEnv, axis: tuple[str, ...]) -> Iterator[tuple[tuple[int, ...], tuple[str, ...]]]:
    """Each position on these axes, as indices and as written."""
    labels = [labels_of(env, name) for name in axis]
    for place in product(*(range(len(names)) for names in labels)):
        yield place, tuple(names[at] for names, at in zip(labels, place, strict=True))


def thresholds(values: Real[np.ndarray, "states"], *, whole: bool) -> list[str]:
    """Numbers that part the values, in as few digits as part the same neighbours."""
    distinct = np.unique(values)
    if len(distinct) < 2:
        return []
    cuts = np.arange(len(distinct) - 1)
    if len(cuts) > THRESHOLDS:
        levels = np.quantile(values, (np.arange(THRESHOLDS) + 0.5) / THRESHOLDS)
        cuts = np.unique(np.clip(np.searchsorted(distinct, levels, side="right") - 1, 0, len(distinct) - 2))
    if whole:
        return [str(int(distinct[cut])) for cut in cuts]
    return list(dict.fromkeys(between(distinct[cut], distinct[cut + 1]) for cut in cuts))


def between(low: float, high: float) -> str:
    """The number with the fewest digits, nearest the middle, that is >= low and < high."""
    middle = (low + high) / 2
    for digits in range(17):
        text = f"{middle:.{digits}f}"
        if low <= float(text) < high:
            return "0.0" if float(text) == 0 else text if "." in text else f"{text}.0"
    return repr(float(low))
