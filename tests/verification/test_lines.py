"""The line that most often decides wrongly."""

import numpy as np

from agentscope.verification import worst_line

LINES = np.array([2, 2, 2, 2, 4, 4, 5])
WRONG = np.array([True, False, False, False, True, True, False])


def test_the_line_with_the_most_disagreements_is_quoted():
    text = "def strategy(state):\n    if a():\n        return 1\n    return 2  # here\n"
    assert worst_line(LINES, WRONG, text=text) == {
        "line": 4, "states": 2, "disagreements": 2, "text": "return 2  # here",
    }  # fmt: skip


def test_the_first_wins_among_equals_and_a_faultless_text_has_none():
    assert worst_line(LINES, np.array([True, False, False, False, False, True, False]))["line"] == 2
    assert worst_line(LINES, np.zeros(7, dtype=bool)) is None
