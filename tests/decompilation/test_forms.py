"""Normal forms: equal ones only of equal functions, and of the rewritings that texts use."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentscope.decompilation.proofs.forms import Form, Forms, atom, key_of
from agentscope.decompilation.proofs.wide import Columns, Unfollowed

ENDS = {"x": (0, 1), "y": (-2, 3), "z": (0, 4)}
GRID = np.array(list(itertools.product(*(range(low, high + 1) for low, high in ENDS.values())))).T


def grown(draw, depth):
    """A random whole-number expression over x, y and z, as a function of an algebra."""
    kind = draw(
        st.sampled_from(
            ["in", "number", "+", "-", "*", "//", "min", "max", "if", "item"] if depth else ["in", "number"]
        )
    )
    if kind == "in":
        name = draw(st.sampled_from(sorted(ENDS)))
        return lambda algebra, known: known[name]
    if kind == "number":
        value = draw(st.integers(-4, 4))
        return lambda algebra, known: value
    parts = [grown(draw, depth - 1) for _ in range(4 if kind == "if" else 2)]
    factor, operator = draw(st.integers(-3, 3)), draw(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))

    def value(algebra, known):
        values = [part(algebra, known) for part in parts]
        if kind in ("+", "-"):
            return algebra.arithmetic(kind, *values)
        if kind == "*":
            return algebra.arithmetic("*", factor, values[0])
        if kind == "//":
            return algebra.arithmetic("//", values[0], abs(factor) + 1)
        if kind in ("min", "max"):
            return algebra.extreme(kind, values)
        if kind == "item":
            index = algebra.extreme("min", [algebra.extreme("max", [values[0], 0]), 2])
            return algebra.choose(algebra.compare("==", index, 1), 5, algebra.number(algebra.compare("<", index, 1)))
        return algebra.choose(algebra.compare(operator, *values[:2]), *values[2:])

    return value


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_forms_are_equal_only_where_functions_are_and_bounds_hold(data):
    forms, columns = Forms(), Columns()
    atoms = {name: atom(name, *ends) for name, ends in ENDS.items()}
    arrays = dict(zip(ENDS, GRID, strict=True))
    found = []
    for _ in range(2):
        function = grown(data.draw, 3)
        form, values = function(forms, atoms), np.broadcast_to(function(columns, arrays), GRID.shape[1])
        low, high = (form.low, form.high) if isinstance(form, Form) else (form, form)
        assert low <= values.min() and values.max() <= high
        found.append((key_of(form), values))
    if found[0][0] == found[1][0]:
        np.testing.assert_array_equal(found[0][1], found[1][1])


X, Y, Z = (atom(name, *ends) for name, ends in ENDS.items())
FORMS = Forms()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (X + Y * 3 - Z, 3 * (Y + X) - (2 * X + Z)),
        (X - X, 0),
        (FORMS.extreme("max", [Z, 0]), Z),  # a clamp that never acts
        (FORMS.extreme("min", [Z, Y, 9]), FORMS.extreme("min", [Y, Z])),
        (FORMS.extreme("min", [FORMS.extreme("max", [Y * 5, 20]), 30]), 20),
        (FORMS.compare("==", X, 1), X),  # a flag
        (FORMS.opposite(FORMS.compare("!=", X, 1)), FORMS.compare(">", X, 0)),
        (FORMS.choose(FORMS.compare("<", Y, 2), 1, 0), FORMS.compare("<=", Y, 1)),
        (FORMS.arithmetic("//", Z + 4, 16), 0),
        (FORMS.compare("<", Z, 5), True),
    ],
)
def test_rewritings_have_one_form(first, second):
    assert key_of(first) == key_of(second)


def test_what_is_no_sum_is_not_followed():
    for operator, other in (("*", Y), ("+", 0.5), ("//", Z), ("/", 2)):
        with pytest.raises(Unfollowed):
            FORMS.arithmetic(operator, Y, other)
    with pytest.raises(Unfollowed):
        FORMS.floor(Y)
