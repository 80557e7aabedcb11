"""A bank of columns: what the language can say of a state in one call, with its values on visited and edited states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int

from agentscope.contracts import InspectableEnv, States
from agentscope.language import Vocabulary, vocabulary_of
from agentscope.language.columns import Column, state_columns, thresholds
from agentscope.probes.terms import Term, comparison, flag_term, number_term


@dataclass(frozen=True, eq=False)
class Bank:
    """Columns on visited states, followed by their edits.

    Attributes:
        columns: each with one value for each of these states, visited ones first; texts parse in `vocabulary`.
        episodes: the episode of each state; an edited one keeps that of the state it came from.
        edited: which of the states are edited.
    """

    columns: tuple[Column, ...]
    vocabulary: Vocabulary
    episodes: Int[np.ndarray, "states"]
    edited: Bool[np.ndarray, "states"]

    def __len__(self) -> int:
        return len(self.episodes)

    @cached_property
    def numbers(self) -> tuple[Term, ...]:
        """Columns that are counts, numbers or the codes of choices, and vary."""
        found = (column for column in self.columns if column.kind != "flag" and np.isfinite(column.values).all())
        return _distinct(map(_number, found))

    @cached_property
    def flags(self) -> tuple[Term, ...]:
        """Columns that are flags, labels of choices, and thresholds of numbers."""
        return _distinct(term for column in self.columns for term in _flags(column))


def bank_of(
    env: InspectableEnv,
    visited: States,
    edited: States,
    *,
    episodes: Int[np.ndarray, "visited"],
    edited_episodes: Int[np.ndarray, "edited"],
) -> Bank:
    """Every state concept of an environment, coordinates too, at every position of its axes.

    Args:
        episodes: of the visited states; edited_episodes: of the states that the edited ones came from.
    """
    columns = state_columns(env, np.concatenate([visited, edited]), absolute=True)
    marks = np.repeat([False, True], [len(visited), len(edited)])
    return Bank(columns, vocabulary_of(env), np.concatenate([episodes, edited_episodes]), marks)


def _number(column: Column) -> Term:
    values = column.values.astype(np.float64)
    return number_term(column.text, values, whole=_is_whole(values), columns=1, code=column.kind == "choice")


def _is_whole(values: np.ndarray) -> bool:
    return bool((values == np.rint(values)).all())


def _flags(column: Column) -> Iterator[Term]:
    values = column.values
    if column.kind == "flag":
        yield flag_term(column.text, values.astype(bool))
    elif column.kind == "choice":
        codes = range(len(column.choices)) if column.choices else np.unique(values).tolist()
        labels = column.choices or [str(code) for code in codes]
        yield from (
            comparison(column.text, "==", label, values == code) for code, label in zip(codes, labels, strict=True)
        )  # fmt: skip
    elif np.isfinite(values).all():
        for text in thresholds(values, whole=_is_whole(values)):
            yield comparison(column.text, ">", text, values > float(text))


def _distinct(terms: Iterator[Term] | Sequence[Term]) -> tuple[Term, ...]:
    """Terms that vary, each only once: `piece_is_T()` and `piece() == T` ask the same, the first is kept."""
    seen: set[bytes] = set()
    kept: list[Term] = []
    for term in terms:
        values = term.values
        if (values == values[:1]).all():
            continue
        key = np.packbits(values if values[0] else ~values).tobytes() if term.flag else values.tobytes()
        if key not in seen:
            seen.add(key)
            kept.append(term)
    return tuple(kept)
