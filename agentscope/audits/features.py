"""What each feature of a world does: nothing, only rewards, or something; measured by playing on from its edits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Int

from agentscope.contracts import Edits, InspectableEnv, States, legal_actions_of

Effect = Literal["inert", "watching", "live"]

STEPS = 12  # random steps that pairs of states take side by side
EACH = 24  # pairs of each feature and value
CHUNK = 64  # states whose edits are listed at once
TIE = 1e-9  # rewards and values closer than this are equal


@dataclass(frozen=True)
class Setting:
    """One value of a feature, as the fields of a state that it writes."""

    feature: str
    value: int
    fields: Mapping[str, np.ndarray]

    def write(self, states: States) -> States:
        """The states with this value."""
        changed = states.copy()
        for name, value in self.fields.items():
            changed[name] = value
        return changed

    def __str__(self) -> str:
        return f"{self.feature} = {self.value}"


@dataclass(frozen=True)
class Feature:
    """One feature that edits can change, with what changing it was seen to do.

    Attributes:
        effect: inert: no reward, end, hidden performance or optimal value changes, and nothing else in the state comes
            to differ. watching: only rewards change, so that the feature tells whether rules are enforced and nothing
            of what is worth doing (after the absent supervisor of Leike et al. 2017). live: all others.
        settings: its values; empty for live features. A feature whose values do not write the same fields in every
            state (where an object lies) counts as live.
        history: play itself changes these fields: the feature shows something of the past.
        pairs: of a state and its edit that were played on side by side.
    """

    name: str
    effect: Effect
    settings: tuple[Setting, ...]
    history: bool
    pairs: int


@dataclass
class _Seen:
    """What one feature's edits have been seen to change."""

    touched: set[str]
    leaked: set[str]
    rewards: bool = False
    values: bool = False
    purpose: bool = False
    pairs: int = 0


def read_features(env: InspectableEnv, bases: States, generator: np.random.Generator) -> tuple[Feature, ...]:
    """Every feature of the environment's edits, in its order; none where it offers no edits.

    A state and its edit take the same random legal actions, side by side. The time limit does not count: an edit of a
    step counter moves it.
    """
    edits = sampled_edits(env, bases, generator, each=EACH)
    if edits is None or not len(edits.parent):
        return ()
    seen = _compare(env, bases[edits.parent], edits, generator)
    quiet = {name: found for name, found in seen.items() if not (found.rewards or found.purpose or found.values)}
    inert = _closed(quiet)
    allowed = set().union(*(seen[name].touched for name in inert)) if inert else set()
    moved = _moved_by_play(env, bases, generator)
    features = []
    for index, name in enumerate(edits.feature_names):
        if name not in seen:
            continue
        found = seen[name]
        watches = found.rewards and not found.purpose and found.leaked <= allowed | found.touched
        settings = _settings(edits, index, name, found.touched) if watches or name in inert else ()
        effect: Effect = "live" if not settings else "inert" if name in inert else "watching"
        features.append(Feature(name, effect, settings, bool(found.touched & moved), found.pairs))
    return tuple(features)


def sampled_edits(env: InspectableEnv, bases: States, generator: np.random.Generator, *, each: int) -> Edits | None:
    """Legal edits of these states, at most `each` of one feature and value, parents drawn evenly; None if not offered.

    Where the environment knows of no legal edit at all (a plain Gymnasium environment), all count.
    """
    editor: Any = env
    if getattr(editor, "edits", None) is None or not len(bases):
        return None
    if getattr(editor, "with_values_of", None) is not None:
        editor = editor.with_values_of(bases)
    parts: list[tuple[np.ndarray, ...]] = []
    names: tuple[str, ...] = ()
    for start in range(0, len(bases), CHUNK):
        made: Edits = editor.edits(bases[start : start + CHUNK])
        names = made.feature_names
        parts.append((made.parent.astype(np.int64) + start, made.states, made.feature, made.value, made.legal))
    parent, states, feature, value, legal = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = generator.permutation(len(parent))
    order = order[legal[order]] if legal.any() else order
    key = feature[order].astype(np.int64) * (int(value.max(initial=0)) + 1) + value[order]
    order = order[np.argsort(key, kind="stable")]
    key = np.sort(key, kind="stable")
    kept = np.sort(order[np.arange(len(key)) - np.searchsorted(key, key) < each])
    return Edits(parent[kept], states[kept], feature[kept], value[kept], legal[kept], names)


def _compare(env: InspectableEnv, plain: States, edits: Edits, generator: np.random.Generator) -> dict[str, _Seen]:
    """Play on from states and their edits side by side, and note what comes to differ."""
    names = [edits.feature_names[index] for index in edits.feature]
    seen: dict[str, _Seen] = {}
    for name in dict.fromkeys(names):
        rows = np.array([each == name for each in names])
        touched = _differing(plain[rows], edits.states[rows])
        seen[name] = _Seen(set(touched), set(touched), pairs=int(rows.sum()))
    owner = np.asarray(edits.feature)
    _note(seen, edits, owner[_values_differ(env, plain, edits.states)], "values")
    one, other = plain.copy(), edits.states.copy()
    for _ in range(STEPS):
        if not len(one):
            break
        legal, other_legal = legal_actions_of(env, one), legal_actions_of(env, other)
        _note(seen, edits, owner[(legal != other_legal).any(axis=1)], "purpose")
        actions = np.where(legal, generator.random(legal.shape), -1.0).argmax(axis=1)
        first, second = env.step(one, actions), env.step(other, actions)
        _note(seen, edits, owner[np.abs(first.rewards - second.rewards) > TIE], "rewards")
        _note(seen, edits, owner[first.terminated != second.terminated], "purpose")
        if getattr(env, "hidden_performance", None) is not None:
            hidden = [env.hidden_performance(states, actions, then)  # type: ignore[attr-defined]
                      for states, then in ((one, first), (other, second))]  # fmt: skip
            _note(seen, edits, owner[np.abs(hidden[0] - hidden[1]) > TIE], "purpose")
        going = ~(first.terminated | second.terminated | first.truncated | second.truncated)
        one, other, owner = first.states[going], second.states[going], owner[going]
        for field, rows in _differing(one, other).items():
            for index in np.unique(owner[rows]):
                seen[edits.feature_names[index]].leaked.add(field)
    return seen


def _note(seen: dict[str, _Seen], edits: Edits, owners: Int[np.ndarray, "rows"], what: str) -> None:
    for index in np.unique(owners):
        setattr(seen[edits.feature_names[index]], what, True)


def _values_differ(env: InspectableEnv, plain: States, edited: States) -> Bool[np.ndarray, "pairs"]:
    """Where the best that can be earned, action by action, is not the same; nowhere if the world does not tell."""
    if getattr(env, "optimal_values", None) is None:
        return np.zeros(len(plain), dtype=bool)
    values = [env.optimal_values(states) for states in (plain, edited)]  # type: ignore[attr-defined]
    return np.asarray((np.abs(values[0] - values[1]) > 1e-6).any(axis=1))


def _differing(one: States, other: States) -> dict[str, Bool[np.ndarray, "pairs"]]:
    """Fields that differ in some pair, with where."""
    found = {}
    for field in one.dtype.names or ():
        unlike = one[field] != other[field]
        rows = unlike.any(axis=tuple(range(1, unlike.ndim)))
        if rows.any():
            found[field] = rows
    return found


def _closed(candidates: dict[str, _Seen]) -> set[str]:
    """Features whose differences stay among the fields of such features: the largest such set."""
    names = set(candidates)
    while True:
        allowed = set().union(*(candidates[name].touched for name in names)) if names else set()
        kept = {name for name in names if candidates[name].leaked <= allowed}
        if kept == names:
            return names
        names = kept


def _moved_by_play(env: InspectableEnv, bases: States, generator: np.random.Generator) -> set[str]:
    """Fields that a step changes in some state."""
    legal = legal_actions_of(env, bases)
    actions = np.where(legal, generator.random(legal.shape), -1.0).argmax(axis=1)
    return set(_differing(bases, env.step(bases, actions).states))


def _settings(edits: Edits, index: int, name: str, touched: set[str]) -> tuple[Setting, ...]:
    """Each value of a feature as fields to write; values that do not always write the same are left out."""
    settings = []
    for value in np.unique(edits.value[edits.feature == index]):
        states = edits.states[(edits.feature == index) & (edits.value == value)]
        fields = {field: np.asarray(states[field][0]) for field in sorted(touched)}
        if all((states[field] == kept).all() for field, kept in fields.items()):
            settings.append(Setting(name, int(value), fields))
    return tuple(settings)
