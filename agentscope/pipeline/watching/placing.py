"""A board edited by hand: one-feature changes on top of each other, and what each cell could be changed to next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool

from agentscope.contracts import Edits, InspectableEnv, States, concepts_of
from agentscope.errors import AgentScopeError, BadOption
from agentscope.pipeline.watching.changing import edit_labels, value_label
from agentscope.pipeline.watching.picturing import channels_last
from agentscope.pipeline.watching.scene import Scene
from agentscope.reports import plain_text
from agentscope.verification.explaining import edits_of

MOST = 64  # changes on top of each other


@dataclass(frozen=True)
class Placed:
    """A state after some edits.

    Attributes:
        state: one state, as an array of length 1.
        edits: (feature, value) of each, in order; labels: e.g. "cell(3,4) = 1".
    """

    state: States
    edits: tuple[tuple[int, int], ...] = ()
    labels: tuple[str, ...] = ()


def place_edits(env: InspectableEnv, state: States, edits: Sequence[tuple[int, int]]) -> Placed:
    """The state with these edits made one after the other, each among what the environment offers at that point.

    Raises: BadOption: too many edits, or one that cannot be made there.
    """
    if len(edits) > MOST:
        raise BadOption(f"at most {MOST} edits are made on one state, asked for {len(edits)}.")
    labels = []
    for number, (feature, value) in enumerate(edits, 1):
        made = edits_of(env, state)
        rows = [] if made is None else np.flatnonzero((made.feature == feature) & (made.value == value)).tolist()
        if made is None or not rows:
            raise BadOption(
                f"edit {number} of {len(edits)} ({feature}:{value}) cannot be made there: {_offered(made, feature)}."
            )
        labels.append(f"{made.feature_names[feature]} = {edit_labels(env, made, rows[:1])[0]}")
        state = made.states[rows[:1]]
    return Placed(state, tuple((int(feature), int(value)) for feature, value in edits), tuple(labels))


def _offered(made: Edits | None, feature: int) -> str:
    if made is None:
        return "the environment offers no edits of this state"
    values = made.value[made.feature == feature]
    if not len(values):
        return f"features that can be changed go from {made.feature.min()} to {made.feature.max()}, not all at a time"
    return f"{made.feature_names[feature]} can be set to {', '.join(map(str, values[:12].tolist()))}"


def place_document(scene: Scene, base: States, placed: Placed, step: dict[str, Any]) -> dict[str, Any]:
    """The document of an edited state: what network and text do there, did before, and what can be changed next.

    Args:
        base: the state before any edit; step: the step document of the edited one.
    """
    made = edits_of(scene.agent.env, placed.state)
    why: dict[str, str] = {}
    if made is None:
        why["cells"] = why["features"] = "the environment offers no edits of this state"
    before: dict[str, Any] = {"action": int(scene.agent.decide(base).actions[0]), "strategy": None}
    try:
        found = scene.level("strategy").evaluate(base)
        before["strategy"] = None if found is None else int(found.actions[0])
    except AgentScopeError as problem:
        why["before.strategy"] = plain_text(str(problem))
    cells, features = ({}, []) if made is None else changeable(scene, placed.state, made)
    return {
        "edits": [list(edit) for edit in placed.edits],
        "labels": list(placed.labels),
        "step": step,
        "before": before,
        "cells": cells,
        "features": features,
        "why": why,
    }


def changeable(
    scene: Scene, state: States, made: Edits
) -> tuple[dict[str, list[dict[str, Any]]], list[dict[str, Any]]]:
    """The edits that are offered, by the cell that each changes, and as a list of features where they are more.

    An edit that changes one cell of the board belongs to it ("row,column"). A feature is listed by itself where one of
    its edits changes none or several cells, or where a concept has its name, as the agent's heading has.
    """
    env = scene.agent.env
    labels = edit_labels(env, made, range(len(made.parent)))
    where = changed_cells(scene, state, made)
    concepts = {concept.name for concept in concepts_of(env)}
    cells: dict[str, list[dict[str, Any]]] = {}
    listed: dict[int, dict[str, Any]] = {}
    for row, (feature, value) in enumerate(zip(made.feature.tolist(), made.value.tolist(), strict=True)):
        name, cell = made.feature_names[feature], where[row]
        if cell is not None:
            edit = {"feature": feature, "value": value, "label": f"{name} = {labels[row]}"}
            cells.setdefault(f"{cell[0]},{cell[1]}", []).append(edit)
        if cell is None or name in concepts:
            blank = {"feature": feature, "name": name, "current": value_label(env, name, state), "values": []}
            listed.setdefault(feature, blank)["values"].append({"value": value, "label": labels[row]})
    return cells, [listed[feature] for feature in sorted(listed)]


def changed_cells(scene: Scene, state: States, made: Edits) -> list[tuple[int, int] | None]:
    """Row and column of the one cell that each edit changes; None where it changes none, several, or there is no board.

    Planes of the observation lie on top of each other: a cell has changed when any of its planes has.
    """
    env = scene.agent.env
    before, after = np.asarray(env.observe(state)), np.asarray(env.observe(made.states))
    changed: Bool[np.ndarray, "edits ..."] = after != before
    if changed.ndim == 4:
        changed = np.asarray(changed.any(axis=3 if channels_last(scene.agent, after) else 1))
    if changed.ndim != 3:
        return [None] * len(after)
    one = changed.reshape(len(after), -1).sum(axis=1) == 1
    places = changed.reshape(len(after), -1).argmax(axis=1)
    rows, columns = np.divmod(places, changed.shape[2])
    return [(int(row), int(column)) if single else None for single, row, column in zip(one, rows, columns, strict=True)]
