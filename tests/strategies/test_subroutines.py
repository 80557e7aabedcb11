"""A helper is found where the policy treats several objects alike."""

from __future__ import annotations

import numpy as np

from agentscope.language import Vocabulary
from agentscope.language.columns import Column
from agentscope.strategies.conditions import conditions_of
from agentscope.strategies.subroutines import Task, find_theme, fit_routine, helper_for
from agentscope.strategies.trees import cost_of, group_rows, leaves

NOTHING = Vocabulary({}, {}, ("go", "approach"), {})
WAYS = ("ahead", "right", "behind", "left")


def _columns(generator: np.random.Generator, states: int) -> list[Column]:
    made = [Column("armed()", "armed", "flag", generator.random(states) < 0.5)]
    for name in ("key", "door", "goal"):
        way = generator.integers(0, 4, states)
        made.append(Column(f"path_to_{name}()", f"path_to_{name}", "choice", way, WAYS))
        made.append(Column(f"{name}_near()", f"{name}_near", "flag", generator.random(states) < 0.3))
    return made


def test_theme_is_the_words_in_which_most_concepts_differ():
    theme = find_theme(_columns(np.random.default_rng(0), 10), NOTHING)
    assert theme is not None
    assert theme.objects == ("key", "door", "goal")
    assert theme.name == "approach_"  # an action of this vocabulary has the plain name
    assert theme.parameters["target_near"] == ("key_near()", "door_near()", "goal_near()")
    assert find_theme(_columns(np.random.default_rng(0), 10)[:3], NOTHING) is None


def test_routine_finds_targets_and_what_to_do_about_them():
    """Go to the key unless armed, else to the door if near, else to the goal: one way of walking to each."""
    generator = np.random.default_rng(2)
    columns = _columns(generator, 3_000)
    by_text = {column.text: column.values for column in columns}
    way = np.where(
        ~by_text["armed()"],
        by_text["path_to_key()"],
        np.where(by_text["door_near()"], by_text["path_to_door()"], by_text["path_to_goal()"]),
    )
    near = np.where(
        ~by_text["armed()"],
        by_text["key_near()"],
        np.where(by_text["door_near()"], by_text["door_near()"], by_text["goal_near()"]),
    )
    action = np.where(way == 0, np.where(near, 3, 0), np.where(way == 1, 1, 2))  # go, turn right, turn left, act
    cost = 1.0 - np.eye(4)[action]
    theme = find_theme(columns, NOTHING)
    assert theme is not None
    task = Task(group_rows(conditions_of(columns).truth, cost), cost, np.random.default_rng(0))
    routine = fit_routine(task, helper_for(theme, columns), (4, 6))
    assert routine.cost == 0
    assert routine.leaves <= 8
    assert set(routine.helper.used()) == {"path_to_target", "target_near"}
    plain = group_rows(conditions_of(columns).truth, cost)
    assert leaves(routine.top) == 3 and cost_of(routine.helper.tree, plain) >= 0
