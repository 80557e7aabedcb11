"""A list of questions as an inspectable world: one at a time, in random order, and the right answer earns 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import gymnasium
import numpy as np
from jaxtyping import Bool, Float64, Int, Shaped, UInt8

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import Edits, Scalar, States, Transition
from agentscope.errors import BadOption
from agentscope_envs.chance import draw_bits
from agentscope_envs.quizzes.editing import Neighbours

MAX_STEPS = 20  # questions of an episode
PIXELS = 16  # of a cell in a picture
_PALETTE = np.array([
    (24, 24, 28), (190, 190, 200), (86, 180, 233), (230, 159, 0), (0, 158, 115), (204, 121, 167), (240, 228, 66),
    (213, 94, 0),
], dtype=np.uint8)  # fmt: skip
_STATE = np.dtype([("seed", np.uint64), ("draw", np.int32), ("steps", np.int32), ("question", np.int32)])


@dataclass(frozen=True, kw_only=True)
class Questions:
    """All that a quiz asks, with the right answers.

    Attributes:
        name: of the quiz; its id is AgentScope/Quiz<Name>-v0.
        observations: each different from all others.
        answers: the right action for each.
        concepts: their `measure` takes observations, as int64.
        features: values, from 0 on, that together tell one question from all others: edits change one at a time.
        cells: what a picture shows of one observation: indices into `glyphs`, at most eight.
    """

    name: str
    observations: UInt8[np.ndarray, "questions ..."]
    answers: Int[np.ndarray, "questions"]
    action_names: tuple[str, ...]
    axes: Mapping[str, tuple[str, ...]]
    concepts: tuple[Concept, ...]
    features: Mapping[str, Int[np.ndarray, "questions"]]
    cells: Callable[[np.ndarray], Int[np.ndarray, "rows columns"]]
    glyphs: str


class Quiz:
    """One question at a time; reward 1 for the right answer, else 0. The next question does not depend on the answer.

    Args:
        max_steps: questions after which an episode is truncated.
        kwargs: further arguments that the questions were made with.
    Raises: BadOption.
    """

    gamma = 0.9
    state_dtype: np.dtype[Any] = _STATE
    action_concepts: tuple[ActionConcept, ...] = ()
    reward_concepts: tuple[str, ...] = ()  # the reward is that of the task: no concept was put into it by hand

    def __init__(
        self, questions: Questions, max_steps: int = MAX_STEPS, kwargs: Mapping[str, Scalar] | None = None
    ) -> None:
        if max_steps < 1:
            raise BadOption(f"max_steps={max_steps}: an episode has at least one question.")
        self.questions, self.max_steps = questions, max_steps
        self.id = f"AgentScope/Quiz{questions.name.capitalize()}-v0"
        self.kwargs: Mapping[str, Scalar] = {"max_steps": max_steps, **(kwargs or {})}
        self.action_names, self.axes = questions.action_names, questions.axes
        shape, high = questions.observations.shape[1:], int(questions.observations.max())
        self.observation_space: gymnasium.Space[Any] = gymnasium.spaces.Box(0, high, shape, np.uint8)
        self.action_space = gymnasium.spaces.Discrete(len(self.action_names))
        self.concepts = tuple(
            replace(concept, measure=self._of_states(concept.measure)) for concept in questions.concepts
        )

    def _of_states(self, measure: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
        return lambda states: measure(self.observe(states).astype(np.int64))

    def reset(self, seeds: Int[np.ndarray, "states"]) -> States:
        """The first question of each episode."""
        states = np.zeros(len(seeds), dtype=_STATE)
        states["seed"] = np.asarray(seeds).astype(np.uint64)
        return self._asked(states)

    def observe(self, states: States) -> UInt8[np.ndarray, "states ..."]:
        """The question itself."""
        observations: np.ndarray = self.questions.observations[states["question"]]
        return observations

    def states_from(self, observations: Shaped[np.ndarray, "states ..."]) -> States:
        """The questions that look like these; seeds and counters, which no observation shows, are 0.

        Raises: BadOption: one of them is no question of this quiz.
        """
        rows = _as_rows(np.asarray(observations).astype(np.uint8))
        known, where = self._known
        place = np.minimum(np.searchsorted(known, rows), len(known) - 1)
        strange = int((known[place] != rows).sum())
        if strange:
            raise BadOption(f"{strange} of {len(rows)} observations are no question of {self.id}.")
        states = np.zeros(len(rows), dtype=_STATE)
        states["question"] = where[place]
        return states

    def step(self, states: States, actions: Int[np.ndarray, "states"]) -> Transition:
        """Mark the answer, ask the next question."""
        after = states.copy()
        after["steps"] += 1
        right = self.questions.answers[states["question"]] == np.asarray(actions)
        over = np.zeros(len(states), dtype=bool)
        return Transition(self._asked(after), right.astype(np.float64), over, after["steps"] >= self.max_steps)

    def enumerate(self) -> States:
        """Every question, seed and counters 0."""
        states = np.zeros(len(self.questions.answers), dtype=_STATE)
        states["question"] = np.arange(len(states))
        return states

    def identity(self, states: States) -> Int[np.ndarray, "states 1"]:
        """Two states are the same if they ask the same."""
        return np.asarray(states["question"].astype(np.int64)[:, None])

    def legal_actions(self, states: States) -> Bool[np.ndarray, "states actions"]:
        """Any answer may be given."""
        return np.ones((len(states), len(self.action_names)), dtype=bool)

    def optimal_values(self, states: States) -> Float64[np.ndarray, "states actions"]:
        """1 for the right answer, and for each action what all later right answers are worth, whatever is asked."""
        right = self.questions.answers[states["question"]][:, None] == np.arange(len(self.action_names))
        return np.asarray(right + self.gamma / (1 - self.gamma))

    def edits(self, states: States) -> Edits:
        """All questions that differ from a state's in one feature, parent by parent."""
        parent, question, feature, value = self._neighbours.of(states["question"])
        edited = states[parent]
        edited["question"] = question
        legal = np.ones(len(edited), dtype=bool)
        return Edits(parent, edited, feature, value, legal, tuple(self.questions.features))

    def render_text(self, state: States | np.void) -> str:
        """The question as characters."""
        return "\n".join("".join(self.questions.glyphs[index] for index in row) for row in self._cells(state))

    def render_rgb(self, state: States | np.void) -> UInt8[np.ndarray, "height width 3"]:
        """The question as coloured squares of 16 pixels."""
        return np.asarray(_PALETTE[np.kron(self._cells(state), np.ones((PIXELS, PIXELS), dtype=np.int64))])

    def _cells(self, state: States | np.void) -> Int[np.ndarray, "rows columns"]:
        return self.questions.cells(self.observe(np.atleast_1d(state))[0].astype(np.int64))

    @cached_property
    def _known(self) -> tuple[np.ndarray, np.ndarray]:
        """All questions in the order of their bytes, and the number of each."""
        rows = _as_rows(self.questions.observations)
        where = np.argsort(rows)
        return rows[where], where

    @cached_property
    def _neighbours(self) -> Neighbours:
        return Neighbours(np.stack(list(self.questions.features.values()), axis=1))

    def _asked(self, states: States) -> States:
        """Draw the next question of each state."""
        bits = draw_bits(states["seed"], states["draw"])
        states["question"] = (bits >> np.uint64(33)) % np.uint64(len(self.questions.answers))
        states["draw"] += 1
        return states


def labels(name: str, count: int) -> tuple[str, ...]:
    """Labels of an axis: row0, row1, ..."""
    return tuple(f"{name}{index}" for index in range(count))


def _as_rows(observations: np.ndarray) -> np.ndarray:
    """Each observation as one value that can be sorted."""
    flat = np.ascontiguousarray(observations.reshape(len(observations), -1))
    return flat.view(np.dtype((np.void, flat.shape[1])))[:, 0]
