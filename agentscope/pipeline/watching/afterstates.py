"""What each of the best actions leads to, side by side, with the terms of the text's score where it ranks actions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Int64

from agentscope.contracts import InspectableEnv, States
from agentscope.errors import AgentScopeError
from agentscope.language.summands import RankedTerms, score_terms
from agentscope.pipeline.watching.picturing import pictures_of
from agentscope.pipeline.watching.scene import Scene
from agentscope.records import Decisions
from agentscope.reports import plain_text

MOST = 6  # successors that are shown side by side


def afterstates(scene: Scene, state: States) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The successors of the best actions by the network's score, one of each class of equivalent actions.

    The network's and the text's choice are always among them. Chance values of the state are kept where the
    environment can: the piece that falls next is no effect of the action.

    Args:
        state: one state, as an array of length 1.
    Returns: a row each (action, picture, score, network, text, terms, total, reward, over), and reasons for what is
        missing.
    """
    env, here = scene.agent.env, scene.agent.decide(state)
    why: dict[str, str] = {}
    text_action, terms = _text_view(scene, state, why)
    actions = shown_actions(here, text_action)
    try:
        transition = env.step(np.repeat(state, len(actions)), actions)
    except AgentScopeError as problem:  # an edited state of a plain environment may have no successor
        return [], why | {"afterstates": plain_text(str(problem))}
    pictures = pictures_of(scene.agent, _with_chance(env, transition.states, state))
    classes = here.equivalent[0]
    rows = []
    for place, action in enumerate(actions.tolist()):
        rows.append({
            "action": action, "picture": pictures[place], "score": _finite(here.scores[0, action]),
            "network": bool(classes[action] == classes[here.actions[0]]),
            "text": text_action is not None and bool(classes[action] == classes[text_action]),
            **_told_terms(terms, action),
            "reward": _finite(transition.rewards[place]), "over": bool(transition.terminated[place]),
        })  # fmt: skip
    return rows, why


def shown_actions(here: Decisions, text_action: int | None, most: int = MOST) -> Int64[np.ndarray, "shown"]:
    """One action of each class, best first: of the network's class its own choice, of the text's class the text's."""
    scores, classes = here.scores[0], here.equivalent[0]
    chosen = int(here.actions[0])
    members: dict[int, int] = {}
    for action in np.argsort(-scores, kind="stable").tolist():
        if here.legal[0, action]:
            members.setdefault(int(classes[action]), action)
    kept = [chosen]
    if text_action is not None and here.legal[0, text_action] and classes[text_action] != classes[chosen]:
        members[int(classes[text_action])] = text_action
        kept.append(text_action)
    kept += [action for action in members.values() if action not in kept and classes[action] != classes[chosen]]
    return np.array(sorted(kept[:most], key=lambda action: (-scores[action], action)), dtype=np.int64)


def _text_view(scene: Scene, state: States, why: dict[str, str]) -> tuple[int | None, RankedTerms | None]:
    """The text's action, and the terms of the ranking that decided it; reasons where there is none."""
    level = scene.level("strategy")
    try:
        found = level.evaluate(state)
        if found is None or level.bound is None:
            why["afterstates.terms"] = level.missing or "there is no text"
            return None, None
        ranked = score_terms(level.bound.program, level.bound.binding, state)
    except AgentScopeError as problem:
        why["afterstates.terms"] = plain_text(str(problem))
        return None, None
    terms = next((each for each in ranked if each.states[0]), None)
    if terms is None:
        why["afterstates.terms"] = f"line {int(found.lines[0])} of the text decides here, which ranks no actions"
    return int(found.actions[0]), terms


def _told_terms(terms: RankedTerms | None, action: int) -> dict[str, Any]:
    if terms is None:
        return {"terms": None, "total": None}
    values = [[term, _finite(values[0, action])] for term, values in zip(terms.terms, terms.values, strict=True)]
    return {"terms": values, "total": _finite(terms.totals[0, action])}


def _with_chance(env: InspectableEnv, successors: States, state: States) -> States:
    keep = getattr(env, "with_chance_of", None)
    kept: States = successors if keep is None else keep(successors, np.repeat(state, len(successors)))
    return kept


def _finite(value: float) -> float | None:
    return float(value) + 0.0 if math.isfinite(value) else None  # no -0.0
