"""Why a text acts as it does in one state: the line that decided, what it read, the nearest change that flips it."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from agentscope import language
from agentscope.contracts import Edits, InspectableEnv, States, equivalent_actions_of
from agentscope.measures import same_class
from agentscope.records import Decisions


def explain_choice(program: language.Program, env: InspectableEnv, state: States, network: Decisions) -> dict[str, Any]:
    """The text's action in one state, traced.

    Args:
        state: one state, as an array of length 1.
        network: the network's decision in that state.
    Returns: action, network_action, agree, line (from 1, of the canonical print), line_text, values of the
        primitives that were read, and the nearest one-feature change under which the text acts otherwise.
    """
    found = language.evaluate(program, language.bind_state(env), state, trace=True)
    action, line = int(found.actions[0]), int(found.lines[0])
    return {
        "action": env.action_names[action],
        "network_action": env.action_names[int(network.actions[0])],
        "agree": bool(same_class(network.actions, found.actions, network.equivalent)[0]),
        "line": line,
        "line_text": language.print_program(program).splitlines()[line - 1].strip(),
        "values": _values(found),
        "nearest_change": _nearest_change(program, env, state, action),
    }


def _values(found: language.Evaluation) -> dict[str, Any]:
    """The primitives that were read in the one state of a traced evaluation, one value or a list over loop lanes."""
    values: dict[str, Any] = {}
    for call in found.values:
        taken = np.asarray(call.values)[np.asarray(call.mask)]
        if len(taken):
            plain = [round(value, 6) if isinstance(value, float) else value for value in taken.tolist()]
            values[call.text] = plain[0] if len(plain) == 1 else plain
    return values


def _nearest_change(
    program: language.Program, env: InspectableEnv, state: States, action: int
) -> dict[str, Any] | None:
    """The first one-feature edit, by size of the change, under which the text acts otherwise."""
    made = edits_of(env, state)
    if made is None:
        return None
    found = language.evaluate(program, language.bind_state(env), made.states)
    before = np.full(len(made.parent), action)
    flips = ~same_class(before, found.actions, equivalent_actions_of(env, made.states))
    row = nearest_edit(made, change_sizes(env, state, made.states), flips)
    if row is None:
        return None
    return {
        "feature": made.feature_names[int(made.feature[row])],
        "to": int(made.value[row]),
        "action": env.action_names[int(found.actions[row])],
    }


def edits_of(env: InspectableEnv, state: States) -> Edits | None:
    """All one-feature changes of one state; None where the environment offers none, or none of this state."""
    edits = getattr(env, "edits", None)
    made: Edits | None = edits(state) if edits is not None else None
    return made if made is not None and len(made.parent) else None


def nearest_edit(made: Edits, sizes: Float64[np.ndarray, "edits"], wanted: Bool[np.ndarray, "edits"]) -> int | None:
    """Row of the smallest wanted change, the first of equals; None where there is none.

    Only legal edits count, unless the environment cannot say of any edit that it is legal.
    """
    candidates = np.flatnonzero(wanted & (made.legal if made.legal.any() else True))
    return int(candidates[sizes[candidates].argmin()]) if len(candidates) else None


def change_sizes(env: InspectableEnv, before: States, after: States) -> Float64[np.ndarray, "edits"]:
    """How much of the observation each edit changes: the sum of absolute differences to the one state before."""
    change = np.abs(env.observe(after).astype(np.float64) - env.observe(before).astype(np.float64))
    sizes: np.ndarray = change.reshape(len(after), -1).sum(axis=1)
    return sizes
