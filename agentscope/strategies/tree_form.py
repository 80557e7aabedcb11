"""The forms of trees: a tree or decision list over primitives, with and without a helper that it calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from agentscope.language import vocabulary_of
from agentscope.strategies.conditions import Conditions
from agentscope.strategies.fitting import fit_tree
from agentscope.strategies.layout import block, decision_of
from agentscope.strategies.study import Study
from agentscope.strategies.subroutines import (
    Helper,
    Routine,
    Task,
    find_theme,
    fit_routine,
    helper_for,
    on_rows,
    polish,
    screen_helper,
)  # fmt: skip
from agentscope.strategies.trees import Tree, group_rows, improve

MOST_ACTIONS = 16
PLAIN = (4, 8, 16, 32, 64)  # sizes at which CART is improved upon too
FRESH = 16  # leaves up to which routines are also fitted from nothing: larger ones are better grown
SCOUT = 8_000  # states on which routines are searched for; they are polished on all


@dataclass(frozen=True)
class TreeOfTests:
    """A tree over flags, choices, counts and numbers, printed as a decision list where it is one."""

    name: str = "tree"
    sizes: tuple[int, ...] = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)

    def applies(self, study: Study) -> str | None:
        """A tree needs concepts, and actions that are always legal."""
        return _needs_concepts(study) or _needs_legal(study) or _needs_few_actions(study)

    def fit(self, study: Study, sizes: Sequence[int], generator: np.random.Generator) -> tuple[str, ...]:
        """Trees of each size (in leaves), each started from the one before.

        They are fitted to the weighted cost. Beside them stand, for plain agreement, CART's tree with every node
        re-chosen and as it is (the re-chosen questions may be longer), so that no tree of CART's is shorter at
        equal agreement.
        """
        plain = np.where(study.lessons.same, 0.0, 1.0)
        texts = [text_of(study, tree, conditions) for tree, conditions in _ladder(study, sizes, generator)]
        rows = group_rows(study.conditions.truth, plain)
        for size in sizes:
            if size in PLAIN:
                start = study.cart(size)
                texts += [text_of(study, tree, study.conditions) for tree in (improve(start, rows), start)]
        return tuple(texts)


def _ladder(study: Study, sizes: Sequence[int],
            generator: np.random.Generator) -> Iterator[tuple[Tree, Conditions]]:  # fmt: skip
    conditions = study.screened_conditions(generator)
    rows = group_rows(conditions.truth, study.cost)
    tree: Tree | None = None
    for size in sizes:
        tree = fit_tree(rows, size, generator, start=tree)
        yield tree, conditions


def text_of(study: Study, tree: Tree, conditions: Conditions) -> str:
    """A tree over these questions as a text."""
    decision = decision_of(tree, conditions.tests, study.actions)
    return "\n".join(["def strategy(state):", *block(decision)]) + "\n"


@dataclass(frozen=True)
class RoutineTree:
    """A tree that chooses a target, and a helper that says what to do about whichever target it is."""

    name: str = "tree with a helper"
    sizes: tuple[int, ...] = (8, 10, 12, 14, 16, 20, 23, 26, 34)

    def applies(self, study: Study) -> str | None:
        """A helper needs concepts that ask the same of several objects."""
        reason = _needs_concepts(study) or _needs_legal(study) or _needs_few_actions(study)
        if reason is None and find_theme(study.columns, vocabulary_of(study.env)) is None:
            reason = "no two concepts ask the same of different objects"
        return reason

    def fit(self, study: Study, sizes: Sequence[int], generator: np.random.Generator) -> tuple[str, ...]:
        """One strategy and helper a size (leaves of both), each started from the one before."""
        theme = find_theme(study.columns, vocabulary_of(study.env))
        assert theme is not None
        helper = screen_helper(helper_for(theme, study.columns), study.cost, generator)
        conditions = study.screened_conditions(generator)
        task = Task(group_rows(conditions.truth, study.cost), study.cost, generator)
        rows = np.sort(generator.permutation(len(study.lessons))[:SCOUT])
        scout = Task(group_rows(conditions.truth[rows], study.cost[rows]), study.cost[rows], generator)
        routine: Routine | None = None
        texts = []
        for size in sizes:
            routine = _scouted(scout, on_rows(helper, rows), size, routine)
            whole = Routine(routine.top, replace(helper, tree=routine.helper.tree), routine.cost)
            texts.append(routine_text(study, polish(task, whole), conditions))
        return tuple(texts)


def _scouted(task: Task, helper: Helper, size: int, start: Routine | None) -> Routine:
    """The better of a routine grown from a smaller one and, while it is small, one fitted from nothing."""
    sizes = (max(4, size * 2 // 5), size - size * 2 // 5)
    found = [fit_routine(task, helper, sizes)] if start is None or size <= FRESH else []
    if start is not None:
        found.append(fit_routine(task, helper, sizes, start))
    return min(found, key=lambda each: each.cost)


def routine_text(study: Study, routine: Routine, conditions: Conditions) -> str:
    """Helper and strategy as a text; a helper that is never called is left out."""
    helper = routine.helper
    calls = [helper.call(place) for place in range(len(helper.theme.objects))]
    body = block(decision_of(routine.top, conditions.tests, (*study.actions, *calls)))
    lines = ["def strategy(state):", *body]
    if any(f"{helper.theme.name}(" in line for line in body):
        helper_body = block(decision_of(helper.tree, helper.tests, study.actions))
        lines = [f"def {helper.theme.name}({', '.join(helper.used())}):", *helper_body, *lines]
    return "\n".join(lines) + "\n"


def _needs_concepts(study: Study) -> str | None:
    return None if study.conditions.tests else "no concept differs from one lesson state to another"


def _needs_few_actions(study: Study) -> str | None:
    if len(study.actions) <= MOST_ACTIONS:
        return None
    return f"with more than {MOST_ACTIONS} actions a tree of any readable size names too few of them"


def _needs_legal(study: Study) -> str | None:
    legal = bool(study.lessons.decisions.legal.all())
    return None if legal else "actions are not always legal: a score must choose among them"
