"""KeyDoor's concepts say what they claim, on a map drawn by hand and against plain searches."""

from collections import deque

import numpy as np
import pytest

from agentscope.concepts import KIND_DTYPES
from agentscope_envs.gridworlds import KeyDoor
from agentscope_envs.gridworlds.cells import EMPTY, GOAL, KEY, LOCKED_DOOR, OPEN_DOOR
from agentscope_envs.gridworlds.concepts import OBJECTS, UNREACHABLE, WAYS

MAP = """
#########
#k..#...#
#...#...#
#...D..G#
#...#...#
#.~.#...#
#.#.#...#
#...#...#
#########
"""
ENV = KeyDoor()
CONCEPTS = {concept.name: concept for concept in ENV.concepts}
SAMPLE = ENV.enumerate()[::37]


def drawn(text, row, column, heading, **fields):
    state = np.zeros(1, dtype=ENV.state_dtype)
    state["grid"] = [[".#_dDkG~".index(cell) for cell in line] for line in text.split()]
    for field, value in (("row", row), ("column", column), ("heading", heading), *fields.items()):
        state[field] = value
    return state


def value(name, state):
    concept = CONCEPTS[name]
    measured = concept.measure(state)[0]
    return concept.choices[measured] if concept.kind == "choice" else measured.item()


KNOWN = [
    ("row", 5), ("column", 1), ("heading", "south"), ("has_key", False), ("door_open", False), ("door_locked", True),
    ("cell_here", "empty"), ("cell_ahead", "empty"), ("cell_left", "lava"), ("cell_right", "wall"),
    ("cell_behind", "empty"), ("lava_ahead", False), ("lava_left", True), ("lava_near", True),
    ("distance_to_key", 4), ("steps_to_key", 6), ("path_to_key", "behind"), ("key_ahead", -4), ("key_right", 0),
    ("distance_to_door", 5), ("steps_to_door", 8), ("path_to_door", "behind"), ("door_ahead", -2),
    ("door_right", -3), ("distance_to_goal", UNREACHABLE), ("steps_to_goal", UNREACHABLE),
    ("path_to_goal", "nowhere"), ("goal_ahead", -2), ("goal_right", -6),
]  # fmt: skip


@pytest.mark.parametrize(("name", "expected"), KNOWN)
def test_on_a_map_drawn_by_hand_facing_south_beside_the_lava(name, expected):
    assert value(name, drawn(MAP, 5, 1, 1)) == expected


def test_an_open_door_lets_walks_through_and_a_closed_one_does_not():
    opened = drawn(MAP.replace("D", "_").replace("k", "."), 3, 2, 0, has_key=1)
    assert value("distance_to_goal", opened) == 5 and value("path_to_goal", opened) == "ahead"
    assert value("door_open", opened) and value("distance_to_key", opened) == 0 == value("key_ahead", opened)
    closed = drawn(MAP.replace("D", "d").replace("k", "."), 3, 2, 0, has_key=1)
    assert value("distance_to_goal", closed) == UNREACHABLE and not value("door_locked", closed)


def test_in_the_doorway_the_door_is_here():
    inside = drawn(MAP.replace("D", "_").replace("k", "."), 3, 4, 0, has_key=1)
    assert value("cell_here", inside) == "open_door" and value("path_to_door", inside) == "nowhere"
    assert [value(name, inside) for name in ("distance_to_door", "steps_to_door", "door_ahead")] == [0, 0, 0]


def test_after_the_end_the_goal_is_at_distance_zero_and_lava_leads_nowhere():
    on_goal = drawn(MAP, 3, 7, 0, over=1)
    assert value("distance_to_goal", on_goal) == 0 and value("cell_here", on_goal) == "goal"
    in_lava = drawn(MAP, 5, 2, 0, over=1)
    assert value("distance_to_key", in_lava) == UNREACHABLE and value("cell_here", in_lava) == "lava"


def search(state, kinds, with_turns):
    """Breadth-first walk onto the object from the agent, one state at a time; None where there is no walk."""
    grid, start = state["grid"], (int(state["row"]), int(state["column"]), int(state["heading"]))
    waiting, seen = deque([(start, 0)]), {start}
    while waiting:
        (row, column, heading), cost = waiting.popleft()
        if kinds[0] <= grid[row, column] <= kinds[1]:
            return cost
        if grid[row, column] not in (EMPTY, OPEN_DOOR):
            continue
        following = []
        for turned in range(4) if not with_turns else (heading,):
            step = ((0, 1), (1, 0), (0, -1), (-1, 0))[turned]
            following.append((row + step[0], column + step[1], turned if with_turns else 0))
        if with_turns:
            following += [(row, column, (heading + 1) % 4), (row, column, (heading - 1) % 4)]
        for position in following:
            entered = grid[position[:2]]
            if position not in seen and (entered in (EMPTY, OPEN_DOOR) or kinds[0] <= entered <= kinds[1]):
                seen.add(position)
                waiting.append((position, cost + 1))
    return None


@pytest.mark.parametrize("name", OBJECTS)
def test_walks_equal_a_plain_search_from_the_agent(name):
    for concept, with_turns in ((f"distance_to_{name}", False), (f"steps_to_{name}", True)):
        measured = CONCEPTS[concept].measure(SAMPLE)
        for state, got in zip(SAMPLE, measured, strict=True):
            if name == "key" and state["has_key"]:
                assert got == 0
            else:
                found = search(state, OBJECTS[name], with_turns)
                assert got == (UNREACHABLE if found is None else found)


@pytest.mark.parametrize("name", OBJECTS)
def test_a_step_along_the_path_shortens_the_walk_by_its_own_cost(name):
    states = SAMPLE[CONCEPTS[f"path_to_{name}"].measure(SAMPLE) < WAYS.index("nowhere")]
    side = CONCEPTS[f"path_to_{name}"].measure(states)
    before = CONCEPTS[f"steps_to_{name}"].measure(states)
    turned = ENV.step(states, np.where(side == 3, 0, 1)).states
    turned = np.where(side == 0, states, turned)
    after = CONCEPTS[f"steps_to_{name}"].measure(turned)
    assert (after == before - (side != 0)).all()
    adjacent = (side == 0) & (before == 1)
    ahead = CONCEPTS["cell_ahead"].measure(states)[adjacent]
    low, high = OBJECTS[name]
    assert ((ahead >= low) & (ahead <= high)).all()


def test_shapes_dtypes_bounds_and_choices_are_as_declared():
    everywhere = np.concatenate([ENV.enumerate(), KeyDoor("unseen").enumerate()])
    for concept in ENV.concepts:
        measured = concept.measure(everywhere)
        assert measured.shape == (len(everywhere),) and measured.dtype == KIND_DTYPES[concept.kind], concept.name
        if concept.kind in ("count", "number"):
            assert concept.low <= measured.min() and measured.max() <= concept.high, concept.name
        if concept.kind == "choice":
            assert measured.min() >= 0 and measured.max() < len(concept.choices), concept.name
        assert concept.measure(everywhere[:0]).shape == (0,)


def test_labels_name_one_constant_each_and_no_label_is_a_concept():
    constants = {}
    lists = [ENV.action_names, *ENV.axes.values(), *(concept.choices for concept in ENV.concepts)]
    for labels in lists:
        for index, label in enumerate(labels):
            assert constants.setdefault(label, index) == index, label
    assert not set(constants) & set(CONCEPTS)


def test_only_position_and_heading_are_absolute():
    assert {concept.name for concept in ENV.concepts if concept.absolute} == {"row", "column", "heading"}


def test_relative_concepts_do_not_change_when_the_map_is_turned():
    turned = SAMPLE.copy()
    turned["grid"] = np.rot90(SAMPLE["grid"], -1, axes=(1, 2))  # clockwise
    turned["row"], turned["column"] = SAMPLE["column"], 8 - SAMPLE["row"]
    turned["heading"] = (SAMPLE["heading"] + 1) % 4
    for concept in ENV.concepts:
        if not concept.absolute:
            assert (concept.measure(turned) == concept.measure(SAMPLE)).all(), concept.name


def test_the_first_leg_is_not_the_whole_task():
    locked = SAMPLE[(SAMPLE["grid"] == LOCKED_DOOR).any(axis=(1, 2))]
    assert (CONCEPTS["distance_to_goal"].measure(locked) == UNREACHABLE).all()
    assert (locked["grid"] == GOAL).any() and (SAMPLE["grid"] == KEY).any()
