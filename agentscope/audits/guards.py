"""Guards: a short condition over the world's concepts that tells two sets of states apart, and how far it holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agentscope import language
from agentscope.audits.conjunctions import ConjunctionSearch
from agentscope.audits.literals import literals_of
from agentscope.audits.subject import Subject
from agentscope.contracts import States

MOST_STATES = 3_000  # of each side that are searched over: an even sample; the figures are of all of them
ABSOLUTE_BELOW, ABSOLUTE_GAIN = 0.8, 0.1  # coordinates are asked for below this F1 only, and have to earn so much


@dataclass(frozen=True)
class Guard:
    """When the agent behaves otherwise, as a condition that runs.

    Attributes:
        text: in the pseudocode language, in its canonical print: the text that the figures are of.
        precision: share of positives among the states in which it holds; recall: share of the positives it holds in.
        f1: their harmonic mean; positives, negatives: states that they were measured on
    """

    text: str
    precision: float
    recall: float
    f1: float
    positives: int
    negatives: int


def mine_guard(subject: Subject, positives: States, negatives: States, *, most_literals: int = 4) -> Guard | None:
    """The short condition that best tells positives from negatives; the negatives should hold near misses.

    A beam search over conjunctions of at most `most_literals` literals, and over one `or` of two of them where that is
    clearly better. Coordinates are used only where nothing else does. The same states give the same guard.

    Returns: None where either side is empty or no question over the world's concepts parts them.
    """
    if not len(positives) or not len(negatives):
        return None
    found = _mined(subject, positives, negatives, most_literals)
    if found is None or found.f1 < ABSOLUTE_BELOW:
        other = _mined(subject, positives, negatives, most_literals, absolute=True)
        if other is not None and (found is None or other.f1 > found.f1 + ABSOLUTE_GAIN):
            return other
    return found


def canonical(subject: Subject, text: str) -> str:
    """The text of a guard as the language prints it.

    Raises: TextError: it does not parse.
    """
    return language.print_expression(language.parse_expression(text, subject.binding.vocabulary))


def branch_text(guard: str, otherwise: str = "") -> str:
    """A guard as the branch that it is.

    Args:
        otherwise: what the agent does then, e.g. "return west"; "" where that is no one action.
    """
    return f"if {guard}:\n    {otherwise or '<another policy>'}\nelse:\n    <its usual policy>"


def even_sample(states: States, most: int) -> States:
    """At most so many of the states, evenly spaced."""
    return states if len(states) <= most else states[np.linspace(0, len(states) - 1, most).astype(np.int64)]


def _mined(
    subject: Subject, positives: States, negatives: States, most_literals: int, *, absolute: bool = False
) -> Guard | None:
    sides = even_sample(positives, MOST_STATES), even_sample(negatives, MOST_STATES)
    literals = literals_of(subject.env, np.concatenate(sides), absolute=absolute)
    if not len(literals):
        return None
    weights = [len(every) / len(side) for every, side in zip((positives, negatives), sides, strict=True)]
    search = ConjunctionSearch(literals, len(sides[0]), weights[0], weights[1])
    text = search.best(most_literals)
    return None if text is None else measured(subject, text, positives, negatives)


def measured(subject: Subject, text: str, positives: States, negatives: States) -> Guard:
    """A guard's figures on these states, by running its text.

    Raises: TextError: it does not parse.
    """
    text = canonical(subject, text)
    hits, false = int(subject.holds(text, positives).sum()), int(subject.holds(text, negatives).sum())
    precision = hits / (hits + false) if hits + false else 0.0
    recall = hits / len(positives) if len(positives) else 0.0
    f1 = 2 * hits / (hits + false + len(positives)) if hits else 0.0
    return Guard(text, precision, recall, f1, len(positives), len(negatives))
