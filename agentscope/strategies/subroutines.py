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

from agentscope.language import Vocabulary
from agentscope.language.columns import Column
from agentscope.strategies.conditions import Condition, answers, conditions_of
from agentscope.strategies.fitting import fit_tree, screened, tests_in
from agentscope.strategies.naming import free_name
from agentscope.strategies.trees import Leaf, Rows, Tree, cost_of, group_rows, improve, leaves, predict, sum_by

NAME = "approach"
WORD = "target"
ROUNDS = 4  # alternations of helper and strategy; they stand still after two or three


@dataclass(frozen=True)
class Theme:
    """Objects that concepts speak of in the same words.

    Attributes:
        objects: the words that differ, e.g. key, door, goal.
        parameters: parameter name -> column text for each object, e.g. path_to_target -> (path_to_key(), ...).
        name: of the helper.
    """

    objects: tuple[str, ...]
    parameters: dict[str, tuple[str, ...]]
    name: str = NAME


@dataclass(frozen=True)
class Helper:
    """A helper's tree over questions about the target and about the state, for each object as the target.

    Attributes:
        truth: answers to `tests`, one table an object.
    """

    theme: Theme
    tests: tuple[Condition, ...]
    truth: tuple[np.ndarray, ...]
    tree: Tree

    def outcome(self, place: int) -> np.ndarray:
        """Action of the helper in each state with this object as its target."""
        return predict(self.tree, self.truth[place])

    def used(self) -> tuple[str, ...]:
        """Parameters that the tree asks about, in the order of the theme."""
        asked = {name for test in tests_in(self.tree) for name in (self.tests[test].left, self.tests[test].right)}
        return tuple(name for name in self.theme.parameters if name in asked)

    def call(self, place: int) -> str:
        """The call with this object as its target."""
        return f"{self.theme.name}({', '.join(self.theme.parameters[name][place] for name in self.used())})"


def find_theme(columns: Sequence[Column], vocabulary: Vocabulary) -> Theme | None:
    """The words in which the most concepts differ: at least two words and two concepts, else None."""
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
    best = max(groups, key=lambda item: (len(groups[item]), len(item), sorted(item)))
    order = tuple(next(iter(groups[best].values())))
    named = {free_name(vocabulary, name): tuple(texts[word] for word in order) for name, texts in groups[best].items()}
    return Theme(order, named, free_name(vocabulary, NAME))


def helper_for(theme: Theme, columns: Sequence[Column]) -> Helper:
    """The questions a helper may ask: about its target, and about the state where no object is named."""
    by_text = {column.text: column for column in columns}
    named = {text for texts in theme.parameters.values() for text in texts}
    shared = [column for column in columns if column.text not in named]
    views = [
        [*(replace(by_text[texts[place]], text=name) for name, texts in theme.parameters.items()), *shared]
        for place in range(len(theme.objects))
    ]
    pooled = [
        replace(parts[0], values=np.concatenate([part.values for part in parts])) for parts in zip(*views, strict=True)
    ]
    tests = conditions_of(pooled).tests
    return Helper(theme, tests, tuple(answers(tests, view) for view in views), Leaf(0))


@dataclass(frozen=True)
class Routine:
    """A strategy's tree whose answers are actions, then helper calls (one an object), and the helper."""

    top: Tree
    helper: Helper
    cost: float

    @property
    def leaves(self) -> int:
        """Leaves of both trees."""
        return leaves(self.top) + leaves(self.helper.tree)


@dataclass(frozen=True)
class Task:
    """What a routine is fitted to.

    Attributes:
        rows: distinct rows of the strategy's own questions (their cost is replaced by `with_calls`).
        cost: of each action in each state.
    """

    rows: Rows
    cost: np.ndarray
    generator: np.random.Generator


def fit_routine(task: Task, helper: Helper, sizes: tuple[int, int], start: Routine | None = None) -> Routine:
    """Fit strategy and helper in turn, to at most `sizes` leaves each, from a smaller routine where there is one.

    From nothing it starts with the helper of each object in turn and keeps the best: what is taken for the target at
    first decides which targets are found at all.
    """
    if start is not None:
        return _alternated(task, _refit(start, task, sizes[1]), sizes, start)
    firsts = first_helpers(task, helper, sizes[1])
    return min((_alternated(task, first, sizes, None) for first in firsts), key=lambda each: each.cost)


def _alternated(task: Task, helper: Helper, sizes: tuple[int, int], start: Routine | None) -> Routine:
    found, top = start, start.top if start is not None else None
    for _ in range(ROUNDS):
        rows = with_calls(task, helper)
        top = fit_tree(rows, sizes[0], task.generator, start=top)
        now = cost_of(top, rows)
        if found is not None and now >= found.cost - 1e-6:
            break
        found = Routine(top, helper, now)
        helper = _refit(found, task, sizes[1])
    assert found is not None
    return found


def with_calls(task: Task, helper: Helper) -> Rows:
    """The strategy's rows with the cost of each helper call beside that of each action."""
    line = np.arange(len(task.cost))
    calls = [task.cost[line, helper.outcome(place)] for place in range(len(helper.theme.objects))]
    every = np.concatenate([task.cost, np.stack(calls, axis=1)], axis=1)
    return replace(task.rows, cost=sum_by(task.rows.group, every, len(task.rows.truth)))


def first_helpers(task: Task, helper: Helper, size: int) -> list[Helper]:
    """For each object a helper fitted with it as the target of every state, then with what suits each state best."""
    line = np.arange(len(task.cost))
    places = range(len(helper.theme.objects))
    alone = [replace(helper, tree=_fit(task, helper, [(place, line)], size)) for place in places]
    return [_suited(task, each, size) for each in alone]


def _suited(task: Task, helper: Helper, size: int) -> Helper:
    """The helper refitted to the states whose best target is one object alone."""
    cost, line = task.cost, np.arange(len(task.cost))
    objects = range(len(helper.theme.objects))
    for _ in range(3):
        outcomes = np.stack([cost[line, helper.outcome(place)] for place in objects], axis=1)
        own = outcomes == outcomes.min(axis=1, keepdims=True)
        clear = own.sum(axis=1) == 1  # several objects that suit alike say nothing about which was meant
        parts = [(place, np.flatnonzero(own[:, place] & clear)) for place in objects]
        if not any(len(part) for _, part in parts):
            break
        helper = replace(helper, tree=_fit(task, helper, parts, size))
    return helper


def polish(task: Task, routine: Routine) -> Routine:
    """A routine found on some states, each node re-chosen on all of them."""
    best: Routine | None = None
    for _ in range(ROUNDS):
        rows = with_calls(task, routine.helper)
        top = improve(routine.top, rows)
        routine = Routine(top, routine.helper, cost_of(top, rows))
        if best is not None and routine.cost >= best.cost - 1e-6:
            break
        best = routine
        parts = _called(routine, task)
        if parts:
            truth, cost = _pooled(task, routine.helper, parts)
            tree = improve(routine.helper.tree, group_rows(truth, cost))
            routine = replace(routine, helper=replace(routine.helper, tree=tree))
    assert best is not None
    return best


def _refit(routine: Routine, task: Task, size: int) -> Helper:
    parts = _called(routine, task)
    helper = routine.helper
    return replace(helper, tree=_fit(task, helper, parts, size, start=helper.tree)) if parts else helper


def _called(routine: Routine, task: Task) -> list[tuple[int, np.ndarray]]:
    """The states in which the strategy calls the helper, object by object; empty where it never does."""
    given = predict(routine.top, task.rows.truth)[task.rows.group] - task.cost.shape[1]
    parts = [(place, np.flatnonzero(given == place)) for place in range(len(routine.helper.theme.objects))]
    return [part for part in parts if len(part[1])]


def _pooled(task: Task, helper: Helper, parts: list[tuple[int, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    truth = np.concatenate([helper.truth[place][part] for place, part in parts])
    return truth, np.concatenate([task.cost[part] for _, part in parts])


def _fit(task: Task, helper: Helper, parts: list[tuple[int, np.ndarray]], size: int, *,
         start: Tree | None = None) -> Tree:  # fmt: skip
    rows = group_rows(*_pooled(task, helper, parts))
    return fit_tree(rows, size, task.generator, start=start, shakes=2)


def on_rows(helper: Helper, rows: np.ndarray) -> Helper:
    """The helper over some of the states only."""
    return replace(helper, truth=tuple(truth[rows] for truth in helper.truth))


def screen_helper(helper: Helper, cost: np.ndarray, generator: np.random.Generator) -> Helper:
    """The helper with only the questions that matter for some object as its target."""
    kept = np.unique(np.concatenate([screened(truth, cost, generator) for truth in helper.truth]))
    return replace(helper, tests=tuple(helper.tests[at] for at in kept),
                   truth=tuple(np.ascontiguousarray(truth[:, kept]) for truth in helper.truth))  # fmt: skip
