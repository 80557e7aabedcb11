"""CPython's side of the twin tests, and the pieces of made texts."""

# ruff: noqa: E501  texts under test are not broken

from __future__ import annotations

import ast
import math

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

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
        self.names.update(min=min, max=max, any=any, all=all, abs=abs, range=range, floor=floor)
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


def floor(number):
    """CPython's, within the bounds that the language sets."""
    if abs(number) > 2**53:
        raise OverflowError
    return math.floor(number)


def from_left(numbers):
    """CPython up to 3.11: later versions add floats with compensation."""
    total = 0
    for number in numbers:
        total = total + number
    return total


FAILS = (ZeroDivisionError, ValueError, IndexError, OverflowError)


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
    way = draw(st.integers(0, 14))
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
    if way == 13:
        return f"min(max(floor({number(draw, a, b)}), -50), 50)"
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
