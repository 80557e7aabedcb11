"""The bounds that prove int64 sound contain every value that can come out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentscope.errors import TextError
from agentscope.language import parse
from agentscope.language.intervals import Scalar, Unsound, combine, extreme, join, magnitude, negate, total

START = "def strategy(state):\n"


@st.composite
def bounded(draw):
    low, high = sorted((draw(st.integers(-30, 30)), draw(st.integers(-30, 30))))
    return Scalar("int", low, high), draw(st.integers(low, high))


@settings(max_examples=800, deadline=None, derandomize=True)
@given(bounded(), bounded(), st.sampled_from(["+", "-", "*", "//", "%"]))
def test_every_result_lies_within_the_bounds(first, second, operator):
    (left, a), (right, b) = first, second
    if operator in ("//", "%") and b == 0:
        return
    result = combine(operator, left, right)
    assert result.low <= eval(f"a {operator} b", {"a": a, "b": b}) <= result.high
    assert negate(left).low <= -a <= negate(left).high
    assert magnitude(left).low <= abs(a) <= magnitude(left).high
    joined = join(left, right)
    assert joined.low <= min(a, b) and max(a, b) <= joined.high
    assert extreme("min", left, right).low <= min(a, b) <= extreme("min", left, right).high
    assert extreme("max", left, right).low <= max(a, b) <= extreme("max", left, right).high
    assert total(left, 5).low <= 3 * a <= total(left, 5).high


def test_the_edge_of_int64_is_the_edge():
    most = Scalar("int", 0, 2**63 - 1)
    assert combine("-", most, Scalar("int", 0, 1)).low == -1
    with pytest.raises(Unsound):
        combine("+", most, Scalar("int", 0, 1))
    with pytest.raises(Unsound):
        combine("//", Scalar("int", -(2**63), 0), Scalar("int", -1, 1))
    with pytest.raises(Unsound):
        combine("+", Scalar("int", 0, 2**53), Scalar("float"))
    assert combine("+", Scalar("int", 0, 2**53 - 1), Scalar("float")).kind == "float"


@pytest.mark.parametrize("body", [
    "x = 0\nfor i in range(1000):\n    x = min(x * 2 + 1, 99)\nreturn x % 4",
    "x = 0\nfor c in columns:\n    x = x + height(c)\nreturn x % 4",
    "x = 1\nfor i in range(60):\n    x = x * 2\nreturn x % 4",
    "x = 0\nfor i in range(50):\n    x = (x * 31 + height(i % 3)) % 1000003\nreturn x % 4",
    "x = 0.5\nfor i in range(9000):\n    x = x * 2\nreturn 1 if x > 3 else 0",
])  # fmt: skip
def test_loops_whose_bounds_settle_are_accepted(body, vocabulary):
    parse(START + "".join(f"    {line}\n" for line in body.split("\n")), vocabulary)


@pytest.mark.parametrize("body", [
    "x = 1\nfor i in range(64):\n    x = x * 2\nreturn x % 4",
    "x = 3\nfor i in range(6):\n    x = x * x\nreturn x % 4",
    "x = 1\nfor i in range(3000):\n    for j in range(3):\n        x = x * 3\nreturn x % 4",
])  # fmt: skip
def test_loops_that_could_overflow_are_refused(body, vocabulary):
    with pytest.raises(TextError, match="beyond int64"):
        parse(START + "".join(f"    {line}\n" for line in body.split("\n")), vocabulary)
