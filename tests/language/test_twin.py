"""The twin: hypothesis-made texts run under CPython, state by state, and agree with the evaluator bit for bit."""

# ruff: noqa: E501  texts under test are not broken

from __future__ import annotations

import ast
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
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

CHECKED = settings(
    deadline=None,
    max_examples=120,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


# CPython's side


class Twin:
    """Stand-ins for concepts, domains and builtins that look at one state at a time, in plain Python."""

    def __init__(self, env):
        self.env = env
        self.now = None
        self.names = {"argmax": argmax, "count": count, "sum": from_left, "after": self.after}
        self.names.update(min=min, max=max, any=any, all=all, abs=abs, range=range)
        for concept in (*env.concepts, *env.action_concepts):
            self.names[concept.name] = self.reader(concept)
        for name, labels in env.axes.items():
            self.names[name] = range(len(labels))
        self.names.update({name: index for index, name in enumerate(env.action_names)})
        self.names.update(west=0, middle=1, east=2, O=1, bar=2, flat=0)

    def reader(self, concept):
        def read(*indices):
            values = concept.measure(self.now)[0]
            if any(not 0 <= index < length for index, length in zip(indices, values.shape, strict=True)):
                raise IndexError(concept.name)
            return values[indices].item()

        return read

    def after(self, action, concept, *indices):
        if not 0 <= action < 4 or not self.env.legal_actions(self.now)[0, action]:
            raise IndexError("illegal")
        before = self.now
        self.now = self.env.step(before, np.array([action])).states
        try:
            return concept(*indices)
        finally:
            self.now = before

    def load(self, text):
        """Returns of `strategy` give their line too; tuples are indexed from 0 only."""
        module = ast.parse(text)
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef):
                node.returns = None
            if isinstance(node, ast.FunctionDef) and node.name == "strategy":
                for found in [part for part in ast.walk(node) if isinstance(part, ast.Return)]:
                    found.value = ast.Tuple([found.value, ast.Constant(found.lineno)], ast.Load())
        names = dict(self.names)
        exec(compile(ast.fix_missing_locations(module), "twin", "exec"), names)
        return names

    def at(self, state):
        self.now = state
        legal = self.env.legal_actions(state)[0]
        return [action for action in range(4) if legal[action]]


def argmax(domain, key):
    return max(domain, key=key)


def count(flags):
    return len([flag for flag in flags if flag])


def from_left(numbers):
    """CPython up to 3.11: later versions add floats with compensation."""
    total = 0
    for number in numbers:
        total = total + number
    return total


FAILS = (ZeroDivisionError, ValueError, IndexError)


# texts, typed so that most of them pass the checker


class Names:
    def __init__(self, locals_=(), loops=(), acts=(), helper=False, fresh=0):
        self.ints = list(locals_)
        self.loops = list(loops)  # names that run over columns
        self.acts = list(acts)  # names that run over legal actions
        self.helper = helper
        self.fresh = fresh

    def plus(self, *, loop=None, act=None, local=None):
        grown = Names(self.ints, self.loops, self.acts, self.helper, self.fresh + 1)
        grown.loops += [loop] if loop else []
        grown.acts += [act] if act else []
        grown.ints += [local] if local else []
        return grown


def pick(draw, *options):
    return draw(st.sampled_from(options))


def column(draw, names):
    return pick(draw, "west", "middle", "2", *names.loops, *names.loops)


def action(draw, names, depth):
    if depth > 0 and draw(st.integers(0, 5)) == 0:
        return (
            f"argmax(actions, key=lambda a{names.fresh}: {number(draw, names.plus(act=f'a{names.fresh}'), depth - 1)})"
        )
    return pick(draw, "wait", "put_left", *names.acts, *names.acts)


def whole(draw, names, depth):
    leaves = ["0", "1", "3", "7", "12", "piece()", "east", "wait", *names.ints, *names.ints]
    if depth <= 0:
        return pick(draw, *leaves, f"height({column(draw, names)})")
    way = draw(st.integers(0, 13))
    a, b = names, depth - 1
    v = f"v{names.fresh}"
    if way == 0:
        return pick(draw, *leaves)
    if way == 1:
        return f"height({column(draw, a)})"
    if way == 2:
        return f"after({action(draw, a, b)}, height, {column(draw, a)})"
    if way == 3:
        return f"lifted({action(draw, a, b)}, {column(draw, a)})"
    if way in (4, 5):
        operator = pick(draw, "+", "-", "*", "//", "%", "+", "-")
        return f"({whole(draw, a, b)} {operator} {whole(draw, a, b)}) % {pick(draw, '7', '-5', '11')}"
    if way == 6:
        return f"{pick(draw, 'min', 'max')}({whole(draw, a, b)}, {whole(draw, a, b)})"
    if way == 7:
        element, test = whole(draw, a.plus(loop=v), b), flag(draw, a.plus(loop=v), b - 1)
        only = pick(draw, "", f" if {test}")
        return f"{pick(draw, 'sum', 'min', 'max')}({element} for {v} in columns{only}) % 50"
    if way == 8:
        return f"count({flag(draw, a.plus(act=v), b)} for {v} in actions)"
    if way == 9:
        return f"({whole(draw, a, b)} if {flag(draw, a, b)} else {whole(draw, a, b)})"
    if way == 10:
        return f"-{pick(draw, *leaves)}" if draw(st.booleans()) else f"abs({whole(draw, a, b)} - 5)"
    if way == 11:
        return f"{pick(draw, 'TABLE', '(4, 0, height(east))')}[{whole(draw, a, b)} % 3]"
    if way == 12 and names.helper:
        return f"helper({whole(draw, a, b)}, {whole(draw, a, b)}) % 40"
    w = f"w{names.fresh}"
    inner = a.plus(loop=v).plus(act=w)
    return f"sum({whole(draw, inner, b - 1)} % 9 for {v} in columns for {w} in actions)"


def number(draw, names, depth):
    way = draw(st.integers(0, 7))
    if depth <= 0 or way <= 1:
        return (
            pick(draw, "drift()", "0.5", "1e-3", "2.25", f"leap({column(draw, names)}, 3)")
            if way
            else whole(draw, names, 0)
        )
    a, b = names, depth - 1
    v = f"v{names.fresh}"
    if way <= 3:
        operator = pick(draw, "+", "-", "*", "/", "//", "%")
        return f"({number(draw, a, b)} {operator} {number(draw, a, b)})"
    if way == 4:
        return f"{pick(draw, 'sum', 'min', 'max')}({number(draw, a.plus(loop=v), b)} for {v} in columns)"
    if way == 5:
        return f"({number(draw, a, b)} if {flag(draw, a, b)} else {whole(draw, a, b)})"
    if way == 6:
        return f"{pick(draw, 'min', 'max')}({number(draw, a, b)}, {whole(draw, a, b)}, {number(draw, a, b)})"
    return f"after({action(draw, a, b)}, drift)" if draw(st.booleans()) else f"-{number(draw, a, 0)}"


def flag(draw, names, depth):
    way = draw(st.integers(0, 6))
    a, b = names, depth - 1
    if depth <= 0 or way == 0:
        return pick(draw, "lamp()", "piece() == O", f"height({column(draw, a)}) > 4", "drift() < 0.5")
    v = f"v{names.fresh}"
    compare = pick(draw, "<", "<=", ">", ">=", "==", "!=")
    if way == 1:
        return f"{number(draw, a, b)} {compare} {number(draw, a, b)}"
    if way == 2:
        return f"{whole(draw, a, b)} {compare} {whole(draw, a, b)} < {number(draw, a, b)}"
    if way == 3:
        return f"({flag(draw, a, b)} {pick(draw, 'and', 'or')} {flag(draw, a, b)})"
    if way == 4:
        return f"(not {flag(draw, a, b)})"
    if way == 5:
        return f"{pick(draw, 'any', 'all')}({flag(draw, a.plus(loop=v), b)} for {v} in columns)"
    return f"{pick(draw, 'any', 'all')}({flag(draw, a.plus(act=v), b)} for {v} in actions if {flag(draw, a.plus(act=v), 0)})"


def block(draw, names, depth, margin, end):
    """Statements that end in a return; `end` writes the returned expression."""
    lines, pad = [], " " * margin
    for _ in range(draw(st.integers(0, 2))):
        local = f"x{len(names.ints)}"
        lines.append(f"{pad}{local} = {whole(draw, names, 2)}")
        names = names.plus(local=local)
    if names.ints and draw(st.booleans()):
        name, loop = names.ints[-1], f"c{margin}"
        over, inner = pick(draw, ("columns", names.plus(loop=loop)), ("actions", names.plus(act=loop)))
        lines.append(f"{pad}for {loop} in {over}:")
        if draw(st.booleans()):
            lines.append(f"{pad}    if {flag(draw, inner, 1)}:\n{pad}        return {end(draw, inner)}")
        lines.append(f"{pad}    {name} = ({name} * 3 + {whole(draw, inner, 1)}) % 101")
    if depth > 0:
        lines.append(f"{pad}if {flag(draw, names, 2)}:")
        lines.extend(block(draw, names, depth - 1, margin + 4, end))
        if draw(st.booleans()):
            lines.append(f"{pad}elif {flag(draw, names, 1)}:")
            lines.append(f"{pad}    x99 = {whole(draw, names, 1)}")
            lines.append(f"{pad}    if x99 > 2:\n{pad}        return {end(draw, names)}")
    lines.append(f"{pad}return {end(draw, names)}")
    return lines


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
