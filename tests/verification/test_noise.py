"""The noise floor: students and twins whose agreement is known."""

import numpy as np
import pytest

from agentscope.rollouts import decide, enumerated_states
from agentscope.verification import noise_floor


class Student:
    """Walks right whatever the lamp."""

    def scores(self, observations):
        return np.tile(np.array([0.0, 1.0, 0.0, 0.0, 0.0]), (len(observations), 1))


def test_student_and_twin_are_measured_like_a_text(corridor, walker):
    states = enumerated_states(corridor)
    floor = noise_floor(
        corridor, states, decide(walker, corridor, states.states), student=Student(),
        student_facts={"parameters": 4, "plateau": False}, other=walker, generator=np.random.default_rng(0),
    )  # fmt: skip
    assert floor.student["agreement"] == 0.5
    assert floor.student["without_near_ties"] == 0.5
    assert (floor.student["parameters"], floor.student["plateau"], floor.student["states"]) == (4, False, 44)
    assert floor.student["low"] <= 0.5 <= floor.student["high"]
    assert floor.other_seed == 1.0
    assert floor.why == {}


def test_what_is_missing_is_named(corridor, walker):
    states = enumerated_states(corridor)
    decisions = decide(walker, corridor, states.states)
    floor = noise_floor(corridor, states, decisions, student=None, generator=np.random.default_rng(0))
    assert floor.student is floor.other_seed is None
    assert set(floor.why) == {"student", "other_seed"}


def test_illegal_actions_are_not_held_against_a_student(corridor, walker):
    states = enumerated_states(corridor)
    decisions = decide(walker, corridor, states.states)
    legal = np.ones_like(decisions.legal)
    legal[:, 1] = False
    scores = np.where(legal, decisions.scores, -np.inf)
    barred = type(decisions)(scores, scores.argmax(axis=1), decisions.equivalent, legal)
    floor = noise_floor(corridor, states, barred, student=Student(), generator=np.random.default_rng(0))
    hops = barred.actions == 4
    assert floor.student["agreement"] == pytest.approx(((~hops) & (states.states["position"] == 0)).mean())
