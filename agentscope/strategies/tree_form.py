"""The forms of trees: a tree or decision list over primitives, with and without a helper that it calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agentscope.strategies.conditions import Conditions
from agentscope.strategies.fitting import fit_tree
from agentscope.strategies.layout import block, decision_of
from agentscope.strategies.study import Study
from agentscope.strategies.subroutines import NAME, Routine, Task, find_theme, fit_routine, helper_for, screen_helper
from agentscope.strategies.trees import Tree, group_rows


@dataclass(frozen=True)
class TreeOfTests:
    """A tree over flags, choices, counts and numbers, printed as a decision list where it is one."""

    name: str = "tree"
    sizes: tuple[int, ...] = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)

    def applies(self, study: Study) -> str | None:
        """A tree needs concepts, and actions that are always legal."""
        return _needs_concepts(study) or _needs_legal(study)

    def fit(self, study: Study, sizes: Sequence[int], generator: np.random.Generator) -> tuple[str, ...]:
        """One tree a size (in leaves), each started from the one before."""
        conditions = study.screened_conditions(generator)
        rows = group_rows(conditions.truth, study.cost)
        tree: Tree | None = None
        texts = []
        for size in sizes:
            tree = fit_tree(rows, size, generator, start=tree)
            texts.append(text_of(study, tree, conditions))
        return tuple(texts)


def text_of(study: Study, tree: Tree, conditions: Conditions) -> str:
    """A tree over these questions as a text."""
    decision = decision_of(tree, conditions.tests, study.actions)
    return "\n".join(["def strategy(state):", *block(decision)]) + "\n"


@dataclass(frozen=True)
class RoutineTree:
    """A tree that chooses a target, and a helper that says what to do about whichever target it is."""

    name: str = "tree with a helper"
    sizes: tuple[int, ...] = (8, 10, 12, 14, 18, 22, 28, 36, 48)

    def applies(self, study: Study) -> str | None:
        """A helper needs concepts that ask the same of several objects."""
        reason = _needs_concepts(study) or _needs_legal(study)
        if reason is None and find_theme(study.columns) is None:
            reason = "no two concepts ask the same of different objects"
        return reason

    def fit(self, study: Study, sizes: Sequence[int], generator: np.random.Generator) -> tuple[str, ...]:
        """One strategy and helper a size (leaves of both), each started from the one before."""
        theme = find_theme(study.columns)
        assert theme is not None
        helper = screen_helper(helper_for(theme, study.columns), study.cost, generator)
        conditions = study.screened_conditions(generator)
        task = Task(group_rows(conditions.truth, study.cost), study.cost, generator)
        routine: Routine | None = None
        texts = []
        for size in sizes:
            sizes_of_both = (max(4, size * 2 // 5), size - size * 2 // 5)
            found = [fit_routine(task, helper, sizes_of_both)]
            if routine is not None:
                found.append(fit_routine(task, helper, sizes_of_both, routine))
            routine = min(found, key=lambda each: each.cost)
            texts.append(routine_text(study, routine, conditions))
        return tuple(texts)


def routine_text(study: Study, routine: Routine, conditions: Conditions) -> str:
    """Helper and strategy as a text; a helper that is never called is left out."""
    helper = routine.helper
    calls = [helper.call(place) for place in range(len(helper.theme.objects))]
    body = block(decision_of(routine.top, conditions.tests, (*study.actions, *calls)))
    lines = ["def strategy(state):", *body]
    if any(f"{NAME}(" in line for line in body):
        helper_body = block(decision_of(helper.tree, helper.tests, study.actions))
        lines = [f"def {NAME}({', '.join(helper.used())}):", *helper_body, *lines]
    return "\n".join(lines) + "\n"


def _needs_concepts(study: Study) -> str | None:
    return None if study.conditions.tests else "no concept differs from one lesson state to another"


def _needs_legal(study: Study) -> str | None:
    return None if study.lessons.decisions.legal.all() else "actions are not always legal: a score must choose among them"
