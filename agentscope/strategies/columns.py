"""Columns of actions: action concepts and afterstates as expressions of the language beside their values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Shaped

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import InspectableEnv, States, action_concepts_of, concepts_of
from agentscope.language.columns import places

FEW_VALUES = 12  # most entries of a table of a count


@dataclass(frozen=True)
class ActionColumn:
    """One value for each (state, action), and the expression over `a` that reads it."""

    text: str
    values: Shaped[np.ndarray, "states actions"]


def action_columns(env: InspectableEnv, states: States, *, absolute: bool = False) -> tuple[ActionColumn, ...]:
    """Features of each (state, action): action concepts and afterstates, axes summed and place by place.

    Afterstates are read from the successor of each action, the terminal state's value after death; concepts that
    the next draw decides have no meaning there and are left out.
    """
    columns: list[ActionColumn] = []
    for declared in action_concepts_of(env):
        if declared.kind != "choice" and (absolute or not declared.absolute):
            columns += _expand(env, declared, np.asarray(declared.measure(states)), "{name}(a{index})")
    after = [c for c in concepts_of(env) if not c.chance and c.kind != "choice" and (absolute or not c.absolute)]
    if after:
        actions = int(env.action_space.n)
        successors = env.step(np.repeat(states, actions), np.tile(np.arange(actions), len(states))).states
        for concept in after:
            values = np.asarray(concept.measure(successors))
            columns += _expand(env, concept, values.reshape(len(states), actions, *values.shape[1:]),
                               "after(a, {name}{index})")  # fmt: skip
    return tuple(columns)


@dataclass(frozen=True)
class ActionTable:
    """A choice or small count of each (state, action), e.g. which piece lies how: one constant for each value.

    Attributes:
        of: the expression whose values these are; `text` the index into the table, from 0.
        values: whether each (state, action) has each value.
        choice: whether the values are labels, which have no order; a count could also be a term of a sum.
    """

    of: str
    text: str
    values: Bool[np.ndarray, "states actions labels"]
    choice: bool


def action_tables(env: InspectableEnv, states: States, *, absolute: bool = False) -> tuple[ActionTable, ...]:
    """Every action concept that is a choice, or a count with few values, as tables, place by place."""
    tables: list[ActionTable] = []
    for declared in action_concepts_of(env):
        domain = _few_values(declared)
        if domain is None or (declared.absolute and not absolute):
            continue
        values = np.asarray(declared.measure(states))
        shift = "" if domain[0] == 0 else f" {'-' if domain[0] > 0 else '+'} {abs(domain[0])}"
        for place, index in places(env, declared.axis):
            of = f"{declared.name}(a{''.join(f', {part}' for part in index)})"
            cell = np.moveaxis(values, (0, 1), (-2, -1))[place]
            taken = cell[:, :, None] == np.arange(*domain)
            tables.append(ActionTable(of, f"{of}{shift}", taken, declared.kind == "choice"))
    return tuple(tables)


def _few_values(concept: ActionConcept) -> tuple[int, int] | None:
    """First value and the one after the last of a concept that fits a table, else None."""
    if concept.kind == "choice":
        return 0, len(concept.choices)
    if concept.kind != "count" or concept.low is None or concept.high is None:
        return None
    domain = int(concept.low), int(concept.high) + 1
    return domain if domain[1] - domain[0] <= FEW_VALUES else None


def _expand(env: InspectableEnv, concept: Concept, values: np.ndarray, form: str) -> Iterator[ActionColumn]:
    flag = concept.kind == "flag"
    if concept.axis and not flag:
        names = [axis[0] for axis in concept.axis] if len({a[0] for a in concept.axis}) == len(concept.axis) else None
        if names and "a" not in names and len(concept.axis) == 1:
            inner = form.format(name=concept.name, index=f", {names[0]}")
            summed = values.reshape(*values.shape[:2], -1).sum(axis=2)
            yield ActionColumn(f"sum({inner} for {names[0]} in {concept.axis[0]})", summed.astype(np.float64))
    for place, index in places(env, concept.axis):
        text = form.format(name=concept.name, index="".join(f", {part}" for part in index))
        cell = np.moveaxis(values, (0, 1), (-2, -1))[place].astype(np.float64)
        yield ActionColumn(f"(1 if {text} else 0)" if flag else text, cell)
