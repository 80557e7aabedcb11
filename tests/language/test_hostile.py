"""Hostile texts: whatever a stranger writes gives a TextError with a place, and no more work than is allowed."""

# ruff: noqa: E501  texts under test are not broken

from __future__ import annotations

import subprocess
import sys

import pytest

from agentscope.errors import TextError
from agentscope.language import (
    DECOMPILATION_LIMITS,
    STRATEGY_LIMITS,
    Limits,
    evaluate,
    parse,
    parse_expression,
)  # fmt: skip

START = "def strategy(state):\n"


def returning(expression):
    return f"{START}    return {expression}\n"


def nested_blocks(depth):
    lines = [f"{'  ' * (level + 1)}if lamp():" for level in range(depth)]
    return START + "\n".join([*lines, "  " * (depth + 1) + "return wait"]) + "\n    return wait\n"


def nested_calls(helpers, depth):
    """Each helper calls the one before it at the bottom of a deep expression."""
    texts = ["def f0(x):\n    return x\n"]
    for i in range(1, helpers):
        texts.append(f"def f{i}(x):\n    return {'abs(-' * (depth // 2)}f{i - 1}(x){')' * (depth // 2)}\n")
    return "".join(texts) + returning(f"f{helpers - 1}(1)")


def doubling_calls(depth):
    helpers = "".join(f"def f{i}(x):\n    return f{i - 1}(x) + f{i - 1}(x)\n" for i in range(1, depth))
    return "def f0(x):\n    return x\n" + helpers + returning(f"f{depth - 1}(1)")


def squaring(depth):
    lines = ["    x = height(west) + 2"] + ["    x = x * x"] * depth
    return START + "\n".join(lines) + "\n    return x % 4\n"


DEEP = [
    returning(open_ * depth + "1" + close * depth)
    for depth in (65, 100, 1_000, 100_000)
    for open_, close in (("(", ")"), ("-", ""), ("not ", ""), ("(-", ")"), ("1 + (", ")"), ("(1,", ")"), ("abs(", ")"))
] + [
    returning("(" * 1_000),
    returning("[" * 1_000),
    returning(")" * 1_000),
    returning("(1]"),
    returning("max(" * 64 + "1" + ", 2)" * 64),
    returning("1 if lamp() else " * 65 + "2"),
    returning("1 if lamp() else " * 20_000 + "2"),
    returning("(lambda a: " * 70 + "1" + ")" * 70),
    returning("lambda: " * 5_000 + "1"),
    returning("TABLE" + "[0]" * 100),
    returning("height(" * 70 + "0" + ")" * 70),
    returning("argmax(actions, key=lambda a: " * 80 + "1" + ")" * 80),
    returning("sum(" * 90 + "1" + " for c in columns)" * 90),
    nested_blocks(65),
    nested_blocks(500),
    START + "    if lamp():\n        return 1\n" + "    elif lamp():\n        return 1\n" * 5_000 + "    return 1\n",
    returning(" + ".join(["height(west)"] * 20_000)),
    returning(" < ".join(["1"] * 20_000)),
    returning(" and ".join(["lamp()"] * 49_000)),
    nested_calls(64, 55),
    returning("sum(" * 17 + "1" + " for c in range(1))" * 17),
    returning("sum(1" + "".join(f" for c{i} in range(1)" for i in range(40)) + ")"),
    nested_calls(40, 20),
    returning("~1"),
    returning("1" + "+1" * 49_000),
]
HUGE = [
    returning("9" * 19),
    returning("9" * 5_000),
    returning("9" * 250_000),
    returning("0." + "1" * 40),
    returning("1e999 > 0"),
    returning("1e99999999"),
    returning("0x" + "f" * 20),
    returning("0b1"),
    returning("0o7"),
    returning("1_000"),
    returning("1j"),
    returning("5if lamp() else 1"),
    returning("999999999999999999 * 999999999999999999"),
    returning("999999999999999999 * 999999999999999999 % 4"),
    returning("(999999999999999999 + 0.5 > 3) % 4"),
    returning("999999999999999999 > 0.5"),
    returning("height(west) * 999999999999999999 % 4"),
    returning("sum(999999999999999999 for i in range(50)) % 4"),
    returning("-5"),
    returning("4"),
    returning("0.5"),
    returning("lamp()"),
    returning("height(99)"),
    returning("(1, 2)[2]"),
    returning("(1, 2)[-1]"),
    squaring(12),
    squaring(3_000),
    START + "    x = 1\n    for i in range(90):\n        x = x * 2\n    return x % 4\n",
    START + "    x = 1\n    for i in range(30000):\n        x = x + x\n    return x % 4\n",
    "T_ = (" + "1, " * 60_000 + ")\n" + returning("T_[0]"),
    "x" * 300_000,
    " " * 300_000,
    "#" * 300_000,
    "\n" * 300_000,
    returning("wait") + "# " + "é" * 200_000,
    returning("a" * 65),
]
LONG = [
    returning("sum(1 for i in range(100001)) % 4"),
    returning("sum(1 for i in range(999999999999999999)) % 4"),
    returning("sum(1 for i in range(400) for j in range(400)) % 4"),
    returning("sum(sum(1 for i in range(400)) for j in range(400)) % 4"),
    returning("argmax(range(100001), key=lambda i: i) % 4"),
    returning("count(lamp() for i in range(99999999)) % 4"),
    START + "    x = 0\n    for i in range(1000000):\n        x = 1\n    return x\n",
    START + "    x = 0\n    for i in range(999):\n        for j in range(999):\n            x = 1\n    return x\n",
    START + "    while lamp():\n        x = 1\n    return 1\n",
    doubling_calls(18),
    doubling_calls(60),
    doubling_calls(400),
    returning("sum(1 for i in range(9)" + " for j in range(9)" * 1 + " for k in range(9)" * 1 + ") % 4").replace(
        "9", "99"
    ),
    returning("sum(" + "max(" * 20 + "1" + ", 2)" * 20 + " for i in range(90000)) % 4"),
    "def f(x):\n    return f(x)\n" + returning("f(1)"),
    "def f(x):\n    return g(x)\ndef g(x):\n    return f(x)\n" + returning("f(1)"),
    "def strategy(state):\n    return strategy(state)\n",
    returning("sum(1 for i in range(height(west))) % 4"),
    returning("sum(1 for i in range(-1)) % 4"),
    returning("sum(1 for i in range(2, 3)) % 4"),
    returning("sum(1 for i in range(1.5)) % 4"),
]
FORBIDDEN_EXPRESSIONS = """
'text'; "text"; f"{1}"; b'1'; '''x'''; 2 ** 3; 1 << 40; 1 >> 1; 1 & 1; 1 | 1; 1 ^ 1; 1 @ 1; ~1; +1; state; state.piece; piece; height
height(); height(0, 1); height(c=0); height(*(1,)); lamp(1); nothing(); columns; actions; actions[0]; nowhere; T; strategy
[1, 2]; [i for i in range(3)]; {1}; {1: 2}; {i for i in range(3)}; (i for i in range(3)); (); (1, *(2, 3)); lambda a: a; None; ...; 1j
(x := 3); await lamp(); (yield 1); 1 is 1; 1 is not 1; 1 in (1, 2); 1 not in (1, 2); (1, 2) == (1, 2); (1, 2) + (3, 4); (1, 2)[0:1]; (1, 2)[0, 1]
__import__(0); eval(1); exec(1); open(1); print(1); getattr(1, 1); lamp().real; (1).real; 1 .real; lamp.__class__; __name__; __builtins__; globals()
sum(1); sum((1, 2)); min(1); max(); any(lamp()); all(1 for i in range(3)); any(1 for i in range(3)); count(1 for i in range(3)); abs(1, 2)
sum(1 for i in (1, 2)); sum(1 for i in height); sum(1 for i, j in columns); sum(1 for i in columns for i in columns); sum(lamp() for height in columns)
argmax(actions); argmax(actions, lambda a: 1); argmax(actions, key=1); argmax(actions, key=lambda: 1); argmax(actions, key=lambda a, b: 1)
argmax(actions, key=lambda a=1: 1); argmax(actions, key=lambda *a: 1); argmax(actions, key=lambda a: (1, 2)); argmax((1, 2), key=lambda a: a)
argmax(actions, key=lambda a: 1, other=2); argmax(range(0), key=lambda a: a); after(wait); after(wait, piece); after(wait, total); after(wait, height)
after(wait, height(0)); after(wait, nothing); after(9, drift); after(0.5, drift); after(lamp(), drift); after(wait, height, 3); after(wait, height, 0.5)
lamp() and 1; 1 and 2; not 1; 1 if 1 else 2; 1 if (1, 2) else 3; lamp() + (1, 2); -(1, 2); (1, 2) if lamp() else 3; ((1, 2), 3)[height(0) % 2]
height(lamp()); height(drift()); height((1, 2)); 1 / 2; drift(); (1, 2); height(0) % 4 if lamp() else 0.5; 1 if lamp() else lamp() if lamp() else 2.5
sum(1 for i in columns if 1); sum((1, 2) for i in columns); max((1, 2) for i in columns); max((1, 2), (3, 4)); total(height(0) + 4); total(-1)
""".replace("\n", ";").split(";")
FORBIDDEN_TEXTS = [
    "",
    "\n\n",
    "1",
    "x = 1",
    "def other(state):\n    return 1\n",
    "def strategy():\n    return 1\n",
    "def strategy(state, more):\n    return 1\n",
    "def strategy(state=1):\n    return 1\n",
    "def strategy(*state):\n    return 1\n",
    "def strategy(state) -> int:\n    return 1\n",
    "def strategy(state: int):\n    return 1\n",
    "async def strategy(state):\n    return 1\n",
    "@lamp\ndef strategy(state):\n    return 1\n",
    "class strategy:\n    x = 1\n",
    "import os\n" + returning("1"),
    "from os import system\n" + returning("1"),
    returning("1") * 2,
    returning("1") + "strategy(1)\n",
    returning("1") + "if 1:\n    x = 1\n",
    "X = height(0)\n" + returning("X"),
    "X = (1, lamp())\n" + returning("X[0]"),
    "X = 1\n" + returning("1"),
    "X = 1\nX = 2\n" + returning("X"),
    "height = 1\n" + returning("1"),
    "sum = 1\n" + returning("1"),
    "wait = 1\n" + returning("wait"),
    "def height(c):\n    return 1\n" + returning("height(0)"),
    "def helper(x):\n    return 1\n" + returning("1"),
    "def helper(x):\n    return 1\ndef helper(x):\n    return 2\n" + returning("helper(1)"),
    "def helper(x, x):\n    return 1\n" + returning("helper(1, 1)"),
    "def helper(x):\n    return 1\n" + returning("helper(1, 2)"),
    "def helper(x):\n    return 1\n" + returning("helper(x=1)"),
    "def helper(state):\n    return 1\n" + returning("helper(1)"),
    "def helper(x):\n    if x > 1:\n        return 1\n" + returning("helper(1)"),
    "def helper(x):\n    def inner(y):\n        return y\n    return 1\n" + returning("helper(1)"),
    START + "    pass\n",
    START + "    return\n",
    START + "    if lamp():\n        return 1\n",
    START + "    return 1\n    return 2\n",
    START + "    x = 1\n    x += lamp\n    return x\n",
    START + "    x: int = 1\n    return x\n",
    START + "    x = y = 1\n    return x\n",
    START + "    x, y = (1, 2)\n    return x\n",
    START + "    (1, 2)[0] = 1\n    return 1\n",
    START + "    lamp()\n    return 1\n",
    START + "    if lamp():\n        x = 1\n    return x\n",
    START + "    for c in columns:\n        x = c\n    return x\n",
    START + "    for c in columns:\n        x = 1\n    return c\n",
    START + "    for c in columns:\n        break\n    return 1\n",
    START + "    for c in columns:\n        continue\n    return 1\n",
    START + "    for c in columns:\n        x = 1\n    else:\n        x = 2\n    return 1\n",
    START + "    for c in (1, 2):\n        x = 1\n    return 1\n",
    START + "    for (c, d) in columns:\n        x = 1\n    return 1\n",
    START + "    del x\n    return 1\n",
    START + "    global x\n    return 1\n",
    START + "    try:\n        x = 1\n    except Error:\n        x = 2\n    return 1\n",
    START + "    with lamp():\n        x = 1\n    return 1\n",
    START + "    assert lamp()\n    return 1\n",
    START + "    raise 1\n",
    START + "    match 1:\n        case 1:\n            return 1\n    return 2\n",
    START + "    return 1; x = 2\n",
    START + "\treturn 1\n",
    START + "  return 1\n    return 2\n",
    START + "    return \\\n 1\n",
    START + "    return 1\x00\n",
    START + "    return 1\x0c\n",
    START + "    return 1\r    return 2\n",
    START + "    return 1 # \x1b[31m\n",
    START + "    return 1 # \u202e reversed\n",
    START + "    return 1 # \u200b\n",
    START + "    return wаit\n",  # noqa: RUF001  a Cyrillic letter
    START + "    return ｗait\n",  # noqa: RUF001  a full-width letter
    START + "    return ①\n",
    START + "    return ٣\n",
    START + "    return 1 − 1\n",  # noqa: RUF001  a minus sign that is none
    START + "    return 1\u00a0+ 1\n",
    START + "    return 1\u2028    return 2\n",
    "\ufeff" + returning("1"),
    returning("1\ud800"),
    "# agentscope text 99\n" + returning("1"),
    "# agentscope text 1\n# network: ../../etc\n" + returning("1"),
    "# agentscope text 1\n# level: 9\n" + returning("1"),
    "# agentscope text 1\n# environment: <script>\n" + returning("1"),
    "# agentscope text 1\n# argument: a = [1]\n" + returning("1"),
    "# agentscope text 1\n# argument: a = " + "[" * 5_000 + "\n" + returning("1"),
    "# agentscope text 1\n# level: 1\n# level: 2\n" + returning("1"),
]
TEXTS = [*DEEP, *HUGE, *LONG, *FORBIDDEN_TEXTS, *[returning(e.strip()) for e in FORBIDDEN_EXPRESSIONS if e.strip()]]


def test_there_are_at_least_200_hostile_texts():
    assert len(set(TEXTS)) >= 200


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_a_hostile_text_gives_a_text_error_and_nothing_else(number, vocabulary):
    text = TEXTS[number]
    with pytest.raises(TextError) as refused:
        parse(text, vocabulary)
    assert str(refused.value)
    assert refused.value.line <= text.count("\n") + 1


@pytest.mark.parametrize(
    "text", ["", "   ", "1 +", "state", "lamp() and 1", "(1, 2)", "x = 1", "1\n2", "9" * 30, "(" * 99]
)
def test_a_hostile_expression_gives_a_text_error(text, vocabulary):
    with pytest.raises(TextError):
        parse_expression(text, vocabulary)


def test_errors_name_the_place_and_what_is_allowed(vocabulary):
    with pytest.raises(TextError, match=r"line 3, column 12: .*hieght.*did you mean height") as refused:
        parse(START + "    x = 1\n    return hieght(0)\n", vocabulary)
    assert (refused.value.line, refused.value.column) == (3, 12)
    with pytest.raises(TextError, match="100000 operations a state are allowed"):
        parse(LONG[0], vocabulary)
    with pytest.raises(TextError, match="at most 18 digits"):
        parse(HUGE[0], vocabulary)
    with pytest.raises(TextError, match="nest at most 64 deep"):
        parse(DEEP[0], vocabulary)


def test_every_limit_bounds_what_it_names(vocabulary):
    text = returning("sum(height(c) * 12 for c in columns) % 4")
    parse(text, vocabulary)
    for name, value in [("characters", 20), ("tokens", 9), ("nesting", 2), ("digits", 1), ("operations", 9),
                        ("lane_bytes", 100), ("analysis_steps", 3)]:  # fmt: skip
        with pytest.raises(TextError):
            parse(text, vocabulary, Limits(**{name: value}))


def test_decompilations_may_be_larger_than_strategies(vocabulary):
    text = returning("sum(1 for i in range(2000) for j in range(200)) % 4")
    with pytest.raises(TextError):
        parse(text, vocabulary, STRATEGY_LIMITS)
    parse(text, vocabulary, DECOMPILATION_LIMITS)


def test_a_text_at_its_limits_still_runs(vocabulary, binding, states):
    text = returning("sum(sum(i + j + height(west) for i in range(100)) for j in range(80)) % 4")
    heights = states["heights"][:, 0]
    expected = (sum(i + j for i in range(100) for j in range(80)) + heights * 8_000) % 4
    assert (evaluate(parse(text, vocabulary), binding, states).actions == expected).all()


def test_parsing_executes_nothing_and_loads_no_torch():
    script = "import sys, agentscope.language; assert not {'torch', 'stable_baselines3'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_hostile_decompilation_gives_a_text_error_or_runs(vocabulary, binding, states):
    ran = 0
    for text in TEXTS:
        try:
            program = parse(text, vocabulary, DECOMPILATION_LIMITS)
        except TextError:
            continue
        ran += 1
        if program.operations < 500_000:  # the others run too, for seconds
            evaluate(program, binding, states[:3])
    assert 0 < ran < 20, "few of them lie within the wider limits"


@pytest.mark.parametrize(
    "text",
    [
        "def f(x, y):\n    return sum(height(0) * i * j for i in range(999) for j in range(999)) + x + y\n"
        + returning("sum(f(i, j) for i in range(99) for j in range(99)) % 4"),
        "def f(x, y):\n    return sum(height(i % 3) * height(j % 3) for i in range(30) for j in range(99)) + x + y\n"
        + returning("sum(f(i, j) for i in range(99) for j in range(99)) % 4"),
        "def f(x):\n    return max(x % 3 + i % 2 + j + height(0) for i in range(40) for j in range(40))\n"
        + returning("sum(f(i) for i in range(999)) % 4"),
        "def f(x):\n    return g(x)\ndef g(x):\n    return f(x)\n" + returning("f(1)"),
        nested_calls(40, 20),
    ],
)
def test_tables_lie_within_the_limits_of_decompilations(text, vocabulary):
    with pytest.raises(TextError):
        parse(text, vocabulary, DECOMPILATION_LIMITS)
