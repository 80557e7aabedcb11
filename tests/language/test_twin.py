"""The twin: hypothesis-made texts run under CPython, state by state, and agree with the evaluator bit for bit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentscope.errors import TextError
from agentscope.language import (
    Batch,
    evaluate,
    evaluate_expression,
    parse,
    parse_expression,
    print_program,
)  # fmt: skip
from tests.language.twin import CHECKED, FAILS, Names, Twin, block, flag, number, pick, whole


@st.composite
def programs(draw):
    lines = ["TABLE = (2, 5, -1)"]
    helper = draw(st.booleans())
    if helper:
        lines.append("def helper(p, q):")
        lines += block(draw, Names(["p", "q"]), 1, 4, lambda draw, names: whole(draw, names, 2))
    lines.append("def strategy(state):")
    lines += block(draw, Names(helper=helper), 2, 4, lambda draw, names: f"({whole(draw, names, 2)}) % 4")
    lines[-1] = "    return (TABLE[1] + " + ("helper(1, 2)" if helper else "0") + ") % 4"
    return "\n".join(lines) + "\n"


@st.composite
def expressions(draw):
    return pick(draw, whole, number, flag)(draw, Names(), 3)


@pytest.fixture(scope="module")
def few(states):
    return states[:40]


@pytest.fixture(scope="module")
def batch(binding, few):
    return Batch(binding, few)


def test_programs_agree_with_cpython_in_action_and_line(env, vocabulary, binding, few, batch):
    tried = []

    @CHECKED
    @given(programs())
    def agree(text):
        try:
            program = parse(text, vocabulary)
        except TextError:
            return  # refused before it runs, e.g. a bound that reaches beyond int64
        printed = print_program(program)
        assert parse(printed, vocabulary) == program
        assert max(map(len, printed.splitlines())) <= 100
        twin, expected, sound = Twin(env), [], []
        names = twin.load(printed)
        for row in range(len(few)):
            names["actions"] = twin.at(few[row : row + 1])
            try:
                expected.append(names["strategy"](None))
                sound.append(row)
            except FAILS:
                with pytest.raises(TextError):
                    evaluate(program, binding, few[row : row + 1])
        if len(sound) == len(few):
            found = evaluate(program, binding, batch)
        else:
            found = evaluate(program, binding, few[sound], trace=True)
        assert found.actions.tolist() == [int(value) for value, _ in expected]
        assert found.lines.tolist() == [line for _, line in expected]
        tried.append(len(sound))

    agree()
    assert sum(n > 0 for n in tried) >= 60, "most made texts must run, or the comparison is empty"


def test_expressions_agree_with_cpython_bit_for_bit(env, vocabulary, binding, few):
    tried = []

    @settings(CHECKED, max_examples=400)
    @given(expressions())
    def agree(text):
        try:
            expression = parse_expression(text, vocabulary)
        except TextError:
            return
        twin, expected, sound = Twin(env), [], []
        names = dict(twin.names)
        code = compile(text, "twin", "eval")
        for row in range(len(few)):
            names["actions"] = twin.at(few[row : row + 1])
            try:
                expected.append(eval(code, names))
                sound.append(row)
            except FAILS:
                with pytest.raises(TextError):
                    evaluate_expression(expression, binding, few[row : row + 1])
        values = evaluate_expression(expression, binding, few[sound]).tolist()
        for ours, theirs in zip(values, expected, strict=True):
            assert ours == theirs or (math.isnan(ours) and math.isnan(theirs)), text
        tried.append(len(sound))

    agree()
    assert sum(n > 0 for n in tried) >= 200


NUMBERS = [0.0, -0.0, 1.0, -1.0, 3.5, -3.5, 7.0, -7.0, 1e-300, -1e300, 0.1, 1e16, math.inf, -math.inf, math.nan]


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "//", "%"])
def test_float_arithmetic_is_cpythons_on_awkward_numbers(operator):
    from agentscope.language.arithmetic import fold
    from agentscope.language.tree import Node

    pairs = [(a, b) for a in NUMBERS for b in NUMBERS if b != 0 or operator in "+-*"]
    left, right = (np.array(side) for side in zip(*pairs, strict=True))
    with np.errstate(all="ignore"):
        found = fold(operator, left, right, np.ones(len(pairs), dtype=bool), Node())
    expected = np.array([eval(f"a {operator} b", {"a": a, "b": b}) for a, b in pairs])
    same = found.view(np.int64) == expected.view(np.int64)
    assert (same | (np.isnan(found) & np.isnan(expected))).all()


@CHECKED
@given(st.integers(-(2**40), 2**40), st.integers(-(2**20), 2**20))
def test_integer_division_and_modulo_are_cpythons(a, b):
    from agentscope.language.arithmetic import fold
    from agentscope.language.tree import Node

    if b:
        for operator in ("//", "%", "/", "*"):
            found = fold(operator, np.array([a]), np.array([b]), np.ones(1, dtype=bool), Node())
            assert found[0] == eval(f"a {operator} b", {"a": a, "b": b})
