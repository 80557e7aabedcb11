"""Rolling up: the boxes hold exactly the terms, and known patterns become the one loop that they are."""

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agentscope.decompilation.recovery.patterns import pattern_of
from agentscope.decompilation.recovery.rolling import Link, boxes_of

SIZES = ((0, 3), (0, 4))


def terms_of(boxes):
    """Every term of the boxes, summed by index."""
    found = {}
    for box in boxes:
        for index in product(*(range(first, last + 1) for first, last in box.ranges)):
            place = list(index)
            if box.link is not None:
                place[box.link.dim] = (index[box.link.on] + box.link.shift) % box.link.modulus
            weight = box.base + sum(slope * at for slope, at in zip(box.slopes, index, strict=True))
            found[tuple(place)] = found.get(tuple(place), 0) + weight
    return {index: weight for index, weight in found.items() if weight}


@given(st.dictionaries(st.tuples(st.integers(0, 3), st.integers(0, 4)), st.integers(-3, 3).filter(bool), min_size=1))
def test_boxes_are_the_terms(points):
    assert terms_of(boxes_of("f", points, SIZES)) == points


def test_weights_that_grow_by_row_are_one_box():
    points = {(r, c): r for r in range(1, 4) for c in range(5)}
    (box,) = boxes_of("f", points, SIZES)
    assert box.ranges == ((0, 3), (0, 4)) and box.base == 0 and box.slopes == (1, 0)


def test_an_index_that_turns_with_another_is_a_link():
    points = {((place + 1) % 4, place, other): 1 for place in range(4) for other in range(3)}
    (box,) = boxes_of("f", points, ((0, 3), (0, 3), (0, 2)))
    assert box.link == Link(dim=0, on=1, shift=1, modulus=4)


@given(st.lists(st.tuples(*(st.integers(0, 5) for _ in range(4))), min_size=1, max_size=20, unique=True))
def test_a_pattern_gives_every_member_its_numbers_and_its_own_parameters(numbers):
    pattern = pattern_of(numbers)
    assert [pattern.numbers(member) for member in pattern.members] == [tuple(row) for row in numbers]
    assert len(set(pattern.members)) == len(numbers)


def test_neighbours_in_four_directions_are_a_table_of_steps():
    steps = ((0, 1), (1, 0), (0, -1), (-1, 0))
    numbers = [(r, c, r + down, c + right) for down, right in steps for r in range(1, 6) for c in range(1, 6)]
    pattern = pattern_of(numbers)
    assert len(pattern.members[0]) == 3
    assert pattern.tables == ((0, 1, 0, -1), (1, 0, -1, 0))  # right, down, left, up
    assert {member[0] for member in pattern.members} == {0, 1, 2, 3}


def test_a_column_that_is_another_plus_a_constant_takes_no_parameter():
    pattern = pattern_of(np.array([[1, 4, 7], [2, 5, 7], [3, 6, 7]]))
    assert [say.constant for say in pattern.says] == [0, 3, 7]
    assert pattern.members == ((1,), (2,), (3,))
