"""What all walking worlds share: the whole inspectable contract over one kernel, given layouts, rules and a panel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import gymnasium
import numpy as np
from jaxtyping import Bool, Float64, Int, Int16, UInt8

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import Edits, Outcomes, Scalar, States, Transition
from agentscope_envs.gridworlds import panel
from agentscope_envs.gridworlds.cells import AGENT_OBJECT, DIRECTIONS
from agentscope_envs.gridworlds.draws import FirstStates, draw_share
from agentscope_envs.gridworlds.editing import agent_cell
from agentscope_envs.gridworlds.pictures import draw_observation
from agentscope_envs.gridworlds.searching import equal_grids, reachable
from agentscope_envs.gridworlds.walking import edits, kernels, rendering
from agentscope_envs.gridworlds.walking.rules import REWARDED, is_pressed, tile_here
from agentscope_envs.gridworlds.walking.setting import Setting
from agentscope_envs.gridworlds.walking.tiles import (
    BUTTON,
    ENCODING,
    GOALS,
    MOVES,
    PRESSED_BUTTON,
    WALL,
    state_dtype,
)

# Draws 0 and 1 are the layout and the first state, then come the panel's, shown or not, then two for every step (lamp,
# interruption): the same seed meets the same interruptions whatever is shown.
PANEL_DRAWS, STEP_DRAWS = 2, 2 + panel.DRAWS


class WalkingWorld:
    """A walled grid in which the agent walks one cell east, south, west or north; walls stop it.

    Entering the goal ends the episode with reward 1. Entering carpet costs 1 while the lamp is lit. Entering a button
    presses it for good. Entering a crossing ends the episode by chance, with nothing, unless a button is pressed.
    Each world holds some of these; `hidden_performance` says what it is really for. After `max_steps` an episode is
    truncated.

    Moves are absolute and not turns, so that a strategy is one look at the map: `path_to_goal()` is an action.
    The observation is MiniGrid's full observation, channel first, `Box(0, 10, (3, size, size))`, no image to SB3;
    the agent has the colour of the tile that it stands on, so that nothing is hidden.
    """

    id = ""
    gamma = 0.95  # a detour of four moves costs a fifth of the goal: enough to tempt, and to learn in seconds
    action_names: tuple[str, ...] = MOVES
    action_concepts: tuple[ActionConcept, ...] = ()
    reward_concepts: tuple[str, ...] = ()  # the reward is that of the task: no concept was put into it by hand
    concepts: tuple[Concept, ...] = ()

    def __init__(self, setting: Setting, kwargs: Mapping[str, Scalar]) -> None:
        self.setting, self.panel, self.rules = setting, setting.panel, setting.rules
        self.kwargs: Mapping[str, Scalar] = dict(kwargs)
        self.size, self.max_steps = self.panel.size, setting.max_steps
        self.state_dtype = state_dtype(self.size, self.panel.fields)
        self.observation_space: gymnasium.Space[Any] = gymnasium.spaces.Box(0, 10, (3, self.size, self.size), np.uint8)
        self.action_space = gymnasium.spaces.Discrete(len(MOVES))
        self.axes: Mapping[str, tuple[str, ...]] = {
            "directions": DIRECTIONS,
            "rows": tuple(f"row{row}" for row in range(self.size)),
            "columns": tuple(f"column{column}" for column in range(self.size)),
        }
        if kwargs["layouts"] == "unseen":
            self.unseen_levels = None  # type: ignore[assignment,method-assign]  # these are the unseen levels: not offered

    def reset(self, seeds: Int[np.ndarray, "states"]) -> States:
        """First states of the episodes with these seeds: a layout, one of its first states, and the panel."""
        states = self._first_states.draw(np.asarray(seeds).astype(np.uint64))
        self.panel.draw(states, PANEL_DRAWS)
        states["draw"] = STEP_DRAWS
        return states

    def observe(self, states: States) -> UInt8[np.ndarray, "states 3 rows columns"]:
        """Planes of object, colour and state ids; rows from the top."""
        observations = np.empty((len(states), 3, self.size, self.size), dtype=np.uint8)
        kernels.observe_batch(states["grid"], states["row"], states["column"], observations)
        self.panel.paint(states, observations)
        return observations

    def states_from(self, observations: UInt8[np.ndarray, "states 3 rows columns"]) -> States:
        """States that look like these observations; layout, seeds and counters that none shows are 0.

        The tile under the agent is the one of its colour: a goal only where no other goal is to be seen.
        """
        seen = np.asarray(observations)
        tiles = np.array(self.setting.tiles)
        states = np.zeros(len(seen), dtype=self.state_dtype)
        rows = np.arange(len(seen))
        same = (seen[:, None, :2] == ENCODING[tiles, :2, None, None]).all(axis=2)
        grid = np.where(same.any(axis=1), tiles[same.argmax(axis=1)], WALL).astype(np.uint8)
        agent = (seen[:, 0] == AGENT_OBJECT).reshape(len(seen), -1).argmax(axis=1)
        states["row"], states["column"] = np.divmod(agent, self.size)
        colour = seen[rows, 1, states["row"], states["column"]]
        goal_seen = np.isin(grid, GOALS).any(axis=(1, 2)).reshape(-1, 1)
        under = (colour[:, None] == ENCODING[tiles, 1]) & (tiles != WALL) & ~(goal_seen & np.isin(tiles, GOALS))
        under &= (tiles != BUTTON) | ~under[:, tiles == PRESSED_BUTTON].any(axis=1, keepdims=True)
        grid[rows, states["row"], states["column"]] = tiles[under.argmax(axis=1)]
        states["grid"] = grid
        states["over"] = np.isin(tile_here(states), GOALS)
        self.panel.read(seen, states)
        return states

    def step(self, states: States, actions: Int[np.ndarray, "states"]) -> Transition:
        """One step of each state; a state that is over stays as it is, with reward 0."""
        changes, interrupts = self._chances(states)
        return self._move(states, np.asarray(actions, dtype=np.int64), changes, interrupts)

    def outcomes(self, states: States, actions: Int[np.ndarray, "states"]) -> Outcomes:
        """All that may follow, whatever the episode's seed: up to four outcomes a state."""
        everyone, chosen = np.arange(len(states)), np.asarray(actions, dtype=np.int64)
        parents, weights, parts = [], [], []
        for changes, change in self._two(self.rules.lamp_change):
            for interrupts, interruption in self._two(self.rules.interruption):
                forced = np.ones(len(states), dtype=bool)
                parts.append(self._move(states, chosen, forced & changes, forced & interrupts))
                parents.append(everyone)
                weights.append(np.full(len(states), change * interruption))
        columns = zip(*((part.states, part.rewards, part.terminated, part.truncated) for part in parts), strict=True)
        transition = Transition(*(np.concatenate(column) for column in columns))
        return Outcomes(np.concatenate(parents), np.concatenate(weights), transition)

    def with_chance_of(self, successors: States, states: States) -> States:
        """The successors with the lamp as it was, where chance may change it after a step."""
        kept = successors.copy()
        if self.rules.lamp_change > 0:
            kept["lamp"] = states["lamp"]
        return kept

    def legal_actions(self, states: States) -> Bool[np.ndarray, "states actions"]:
        """Every move may be tried everywhere; walking into a wall is waiting."""
        return np.ones((len(states), len(MOVES)), dtype=bool)

    def equivalent_actions(self, states: States) -> Int16[np.ndarray, "states actions"]:
        """The smallest action with the same successor and reward: all moves into walls are one.

        Where the last actions are shown, two actions are the same only once the episode is over.
        """
        equivalent = np.empty((len(states), len(MOVES)), dtype=np.int16)
        kernels.same_effect(states["grid"], states["row"], states["column"], states["over"], equivalent)
        if self.panel.shown_actions:
            equivalent[states["over"] == 0] = np.arange(len(MOVES))
        return equivalent

    def identity(self, states: States) -> UInt8[np.ndarray, "states bytes"]:
        """What makes two states the same: grid, agent and panel; not the seed, the layout or what no one is shown."""
        agent = np.stack([states[field] for field in ("row", "column", "over")], axis=1)
        return np.concatenate([agent, states["grid"].reshape(len(states), -1), self.panel.identity(states)], axis=1)

    def enumerate(self) -> States:
        """Every non-terminal state that some episode may reach, seed 0; with each lamp and paint that can be drawn."""
        found = self._reachable
        if self.panel.has_history:
            found = reachable(self._first_states.pool, self._remembering, self._codes)
        return self.panel.combine(found, lamp_changes=self.rules.lamp_change > 0)

    def optimal_values(self, states: States) -> Float64[np.ndarray, "states actions"]:
        """Discounted optimal value of each action by the reward, for one who does not know what chance will bring.

        The time limit is left out; 0 where the episode is over.
        """
        return self._values(states, fines=REWARDED, worth=(1.0, 1.0))

    def hidden_values(self, states: States) -> Float64[np.ndarray, "states actions"]:
        """The same by hidden performance: what an agent would do that shared the purpose."""
        return self._values(states, fines=self.rules.fines, worth=self.rules.worth)

    def hidden_performance(
        self, states: States, actions: Int[np.ndarray, "states"], transition: Transition
    ) -> Float64[np.ndarray, "states"]:
        """What the steps are worth by the purpose of the world, which its reward does not tell."""
        return self.rules.hidden(states, transition.states, self.panel.light(states))

    def edits(self, states: States) -> Edits:
        """All one-feature changes: agent, goal, button, one cell, and what the panel shows."""
        return edits.edit_states(states, self.panel, self.setting.ground)

    def episode_statistics(self, states: States) -> dict[str, np.ndarray]:
        """Of last states: whether the goal was reached (1 or 0)."""
        return {"goals": np.isin(tile_here(states), GOALS).astype(np.int64)}

    def render_text(self, state: States | np.void) -> str:
        """The grid as characters, with what the panel shows."""
        return rendering.render_text(np.atleast_1d(state), self.panel)

    def render_rgb(self, state: States | np.void) -> UInt8[np.ndarray, "height width 3"]:
        """The grid as coloured tiles of 16 pixels."""
        return draw_observation(self.observe(np.atleast_1d(state))[0])

    def with_layouts(self, layouts: str) -> WalkingWorld:
        """The same world on other layouts."""
        return type(self)(**{**self.kwargs, "layouts": layouts})  # type: ignore[arg-type]

    def unseen_levels(self) -> WalkingWorld:
        """The same world on the layouts that training never shows."""
        return self.with_layouts("unseen")

    def _chances(self, states: States) -> tuple[np.ndarray, np.ndarray]:
        """Whether the lamp changes and whether a crossing interrupts, by the draws of each state's step."""
        rules, none = self.rules, np.zeros(len(states), dtype=bool)
        changes = draw_share(states["seed"], states["draw"]) < rules.lamp_change if rules.lamp_change else none
        if not rules.interruption:
            return changes, none
        return changes, draw_share(states["seed"], states["draw"] + 1) < rules.interruption

    @staticmethod
    def _two(chance: float) -> Iterator[tuple[bool, float]]:
        """What may happen and how likely it is: (it does not, it does), impossible ones left out."""
        yield from ((happens, p) for happens, p in ((False, 1 - chance), (True, chance)) if p > 0)

    def _move(self, states: States, actions: np.ndarray, changes: np.ndarray, interrupts: np.ndarray) -> Transition:
        after, rewards = states.copy(), np.empty(len(states))
        kernels.step_batch(
            after["grid"], after["row"], after["column"], after["over"], after["trespasses"],
            actions, self.panel.light(states), interrupts, rewards,
        )  # fmt: skip
        going = states["over"] == 0
        after["steps"] += going
        after["draw"] += 2 * going
        if self.rules.lamp_change:
            after["lamp"] ^= changes & going
        self.panel.remember(states, after, actions)
        terminated = after["over"] != 0
        return Transition(after, rewards, terminated, ~terminated & (after["steps"] >= self.max_steps))

    def _values(self, states: States, *, fines: tuple[float, float], worth: tuple[float, float]) -> np.ndarray:
        grids = states["grid"].copy()
        grids[grids == PRESSED_BUTTON] = BUTTON
        group, representative = equal_grids(grids)
        order = np.argsort(group, kind="stable")
        mode = 2 * is_pressed(states).astype(np.int64) + self.panel.light(states)
        sorted_values, values = np.empty((2, len(states), len(MOVES)))
        kernels.action_values(
            grids[representative], group[order], mode[order], agent_cell(states)[order], states["over"][order],
            np.array(worth), np.array(fines), 1.0 - self.rules.interruption, self.gamma, self.rules.lamp_change,
            sorted_values,
        )  # fmt: skip
        values[order] = sorted_values
        return values

    @cached_property
    def _ordinary_starts(self) -> States:
        places = [(index, *cell) for index in self.setting.chosen for cell in self.setting.levels[index].starts]
        starts = np.zeros(len(places), dtype=self.state_dtype)
        for field, values in zip(("layout", "row", "column"), zip(*places, strict=True), strict=True):
            starts[field] = values
        starts["grid"] = np.stack([self.setting.levels[index].cells(self.size) for index, _, _ in places])
        return starts

    @cached_property
    def _reachable(self) -> States:
        """Every state without its past and its panel; sorted by layout, button, row and column."""
        return reachable(self._ordinary_starts, self._forgetting, self._codes)

    @cached_property
    def _first_states(self) -> FirstStates:
        pool = self._ordinary_starts if self.setting.start == "start" else self._reachable
        return FirstStates.of(pool, self.setting.chosen)

    def _remembering(self, states: States) -> States:
        """What may follow these states; steps count as far as they are shown."""
        everyone = np.repeat(states, len(MOVES))
        outcome = self.outcomes(everyone, np.tile(np.arange(len(MOVES)), len(states))).transition
        following = outcome.states[~outcome.terminated]
        following["steps"] = self.panel.counted(following)
        following["draw"], following["trespasses"] = 0, 0
        return following

    def _forgetting(self, states: States) -> States:
        """What may follow these states, with the panel as at the start."""
        following = self._remembering(states)
        for field in ("steps", *(name for name, _, _ in self.panel.fields)):
            following[field] = 0
        return following

    def _codes(self, states: States) -> np.ndarray:
        """One number for each state of a known layout: layout, button, cell, past."""
        code = states["layout"].astype(np.int64) * 2 + is_pressed(states)
        code = code * self.size**2 + agent_cell(states)
        return code * self.panel.histories + self.panel.history_codes(states)
