"""What has no name: the short expression that says best what a unit computes, offered with its score, never adopted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from agentscope.language import expression_bits, parse_expression, print_expression
from agentscope.probes.affine import Measure, Rows, cut_of, lower_of, resampled
from agentscope.probes.bank import Bank
from agentscope.probes.growing import Growth, Scored
from agentscope.probes.terms import Term

MOST_ROWS = 2_500  # states of each kind that the search looks at
WORTH = 0.03  # of score: what a longer expression must be better by, and never more than half of what is left
READ = 10  # of each size, expressions that are measured
SEARCH, CHOICE, EXAM = range(3)  # what a group of episodes is for
SHARES = (0.5, 0.7)  # of the episodes, where the second and the third group begin
EXPLAINED = {"R2": 0.5, "AUC": 0.75}
STRONGEST, LEAST_IMPORTANCE = 10, 0.01


@dataclass(frozen=True)
class NamedCandidate:
    """An expression that predicts a unit, measured on episodes in which it was not searched for.

    Attributes:
        text: parses with `language.parse_expression`; the unit is about slope * text + intercept.
        metric: R2, or AUC for a unit that has nearly two values (it is then above `cut` where the text is high).
        score: the lower of held_out and edited; low, high: its 95 % interval over episodes.
        held_out: on visited states of held-out episodes; edited: on edits of such states, None without edits.
        bits: description length of the text; columns: how many columns it joins.
        frontier: expressions of growing size, each better than all shorter ones on the episodes that chose: text, bits,
            held_out, edited.
        searched: how many expressions were compared.
    """

    text: str
    metric: str
    score: float
    low: float | None
    high: float | None
    held_out: float | None
    edited: float | None
    slope: float
    intercept: float
    cut: float | None
    bits: int
    columns: int
    frontier: tuple[Mapping[str, Any], ...]
    searched: int
    states: int
    episodes: int
    edited_states: int

    @property
    def explains(self) -> bool:
        """Whether the expression says more than half of what the unit does: R2 of .5, or AUC of .75."""
        return self.score >= EXPLAINED[self.metric]

    def __str__(self) -> str:
        scores = ((self.held_out, "held-out episodes"), (self.edited, "edited states"))
        told = ", ".join(
            f"{'not known' if score is None else format(score, '.2f')} on {where}" for score, where in scores
        )
        found = f"{self.text} ({self.metric} {told}; {self.bits} bits)"
        return f"named candidate: {found}" if self.explains else f"no short expression predicts it; the best is {found}"


def name_unit(
    values: Float[np.ndarray, "states"], bank: Bank, *, generator: np.random.Generator
) -> NamedCandidate | None:
    """Search the language for the short expression that predicts a unit or group best.

    Half of the episodes are searched: columns, thresholds, sums, differences, larger, smaller, and, or, not of up to
    three columns, by beam; the lower of R2 on visited and on edited states decides. A fifth of the episodes choose
    among the best of each size, since thousands of long texts fit something by chance: the shortest within WORTH of
    the best (within half of what that leaves, where it is less, so that an exact text is not given up for a near
    one). The others score what was chosen.

    Args:
        values: of the unit on the bank's states, visited and edited ones.
        generator: of the split by episode and of the states that are searched.
    Returns: None where the unit does not vary or there are fewer than three episodes.
    """
    split, drawn, resampling = generator.spawn(3)
    unit = np.asarray(values, dtype=np.float64)
    group = _groups(bank.episodes, split)
    searched = group == SEARCH
    visited = np.flatnonzero(searched & ~bank.edited)
    if not np.isfinite(unit).all() or any(
        not ((group == part) & ~bank.edited).any() for part in (SEARCH, CHOICE, EXAM)
    ):
        return None
    cut = cut_of(unit[visited])
    target = unit if cut is None else (unit > cut).astype(np.float64)
    parts = _some(visited, drawn), _some(np.flatnonzero(searched & bank.edited), drawn)
    if np.ptp(target[parts[0]]) == 0:
        return None
    growth = Growth(bank, Rows(parts, (target[parts[0]], target[parts[1]])))
    choice, exam = (Measure(bank, unit, cut, visited, group == part) for part in (CHOICE, EXAM))
    frontier = _frontier(choice, growth.found())
    if not frontier:
        return None
    most = frontier[-1].score
    worth = min(WORTH, (1 - most) / 2 + 1e-9)
    chosen = next(entry for entry in frontier if entry.score >= most - worth)
    return _candidate(exam, chosen, frontier, searched=growth.tried, generator=resampling)


def unexplained_units(
    importance: Float[np.ndarray, "units"], explained: Float[np.ndarray, "units"]
) -> Int[np.ndarray, "chosen"]:
    """Units that matter and that no declared concept explains, the strongest first.

    Args:
        importance: share of states whose choice changes when the unit is resampled.
        explained: R2 of the best concept for each unit, e.g. of `explained_by_columns`.
    Returns: indices of those among the STRONGEST units, of importance LEAST_IMPORTANCE or more, with R2 below .5.
    """
    order = np.argsort(-importance, kind="stable")[:STRONGEST]
    return order[(importance[order] >= LEAST_IMPORTANCE) & ~(explained[order] >= EXPLAINED["R2"])]


def explained_by_columns(values: Float[np.ndarray, "states units"], bank: Bank) -> Float[np.ndarray, "units"]:
    """For each unit the R2 of the single column that goes with it best, over all visited states of a bank."""
    visited = np.flatnonzero(~bank.edited)
    terms = (*bank.numbers, *bank.flags)
    nothing = np.zeros(0, dtype=np.int64), np.zeros(0)
    best = np.full(values.shape[1], -np.inf)
    if not terms:
        return best
    columns = Rows((visited, nothing[0]), (np.zeros(len(visited)), nothing[1])).stacked(terms, 0)
    columns -= columns.mean(axis=0)
    columns /= np.maximum(np.linalg.norm(columns, axis=0), 1e-12)
    units = values[visited] - values[visited].mean(axis=0)
    lengths = np.linalg.norm(units, axis=0)
    shared = (units.T @ columns) ** 2 / np.maximum(lengths[:, None] ** 2, 1e-24)
    return np.where(lengths > 0, shared.max(axis=1), -np.inf)


@dataclass(frozen=True)
class _Sized:
    """An expression as it is printed, its size, and the lower of its scores on the episodes that choose."""

    term: Term
    text: str
    bits: int
    score: float


def _frontier(choice: Measure, found: tuple[Scored, ...]) -> list[_Sized]:
    """Expressions of growing size, each better than all shorter ones; for a unit of two values flags only.

    A number may rank such a unit's states perfectly and still not say where it parts them.
    """
    best: dict[tuple[int, bool], list[Term]] = {}
    wanted = found if choice.cut is None else [scored for scored in found if scored.term.flag]
    for scored in sorted(wanted, key=lambda scored: (-round(scored.score, 9), len(scored.term.text))):
        level = best.setdefault((scored.term.columns, scored.term.flag), [])
        if len(level) < READ:
            level.append(choice.risen(scored.term))
    sized = [_sized(term, choice) for level in best.values() for term in level]
    kept: list[_Sized] = []
    for entry in sorted(sized, key=lambda entry: (entry.bits, -entry.score)):
        if entry.score > (kept[-1].score if kept else -math.inf):
            kept.append(entry)
    return kept


def _sized(term: Term, choice: Measure) -> _Sized:
    parsed = parse_expression(term.text, choice.bank.vocabulary)
    return _Sized(term, print_expression(parsed), expression_bits(parsed), lower_of(choice.scores(term)))


def _candidate(
    exam: Measure, chosen: _Sized, frontier: list[_Sized], *, searched: int, generator: np.random.Generator
) -> NamedCandidate:
    """The record of the chosen expression, with shorter and longer ones beside it."""
    term, bank = chosen.term, exam.bank
    slope, intercept = exam.line(term)
    held_out, edited = exam.scores(term)
    visited, edits = exam.rows
    decides = edits if edited is not None and edited == lower_of((held_out, edited)) else visited
    interval = resampled(lambda rows: exam.score(term, decides[rows]), bank.episodes[decides], generator)
    rows = []
    for entry in frontier:
        scores = exam.scores(entry.term)
        rows.append({"text": entry.text, "bits": entry.bits, "held_out": scores[0], "edited": scores[1]})
    return NamedCandidate(
        chosen.text, "R2" if exam.cut is None else "AUC", lower_of((held_out, edited)),
        interval[0] if interval else None, interval[1] if interval else None, held_out, edited, slope, intercept,
        exam.cut, chosen.bits, term.columns, tuple(rows), searched, len(visited),
        len(np.unique(bank.episodes[visited])), len(edits),
    )  # fmt: skip


def _groups(episodes: Int[np.ndarray, "states"], generator: np.random.Generator) -> Int[np.ndarray, "states"]:
    """Half of the episodes to search, a fifth to choose, the others to score."""
    names, index = np.unique(episodes, return_inverse=True)
    order = generator.permutation(len(names))
    place = np.empty(len(names), dtype=np.int64)
    place[order] = np.arange(len(names))
    share = place / max(len(names), 1)
    return np.digitize(share, SHARES)[index.ravel()]


def _some(rows: Int[np.ndarray, "rows"], generator: np.random.Generator) -> Int[np.ndarray, "some"]:
    if len(rows) <= MOST_ROWS:
        return rows
    return np.sort(generator.choice(rows, MOST_ROWS, replace=False))
