"""KeyDoor: fetch the key, open the locked door, reach the goal, keep out of the lava."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Unpack

import gymnasium
import numpy as np
from jaxtyping import Bool, Float64, Int, Int16, UInt8

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import Edits, Scalar, States, Transition
from agentscope.errors import BadOption, ContractBroken
from agentscope_envs.gridworlds import edits, kernels, rendering
from agentscope_envs.gridworlds.cells import (
    ACTIONS,
    AGENT_OBJECT,
    CLOSED_DOOR,
    DIRECTIONS,
    EMPTY,
    ENCODING,
    GOAL,
    KEY,
    LOCKED_DOOR,
    OPEN_DOOR,
    state_dtype,
)
from agentscope_envs.gridworlds.concepts import keydoor_concepts
from agentscope_envs.gridworlds.draws import FirstStates
from agentscope_envs.gridworlds.editing import agent_cell
from agentscope_envs.gridworlds.layouts import TRAIN, UNSEEN, layout_grid, layout_starts
from agentscope_envs.gridworlds.panel import Panel, PanelOptions
from agentscope_envs.gridworlds.panel_concepts import panel_concepts
from agentscope_envs.gridworlds.pictures import draw_border, panel_lines
from agentscope_envs.gridworlds.searching import equal_grids, reachable

BALANCE = 5  # weight of an ordinary start among all reachable states: one state in seven has no key
_LEVELS = {"train": TRAIN, "unseen": UNSEEN}


class KeyDoor:
    """Two rooms, a locked door between them, the key in the first, the goal in the second; lava and stubs of wall.

    Actions and dynamics are MiniGrid's: the key blocks the way until it is picked up and is never put down; `toggle`
    opens a locked door for the one who carries the key, and closes and opens it from then on. Reward 1 on the goal,
    -1 in lava (both end the episode), else 0; truncated after `max_steps`. Nothing is random but the choice of the
    layout and of the first state, both drawn from the episode's seed.

    The observation is MiniGrid's full observation, channel first, as ids: `Box(0, 10, (3, size, size))` is not an
    image to SB3, which therefore neither divides by 255 nor transposes. A carried key shows by its absence.

    Args:
        layouts: 'train' (64 layouts) or 'unseen' (32 others that share none with them).
        layout_count: only so many of them, the first ones: few can be learnt in minutes.
        start: 'start': a free cell of the first room and a heading, the key on the floor, the door locked.
            'anywhere': any state reachable from there, uniformly within a layout (for training).
            'balanced': as anywhere, but in about half of the states the key still lies on the floor.
        size: rows and columns of the grid, walls included: 7 to 13.
        max_steps: steps after which an episode is truncated.
        lamp: a lamp on the border wall, lit in the share `lit` of the episodes, without any effect.
        panel: what else the border wall shows (`PanelOptions`); nothing by default.

    Raises: BadOption: an argument has a value that means nothing.
    """

    id = "AgentScope/KeyDoor-v0"
    gamma = 0.99  # discount of optimal_values and of the shipped agents
    action_names: tuple[str, ...] = ACTIONS
    action_concepts: tuple[ActionConcept, ...] = ()
    reward_concepts: tuple[str, ...] = ()  # the reward is that of the task: no concept was put into it by hand

    def __init__(
        self,
        layouts: str = "train",
        start: str = "start",
        *,
        size: int = 9,
        max_steps: int = 200,
        layout_count: int | None = None,
        lamp: bool = False,
        **panel: Unpack[PanelOptions],
    ) -> None:
        if layouts not in _LEVELS:
            raise BadOption(f"layouts={layouts!r} means nothing: choose 'train' or 'unseen'.")
        if start not in ("start", "anywhere", "balanced"):
            raise BadOption(f"start={start!r} means nothing: choose 'start', 'anywhere' or 'balanced'.")
        if not 7 <= size <= 13 or max_steps < 1:
            raise BadOption(f"size={size}, max_steps={max_steps}: size goes from 7 to 13, max_steps from 1.")
        self.panel = Panel(size, ACTIONS, lamp, **panel)
        kwargs: dict[str, Scalar] = {"layouts": layouts, "start": start, "size": size, "max_steps": max_steps}
        self.levels = _LEVELS[layouts][:layout_count]
        if layout_count is not None and not len(self.levels) == layout_count > 0:
            raise BadOption(
                f"layout_count={layout_count}: 1 to {len(_LEVELS[layouts])} of {layouts!r}, or None for all."
            )
        kwargs |= {} if layout_count is None else {"layout_count": layout_count}
        self.kwargs: Mapping[str, Scalar] = kwargs | dict(self.panel.options)
        self.start, self.size, self.max_steps = start, size, max_steps
        self.state_dtype = state_dtype(size, self.panel.fields)
        self.observation_space: gymnasium.Space[Any] = gymnasium.spaces.Box(0, 10, (3, size, size), np.uint8)
        self.action_space = gymnasium.spaces.Discrete(len(ACTIONS))
        self.axes: Mapping[str, tuple[str, ...]] = {
            "directions": DIRECTIONS,
            "rows": tuple(f"row{row}" for row in range(size)),
            "columns": tuple(f"column{column}" for column in range(size)),
        }
        self.concepts: tuple[Concept, ...] = (*keydoor_concepts(size), *panel_concepts(self.panel))
        if layouts == "unseen":
            self.unseen_levels = None  # type: ignore[assignment,method-assign]  # these are the unseen levels: not offered

    def reset(self, seeds: Int[np.ndarray, "states"]) -> States:
        """First states of the episodes with these seeds: a layout, then one of its first states, uniformly."""
        states = self._first_states.draw(np.asarray(seeds).astype(np.uint64))
        self.panel.draw(states, 2)
        states["draw"] = 2 + self.panel.draws
        return states

    def observe(self, states: States) -> UInt8[np.ndarray, "states 3 rows columns"]:
        """MiniGrid's full observation: planes of object, colour and state ids; rows from the top."""
        observations = np.empty((len(states), 3, self.size, self.size), dtype=np.uint8)
        kernels.observe_batch(states, observations)
        self.panel.paint(states, observations)
        return observations

    def states_from(self, observations: UInt8[np.ndarray, "states 3 rows columns"]) -> States:
        """States that look like these observations; layout, seeds and counters, which none shows, are 0.

        The agent hides the cell that it stands on: the open door where no door is to be seen, else empty floor.
        """
        seen = np.asarray(observations)
        states = np.zeros(len(seen), dtype=self.state_dtype)
        same = (seen[:, None, :] == ENCODING[:, :, None, None])[:, :, [0, 2]].all(axis=2)
        grid = same.argmax(axis=1).astype(np.uint8)
        agent = (seen[:, 0] == AGENT_OBJECT).reshape(len(seen), -1).argmax(axis=1)
        states["row"], states["column"] = np.divmod(agent, self.size)
        rows = np.arange(len(seen))
        states["heading"] = seen[rows, 2, states["row"], states["column"]]
        states["has_key"] = ~(grid == KEY).any(axis=(1, 2))
        no_door = ~((grid >= OPEN_DOOR) & (grid <= LOCKED_DOOR)).any(axis=(1, 2))
        grid[rows, states["row"], states["column"]] = np.where(no_door, OPEN_DOOR, EMPTY)
        states["grid"] = grid
        self.panel.read(seen, states)
        return states

    def step(self, states: States, actions: Int[np.ndarray, "states"]) -> Transition:
        """One step of each state; a state that is over stays as it is, with reward 0."""
        after, chosen = states.copy(), np.asarray(actions, dtype=np.int64)
        rewards = np.empty(len(states))
        terminated, truncated = np.empty((2, len(states)), dtype=bool)
        kernels.step_batch(states, chosen, self.max_steps, after, rewards, terminated, truncated)
        self.panel.remember(states, after, chosen)
        return Transition(after, rewards, terminated, truncated)

    def legal_actions(self, states: States) -> Bool[np.ndarray, "states actions"]:
        """Every action may be taken everywhere; what has no effect is equivalent to doing nothing."""
        return np.ones((len(states), len(ACTIONS)), dtype=bool)

    def equivalent_actions(self, states: States) -> Int16[np.ndarray, "states actions"]:
        """The smallest action with the same successor (the step counter aside) and the same reward.

        Where the last actions are shown, two actions are the same only once the episode is over.
        """
        equivalent = np.empty((len(states), len(ACTIONS)), dtype=np.int16)
        kernels.same_effect(states, equivalent)
        if self.panel.shown_actions:
            equivalent[states["over"] == 0] = np.arange(len(ACTIONS))
        return equivalent

    def identity(self, states: States) -> UInt8[np.ndarray, "states bytes"]:
        """What makes two states the same: grid, agent, key and panel; not the seed, the step counter or the layout."""
        fields = ("row", "column", "heading", "has_key", "over")
        agent = np.stack([states[field] for field in fields], axis=1)
        grids = states["grid"].reshape(len(states), self.size**2)
        return np.concatenate([agent, grids, self.panel.identity(states)], axis=1)

    def enumerate(self) -> States:
        """Every non-terminal state reachable from an ordinary start of any layout; seed and uncounted steps are 0."""
        if not self.panel.has_history:
            return self.panel.combine(self._reachable)
        return self.panel.combine(reachable(self._first_states.pool, self._remembering, self._codes))

    def optimal_values(self, states: States) -> Float64[np.ndarray, "states actions"]:
        """Discounted optimal value of each action, the time limit left out; 0 where the episode is over.

        Raises: ContractBroken: a state holds more than one key or door, so that the rules do not say what it means.
        """
        if not len(states):
            return np.empty((0, len(ACTIONS)))
        counted = ((states["grid"] >= OPEN_DOOR) & (states["grid"] <= LOCKED_DOOR)).sum(axis=(1, 2))
        keys = (states["grid"] == KEY).sum(axis=(1, 2)) + states["has_key"]
        if max(counted.max(), keys.max()) > 1:
            raise ContractBroken(
                f"A state holds {keys.max()} keys and {counted.max()} doors, but KeyDoor's optimal values are "
                "defined for at most one of each. Leave such states out."
            )
        doors = np.where((states["grid"] >= OPEN_DOOR) & (states["grid"] <= LOCKED_DOOR), states["grid"], OPEN_DOOR)
        stands = doors.max(axis=(1, 2)).astype(np.int64) - OPEN_DOOR
        places = np.stack([states["has_key"], stands, agent_cell(states), states["heading"]], axis=1)
        grids = states["grid"].copy()
        grids[(grids == OPEN_DOOR) | (grids == CLOSED_DOOR)] = LOCKED_DOOR
        group, representative = equal_grids(grids)
        order = np.argsort(group, kind="stable")
        values, sorted_values = np.empty((2, len(states), len(ACTIONS)))
        kernels.action_values(
            grids[representative], group[order], places[order], states["over"][order], self.gamma, sorted_values
        )
        values[order] = sorted_values
        return values

    def edits(self, states: States) -> Edits:
        """All one-feature changes: the agent's cell or heading, the key, the door, the goal, one cell, the panel."""
        return edits.edit_states(states, self.panel)

    def episode_statistics(self, states: States) -> dict[str, np.ndarray]:
        """Whether the agent stands on the goal (1) or not (0)."""
        here = states["grid"][np.arange(len(states)), states["row"], states["column"]]
        return {"goals": (here == GOAL).astype(np.int64)}

    def render_text(self, state: States | np.void) -> str:
        """The grid as characters, with what the agent carries and what the border wall shows."""
        return "\n".join([rendering.render_text(state), *panel_lines(np.atleast_1d(state), self.panel)])

    def render_rgb(self, state: States | np.void) -> UInt8[np.ndarray, "height width 3"]:
        """The grid as coloured tiles of 16 pixels."""
        image = rendering.render_rgb(state)
        if self.panel.options:
            draw_border(image, self.observe(np.atleast_1d(state))[0])
        return image

    def unseen_levels(self) -> KeyDoor:
        """The same environment on the layouts that training never shows."""
        every = {name: value for name, value in self.kwargs.items() if name != "layout_count"}
        return KeyDoor(**{**every, "layouts": "unseen"})  # type: ignore[arg-type]

    @cached_property
    def _ordinary_starts(self) -> States:
        cells = [(level, row, column) for level in self.levels for row, column in layout_starts(level, self.size)]
        grids = {level: layout_grid(level, self.size) for level in self.levels}
        starts = np.zeros(4 * len(cells), dtype=self.state_dtype)
        for field, values in zip(("layout", "row", "column"), zip(*cells, strict=True), strict=True):
            starts[field] = np.repeat(values, 4)
        starts["heading"] = np.tile(np.arange(4), len(cells))
        starts["grid"] = np.stack([grids[level] for level in starts["layout"]])
        return starts

    @cached_property
    def _reachable(self) -> States:
        """Every state without its past and its panel; sorted by layout, key, door, cell and heading."""
        return reachable(self._ordinary_starts, self._forgetting, self._codes)

    def _forgetting(self, states: States) -> States:
        """What may follow these states, with the panel and the bookkeeping as at the start."""
        following = self._remembering(states)
        for field in ("steps", *(name for name, _, _ in self.panel.fields)):
            following[field] = 0
        return following

    def _remembering(self, states: States) -> States:
        """What may follow these states; steps count as far as they are shown."""
        everyone = np.repeat(states, len(ACTIONS))
        outcome = self.step(everyone, np.tile(np.arange(len(ACTIONS)), len(states)))
        following = outcome.states[~outcome.terminated]
        following["steps"] = self.panel.counted(following)
        return following

    def _codes(self, states: States) -> np.ndarray:
        """One number for each state of a known layout: layout, key, door, cell, heading, past."""
        doors = (states["grid"] == OPEN_DOOR).any(axis=(1, 2)) + 2 * (states["grid"] == CLOSED_DOOR).any(axis=(1, 2))
        code = states["layout"].astype(np.int64)
        parts = ((states["has_key"], 2), (doors, 3), (states["row"], self.size), (states["column"], self.size))
        for part, length in (*parts, (states["heading"], 4), (self.panel.history_codes(states), self.panel.histories)):
            code = code * length + part
        return code

    @cached_property
    def _first_states(self) -> FirstStates:
        """States that an episode may start in."""
        pool = self._ordinary_starts if self.start == "start" else self._reachable
        if self.start == "balanced":
            pool = np.concatenate([pool, *[self._ordinary_starts] * BALANCE])
            pool = pool[np.argsort(pool["layout"], kind="stable")]
        return FirstStates.of(pool, self.levels)
