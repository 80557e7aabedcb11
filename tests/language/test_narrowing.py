"""Conditions narrow the bounds of names; where nothing can get, an index may lie outside."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentscope.errors import TextError
from agentscope.language import evaluate, parse
from agentscope.language.converting import expression
from agentscope.language.intervals import Scalar
from agentscope.language.kinds import ExpressionChecker
from agentscope.language.limits import STRATEGY_LIMITS
from agentscope.language.names import Scope
from agentscope.language.narrowing import narrowed
from tests.language.twin import CHECKED, pick

START = "def strategy(state):\n"


class Checker(ExpressionChecker):
    def function(self, name, arguments, node):
        raise AssertionError("no helpers here")


def bounds(condition, vocabulary, holds, **names):
    """What is left of each name's bounds."""
    scope = Scope(vocabulary, STRATEGY_LIMITS)
    scope.locals = set(names)
    known = {name: Scalar("int", low, high) for name, (low, high) in names.items()}
    value = Checker(vocabulary, STRATEGY_LIMITS).value
    found = narrowed(expression(ast.parse(condition, mode="eval").body, scope), known, holds, value)
    return None if found is None else {name: (value.low, value.high) for name, value in found.items()}


@pytest.mark.parametrize(
    ("condition", "yes", "no"),
    [
        ("c < 0", (-5, -1), (0, 20)),
        ("0 <= c", (0, 20), (-5, -1)),
        ("c < 0 or c > 9", (-5, 20), (0, 9)),
        ("0 <= c and c < 10", (0, 9), (-5, 20)),
        ("not (c < 0 or c > 9)", (0, 9), (-5, 20)),
        ("0 <= c < 10", (0, 9), (-5, 20)),
        ("c == 3", (3, 3), (-5, 20)),
        ("c != -5", (-4, 20), (-5, -5)),
        ("c == 1 or c == 4", (1, 4), (-5, 20)),
        ("c > 20", None, (-5, 20)),
        ("c >= -5", (-5, 20), None),
        ("c < height(0)", (-5, 20), (-5, 20)),
        ("c < 0.5", (-5, 20), (-5, 20)),
        ("c - 1 < 3", (-5, 20), (-5, 20)),
        ("lamp()", (-5, 20), (-5, 20)),
    ],
)
def test_what_is_left_of_a_name(condition, yes, no, vocabulary):
    for holds, expected in ((True, yes), (False, no)):
        found = bounds(condition, vocabulary, holds, c=(-5, 20))
        assert (None if found is None else found["c"]) == expected


def test_names_narrow_each_other(vocabulary):
    assert bounds("a < b", vocabulary, True, a=(0, 9), b=(-3, 4)) == {"a": (0, 3), "b": (1, 4)}
    assert bounds("a < b - 2", vocabulary, True, a=(0, 9), b=(-3, 4)) == {"a": (0, 1), "b": (-3, 4)}


@st.composite
def conditions(draw, depth=2):
    if depth and draw(st.booleans()):
        parts = [draw(conditions(depth=depth - 1)) for _ in range(draw(st.integers(2, 3)))]
        joined = f"({pick(draw, ' and ', ' or ').join(parts)})"
        return f"not {joined}" if draw(st.booleans()) else joined
    operators = ("<", "<=", ">", ">=", "==", "!=")
    side = st.sampled_from(["x", "y", "0", "3", "-2", "x + 1", "2 * y - 1"])
    links = [f" {pick(draw, *operators)} {draw(side)}" for _ in range(draw(st.integers(1, 2)))]
    return f"({draw(side)}{''.join(links)})"


def test_nothing_that_can_be_is_left_out(vocabulary):
    """Every pair of values that makes the condition true (or false) lies within what is left."""

    @CHECKED
    @given(conditions())
    def sound(condition):
        pairs = [(x, y) for x in range(-3, 5) for y in range(-2, 4)]
        for holds in (True, False):
            found = bounds(condition, vocabulary, holds, x=(-3, 4), y=(-2, 3))
            real = [(x, y) for x, y in pairs if eval(condition, {"x": x, "y": y}) is holds]
            assert found is not None or not real
            assert all(found["x"][0] <= x <= found["x"][1] and found["y"][0] <= y <= found["y"][1] for x, y in real)

    sound()


GUARDED = [
    "def f(c):\n    return height(c) if 0 <= c and c < 3 else 7\n" + START + "    return f(-1) % 4\n",
    "def f(c):\n    if c < 0:\n        return 7\n    return height(c)\n" + START + "    return f(-1) % 4\n",
    "def f(c):\n    if c < 0 or c > 2:\n        x = 7\n    else:\n        x = height(c)\n    return x\n"
    + START + "    return f(3) % 4\n",
    START + "    c = 5\n    return 7 % 4 if c > 2 or height(c) > 1 else 0\n",
    START + "    c = 5\n    return 3 + sum(height(c + i) for i in columns if c < 2)\n",
]  # fmt: skip


@pytest.mark.parametrize("text", GUARDED)
def test_an_index_that_is_never_asked_for_may_lie_outside(text, vocabulary, binding, states):
    program = parse(text, vocabulary)
    for trace in (False, True):
        assert (evaluate(program, binding, states, trace=trace).actions == 3).all()


@pytest.mark.parametrize(
    "text",
    [
        START + "    c = 5\n    return height(c) % 4 if lamp() else 0\n",
        START + "    c = 5\n    return height(99) if c < 2 else 0\n",
        START + "    c = 5\n    return height(drift()) if c < 2 else 0\n",
        "def f(c):\n    return height(c)\n" + START + "    c = 5\n    return (f(c) if c < 2 else 0) + f(c)\n",
        START + "    c = 5\n    for i in columns:\n        if c > 2:\n            return 0\n    return height(c)\n",
    ],
)
def test_all_else_is_refused_as_ever(text, vocabulary):
    with pytest.raises(TextError):
        parse(text, vocabulary)
