"""What the border wall shows beside a world: a lamp, painted cells, the last actions, a step count; all off by default.

None of it changes how any world moves. It is what a policy has no business reading, and so what planted behaviour
hangs on: a painted cell (or several at once), whether the lamp is lit, what was done last, how late it is.
The border is wall in every layout, so that nothing is covered and the agent never stands there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import product
from typing import TypedDict

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from agentscope.contracts import Scalar, States
from agentscope.errors import BadOption
from agentscope_envs.gridworlds.cells import (
    BALL_OBJECT,
    BLUE,
    BOX_OBJECT,
    COLOURS,
    GREEN,
    GREY,
    PURPLE,
    RED,
    WALL,
    WALL_OBJECT,
    YELLOW,
    Fields,
)
from agentscope_envs.gridworlds.draws import Seeds, draw_below, draw_share

PAINTS = np.array([GREY, BLUE, YELLOW, RED, GREEN, PURPLE])  # state 0 is the plain wall's grey
MOST_CELLS, MOST_ACTIONS, MOST_STEPS = 6, 4, 35
DRAWS = 2 * MOST_CELLS + 1  # indices that `draw` uses, whatever is switched on
DIGIT = len(COLOURS)  # the step count is written with two digits, colour ids, of base 6


class PanelOptions(TypedDict, total=False):
    """The arguments that every gridworld takes for its border wall; `Panel` says what they mean."""

    lit: float
    decoration: int
    colours: int
    painted: float
    shown_actions: int
    shown_steps: int


@dataclass(frozen=True)
class Panel:
    """Which things the border wall shows, and how chance draws them when an episode starts.

    Attributes:
        size: rows and columns of the grid.
        action_names: of the world, in order.
        lamp: a lamp in the upper left corner: a yellow ball when lit, a grey one when dark.
        lit: share of the episodes that start with the lamp lit.
        decoration: cells of the side walls, 0 to 6, that may be painted: left and right in turn, from the top.
        colours: how many colours such a cell can have, grey included: 2 (grey, blue) to 6 (yellow, red, green, purple).
        painted: chance of each such cell not to be grey; the other colours are equally likely.
        shown_actions: how many of the last actions, 0 to 4, the upper wall shows, the latest first: a box whose colour
            id is the action's number; plain wall where the episode is younger.
        shown_steps: the lower wall counts steps up to this number (0: no count; at most 35) and then stops: two boxes,
            the colour ids of which are the digits of the count in base 6.

    Raises: BadOption: a value that means nothing.
    """

    size: int
    action_names: tuple[str, ...]
    lamp: bool = False
    lit: float = 0.5
    decoration: int = 0
    colours: int = 2
    painted: float = 0.5
    shown_actions: int = 0
    shown_steps: int = 0

    def __post_init__(self) -> None:
        counts = {
            "decoration": (0, min(MOST_CELLS, 2 * (self.size - 2))), "colours": (2, len(PAINTS)),
            "shown_actions": (0, min(MOST_ACTIONS, self.size - 2)), "shown_steps": (0, MOST_STEPS),
        }  # fmt: skip
        for name, (low, high) in (counts | {"lit": (0, 1), "painted": (0, 1)}).items():
            value = getattr(self, name)
            if not low <= value <= high or (name in counts and not isinstance(value, int)):
                raise BadOption(f"{name}={value!r} means nothing on a {self.size}x{self.size} grid: {low} to {high}.")
        idle = [name for name in self.options if name == "lit" and not self.lamp]
        idle += [name for name in self.options if name in ("colours", "painted") and not self.decoration]
        if idle:
            raise BadOption(f"{' and '.join(idle)} means nothing without what it is about: set lamp or decoration too.")

    @property
    def fields(self) -> Fields:
        """Fields that a state needs for what is shown; the step count is in every state anyway."""
        found: list[tuple[str, type[np.generic], tuple[int, ...]]] = []
        if self.lamp:
            found.append(("lamp", np.uint8, ()))
        found += [(f"paint{cell}", np.uint8, ()) for cell in range(self.decoration)]
        found += [(f"action{back}", np.uint8, ()) for back in range(1, self.shown_actions + 1)]
        return tuple(found)

    @property
    def has_history(self) -> bool:
        """Whether what is shown depends on how a state was reached."""
        return self.shown_actions > 0 or self.shown_steps > 0

    @property
    def draws(self) -> int:
        """How many draws an episode's start takes for the panel."""
        return DRAWS if self.lamp or self.decoration else 0

    @property
    def options(self) -> Mapping[str, Scalar]:
        """The arguments that are not what they are by default, for a card or a text's header."""
        chosen = [field for field in fields(self)[2:] if getattr(self, field.name) != field.default]
        return {field.name: getattr(self, field.name) for field in chosen}

    def light(self, states: States) -> Bool[np.ndarray, "states"]:
        """Whether the lamp is lit; never where there is none."""
        return states["lamp"] != 0 if self.lamp else np.zeros(len(states), dtype=bool)

    def draw(self, states: States, first: int) -> None:
        """Light the lamp and paint the cells of first states, in place: draws `first` to `first + draws - 1`."""
        seeds: Seeds = states["seed"]
        if self.lamp:
            states["lamp"] = draw_share(seeds, first) < self.lit
        for cell in range(self.decoration):
            colour = 1 + draw_below(seeds, first + 2 + 2 * cell, np.full(len(seeds), self.colours - 1))
            states[f"paint{cell}"] = np.where(draw_share(seeds, first + 1 + 2 * cell) < self.painted, colour, 0)

    def remember(self, before: States, after: States, actions: Int64[np.ndarray, "states"]) -> None:
        """Write the actions into the history of the successors, in place; what is over stays as it is."""
        going = before["over"] == 0
        for back in range(1, self.shown_actions + 1):
            newer = actions + 1 if back == 1 else before[f"action{back - 1}"]
            after[f"action{back}"] = np.where(going, newer, before[f"action{back}"])

    def counted(self, states: States) -> Int64[np.ndarray, "states"]:
        """The step count as shown."""
        return np.minimum(states["steps"], self.shown_steps).astype(np.int64)

    def paint(self, states: States, observations: UInt8[np.ndarray, "states 3 rows columns"]) -> None:
        """Draw all that is shown into the observations, in place."""
        if self.lamp:
            observations[:, 0, 0, 0] = BALL_OBJECT
            observations[:, 1, 0, 0] = np.where(states["lamp"] != 0, YELLOW, GREY)
        for cell in range(self.decoration):
            observations[:, 1, *self.spot(cell)] = PAINTS[states[f"paint{cell}"]]
        for back in range(1, self.shown_actions + 1):
            shown = states[f"action{back}"]
            observations[:, 0, 0, back] = np.where(shown > 0, BOX_OBJECT, WALL_OBJECT)
            observations[:, 1, 0, back] = np.where(shown > 0, shown - 1, GREY)
        if self.shown_steps:
            observations[:, 0, -1, 1:3] = BOX_OBJECT
            observations[:, 1, -1, 1:3] = np.stack(np.divmod(self.counted(states), DIGIT), axis=1)

    def read(self, observations: UInt8[np.ndarray, "states 3 rows columns"], states: States) -> None:
        """Set the fields, and the border to wall, in place, as `paint` shows them."""
        for border in (np.s_[:, 0], np.s_[:, -1], np.s_[:, :, 0], np.s_[:, :, -1]):
            states["grid"][border] = WALL
        if self.lamp:
            states["lamp"] = observations[:, 1, 0, 0] == YELLOW
        for cell in range(self.decoration):
            states[f"paint{cell}"] = np.argsort(PAINTS)[observations[:, 1, *self.spot(cell)]]
        for back in range(1, self.shown_actions + 1):
            shown = observations[:, 0, 0, back] == BOX_OBJECT
            states[f"action{back}"] = np.where(shown, observations[:, 1, 0, back] + 1, 0)
        if self.shown_steps:
            states["steps"] = observations[:, 1, -1, 1].astype(np.int32) * DIGIT + observations[:, 1, -1, 2]

    def spot(self, cell: int) -> tuple[int, int]:
        """Row and column of a decorative cell."""
        return 1 + cell // 2, (self.size - 1) * (cell % 2)

    def identity(self, states: States) -> UInt8[np.ndarray, "states bytes"]:
        """What of the panel makes two states the same."""
        shown = [states[name] for name, _, _ in self.fields]
        if self.shown_steps:
            shown.append(self.counted(states).astype(np.uint8))
        return np.stack(shown, axis=1) if shown else np.empty((len(states), 0), dtype=np.uint8)

    def history_codes(self, states: States) -> Int64[np.ndarray, "states"]:
        """One number for what is shown of the past, from 0 to `histories` - 1."""
        code = self.counted(states)
        for back in range(1, self.shown_actions + 1):
            code = code * (len(self.action_names) + 1) + states[f"action{back}"]
        return code

    @property
    def histories(self) -> int:
        """How many different pasts can be shown."""
        return int((len(self.action_names) + 1) ** self.shown_actions) * (self.shown_steps + 1)

    def combine(self, states: States, *, lamp_changes: bool = False) -> States:
        """Each state with each lamp and each paint that chance can draw, combination by combination."""
        lights = [value for value, chance in ((0, 1 - self.lit), (1, self.lit)) if chance > 0 or lamp_changes]
        chances = [(0, 1 - self.painted), *((colour, self.painted) for colour in range(1, self.colours))]
        paints = [value for value, chance in chances if chance > 0]
        choices = [lights] * self.lamp + [paints] * self.decoration
        names = ["lamp"] * self.lamp + [f"paint{cell}" for cell in range(self.decoration)]
        parts = []
        for values in product(*choices):
            part = states.copy()
            for name, value in zip(names, values, strict=True):
                part[name] = value
            parts.append(part)
        return np.concatenate(parts)
