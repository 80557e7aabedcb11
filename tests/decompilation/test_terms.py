"""Terms: sums are taken apart into boxes without loss, and written as one would."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from agentscope.decompilation.texts.naming import Names, shifted
from agentscope.decompilation.texts.terms import SHORTEST_RUN, Group, boxes_of, written_sum
from agentscope.language import vocabulary_of
from tests.decompilation.shown_worlds import ShownWorld


@settings(deadline=None)
@given(st.integers(1, 3).flatmap(lambda axes: arrays(np.int64, st.tuples(*[st.integers(1, 5)] * axes),
                                                     elements=st.integers(-1, 1))))  # fmt: skip
def test_boxes_hold_every_weight_once(weights):
    rebuilt = np.zeros_like(weights)
    for corner, extent in boxes_of(weights):
        box = tuple(slice(start, start + length) for start, length in zip(corner, extent, strict=True))
        assert (weights[box] == weights[corner]).all() and not rebuilt[box].any()
        assert np.prod(extent) == 1 or np.prod(extent) >= SHORTEST_RUN
        rebuilt[box] = weights[box]
    assert np.array_equal(rebuilt, weights)


def test_a_whole_board_is_one_box():
    assert list(boxes_of(np.full((4, 5), 2))) == [((0, 0), (4, 5))]
    assert list(boxes_of(np.array([0, 3, 3, 0]))) == [((1,), (1,)), ((2,), (1,))]


def term(weight, text):
    return Group(weight, text, 1, False)


@pytest.mark.parametrize(
    ("terms", "constant", "written"),
    [
        ([], 0, "0"),
        ([], -3, "-3"),
        ([term(1, "a()")], 0, "a()"),
        ([term(-1, "a()")], 0, "-a()"),
        ([term(-1, "a()"), term(-5, "b()")], 7, "7 - 5 * b() - a()"),
        ([term(-1, "a()"), term(5, "b()")], -7, "5 * b() - a() - 7"),
        ([term(2, "a()"), term(-2, "b()"), term(1, "c()")], 0, "2 * (a() - b()) + c()"),
        ([term(-4, "a()"), term(-4, "b()"), term(1, "c()")], 0, "c() - 4 * (a() + b())"),
    ],
)
def test_sums_are_written_as_one_would(terms, constant, written):
    assert written_sum(terms, constant) == written


@given(st.lists(st.tuples(st.integers(-3, 3).filter(bool), st.text("abc", min_size=1, max_size=30)), max_size=9),
       st.integers(-9, 9))  # fmt: skip
def test_written_sums_add_up(terms, constant):
    """Python's own arithmetic is the second computation."""
    values = {name: index + 2 for index, name in enumerate({name for _, name in terms})}
    text = written_sum([term(weight, name) for weight, name in terms], constant)
    assert eval(text, {}, values) == constant + sum(weight * values[name] for weight, name in terms)


def test_places_are_added_up():
    assert [shifted("c", -1), shifted("c", "d", 2), shifted(4), shifted("", "r", 0)] == ["c - 1", "c + d + 2", "4", "r"]


def test_names_are_free_and_given_once():
    world = ShownWorld((2,), 1, 2)
    world.action_names = ("jump", "sum_up")
    names = Names(vocabulary_of(world))
    assert names.free("jump") == "jump_2" and names.free("jump") == "jump_3"
    assert names.free("floor", "ground") == "ground" and names.free("floor") == "floor_2"
    assert names.free("c") != "c" and names.letter("c") == "c"
    assert names.free("3 x-y") == "f_3_x_y" and names.free("if") == "f_if"
