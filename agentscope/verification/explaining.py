"""Why a text acts as it does in one state: the line that decided, what it read, the nearest change that flips it."""

from __future__ import annotations

from typing import Any

import numpy as np

from agentscope import language
from agentscope.contracts import InspectableEnv, States, equivalent_actions_of
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
    """The first one-feature edit, by size of the change, under which the text acts otherwise.

    Only legal edits count, unless the environment cannot say of any edit that it is legal.
    """
    edits = getattr(env, "edits", None)
    made = edits(state) if edits is not None else None
    if made is None or not len(made.parent):
        return None
    found = language.evaluate(program, language.bind_state(env), made.states)
    before = np.full(len(made.parent), action)
    flips = ~same_class(before, found.actions, equivalent_actions_of(env, made.states))
    candidates = np.flatnonzero(flips & (made.legal if made.legal.any() else True))
    if not len(candidates):
        return None
    size = np.array([_change_size(env, state, made.states[row : row + 1]) for row in candidates])
    row = int(candidates[size.argmin()])
    return {
        "feature": made.feature_names[int(made.feature[row])],
        "to": int(made.value[row]),
        "action": env.action_names[int(found.actions[row])],
    }


def _change_size(env: InspectableEnv, before: States, after: States) -> float:
    """How much of the observation an edit changes."""
    return float(np.abs(env.observe(after).astype(np.float64) - env.observe(before).astype(np.float64)).sum())
