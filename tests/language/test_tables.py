"""Helpers that become tables and sums that become matrix products give what the plain way gives, bit for bit."""

# ruff: noqa: E501  texts under test are not broken

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentscope.errors import TextError
from agentscope.language import DECOMPILATION_LIMITS, Batch, evaluate, evaluate_functions, parse, print_program
from agentscope.language.contracting import contracted
from agentscope.language.tree import Tabulation
from tests.language.twin import CHECKED, FAILS, Names, Twin, block, flag, pick, whole

START = "def strategy(state):\n"
NET = """
WEIGHTS = ((2, -1, 3), (0, 5, -2))
def cell(c):
    return height(c) if 0 <= c and c < 3 else 7
def unit(k, c):
    if c < 0 or c > 2:
        return (1, 4)[k]
    return min(max((sum(WEIGHTS[k][d] * cell(c + d - 1) for d in range(3)) + k) // 2, 0), 63)
def top(c):
    return 2 * unit(0, c - 1) - 3 * unit(1, c + 1)
def strategy(state):
    return argmax(actions, key=lambda a: top(a % 3))
"""


def decompiled(text, vocabulary):
    return parse(text, vocabulary, DECOMPILATION_LIMITS)


def test_the_ranges_of_arguments_follow_from_all_calls_and_from_conditions(vocabulary):
    program = decompiled(NET, vocabulary)
    ranges = {name: found.ranges for name, found in program.tabulated.items()}
    assert ranges == {
        "cell": (range(-1, 4),),  # the neighbours of columns 0 to 2: unit returns before it looks beyond
        "unit": (range(2), range(-1, 4)),
        "top": (range(3),),
    }
    assert list(ranges) == ["cell", "unit", "top"], "callees come first"
    assert program.tabulated["unit"] == Tabulation((range(2), range(-1, 4)), (False, False), "int", ("cell",))
    assert not parse(NET, vocabulary).tabulated, "strategies are evaluated, and traced, call by call"


def test_a_network_in_tables_is_what_its_arithmetic_says(vocabulary, binding, states, env):
    walls = np.pad(states["heights"], ((0, 0), (1, 1)), constant_values=7)
    weights = np.array([[2, -1, 3], [0, 5, -2]])
    units = np.stack([(walls[:, c : c + 3] @ weights.T + np.arange(2)) // 2 for c in range(3)], axis=2)
    units = np.pad(np.clip(units, 0, 63), ((0, 0), (0, 0), (1, 1)))
    units[:, 0, [0, 4]], units[:, 1, [0, 4]] = 1, 4
    scores = np.stack([2 * units[:, 0, c] - 3 * units[:, 1, c + 2] for c in range(3)], axis=1)[:, [0, 1, 2, 0]]
    scores = np.where(env.legal_actions(states), scores, -1_000_000)
    found = evaluate(decompiled(NET, vocabulary), binding, states)
    assert (found.actions == scores.argmax(axis=1)).all()
    assert len(np.unique(found.actions)) > 1


@pytest.mark.parametrize(
    "body",
    [
        "return height(x)",  # may lie outside: x goes to 3
        "return 8 // x",
        "return 8 % (x - 1)",
        "return 8 / height(0)",
        "return after(x, height, 0)",
        "return argmax(actions, key=lambda a: a) + x",
        "return min(a for a in actions) + x",
        "return max(c for c in columns if height(c) > x)",
        "return (1, 2, 3)[x]",
        "return (height(x), 2)[0]",
        "return (x, 2)",
        "return sum(outside(c, x) for c in columns)",
        "if x < 3:\n        return height(x + 1)\n    return 0",
        "for c in range(3):\n        x = x + c\n    return height(x)",
    ],
)
def test_what_could_fail_is_no_table(body, vocabulary):
    text = f"def f(x):\n    {body}\ndef strategy(state):\n    v = f(piece() + 1)\n    w = f(0)\n    return 0\n"
    if "outside" in body:
        text = "def outside(c, x):\n    return height(c + x)\n" + text
    assert "f" not in decompiled(text, vocabulary).tabulated


@pytest.mark.parametrize(
    "body",
    [
        "return height(x) if x < 3 else 0",
        "return 0 if not (x >= 0 and x <= 2) else height(x)",
        "return height(x) if -1 < x < 3 else 0",
        "return height(x) if x == 1 or x == 2 else 0",
        "if x > 2:\n        return 1\n    return height(x)",
        "if x != 3:\n        return height(x)\n    return 1",
        "limit = 3\n    if x >= limit:\n        return 0\n    return height(x)",
        "return 8 // (x + 1) + 8 % -3",
        "return sum(height(c) for c in columns if c < x)",
        "return count(lifted(a, c) > x for a in actions for c in columns)",
        "return any(height(c) > x for c in columns) and not lamp()",
        "return drift() * x + leap(0, 1)",
        "return min(leap(c, x) for c in columns)",
    ],
)
def test_what_cannot_fail_is_a_table(body, vocabulary, binding, states):
    text = f"def f(x):\n    {body}\ndef strategy(state):\n    return 1 if f(piece() + 1) == f(0) else 2 if f(piece()) == f(1) else 0\n"
    program = decompiled(text, vocabulary)
    assert program.tabulated["f"].ranges == (range(4),)
    found, plain = (evaluate(program, binding, states, plain=plain) for plain in (False, True))
    assert (found.actions == plain.actions).all() and len(np.unique(plain.actions)) > 1


def test_each_value_is_computed_once_however_often_it_is_called(vocabulary):
    """Helpers that each call the one before twice: 131,072 calls written out, 18 tables."""
    layers = "".join(f"def f{i}(x):\n    return f{i - 1}(x) % 7 + f{i - 1}(x)\n" for i in range(1, 18))
    text = (
        f"def f0(x):\n    return height(x)\n{layers}def strategy(state):\n    return sum(f17(c) for c in columns) % 4\n"
    )
    assert decompiled(text, vocabulary).operations < 3 * 18 * 12
    with pytest.raises(TextError, match="operations"):
        parse(text, vocabulary)


def test_tables_count_as_memory(vocabulary):
    text = "def f(x, y, z):\n    return x * y * z + height(0)\n" + START
    text += "    return sum(f(i, j, k) for i in range(16) for j in range(32) for k in range(32)) % 4\n"
    program = decompiled(text, vocabulary)
    assert program.tabulated["f"].combinations == 16_384
    assert program.lane_bytes >= 2 * 8 * 16_384
    wider = text.replace("k in range(32)", "k in range(33)")
    assert not decompiled(wider, vocabulary).tabulated, "more than 16,384 combinations are no table"


@st.composite
def networks(draw):
    """Helpers of one or two arguments, called at many places with neighbours, sums of products among them."""
    lines = []
    known = []
    for number in range(draw(st.integers(1, 3))):
        lines.append(f"def f{number}(p, q):")
        if draw(st.booleans()):
            lines.append(
                f"    if {pick(draw, 'p < 0 or p > 2', 'not 0 <= p < 3', 'p != 1', 'q > 3')}:\n        return {pick(draw, '0', 'q', 'piece()')}"
            )
        inner = Names(["p", "q"])
        lines += (
            [f"    return ({product(draw, known, 'p', 'q')}) % 50"] if draw(st.booleans())
            else block(draw, inner, 1, 4, lambda draw, names: f"{whole(draw, names, 1)} + {call(draw, known)}")
        )  # fmt: skip
        known.append(f"f{number}")
    lines.append("def strategy(state):")
    lines.append(f"    if {flag(draw, Names(), 1)}:")
    lines.append(f"        return ({call(draw, known)} + {product(draw, known, '1', '2')}) % 4")
    lines.append(
        f"    return sum({' + '.join(f'{name}(v - 1, {w})' for name in known for w in (0, 'v % 3'))} for v in range(4)) % 4"
    )
    text = "\n".join(lines) + "\n"
    tables = {"TABLE": "(2, 5, -1)", "GRID": "((1, -2, 3), (0, 4, -5), (2, 2, -7))"}
    return "".join(f"{name} = {row}\n" for name, row in tables.items() if name in text) + text


def call(draw, known):
    """A helper at a place that its caller proves, or that the state decides."""
    if not known:
        return "piece()"
    name = pick(draw, *known)
    first = pick(draw, "0", "1", "2", "piece()", "piece() - 1")
    return f"{name}({first}, {pick(draw, '0', '1', 'height(west) % 3')})"


def product(draw, known, *names):
    factors = [
        "TABLE[v]",
        "GRID[v][w]",
        "(v - w)",
        "height(v)",
        "(height(w) - 3)",
        "lamp()",
        "2",
        "lifted(v, w)",
        "(height(v) > w)",
        *names,
    ]
    factors += [f"{name}(v, w)" for name in known] + [f"{name}(w - 1, 1)" for name in known]
    some = draw(st.lists(st.sampled_from(factors), min_size=2, max_size=4))
    loops = pick(draw, "for v in columns for w in range(3)", "for w in range(2) for v in range(3)")
    return f"sum({' * '.join(some)} {loops})"


def test_tables_and_matrix_products_agree_with_cpython_and_with_the_plain_way(env, vocabulary, binding, states):
    few, tried, tables = states[:25], [], []

    @CHECKED
    @given(networks())
    def agree(text):
        try:
            program = decompiled(text, vocabulary)
        except TextError:
            return
        assert decompiled(print_program(program), vocabulary) == program
        twin, expected, sound = Twin(env), [], []
        names = twin.load(print_program(program))
        for row in range(len(few)):
            names["actions"] = twin.at(few[row : row + 1])
            try:
                expected.append(names["strategy"](None))
                sound.append(row)
            except FAILS:
                with pytest.raises(TextError):
                    evaluate(program, binding, few[row : row + 1])
        batch = Batch(binding, few[sound])
        for found in (
            evaluate(program, binding, batch, trace=trace, plain=plain)
            for trace, plain in ((False, False), (False, True), (True, False))
        ):
            assert found.actions.tolist() == [int(value) for value, _ in expected]
            assert found.lines.tolist() == [line for _, line in expected]
        tried.append(len(sound))
        tables.append(len(program.tabulated))

    agree()
    assert sum(n > 0 for n in tried) >= 60 and sum(n > 0 for n in tables) >= 40


@CHECKED
@given(st.data())
def test_a_matrix_product_is_the_sum_of_products(data):
    """Against numpy's own broadcast sum, whatever each factor varies along, small numbers and large."""
    lengths = tuple(data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=2)))
    rest = tuple(data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)))
    shape = (*lengths, *rest)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    most = data.draw(st.sampled_from([1, 40, 2**20]))
    parts = []
    for _ in range(data.draw(st.integers(2, 3))):
        own = [length if data.draw(st.booleans()) else 1 for length in shape]
        drop = 0
        while drop < len(own) - 1 and own[drop] == 1:
            drop += 1
        parts.append(rng.integers(-most, most + 1, own[drop:] if data.draw(st.booleans()) else own))
    found = contracted(parts, lengths, len(shape))
    whole_product = np.broadcast_to(
        np.prod(np.array(np.broadcast_arrays(*parts), dtype=object), axis=0),
        np.broadcast_shapes(shape, *[part.shape for part in parts]),
    )
    expected = whole_product.sum(axis=tuple(range(len(lengths)))) if 0 not in lengths else np.zeros(rest, object)
    assert found.dtype == np.int64
    assert (np.broadcast_to(found, rest).astype(object) == expected).all()


def test_values_of_functions_are_those_of_each_argument_in_each_state(vocabulary, binding, states):
    program = decompiled(NET, vocabulary)
    found = evaluate_functions(program, binding, states, {"unit": (range(1, 2), range(-1, 4)), "cell": (range(3),)})
    assert (found["cell"] == states["heights"]).all() and found["cell"].dtype == np.int64
    walls = np.pad(states["heights"], ((0, 0), (1, 1)), constant_values=7)
    unit = np.stack([(5 * walls[:, c + 1] - 2 * walls[:, c + 2] + 1) // 2 for c in range(3)], axis=1)
    assert (found["unit"][:, 0, 1:4] == np.clip(unit, 0, 63)).all()
    assert (found["unit"][:, 0, [0, 4]] == 4).all() and found["unit"].shape == (len(states), 1, 5)


def test_functions_may_be_flags_decimals_and_alike_in_all_states(vocabulary, binding, states):
    text = "def f():\n    return lamp()\ndef g(x):\n    return drift() * x\ndef h(x):\n    return (5, 6)[x]\n"
    text += START + "    return 1 if f() and g(1) > h(piece() % 2) else 0\n"
    program = decompiled(text, vocabulary)
    found = evaluate_functions(program, binding, states, {"f": (), "g": (range(1, 2),), "h": (range(2),)})
    assert (found["f"] == states["lamp"]).all() and found["f"].dtype == bool
    assert (found["g"][:, 0] == states["drift"]).all()
    assert (found["h"] == [5, 6]).all() and found["h"].shape == (len(states), 2)
    assert evaluate_functions(program, binding, states[:0], {"f": ()})["f"].shape == (0,)


def test_given_values_take_the_place_of_a_function(vocabulary, binding, states):
    program = decompiled(NET, vocabulary)
    own = evaluate_functions(program, binding, states, {"unit": program.tabulated["unit"].ranges})
    before = evaluate(program, binding, states).actions
    assert (evaluate(program, binding, states, given=own).actions == before).all()
    turned = {"unit": -own["unit"]}
    assert (evaluate(program, binding, states, given=turned).actions != before).any()
    tops = evaluate_functions(program, binding, states, {"top": (range(3),)}, given=turned)["top"]
    assert (tops == -evaluate_functions(program, binding, states, {"top": (range(3),)})["top"]).all()


def test_functions_that_are_not_known_are_refused(vocabulary, binding, states):
    program = decompiled(NET, vocabulary)
    for wanted in ({"cell": (range(-2, 3),)}, {"cell": (range(5),)}, {"cell": ()}, {"cell": (range(0, 3, 2),)}):
        with pytest.raises(TextError, match=r"known for arguments in \(range\(-1, 4\)\)"):
            evaluate_functions(program, binding, states, wanted)
    with pytest.raises(TextError, match="those that are: cell, unit, top"):
        evaluate_functions(program, binding, states, {"strategy": ()})
    with pytest.raises(TextError, match="DECOMPILATION_LIMITS"):
        evaluate_functions(parse(NET, vocabulary), binding, states, {"cell": (range(3),)})
    for values in (
        {"cell": np.zeros((len(states), 3), int)},
        {"cell": np.zeros((len(states), 5))},
        {"top": np.zeros((3, 3), int)},
    ):
        with pytest.raises(TextError, match=r"values of .* are of kind int and shape"):
            evaluate(program, binding, states, given=values)
    with pytest.raises(TextError, match="no helper with a table"):
        evaluate(program, binding, states, given={"strategy": np.zeros(len(states), int)})
