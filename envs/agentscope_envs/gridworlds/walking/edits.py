"""One-feature changes of the states of walking worlds, each with the verdict of the rules."""

from __future__ import annotations

import numpy as np

from agentscope.contracts import Edits, States
from agentscope_envs.gridworlds.editing import (
    Feature,
    cells_of,
    edit_all,
    edits_of_agent,
    edits_of_ground,
    edits_of_panel,
    edits_of_place,
    has_possible_past,
)
from agentscope_envs.gridworlds.panel import Panel
from agentscope_envs.gridworlds.walking.rules import tile_here
from agentscope_envs.gridworlds.walking.tiles import BUTTON, EMPTY, GOALS, PRESSED_BUTTON, TILES, WALL


def edit_states(states: States, panel: Panel, ground: tuple[int, ...]) -> Edits:
    """All one-feature changes of each state, parent by parent, feature by feature, value by value.

    Features and their values: `agent_cell` (cell index), `goal` (cell index, its colour kept), where a world has a
    button `button` (0 up, 1 pressed) and `button_cell` (cell index), `cell_r_c` for each inner cell (index into
    `ground`), and those of the panel. Objects move onto empty cells only, the border stays wall, and a state that is
    over has no edits. Legal is what some layout allows at some time: nobody stands on a button that is up. Whether
    the goal can still be reached is not asked.
    """
    size = panel.size
    open_tiles = [tile for tile in range(len(TILES)) if tile not in (WALL, BUTTON, *GOALS)]
    features = [
        edits_of_agent(size, open_tiles),
        edits_of_place("goal", size, GOALS, EMPTY),
        Feature("button", np.arange(2), _button_applies, _set_button),
        edits_of_place("button_cell", size, (BUTTON, PRESSED_BUTTON), EMPTY),
        *edits_of_ground(size, ground),
        *edits_of_panel(panel),
    ]
    if not np.isin(states["grid"], (BUTTON, PRESSED_BUTTON)).any():
        features = [feature for feature in features if not feature.name.startswith("button")]
    return edit_all(states, features, lambda edited: (tile_here(edited) != BUTTON) & has_possible_past(panel, edited))


def _button_applies(states: States) -> np.ndarray:
    cells = cells_of(states)
    return np.stack([(cells == tile).any(axis=1) for tile in (PRESSED_BUTTON, BUTTON)], axis=1)


def _set_button(states: States, values: np.ndarray) -> None:
    cells = cells_of(states)
    grid = np.where(np.isin(cells, (BUTTON, PRESSED_BUTTON)), np.where(values, PRESSED_BUTTON, BUTTON)[:, None], cells)
    states["grid"] = grid.reshape(states["grid"].shape)
