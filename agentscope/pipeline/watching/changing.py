"""Why not the other action: the smallest one-feature changes after which network or text acts otherwise."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from agentscope.contracts import Edits, InspectableEnv, States, concepts_of
from agentscope.errors import TextError
from agentscope.measures import same_class
from agentscope.pipeline.watching.afterstates import afterstates
from agentscope.pipeline.watching.picturing import pictures_of
from agentscope.pipeline.watching.program_values import program_values
from agentscope.pipeline.watching.scene import Scene
from agentscope.records import Decisions
from agentscope.reports import plain_text
from agentscope.verification.explaining import change_sizes, edits_of, nearest_edit

_PLACED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\(([A-Za-z0-9_]+)\)")


@dataclass
class Nearest:
    """The nearest changes of one state, each as a row of the page's documents or None with a reason under `why`.

    Attributes:
        searched: how many edits were tried; legal_only: those that the rules forbid do not count.
        network, strategy: after which the network, or the text, acts otherwise.
        toward: after which the network does what the text does in the state; where they agree, what the network likes
            second best.
    """

    searched: int = 0
    legal_only: bool = False
    network: dict[str, Any] | None = None
    strategy: dict[str, Any] | None = None
    toward: dict[str, Any] | None = None
    why: dict[str, str] = field(default_factory=dict)


def why_document(scene: Scene, state: States) -> dict[str, Any]:
    """Why the agent acts so in one state: what would change it, and what each of the best actions leads to.

    Args:
        state: one state, as an array of length 1.
    Returns: searched, legal_only, flips, toward, afterstates, functions (values of the decompiled program's) and why;
        whoever knows them adds episode, step and track.
    """
    found = nearest_changes(scene, state)
    shown, reasons = afterstates(scene, state)
    functions, missing = program_values(scene.level("program"), state)
    if missing is not None:
        reasons = {**reasons, "functions": missing}
    return {
        "searched": found.searched,
        "legal_only": found.legal_only,
        "flips": {"network": found.network, "strategy": found.strategy},
        "toward": found.toward,
        "afterstates": shown,
        "functions": functions,
        "why": {**found.why, **reasons},
    }


def nearest_changes(scene: Scene, state: States) -> Nearest:
    """The nearest flips of network and text among all one-feature edits of a state, in one batch through both."""
    env = scene.agent.env
    made = edits_of(env, state)
    if made is None:
        missing = getattr(env, "edits", None) is None
        reason = "the environment offers no edits" if missing else "no edit applies to this state"
        return Nearest(why=dict.fromkeys(("flips.network", "flips.strategy", "toward"), reason))
    if made.legal.any():  # the others count for nothing, and a text may not even be defined there
        made = _rows(made, np.flatnonzero(made.legal))
    found = Nearest(len(made.parent), bool(made.legal.any()))
    sizes = change_sizes(env, state, made.states)
    here, edited = scene.agent.decide(state), scene.agent.decide(made.states)
    flips = _other_class(here.actions, edited.actions, edited)
    rows: dict[str, tuple[int | None, np.ndarray]] = {"network": (nearest_edit(made, sizes, flips), edited.actions)}
    text_action = None
    try:
        text_here, text_edited = (scene.level("strategy").evaluate(each) for each in (state, made.states))
        if text_here is None or text_edited is None:
            found.why["flips.strategy"] = scene.level("strategy").missing or "there is no text"
        else:
            text_action = int(text_here.actions[0])
            flips = _other_class(text_here.actions, text_edited.actions, edited)
            rows["strategy"] = (nearest_edit(made, sizes, flips), text_edited.actions)
    except TextError as problem:  # an edited state may be one that the text was never meant for
        found.why["flips.strategy"] = plain_text(str(problem))
    goal = _goal(here, text_action)
    if goal is None:
        found.why["toward"] = "no other action leads anywhere else"
    else:
        wanted = edited.legal[:, goal] & ~_other_class(np.array([goal]), edited.actions, edited)
        rows["toward"] = (nearest_edit(made, sizes, wanted), edited.actions)
    _fill(found, scene, made, sizes, rows)
    return found


def _rows(made: Edits, rows: Int[np.ndarray, "kept"]) -> Edits:
    """These edits alone."""
    return replace(
        made, parent=made.parent[rows], states=made.states[rows], feature=made.feature[rows], value=made.value[rows],
        legal=made.legal[rows],
    )  # fmt: skip


def _other_class(
    before: Int[np.ndarray, "1"], after: Int[np.ndarray, "edits"], edited: Decisions
) -> Bool[np.ndarray, "edits"]:
    """In which edited states a choice differs from the one before, by what actions do in the edited state."""
    flips: np.ndarray = ~same_class(np.full(len(after), before[0]), after, edited.equivalent)
    return flips


def _goal(here: Decisions, text_action: int | None) -> int | None:
    """The action that the network is to be brought to; None where it has but one that matters."""
    chosen, equivalent = int(here.actions[0]), here.equivalent[0]
    if text_action is not None and equivalent[text_action] != equivalent[chosen]:
        return text_action
    rivals = np.where(here.legal[0] & (equivalent != equivalent[chosen]), here.scores[0], -np.inf)
    return int(rivals.argmax()) if np.isfinite(rivals).any() else None


def _fill(
    found: Nearest, scene: Scene, made: Edits, sizes: np.ndarray, rows: dict[str, tuple[int | None, np.ndarray]]
) -> None:
    """Write the rows that were found, their pictures drawn together."""
    kept = {name: row for name, (row, _) in rows.items() if row is not None}
    chosen = made.states[list(kept.values())]
    pictures = dict(zip(kept, pictures_of(scene.agent, chosen), strict=True)) if kept else {}
    for name, (row, actions) in rows.items():
        if row is None:
            found.why["toward" if name == "toward" else f"flips.{name}"] = "no single change does it"
            continue
        feature = int(made.feature[row])
        setattr(found, name, {
            "feature": made.feature_names[feature], "feature_index": feature, "to": int(made.value[row]),
            "to_label": edit_labels(scene.agent.env, made, [row])[0], "action": int(actions[row]),
            "size": float(sizes[row]), "picture": pictures[name],
        })  # fmt: skip


def edit_labels(env: InspectableEnv, made: Edits, rows: Sequence[int]) -> list[str]:
    """What people call the new value of each edit: as the environment's concept of that name reads it, else a number.

    Features are often concepts, `piece` or `obs(angle)`: what the concept says of the edited state is then the label.
    """
    return [
        value_label(env, made.feature_names[int(made.feature[row])], made.states[[row]]) or str(int(made.value[row]))
        for row in rows
    ]


def value_label(env: InspectableEnv, feature: str, state: States) -> str | None:
    """What the concept that a feature is named after reads in one state; None where there is no such concept."""
    placed = _PLACED.fullmatch(feature)
    name, place = (placed[1], placed[2]) if placed else (feature, None)
    concept = next((concept for concept in concepts_of(env) if concept.name == name), None)
    if concept is None or len(concept.axis) != (0 if place is None else 1):
        return None
    values = np.asarray(concept.measure(state))[0]
    if place is not None:
        labels = env.axes[concept.axis[0]]
        if place not in labels:
            return None
        values = values[labels.index(place)]
    if concept.kind == "choice":
        return str(concept.choices[int(values)])
    if concept.kind == "flag":
        return "yes" if values else "no"
    return f"{float(values):.4g}"
