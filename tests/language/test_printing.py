"""The canonical print, its size, and the way back."""

# ruff: noqa: E501  texts under test are not broken

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentscope.errors import TextError
from agentscope.language import (
    Signature,
    Size,
    Vocabulary,
    called_concepts,
    header_for,
    measure_size,
    parse,
    parse_expression,
    print_expression,
    print_program,
    read_header,
    write_header,
)  # fmt: skip

START = "def strategy(state) -> action:\n"

CANONICAL = [
    START + "    return wait\n",
    START + "    if lamp() and not piece() == O or height(west) > 3:\n        return wait\n    return put_left\n",
    START + "    x = -height(west) + (2 - 3 * (height(1) - 1)) // 4 % 5\n    return 1 if x > 2 else 2 if x > 1 else 3\n",
    START + "    return argmax(actions, key=lambda a: 0.5 * total(a) - after(a, height, west) / 3)\n",
    START + "    x = sum(height(c) * d for c in columns if height(c) > 2 for d in range(3) if d > c)\n    return x % 4\n",
    START + "    x = 0\n    for c in columns:\n        x = x + max(height(c), 3, abs(-c))\n    return x % 4\n",
    "ROWS = ((1, 2), (3, -4))\nONE = (7,)\n\ndef helper(a, b):\n    return ROWS[a][b] + ONE[0]\n\n"
    + START + "    return helper(0, 1) % 4\n",
    START + "    return 1 if (lamp() and lamp()) and lamp() and (lamp() or lamp()) else 0\n",
    START + "    return 1 if 0.1 + 1e-05 + 1.7976931348623157e+308 > --drift() else 0\n",
    START + "    return 1 if (1 if lamp() else 2) > 1 and 1 < height(0) <= 3 != 7 else 0\n",
]  # fmt: skip


@pytest.mark.parametrize("text", CANONICAL)
def test_a_canonical_text_prints_as_itself(text, vocabulary):
    program = parse(text, vocabulary)
    assert print_program(program) == text
    assert parse(print_program(program), vocabulary) == program


def test_layout_is_normalised_but_meaning_stays(vocabulary):
    loose = """
# a comment that goes: it stands alone

def strategy(state):
  x  =  ( (height( 0 )) + 1 )   # and this one
  x += 2
  if lamp() :
        return wait
  else:
        if x > 3:
            return (put_left)
        return put_right
def unused_name_free(y): return y
"""
    text = loose.replace("return put_right", "return unused_name_free(1)")
    printed = print_program(parse(text, vocabulary))
    expected = (
        "def unused_name_free(y):\n    return y\n\n"
        + START
        + "    x = height(0) + 1\n    x = x + 2\n    if lamp():\n        return wait\n"
        "    else:\n        if x > 3:\n            return put_left\n        return unused_name_free(1)\n"
    )
    assert printed == expected


def test_an_else_that_holds_one_if_is_an_elif(vocabulary):
    text = "def strategy(state):\n    if lamp():\n        return 1\n    else:\n        if piece() == O:\n            return 2\n        else:\n            return 3\n"
    assert "elif piece() == O:" in print_program(parse(text, vocabulary))


def test_long_lines_break_at_100_columns_and_come_back(vocabulary):
    terms = " + ".join(f"{n}.25 * after(a, height, {n % 3})" for n in range(40))
    table = "ROWS = (" + "".join("(" + ", ".join(str(i * 1000) for i in range(30)) + "), " for _ in range(3)) + ")\n"
    conditions = " and ".join(f"height(west) + {n} > height(middle) * {n}" for n in range(12))
    text = table + "def strategy(state):\n"
    text += f"    if {conditions}:\n        return wait\n    x = {' + '.join(['height(west)'] * 30)}\n"
    text += f"    y = {conditions}\n    if y or x > ROWS[height(0) % 3][height(1)]:\n        return put_left\n"
    text += f"    return argmax(actions, key=lambda a: {terms})\n"
    program = parse(text, vocabulary)
    printed = print_program(program)
    assert max(map(len, printed.splitlines())) <= 100
    assert parse(printed, vocabulary) == program
    assert print_program(parse(printed, vocabulary)) == printed
    assert printed.splitlines()[1].startswith("    (0, 1000, 2000")


@pytest.mark.parametrize("depth", [12, 13, 25, 30])
def test_deep_trees_keep_100_columns_by_a_smaller_indent(depth, vocabulary):
    text = "def strategy(state):\n"
    for level in range(depth):
        text += f"{' ' * (level + 1)}if height(west) + height(middle) * 2 - height(east) * 3 + drift() > {level}.5:\n"
    text += f"{' ' * (depth + 1)}return wait\n return put_left\n"
    program = parse(text, vocabulary)
    printed = print_program(program)
    assert max(map(len, printed.splitlines())) <= 100
    assert parse(printed, vocabulary) == program


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.floats(allow_nan=False, allow_infinity=False, min_value=0))
def test_constants_come_back_with_the_precision_that_runs(value):
    nothing = Vocabulary({}, {}, ("a", "b"), {})
    expression = parse_expression(repr(value), nothing)
    assert np.float64(float(print_expression(expression))).tobytes() == np.float64(value).tobytes()


def test_equality_keeps_1_and_true_and_decimals_apart(vocabulary):
    texts = ["1", "1.0", "True"]
    made = [parse_expression(f"{text} == height(0)", vocabulary) for text in texts]
    assert made[0] != made[1] != made[2] != made[0]
    assert parse_expression("(1) == (height(0))", vocabulary) == made[0]


def test_size_counts_what_the_design_says(vocabulary):
    text = "W = (1, 2)\ndef helper(x):\n    return W[1] * x\n" + START
    text += "    # no line\n    if lamp() and 1 < height(0) < 5:\n        return 3\n"
    text += "    for i in range(7):\n        x = helper(9)\n    return 1 if not drift() > 0.5 else 2\n"
    size = measure_size(parse(text, vocabulary))
    assert size.lines == 8
    assert size.conditions == 4  # lamp(), two links, one comparison under not
    assert size.constants == 6  # 1 2 | 1 5 | 9 | 0.5; not the indices, the range bound or the returned actions
    shorter = measure_size(parse(START + "    return wait\n", vocabulary))
    assert (shorter.lines, shorter.conditions, shorter.constants) == (1, 0, 0)
    assert isinstance(shorter, Size) and 0 < shorter.bits < size.bits


def test_bits_grow_with_the_digits_of_constants(vocabulary):
    short, long = (
        measure_size(parse(f"{START}    return 1 if drift() > {x} else 0\n", vocabulary)) for x in ("0.5", "0.512")
    )
    assert long.bits - short.bits == 8 and long.lines == short.lines


def test_called_concepts_are_named_once_in_order(vocabulary):
    text = (
        START
        + "    if drift() > 1 and after(wait, height, 0) > 2:\n        return 1\n    return total(2) % 4 + height(1) * 0\n"
    )
    assert called_concepts(parse(text, vocabulary)) == ("drift", "height", "total")
    assert called_concepts(parse_expression("lamp()", vocabulary)) == ("lamp",)


HEADER = header_for("AgentScope/KeyDoor-v0", {"size": 9, "start": "any\nwhere", "p": 0.5, "x": True}, network="ab" * 32,
                    level=2, notes=("lamp() is not found to be used\x1b[0m",))  # fmt: skip


def test_headers_are_written_read_and_kept_by_the_print(vocabulary):
    written = write_header(HEADER)
    assert all(line.startswith("# ") and line.isprintable() for line in written.splitlines())
    assert read_header(written).arguments == (("p", 0.5), ("size", 9), ("start", "any where"), ("x", True))
    program = parse(written + START + "    return wait\n", vocabulary)
    assert program.header == read_header(written)
    assert program.header.level == 2 and program.header.network == "ab" * 32
    assert program.header.notes == ("lamp() is not found to be used [0m",)
    again = parse(print_program(program), vocabulary)
    assert again == program and again.return_lines == program.return_lines
    assert print_program(program).splitlines()[program.return_lines[0] - 1] == "    return wait"
    assert measure_size(program).lines == 1


def test_a_text_without_a_header_has_none(vocabulary):
    assert read_header("# a comment\n") is None
    assert parse("# a comment\n" + START + "    return wait\n", vocabulary).header is None


@pytest.mark.parametrize("change", [{"environment": "a b"}, {"network": "12"}, {"arguments": (("a b", 1),)},
                                    {"arguments": (("a", [1]),)}])  # fmt: skip
def test_a_header_that_cannot_be_written_is_refused(change):
    from dataclasses import replace

    with pytest.raises(TextError):
        write_header(replace(HEADER, **change))


def test_the_example_of_the_manual_is_canonical():
    columns = tuple(map(str, range(10)))

    def count(name, *, axis=(), of_action=False):
        return Signature(name, "count", axis, (), of_action, False, False, True, 0, 200)

    concepts = {"height": count("height", axis=("columns",)), "aggregate_height": count("aggregate_height")}
    actions = {"lines": count("lines", of_action=True)}
    tetris = Vocabulary(concepts, actions, tuple(f"a{i}" for i in range(40)), {"columns": columns})
    manual = (Path(__file__).parents[2] / "docs" / "language.md").read_text(encoding="utf-8")
    text = manual.split("```python\n")[1].split("```")[0]
    assert print_program(parse(text, tetris)) == text


MARKED = [
    (START + "    return 1 if lamp() else 2\n", {"lamp": "input only, gain .02"},
     START + "    return 1 if lamp() else 2  # network: input only, gain .02 (lamp)\n"),
    (START + "    x = height(0)\n    return 1 if height(1) > x and lamp() else 2\n",
     {"height": "not found, gain -.01", "lamp": "computed, not found used"},
     START + "    x = height(0)  # network: not found, gain -.01 (height)\n"
     "    return 1 if height(1) > x and lamp() else 2  # network: computed, not found used (lamp)\n"),
    (START + "    return argmax(actions, key=lambda a: after(a, height, west) + lifted(a, west))\n",
     {"height": "not found", "lifted": "input only, gain .00"},
     START + "    # network: not found (height)\n    # network: input only, gain .00 (lifted)\n"
     "    return argmax(actions, key=lambda a: after(a, height, west) + lifted(a, west))\n"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "marks", "expected"), MARKED)
def test_a_concept_not_found_used_is_marked_where_it_is_first_called(text, marks, expected, vocabulary):
    program = parse(text, vocabulary)
    printed = print_program(program, marks)
    assert printed == expected
    again = parse(printed, vocabulary)
    assert again == program and again.marks == marks
    assert print_program(again) == printed  # it keeps its marks
    assert measure_size(again) == measure_size(program)


def test_marks_move_the_numbers_of_the_deciding_lines(vocabulary):
    printed = print_program(parse(MARKED[2][0], vocabulary), MARKED[2][1])
    assert parse(printed, vocabulary).return_lines == (4,)


def test_marks_keep_long_statements_within_the_page(vocabulary):
    terms = " + ".join(f"{n} * total(a) + {n} * after(a, height, east)" for n in range(10, 16))
    text = START + f"    return argmax(actions, key=lambda a: {terms})\n"
    marks = {"total": "input only, gain .02", "height": "computed, not found used"}
    printed = print_program(parse(text, vocabulary), marks)
    assert max(map(len, printed.splitlines())) <= 100
    assert printed.count("# network:") == 2
    assert parse(printed, vocabulary) == parse(text, vocabulary)


def test_comments_that_are_no_marks_are_dropped(vocabulary):
    text = START + "    return 1 if lamp() else 2  # network: whatever <b>; input only (heights); used (height)\n"
    assert parse(text, vocabulary).marks == {}
