"""A score of afterstates with tables: a constant for each label of what an action is, e.g. which piece lies how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agentscope.strategies.logit import Choices, Weights, fit_weights, hit_rate
from agentscope.strategies.rounding import summed, whole_numbers, written
from agentscope.strategies.score_form import SCOUT, argmax_of, choices_of, chosen_terms, needs_features, telling
from agentscope.strategies.study import Study


@dataclass(frozen=True)
class TabledScore:
    """The action with the largest sum of weighted features and of one constant from each table.

    A network that has its likes and dislikes among the pieces' orientations, whatever the board, is told by this.
    """

    name: str = "score of afterstates with tables"
    sizes: tuple[int, ...] = (2, 4, 8, 12, 16)

    def applies(self, study: Study) -> str | None:
        """It needs features that tell actions apart, and a choice among the action concepts."""
        if not study.action_tables:
            return "no action concept is a choice, so there is no table to fit"
        return needs_features(study)

    def fit(self, study: Study, sizes: Sequence[int], generator: np.random.Generator) -> tuple[str, ...]:
        """One text a size (terms beside the tables)."""
        columns = telling(study)
        rows = np.arange(len(study.scored))
        scout = np.sort(generator.permutation(rows)[:SCOUT])
        texts = []
        for terms in chosen_terms(choices_of(study, columns, scout, constants=False), sizes):
            kept = [columns[at] for at in terms]
            choices = _with_tables(study, choices_of(study, kept, rows, constants=False))
            weights = fit_weights(choices, steps=60).of_action
            texts.append(_text(study, [column.text for column in kept], choices, weights))
        return tuple(texts)


def _with_tables(study: Study, choices: Choices) -> Choices:
    entries = [table.values.astype(np.float64) for table in study.action_tables]
    return replace(choices, of_action=np.concatenate([choices.of_action, *entries], axis=2))


def _text(study: Study, terms: Sequence[str], choices: Choices, weights: np.ndarray) -> str:
    nothing = np.zeros((choices.of_state.shape[1], choices.chosen.shape[1]))
    numbers = whole_numbers(weights, lambda values: hit_rate(choices, Weights(values, nothing)))
    score = summed([(float(value), term) for value, term in zip(numbers, terms, strict=False)])
    start = len(terms)
    for table in study.action_tables:
        entries = numbers[start : start + table.values.shape[2]]
        start += len(entries)
        if entries.any():
            score += f" + ({', '.join(written(float(value)) for value in entries)})[{table.text}]"
    return argmax_of(study, score)
