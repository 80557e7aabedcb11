"""A study: lessons beside everything that the forms read from them, measured once and shared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from agentscope.contracts import InspectableEnv
from agentscope.language import vocabulary_of
from agentscope.language.columns import Column, constant, state_columns
from agentscope.strategies.cart import Cart, grow_cart
from agentscope.strategies.columns import ActionColumn, ActionTable, action_columns, action_tables
from agentscope.strategies.conditions import Conditions, conditions_of
from agentscope.strategies.fitting import screened
from agentscope.strategies.lessons import Lessons, cost_of_actions, take
from agentscope.strategies.trees import Tree

CARTS = (64, 4_096)  # leaves up to which CART is grown at once: smaller trees are cut from these
MOST_SCORED = 8_000  # states on which scores are fitted: times actions times features they fill the memory


@dataclass(frozen=True)
class Study:
    """One environment, the lessons to fit on, and their features.

    Attributes:
        absolute: whether coordinates may be read; off by default, since a look-up table is not a strategy.
    """

    env: InspectableEnv
    lessons: Lessons
    absolute: bool = False

    @property
    def actions(self) -> tuple[str, ...]:
        """How each action is written: by name, or by number where the name is not a constant of the language."""
        vocabulary = vocabulary_of(self.env)
        return tuple(constant(vocabulary, name, index) for index, name in enumerate(self.env.action_names))

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Every state concept at every place."""
        return state_columns(self.env, self.lessons.states, absolute=self.absolute)

    @cached_property
    def conditions(self) -> Conditions:
        """Every question that a tree may ask."""
        return conditions_of(self.columns)

    def screened_conditions(self, generator: np.random.Generator) -> Conditions:
        """The questions that large trees ask, few enough to search among."""
        kept = screened(self.conditions.truth, self.cost, generator)
        return Conditions(tuple(self.conditions.tests[at] for at in kept), self.conditions.truth[:, kept])

    def cart(self, size: int) -> Tree:
        """CART with so many leaves over all questions, taught the actions that count as right; grown once."""
        largest = next((most for most in CARTS if size <= most), size)
        if largest not in self._carts:
            self._carts[largest] = grow_cart(self.conditions.truth, self.lessons.same.argmax(axis=1), largest)
        return self._carts[largest].tree(size)

    @cached_property
    def _carts(self) -> dict[int, Cart]:
        return {}

    @cached_property
    def scored(self) -> Lessons:
        """The lessons on which scores are fitted: evenly spaced rows, since each takes all its afterstates along."""
        rows = np.linspace(0, len(self.lessons) - 1, min(len(self.lessons), MOST_SCORED)).astype(np.int64)
        return take(self.lessons, rows)

    @cached_property
    def action_columns(self) -> tuple[ActionColumn, ...]:
        """Every action concept and afterstate, in the scored lessons."""
        return action_columns(self.env, self.scored.states, absolute=self.absolute)

    @cached_property
    def action_tables(self) -> tuple[ActionTable, ...]:
        """Every choice of a (state, action), in the scored lessons."""
        return action_tables(self.env, self.scored.states, absolute=self.absolute)

    @cached_property
    def cost(self) -> Float[np.ndarray, "states actions"]:
        """Cost of each action in each state."""
        return cost_of_actions(self.lessons)

    @property
    def weight(self) -> Float[np.ndarray, "states"]:
        """Weight of each state: the cost of its worst action, less in near-ties."""
        return weight_of(self.lessons)


def weight_of(lessons: Lessons) -> Float[np.ndarray, "states"]:
    """Weight of each state: the cost of its worst action, less in near-ties."""
    return np.asarray(np.maximum(cost_of_actions(lessons).max(axis=1), 1e-9))
