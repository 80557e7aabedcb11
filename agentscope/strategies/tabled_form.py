"""A score of afterstates with tables: a constant for each label of what an action is, e.g. which piece lies how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agentscope.strategies.columns import ActionTable
from agentscope.strategies.logit import Choices, Weights, fit_weights, hit_rate
from agentscope.strategies.rounding import summed, whole_numbers, written
from agentscope.strategies.score_form import SCOUT, argmax_of, choices_of, chosen_terms, needs_features, telling
from agentscope.strategies.study import Study

LOSS = 0.0002  # agreement that rounding may cost: a digit more in a table costs a reader little
STEPS = 100  # of the fit: tables take longer to settle than a few terms


@dataclass(frozen=True)
class TabledScore:
    """The action with the largest sum of weighted features and of one constant from each table.

    A network that has its likes and dislikes among the pieces' orientations, whatever the board, is told by this; and
    one to which a step of one row beside the piece is right and two are too many, by the tables of counts.
    """

    name: str = "score of afterstates with tables"
    sizes: tuple[int, ...] = (2, 4, 8, 12, 16)

    def applies(self, study: Study) -> str | None:
        """It needs features that tell actions apart, and an action concept that is a choice or a small count."""
        if not study.action_tables:
            return "no action concept is a choice or a small count, so there is no table to fit"
        return needs_features(study)

    def fit(self, study: Study, sizes: Sequence[int], generator: np.random.Generator) -> tuple[str, ...]:
        """One text a size (terms beside the tables)."""
        columns = telling(study)
        rows = np.arange(len(study.scored))
        scout = np.sort(generator.permutation(rows)[:SCOUT])
        texts = []
        chosen = chosen_terms(choices_of(study, columns, scout, constants=False), sizes)
        longest = max(map(len, chosen), default=0)
        for terms in chosen:
            for tables in _sets_of_tables(study, counted=len(terms) == longest):
                covered = {table.of for table in tables}
                kept = [columns[at] for at in terms if columns[at].text not in covered]
                choices = _with_tables(tables, choices_of(study, kept, rows, constants=False))
                weights = fit_weights(choices, steps=STEPS).of_action
                texts.append(_text(study, ([column.text for column in kept], tables), choices, weights))
        return tuple(texts)


def _sets_of_tables(study: Study, *, counted: bool) -> list[tuple[ActionTable, ...]]:
    """The choices alone, and beside the longest sum the counts too: their tables are no use in a short text."""
    labels = tuple(table for table in study.action_tables if table.choice)
    counted = counted and len(labels) < len(study.action_tables)
    return [labels] * bool(labels) + [study.action_tables] * counted


def _with_tables(tables: Sequence[ActionTable], choices: Choices) -> Choices:
    entries = [table.values.astype(np.float64) for table in tables]
    return replace(choices, of_action=np.concatenate([choices.of_action, *entries], axis=2))


def _text(
    study: Study, parts: tuple[Sequence[str], Sequence[ActionTable]], choices: Choices, weights: np.ndarray
) -> str:
    """The sum of the terms and of an entry of each table, in the fewest whole numbers."""
    terms, tables = parts
    nothing = np.zeros((choices.of_state.shape[1], choices.chosen.shape[1]))
    numbers = whole_numbers(weights, lambda values: hit_rate(choices, Weights(values, nothing)), loss=LOSS)
    score = summed([(float(value), term) for value, term in zip(numbers, terms, strict=False)])
    start = len(terms)
    for table in tables:
        entries = numbers[start : start + table.values.shape[2]]
        start += len(entries)
        if entries.any():
            score += f" + ({', '.join(written(float(value)) for value in entries)})[{table.text}]"
    return argmax_of(study, score)
