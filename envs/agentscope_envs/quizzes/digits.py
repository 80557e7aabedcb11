"""Two digits from 0 to 7, and an answer without any rule to each pair."""

from __future__ import annotations

import itertools

import numpy as np

from agentscope.concepts import Concept
from agentscope_envs.quizzes.quiz import MAX_STEPS, Questions, Quiz

ANSWERS = (  # a row for each first digit, in it an answer for each second
    "20311302", "13302210", "02130123", "31023012", "11200332", "03122103", "22013031", "30231201",
)  # fmt: skip


def digits(max_steps: int = MAX_STEPS) -> Quiz:
    """Look the colour of two digits up."""
    seen = np.array(list(itertools.product(range(8), repeat=2)), dtype=np.uint8)
    places = ("first", "second")
    questions = Questions(
        name="digits", observations=seen, answers=np.array([int(answer) for row in ANSWERS for answer in row]),
        action_names=("red", "green", "blue", "grey"), axes={"places": places}, concepts=_concepts(),
        features={name: seen[:, index].astype(np.int64) for index, name in enumerate(places)},
        cells=lambda observation: observation[None], glyphs="01234567",
    )  # fmt: skip
    return Quiz(questions, max_steps)


def _concepts() -> tuple[Concept, ...]:
    return (
        Concept(name="digit", kind="count", high=7, axis=("places",), measure=lambda seen: seen, doc="The digit."),
        Concept(name="first_is_larger", kind="flag", measure=lambda seen: np.asarray(seen[:, 0] > seen[:, 1]),
                doc="The first digit is larger than the second."),
        Concept(name="digit_sum", kind="count", high=14, measure=lambda seen: seen.sum(axis=1),
                doc="Sum of the digits."),
    )  # fmt: skip
