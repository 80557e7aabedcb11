"""Layouts are many, distinct, solvable, and stay the same from one version to the next."""

import hashlib

import numpy as np

from agentscope_envs.gridworlds import KeyDoor
from agentscope_envs.gridworlds.cells import EMPTY, GOAL, KEY, LAVA, LOCKED_DOOR
from agentscope_envs.gridworlds.layouts import TRAIN, UNSEEN, layout_grid, layout_starts


def all_grids():
    return {index: layout_grid(index, 9).tobytes() for index in (*TRAIN, *UNSEEN)}


def test_at_least_64_training_and_32_unseen_layouts_all_different():
    assert len(TRAIN) >= 64 and len(UNSEEN) >= 32
    assert not set(TRAIN) & set(UNSEEN)
    assert len(set(all_grids().values())) == len(TRAIN) + len(UNSEEN)


def test_layouts_differ_in_more_than_where_the_lava_lies():
    grids = [np.frombuffer(grid, dtype=np.uint8) for grid in all_grids().values()]
    without_lava = {np.where(grid == LAVA, EMPTY, grid).tobytes() for grid in grids}
    assert len(without_lava) == len(grids)


def test_every_layout_has_one_key_one_locked_door_one_goal_and_one_to_four_cells_of_lava():
    for grid in all_grids().values():
        cells = np.frombuffer(grid, dtype=np.uint8)
        assert [(cells == kind).sum() for kind in (KEY, LOCKED_DOOR, GOAL)] == [1, 1, 1]
        assert 1 <= (cells == LAVA).sum() <= 4


def test_starts_are_empty_cells_of_the_first_room():
    for index in TRAIN:
        starts = layout_starts(index, 9)
        assert len(starts) >= 5 and all(layout_grid(index, 9)[cell] == EMPTY for cell in starts)


def test_from_every_reachable_state_the_goal_can_still_be_reached():
    for env in (KeyDoor(), KeyDoor("unseen")):
        assert (env.optimal_values(env.enumerate()).max(axis=1) > 0).all()


def test_layouts_never_move_since_cards_and_figures_depend_on_them():
    digest = hashlib.sha256(b"".join(all_grids().values())).hexdigest()
    assert digest == "095d1e7c45c75ea63ae35c970b41b7e236ef9ee63a2d3f8d99d1aa49f8b3d2dc"


def test_larger_and_smaller_grids_have_layouts_too():
    for size in (7, 13):
        env = KeyDoor(size=size)
        states = env.reset(np.arange(50))
        assert env.observe(states).shape == (50, 3, size, size)
        assert (env.optimal_values(states).max(axis=1) > 0).all()
