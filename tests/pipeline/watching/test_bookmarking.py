"""Bookmarks of a recording made by hand: which steps are worth a look is known."""

import numpy as np
import pytest

from agentscope.pipeline.watching.bookmarking import MOST, deaths, disagreements, extreme_gaps, rare_lines
from agentscope.pipeline.watching.recording import NO_TEXT, Recording

NAMES = ("left", "right", "wait")
LINES = ["def strategy(state) -> action:", "    return left", "    return right"]


def recording_of(*episodes, success=None, text=True):
    """Episodes of (end, [(gap, regret, line) of each step]); a regret above 0 is a disagreement."""
    rows = [row for _, steps in episodes for row in steps]
    gap, regret, line = (np.array(values, dtype=float) for values in zip(*rows, strict=True))
    lengths = np.array([len(steps) for _, steps in episodes])
    chosen = np.where(regret > 0, 1, 0).astype(np.int16)
    unknown = np.full(len(lengths), -1, dtype=np.int8)
    return Recording(
        "key", len(lengths), 1.0, np.arange(len(lengths)), lengths, lengths.astype(float),
        np.array([end for end, _ in episodes], dtype=np.int8),
        unknown if success is None else np.array(success, dtype=np.int8),
        np.repeat(np.arange(len(lengths)), lengths).astype(np.int32), np.zeros(len(rows), dtype=np.int16),
        chosen if text else np.full(len(rows), NO_TEXT, dtype=np.int16), line.astype(np.int32), np.ones(len(rows)),
        np.ones(len(rows)), gap, regret, regret == 0, gap < 0.25,
    )  # fmt: skip


def everywhere(recording):
    return np.ones(len(recording), dtype=bool)


def places(marks):
    return [(mark.episode, mark.step) for mark in marks]


STEPS = recording_of(
    (0, [(1.0, 0.0, 2), (0.5, 0.7, 2), (np.inf, 0.0, 2)]),
    (1, [(0.1, 2.0, 2), (3.0, 0.0, 3)]),
    (0, [(0.2, 0.0, 2)] * 15 + [(2.0, 0.1, 2)] * 10),
)


def test_disagreements_come_by_regret():
    marks = list(disagreements(STEPS, NAMES, everywhere(STEPS)))
    assert places(marks)[:3] == [("1", 0), ("0", 1), ("2", 15)] and len(marks) == 12
    assert marks[0].label == "text: right, network: left, regret 2.00" and marks[0].value == 2.0
    within = everywhere(STEPS)
    within[STEPS.rows(1)] = False
    assert places(disagreements(STEPS, NAMES, within))[0] == ("0", 1)


def test_no_text_disagrees_with_nothing():
    silent = recording_of((0, [(1.0, 0.0, 0)] * 3), text=False)
    assert not list(disagreements(silent, NAMES, everywhere(silent)))
    assert not list(rare_lines(silent, LINES, everywhere(silent)))


def test_deaths_are_ends_by_the_rules_without_success():
    known = recording_of((0, [(1.0, 0.0, 2)] * 4), (0, [(1.0, 0.0, 2)] * 2), (1, [(1.0, 0.0, 2)]), success=[1, 0, 0])
    assert places(deaths(known, everywhere(known))) == [("1", 1)]
    lengths = recording_of(*[(0, [(1.0, 0.0, 2)] * count) for count in (5, 1, 9, 3, 7)])
    assert places(deaths(lengths, everywhere(lengths))) == [("1", 0), ("3", 2), ("0", 4)]  # no more than most earn


def test_gaps_leave_out_states_without_a_choice():
    marks = list(extreme_gaps(STEPS, everywhere(STEPS)))
    small = [mark for mark in marks if mark.kind == "small-gap"]
    large = [mark for mark in marks if mark.kind == "large-gap"]
    assert places(small)[:2] == [("1", 0), ("2", 0)] and places(large)[:2] == [("1", 1), ("2", 15)]
    assert len(small) == len(large) == MOST and ("0", 2) not in places(marks)


def test_rare_lines_are_the_rarest_first_and_never_common_ones():
    (mark,) = rare_lines(STEPS, LINES, everywhere(STEPS))
    assert (mark.episode, mark.step) == ("1", 1) and mark.label == "line 3 decides 3.33% of steps: return right"
    assert mark.value == pytest.approx(1 / 30)
    assert not list(rare_lines(STEPS, LINES, np.zeros(len(STEPS), dtype=bool)))
