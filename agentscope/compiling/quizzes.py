"""Small worlds to compile programs for: every observation there is, in a list, asked in random order.

Nothing moves in them: an agent's choice is right or wrong, and the next question comes by chance. So `enumerate` is the
whole world, and an agent's equality with its program can be checked without a remainder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from typing import Any

import gymnasium
import numpy as np
from jaxtyping import Bool, Int, Shaped

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import Scalar, States, Transition
from agentscope.language import bind_state, evaluate, parse

QUESTIONS = 20  # an episode's length
_STATE = np.dtype([("seed", np.uint64), ("draw", np.int32), ("steps", np.int32), ("question", np.int32)])


@dataclass(eq=False)
class Quiz:
    """One of a list of observations at a time; reward 1 for the action that the rule returns, else 0.

    Attributes:
        name: of the world; its id is AgentScope/Quiz-<name>.
        questions: every observation, uint8.
        concepts: as they are given, their `measure` takes observations; as the world declares them, states.
        rule: the text that gives the right answers.
    """

    name: str
    questions: Shaped[np.ndarray, "questions ..."]
    _: KW_ONLY
    action_names: tuple[str, ...]
    axes: Mapping[str, tuple[str, ...]]
    concepts: tuple[Concept, ...]
    rule: str

    kwargs: Mapping[str, Scalar] = field(default_factory=dict, init=False)
    state_dtype: np.dtype[Any] = field(default=_STATE, init=False)
    action_concepts: tuple[ActionConcept, ...] = field(default=(), init=False)
    reward_concepts: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        self.id = f"AgentScope/Quiz-{self.name}"
        high = int(self.questions.max())
        self.observation_space: gymnasium.Space[Any] = gymnasium.spaces.Box(0, high, self.questions.shape[1:], np.uint8)
        self.action_space = gymnasium.spaces.Discrete(len(self.action_names))
        self.concepts = tuple(replace(concept, measure=self._of_states(concept.measure)) for concept in self.concepts)

    def _of_states(self, measure: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
        return lambda states: measure(self.observe(states).astype(np.int64))

    def reset(self, seeds: Int[np.ndarray, "states"]) -> States:
        """The first question of each episode."""
        states = np.zeros(len(seeds), dtype=_STATE)
        states["seed"] = np.asarray(seeds).astype(np.uint64)
        return self._asked(states)

    def observe(self, states: States) -> Shaped[np.ndarray, "states ..."]:
        """The question itself."""
        observations: np.ndarray = self.questions[states["question"]]
        return observations

    def step(self, states: States, actions: Int[np.ndarray, "states"]) -> Transition:
        """Mark the answer, ask the next question; an episode is cut after 20."""
        after = states.copy()
        after["steps"] += 1
        right = self.answers[states["question"]] == np.asarray(actions)
        over = np.zeros(len(states), dtype=bool)
        return Transition(self._asked(after), right.astype(np.float64), over, after["steps"] >= QUESTIONS)

    def enumerate(self) -> States:
        """Every question, seed and counters 0."""
        states = np.zeros(len(self.questions), dtype=_STATE)
        states["question"] = np.arange(len(self.questions))
        return states

    def identity(self, states: States) -> Int[np.ndarray, "states 1"]:
        """Two states are the same if they ask the same."""
        return np.asarray(states["question"].astype(np.int64)[:, None])

    def legal_actions(self, states: States) -> Bool[np.ndarray, "states actions"]:
        """Any answer may be given."""
        return np.ones((len(states), len(self.action_names)), dtype=bool)

    @cached_property
    def answers(self) -> Int[np.ndarray, "questions"]:
        """The right answer to each question."""
        binding = bind_state(self)
        return evaluate(parse(self.rule, binding.vocabulary), binding, self.enumerate()).actions

    def _asked(self, states: States) -> States:
        """Draw the next question of each state."""
        bits = _mixed(
            states["seed"] + np.uint64(0x9E3779B97F4A7C15) * (states["draw"].astype(np.uint64) + np.uint64(1))
        )
        states["question"] = (bits >> np.uint64(33)) % np.uint64(len(self.questions))
        states["draw"] += 1
        return states


def _mixed(keys: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser (Steele, Lea and Flood 2014): a counter becomes a random number."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(keys ^ (keys >> np.uint64(31)))
