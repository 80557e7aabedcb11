"""Edits as a list of features: where each applies, and what it does to a state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Int, Int64, UInt8

from agentscope.contracts import Edits, States
from agentscope_envs.gridworlds.panel import Panel


@dataclass(frozen=True)
class Feature:
    """One thing about a state that an edit can change.

    Attributes:
        values: the numbers that edits report, ascending.
        applies: states -> (n, values): whether setting the value changes the state and puts nothing on something else.
        apply: (states, one value each) -> nothing: changes the states in place.
    """

    name: str
    values: Int64[np.ndarray, "values"]
    applies: Callable[[States], np.ndarray]
    apply: Callable[[States, np.ndarray], None]


def edit_all(states: States, features: Sequence[Feature], legal: Callable[[States], np.ndarray]) -> Edits:
    """Every change that applies, parent by parent, feature by feature, value by value; a state that is over has none.

    Args:
        legal: edited states -> whether the rules allow them at some time.
    """
    applies = np.concatenate([feature.applies(states) for feature in features], axis=1)
    parent, candidate = np.nonzero(applies & (states["over"] == 0)[:, None])
    owner = np.repeat(np.arange(len(features)), [len(feature.values) for feature in features])[candidate]
    value = np.concatenate([feature.values for feature in features])[candidate]
    edited = states[parent]
    for index, feature in enumerate(features):
        rows = owner == index
        part = edited[rows]
        feature.apply(part, value[rows])
        edited[rows] = part
    numbers = [part.astype(np.int32) for part in (parent, owner, value)]
    names = tuple(feature.name for feature in features)
    return Edits(numbers[0], edited, numbers[1], numbers[2], legal(edited), names)


def inner_cells(size: int) -> Int64[np.ndarray, "cells"]:
    """Index of every cell that is not on the border, in reading order."""
    return np.arange(size * size).reshape(size, size)[1:-1, 1:-1].ravel()


def cells_of(states: States) -> UInt8[np.ndarray, "states cells"]:
    """The kind of every cell, row after row."""
    return states["grid"].reshape(len(states), states["grid"].shape[1] * states["grid"].shape[2])


def agent_cell(states: States) -> Int64[np.ndarray, "states"]:
    """Index of the cell that the agent stands on."""
    return states["row"].astype(np.int64) * states["grid"].shape[2] + states["column"]


def free_cells(states: States, empty: int) -> Bool[np.ndarray, "states cells"]:
    """Cells of the kind `empty` on which the agent does not stand."""
    free = cells_of(states) == empty
    occupied = np.arange(free.shape[1]) == agent_cell(states)[:, None]
    return np.asarray(free & ~occupied)


def edits_of_agent(size: int, onto: Sequence[int]) -> Feature:
    """The agent stands on another inner cell, one of these kinds."""
    cells = inner_cells(size)

    def applies(states: States) -> np.ndarray:
        return np.isin(cells_of(states)[:, cells], onto) & (agent_cell(states)[:, None] != cells)

    def apply(states: States, values: np.ndarray) -> None:
        states["row"], states["column"] = values // size, values % size

    return Feature("agent_cell", cells, applies, apply)


def edits_of_field(name: str, field: str, count: int) -> Feature:
    """A field of the state has another of the values 0 to count - 1."""
    values = np.arange(count)

    def applies(states: States) -> np.ndarray:
        return np.asarray(states[field][:, None] != values)

    def apply(states: States, chosen: np.ndarray) -> None:
        states[field] = chosen

    return Feature(name, values, applies, apply)


def edits_of_place(name: str, size: int, kinds: Sequence[int], empty: int) -> Feature:
    """The object of these kinds lies on another inner cell that is empty; where there is none, nothing applies."""
    cells = inner_cells(size)

    def applies(states: States) -> np.ndarray:
        lies = np.isin(cells_of(states), kinds)
        return free_cells(states, empty)[:, cells] & lies.any(axis=1).reshape(-1, 1)

    def apply(states: States, values: np.ndarray) -> None:
        grid = cells_of(states).copy()
        lies = np.isin(grid, kinds)
        rows = np.arange(len(grid))
        kind = grid[rows, lies.argmax(axis=1)]
        grid[lies] = empty
        grid[rows, values] = kind
        states["grid"] = grid.reshape(states["grid"].shape)

    return Feature(name, cells, applies, apply)


def edits_of_ground(size: int, ground: Sequence[int]) -> list[Feature]:
    """Each inner cell, `cell_r_c`, holds another of these kinds; values are indices into `ground`."""
    return [
        Feature(
            f"cell_{cell // size}_{cell % size}", np.arange(len(ground)),
            partial(_ground_applies, cell=cell, ground=ground), partial(_lay_ground, cell=cell, ground=ground),
        )
        for cell in inner_cells(size).tolist()
    ]  # fmt: skip


def edits_of_panel(panel: Panel) -> list[Feature]:
    """The lamp, the colour of each painted cell, each action that is shown, the step count."""
    lamps = [edits_of_field("lamp", "lamp", 2)] if panel.lamp else []
    paints = [edits_of_field(f"decoration{cell}", f"paint{cell}", panel.colours) for cell in range(panel.decoration)]
    actions = [
        edits_of_field(f"last_action{back}", f"action{back}", len(panel.action_names) + 1)
        for back in range(1, panel.shown_actions + 1)
    ]
    values = np.arange(panel.shown_steps + 1)

    def applies(states: States) -> np.ndarray:
        return panel.counted(states)[:, None] != values

    counts = [Feature("step_count", values, applies, _set_count)] if panel.shown_steps else []
    return [*lamps, *paints, *actions, *counts]


def has_possible_past(panel: Panel, states: States) -> Bool[np.ndarray, "states"]:
    """Whether the past that is shown can be one: no gap in it, and as many actions as steps are counted."""
    known = [states[f"action{back}"] > 0 for back in range(1, panel.shown_actions + 1)]
    possible = np.ones(len(states), dtype=bool)
    for newer, older in pairwise(known):
        possible &= newer | ~older
    for back, shown in enumerate(known[: panel.shown_steps], start=1):
        possible &= shown == (panel.counted(states) >= back)
    return possible


def _set_count(states: States, values: Int[np.ndarray, "states"]) -> None:
    states["steps"] = values


def _ground_applies(states: States, *, cell: int, ground: Sequence[int]) -> np.ndarray:
    kinds = cells_of(states)[:, cell]
    free = np.isin(kinds, ground) & (agent_cell(states) != cell)
    return free[:, None] & (kinds[:, None] != np.array(ground))


def _lay_ground(states: States, values: Int[np.ndarray, "states"], *, cell: int, ground: Sequence[int]) -> None:
    states["grid"][:, cell // states["grid"].shape[2], cell % states["grid"].shape[2]] = np.array(ground)[values]
