"""Subroutines: what a policy does about one object, whichever it is, found once and called for each.

Concepts such as `path_to_key`, `path_to_door`, `path_to_goal` differ by one word: they ask the same of different
objects. A helper over `path_to_target` is fitted on the states in which some object is the target, and the strategy
is left with the choice of the target: the two are fitted in turn until neither gains.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agentscope.strategies.columns import Column
from agentscope.strategies.conditions import Condition, answers, conditions_of
from agentscope.strategies.trees import Leaf, Rows, Tree, cost_of, fit_tree, group_rows, leaves, predict, sum_by

NAME = "approach"
WORD = "target"
ROUNDS = 4  # alternations of helper and strategy; they stand still after two or three


@dataclass(frozen=True)
class Theme:
    """Objects that concepts speak of in the same words.

    Attributes:
        objects: the words that differ, e.g. key, door, goal.
        parameters: parameter name -> column text for each object, e.g. path_to_target -> (path_to_key(), ...).
    """

    objects: tuple[str, ...]
    parameters: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Helper:
    """A helper's tree over questions about the target and about the state, for each object as the target.

    Attributes:
        truth: answers to `tests`, one table an object.
    """

    theme: Theme
    tests: tuple[Condition, ...]
    truth: tuple[np.ndarray, ...]
    tree: Tree = Leaf(0)

    def outcome(self, place: int) -> np.ndarray:
        """Action of the helper in each state with this object as its target."""
        return predict(self.tree, self.truth[place])

    def used(self) -> tuple[str, ...]:
        """Parameters that the tree asks about, in the order of the theme."""
        asked = {name for test in _tests_in(self.tree) for name in (self.tests[test].left, self.tests[test].right)}
        return tuple(name for name in self.theme.parameters if name in asked)

    def call(self, place: int) -> str:
        """The call with this object as its target."""
        return f"{NAME}({', '.join(self.theme.parameters[name][place] for name in self.used())})"


def _tests_in(tree: Tree) -> set[int]:
    return set() if isinstance(tree, Leaf) else {tree.test} | _tests_in(tree.yes) | _tests_in(tree.no)


def find_theme(columns: Sequence[Column]) -> Theme | None:
    """The set of words in which the most concepts differ, at least two words and two concepts; None if there is none."""
    shapes: dict[tuple[str, str, tuple[str, ...]], dict[str, str]] = defaultdict(dict)
    for column in columns:
        words = column.concept.split("_")
        for place, word in enumerate(words):
            name = "_".join((*words[:place], WORD, *words[place + 1 :]))
            if not column.index and len(words) > 1:
                shapes[name, column.kind, column.choices][word] = column.text
    groups: dict[frozenset[str], dict[str, dict[str, str]]] = defaultdict(dict)
    for (name, _, _), texts in shapes.items():
        if len(texts) > 1:
            groups[frozenset(texts)][name] = texts
    groups = {words: group for words, group in groups.items() if len(group) > 1}
    if not groups:
        return None
    words = max(groups, key=lambda item: (len(groups[item]), len(item), sorted(item)))
    order = tuple(next(iter(groups[words].values())))
    return Theme(order, {name: tuple(texts[word] for word in order) for name, texts in groups[words].items()})


def helper_for(theme: Theme, columns: Sequence[Column]) -> Helper:
    """The questions a helper may ask: about its target, and about the state where no object is named."""
    by_text = {column.text: column for column in columns}
    named = {text for texts in theme.parameters.values() for text in texts}
    shared = [column for column in columns if column.text not in named]
    views = [
        [*(replace(by_text[texts[place]], text=name) for name, texts in theme.parameters.items()), *shared]
        for place in range(len(theme.objects))
    ]
    pooled = [replace(parts[0], values=np.concatenate([part.values for part in parts])) for parts in zip(*views, strict=True)]
    tests = conditions_of(pooled).tests
    return Helper(theme, tests, tuple(answers(tests, view) for view in views))


@dataclass(frozen=True)
class Routine:
    """A strategy's tree whose answers are actions, then helper calls (one an object), and the helper."""

    top: Tree
    helper: Helper
    cost: float


def fit_routine(top: Rows, helper: Helper, cost: np.ndarray, sizes: tuple[int, int]) -> Routine:
    """Fit strategy and helper in turn, to at most `sizes` leaves each.

    Args:
        top: distinct rows of the strategy's own questions (their cost is replaced).
        cost: of each action in each state.
    """
    helper = _first_helper(helper, cost, sizes[1])
    found: Routine | None = None
    start: Tree | None = None
    for _ in range(ROUNDS):
        rows = with_calls(top, helper, cost)
        start = fit_tree(rows, sizes[0], start=start)
        now = cost_of(start, rows)
        if found is not None and now >= found.cost - 1e-6:
            break
        found = Routine(start, helper, now)
        helper = _refit(found, top, cost, sizes[1])
    assert found is not None
    return found


def with_calls(top: Rows, helper: Helper, cost: np.ndarray) -> Rows:
    """The strategy's rows with the cost of each helper call beside that of each action."""
    line = np.arange(len(cost))
    calls = [cost[line, helper.outcome(place)] for place in range(len(helper.theme.objects))]
    every = np.concatenate([cost, np.stack(calls, axis=1)], axis=1)
    return replace(top, cost=sum_by(top.group, every, len(top.truth)))


def _first_helper(helper: Helper, cost: np.ndarray, size: int) -> Helper:
    """A helper for each object alone, then for the object that suits each state best, starting from the best one."""
    line = np.arange(len(cost))
    whole = [replace(helper, tree=_fit(helper, [(place, line)], cost, size)) for place in range(len(helper.theme.objects))]
    costs = [cost[line, each.outcome(place)].sum() for place, each in enumerate(whole)]
    helper = whole[int(np.argmin(costs))]
    for _ in range(3):
        outcomes = np.stack([cost[line, helper.outcome(place)] for place in range(len(whole))], axis=1)
        own = outcomes == outcomes.min(axis=1, keepdims=True)
        clear = own.sum(axis=1) == 1  # several objects that suit alike say nothing about which was meant
        parts = [(place, np.flatnonzero(own[:, place] & clear)) for place in range(len(whole))]
        if not any(len(part) for _, part in parts):
            break
        helper = replace(helper, tree=_fit(helper, parts, cost, size, start=helper.tree))
    return helper


def _refit(routine: Routine, top: Rows, cost: np.ndarray, size: int) -> Helper:
    actions = cost.shape[1]
    given = predict(routine.top, top.truth)[top.group]
    helper = routine.helper
    parts = [(place, np.flatnonzero(given == actions + place)) for place in range(len(helper.theme.objects))]
    if not any(len(part) for _, part in parts):
        return helper
    return replace(helper, tree=_fit(helper, parts, cost, size, start=helper.tree))


def _fit(helper: Helper, parts: list[tuple[int, np.ndarray]], cost: np.ndarray, size: int, *,
         start: Tree | None = None) -> Tree:  # fmt: skip
    truth = np.concatenate([helper.truth[place][part] for place, part in parts])
    rows = group_rows(truth, np.concatenate([cost[part] for _, part in parts]))
    return fit_tree(rows, size, start=start)


def routine_leaves(routine: Routine) -> int:
    """Leaves of both trees."""
    return leaves(routine.top) + leaves(routine.helper.tree)
