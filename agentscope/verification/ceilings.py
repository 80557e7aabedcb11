"""The ceiling of a vocabulary: the best agreement that any function of these concepts could reach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from agentscope.errors import EmptySample
from agentscope.records import Ceiling

MOSTLY_UNIQUE = 0.5
BLACK_BOX_STATES = 5_000  # the black box sees at most so many
RANKED_STATES = 2_000  # the same where it ranks, since each state is then a row for every move
FOLDS = 3
MANY_ACTIONS = 8  # above it the black box ranks (state, action) rows instead of naming an action
ALIASED = 20  # pairs listed


def ceiling(
    concept_matrix: Float[np.ndarray, "states features"],
    network_actions: Int[np.ndarray, "states"],
    equivalent: Int[np.ndarray, "states actions"],
    episodes: Int[np.ndarray, "states"],
    *,
    generator: np.random.Generator,
    legal: Bool[np.ndarray, "states actions"] | None = None,
    action_matrix: Float[np.ndarray, "states actions features2"] | None = None,
) -> Ceiling:
    """How far any text over this vocabulary could agree with the network.

    States with equal concept vectors must get equal actions, so each such group agrees at best in as many states as
    have its most popular action class. Where vectors are mostly unique this says nothing: then `agreement` is None,
    and gradient-boosted trees on the same concepts, cross-fitted by episode, give `black_box`, a yardstick and no
    bound.

    Args:
        concept_matrix: all concepts of each state, one column a component.
        action_matrix: action concepts of each (state, action), where the vocabulary has any; they are part of the
            vector of a state.
        generator: draws the folds and, above 5,000 states (2,000 where it ranks), the episodes the black box sees.
    Raises: EmptySample: there are no states.
    """
    count = len(network_actions)
    if not count:
        raise EmptySample("there are no states, so a vocabulary has no ceiling: ask for at least one episode.")
    allowed = np.ones(equivalent.shape, dtype=bool) if legal is None else legal
    same = equivalent == equivalent[np.arange(count), network_actions][:, None]
    same &= allowed
    columns = [concept_matrix.astype(np.float64).reshape(count, -1)]
    if action_matrix is not None:
        columns.append(action_matrix.astype(np.float64).reshape(count, -1))
    group = row_groups(np.concatenate(columns, axis=1))
    distinct = (int(group.max()) + 1) / count
    if distinct > MOSTLY_UNIQUE:
        ranks = action_matrix is not None or equivalent.shape[1] > MANY_ACTIONS
        seen = _sample_episodes(episodes, generator, most=RANKED_STATES if ranks else BLACK_BOX_STATES)
        allowed_classes = allowed[seen] & _first_of_class(equivalent[seen], allowed[seen])
        acted = None if action_matrix is None else action_matrix[seen]
        chosen = _black_box(columns[0][seen], acted, same[seen], allowed_classes, _folds(episodes[seen], generator))
        share = float(same[seen][np.arange(len(seen)), chosen].mean())
        return Ceiling(distinct, None, count, (), share)
    votes = np.zeros((int(group.max()) + 1, equivalent.shape[1]), dtype=np.int64)
    np.add.at(votes, group, same)
    best = votes.argmax(axis=1)
    agreed = same[np.arange(count), best[group]]
    return Ceiling(distinct, float(agreed.mean()), count, _aliased(group, agreed, network_actions), None)


def row_groups(rows: Shaped[np.ndarray, "states features"]) -> Int[np.ndarray, "states"]:
    """A number for each row: equal rows, equal numbers."""
    if not rows.shape[1]:
        return np.zeros(len(rows), dtype=np.int64)
    positive_zero = np.ascontiguousarray(rows + 0.0)  # -0.0 and 0.0 are one value, but two byte patterns
    keys = positive_zero.view(np.dtype((np.void, positive_zero.dtype.itemsize * rows.shape[1]))).ravel()
    return np.unique(keys, return_inverse=True)[1].astype(np.int64)


def _aliased(group: np.ndarray, agreed: np.ndarray, actions: np.ndarray) -> tuple[Mapping[str, Any], ...]:
    """Pairs of states that look alike to the vocabulary, though the network acts differently; largest loss first."""
    lost = np.bincount(group, weights=~agreed).astype(np.int64)
    sizes = np.bincount(group)
    pairs = []
    for index in np.argsort(-lost, kind="stable")[:ALIASED]:
        if not lost[index]:
            break
        members = np.flatnonzero(group == index)
        kept, other = int(members[agreed[members]][0]), int(members[~agreed[members]][0])
        pairs.append({
            "states": [kept, other], "actions": [int(actions[kept]), int(actions[other])],
            "group": int(sizes[index]), "lost": int(lost[index]),
        })  # fmt: skip
    return tuple(pairs)


def _sample_episodes(episodes: np.ndarray, generator: np.random.Generator, *, most: int) -> np.ndarray:
    """States of as many whole episodes as stay within the cap; of one episode that alone exceeds it, a sample."""
    if len(episodes) <= most:
        return np.arange(len(episodes))
    names, index, sizes = np.unique(episodes, return_inverse=True, return_counts=True)
    order = generator.permutation(len(names))
    fits = sizes[order].cumsum() <= most
    if fits.sum() < FOLDS:
        return np.sort(generator.permutation(len(episodes))[:most])
    return np.flatnonzero(np.isin(index, order[fits]))


def _folds(episodes: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A fold for each state; whole episodes, or single states where there are fewer episodes than folds."""
    names, index = np.unique(episodes, return_inverse=True)
    if len(names) < FOLDS:
        return generator.permutation(len(episodes)) % FOLDS
    fold: np.ndarray = generator.permutation(len(names))[index] % FOLDS
    return fold


def _first_of_class(equivalent: np.ndarray, legal: np.ndarray) -> np.ndarray:
    """One legal action of each class of equivalent ones: the first."""
    first = np.zeros_like(legal)
    seen = np.zeros_like(legal)
    rows = np.arange(len(legal))
    for action in range(legal.shape[1]):
        kind = equivalent[:, action]
        first[:, action] = legal[:, action] & ~seen[rows, kind]
        seen[rows, kind] |= legal[:, action]
    return first


def _black_box(
    states: np.ndarray, acted: np.ndarray | None, same: np.ndarray, choices: np.ndarray, folds: np.ndarray
) -> np.ndarray:
    """The action that boosted trees, fitted without the state's fold, would take in each state."""
    chosen = np.zeros(len(states), dtype=np.int64)
    for fold in range(FOLDS):
        test = np.flatnonzero(folds == fold)
        train = np.flatnonzero(folds != fold)
        if not len(test) or not len(train):
            continue
        if acted is None and same.shape[1] <= MANY_ACTIONS:
            chosen[test] = _named_action(states, same & choices, train, test)
        else:
            chosen[test] = _ranked_action(states, acted, same, choices, (train, test))
    return chosen


def _named_action(states: np.ndarray, target: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Classify states by the network's action class."""
    labels = target.argmax(axis=1)
    if len(np.unique(labels[train])) == 1:
        return np.full(len(test), labels[train][0])
    named: np.ndarray = _trees().fit(states[train], labels[train]).predict(states[test])
    return named


def _ranked_action(
    states: np.ndarray,
    acted: np.ndarray | None,
    same: np.ndarray,
    choices: np.ndarray,
    parts: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Score every (state, action class) by the chance that the network takes it, and take the best."""
    train, test = parts
    taken = same[train][choices[train]]
    if taken.all() or not taken.any():
        return choices[test].argmax(axis=1)
    features = [_row_features(states[part], None if acted is None else acted[part], choices[part]) for part in parts]
    scores = np.full(choices[test].shape, -np.inf)
    scores[choices[test]] = _trees().fit(features[0], taken).predict_proba(features[1])[:, 1]
    ranked: np.ndarray = scores.argmax(axis=1)
    return ranked


def _row_features(states: np.ndarray, acted: np.ndarray | None, choices: np.ndarray) -> np.ndarray:
    """One row a choice: the state, the action's number, its concepts, and how far each lies above the state's mean."""
    state, action = np.nonzero(choices)
    columns = [states[state], action[:, None].astype(np.float64)]
    if acted is not None:
        flat = acted.reshape(*acted.shape[:2], -1)
        among = choices[:, :, None]
        mean = np.where(among, flat, 0.0).sum(axis=1) / among.sum(axis=1)
        columns += [flat[state, action], flat[state, action] - mean[state]]
    return np.concatenate(columns, axis=1)


def _trees() -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier  # slow to import, and rarely needed

    return HistGradientBoostingClassifier(max_iter=60, learning_rate=0.15, early_stopping=False, random_state=0)
