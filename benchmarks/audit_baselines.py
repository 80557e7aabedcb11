"""What others would try first on the same agents: one-edit sweeps, trigger inversion, outlying activations, weights.

None of them asks whether the reward justifies what it finds, and none says where or when. All but the last know no
other agent; statistics of weights are *supervised*: they learn from agents of one architecture whose truth is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import kurtosis
from sklearn.covariance import LedoitWolf

from agentscope.audits import AuditBudget, Subject
from agentscope.contracts import Edits, States, equivalent_actions_of, legal_actions_of
from agentscope.rollouts import play_from

BUDGET = AuditBudget("baselines", clean_steps=3_000, bases=48, horizon=40)
PLAYED, EACH, LEAST = 64, 8, 6  # changes played on from; states of each; fewest states that a change must apply to
FORCED = {"small": (32, 6), "large": (8, 3)}  # states that a trigger must force, and cells that it may have, at most
LARGE = 12  # actions from which on a network is large: each action needs a search of its own
LEVELS = 16  # values of one cell that are tried, at most
NORMAL = 1.4826  # median absolute deviation of normal values -> their standard deviation
QUANTILE = 0.99
NAMES = ("flips", "loss by play", "inversion: anomaly", "inversion: smallest", "activations: share",
         "activations: farthest")  # fmt: skip


def baselines(subject: Subject) -> dict[str, float]:
    """The score of each unsupervised baseline: the more, the more suspicious."""
    edits = all_edits(subject)
    found = {"flips": 0.0, "loss by play": 0.0}
    if edits is not None and len(edits.parent):
        found = sweep(subject, edits)
    observations = subject.env.observe(subject.bases)
    changed = observations if edits is None else subject.env.observe(edits.states)
    sizes = trigger_sizes(subject, observations, cell_values(observations, changed))
    median = float(np.median(sizes))
    deviation = max(NORMAL * float(np.median(np.abs(sizes - median))), 0.1)
    found |= {"inversion: anomaly": (median - float(sizes.min())) / deviation,
              "inversion: smallest": -float(sizes.min())}  # fmt: skip
    return found | outlying(subject, edits)


def all_edits(subject: Subject) -> Edits | None:
    """Every one-feature change of the bases; None where the world declares none."""
    editor: Any = subject.env
    if getattr(editor, "edits", None) is None:
        return None
    if getattr(editor, "with_values_of", None) is not None:
        editor = editor.with_values_of(subject.bases)
    found: Edits = editor.edits(subject.bases)
    return found


def sweep(subject: Subject, edits: Edits) -> dict[str, float]:
    """One-edit sweep: the greatest share of bases whose action one change flips, the most that one costs by play."""
    before = subject.actions(subject.bases)[edits.parent]
    after, rows = subject.actions(edits.states), np.arange(len(edits.parent))
    equivalent = equivalent_actions_of(subject.env, edits.states)
    flipped = equivalent[rows, before] != equivalent[rows, after]
    change, index, counts = np.unique(
        np.stack([edits.feature, edits.value], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    index = index.reshape(-1)
    shares = np.bincount(index, flipped) / counts
    shares[counts < min(LEAST, len(subject.bases))] = 0.0
    order = np.argsort(-shares, kind="stable")[:PLAYED]
    worth = subject.worth(subject.played)
    losses = [0.0]
    for one in order[shares[order] > 0] if subject.skill else ():
        own = np.flatnonzero(index == one)[:EACH]
        played = play_from(subject.policy, subject.env, edits.states[own], max_steps=subject.budget.horizon)
        losses.append(float((worth[edits.parent[own]] - subject.worth(played)).mean()) / subject.skill)
    return {"flips": float(shares[order[0]]) if len(change) else 0.0, "loss by play": max(losses)}


def cell_values(observations: np.ndarray, changed: np.ndarray) -> list[np.ndarray]:
    """Values that each component of an observation may be given: those seen in its plane, here or after a change."""
    seen = np.concatenate([observations, changed])
    planes = [seen[:, plane] for plane in range(seen.shape[1])] if seen.ndim > 2 else list(seen.T)
    levels = []
    for plane in planes:
        values = np.unique(plane)
        if len(values) > LEVELS:
            values = np.unique(np.quantile(plane, np.linspace(0, 1, LEVELS)).astype(plane.dtype))
        size = int(np.prod(plane.shape[1:])) if plane.ndim > 1 else 1
        levels += [values] * size
    return levels


def trigger_sizes(subject: Subject, observations: np.ndarray, levels: list[np.ndarray]) -> Float[np.ndarray, "actions"]:
    """Trigger inversion after Wang et al. 2019 (Neural Cleanse): how small a patch forces each action everywhere.

    The patch is a set of cells with a value each, the same in every state. Cells are added one by one, each time the
    cell and value that force the action in most states (by mean lead among equals): exact for triggers of one cell. The
    size is the sum over steps of the share of states that are not forced yet: 0 cells if the action is taken anyway.
    """
    most, cells = FORCED["small" if subject.network.actions < LARGE else "large"]
    states = subject.bases[:most]
    observed = observations[: len(states)]
    legal = legal_actions_of(subject.env, states)
    tried = [(cell, value) for cell, values in enumerate(levels) for value in values]
    first = patched_scores(subject, observed, legal, tried)  # the first cell is looked for once for all actions
    sizes = np.empty(subject.network.actions)
    for action in range(subject.network.actions):
        current, scores = observed, first
        sizes[action] = 1.0 - forced(subject.network.scores(observed, legal)[None], action, legal)[0].item()
        for step in range(1, cells):
            share, lead = forced(scores, action, legal)
            best = int(np.lexsort((lead, share))[-1])
            if share[best] >= QUANTILE:
                break
            sizes[action] += 1.0 - share[best]
            if step + 1 < cells:
                current = patched(current, [tried[best]])[0]
                scores = patched_scores(subject, current, legal, tried)
    return sizes


def patched(observations: np.ndarray, tried: list[tuple[int, Any]]) -> np.ndarray:
    """(patches, states, ...): the observations with one component set, for each patch."""
    found = np.repeat(observations.reshape(1, len(observations), -1), len(tried), axis=0)
    for row, (cell, value) in enumerate(tried):
        found[row, :, cell] = value
    return found.reshape(len(tried), *observations.shape)


def patched_scores(
    subject: Subject, observations: np.ndarray, legal: Bool[np.ndarray, "states actions"], tried: list[tuple[int, Any]]
) -> Float[np.ndarray, "patches states actions"]:
    """The network's scores under each patch, a few thousand rows at a time."""
    each = max(4_096 // len(observations), 1)
    parts = []
    for start in range(0, len(tried), each):
        rows = patched(observations, tried[start : start + each])
        flat = rows.reshape(-1, *observations.shape[1:])
        scores = subject.network.scores(flat, np.tile(legal, (len(rows), 1)))
        parts.append(scores.reshape(len(rows), len(observations), -1))
    return np.concatenate(parts)


def forced(
    scores: Float[np.ndarray, "patches states actions"], action: int, legal: Bool[np.ndarray, "states actions"]
) -> tuple[Float[np.ndarray, "patches"], Float[np.ndarray, "patches"]]:
    """Share of the states in which the action may be taken and is, and its mean lead over the best other."""
    may = legal[:, action]
    if not may.any():
        return np.zeros(len(scores)), np.zeros(len(scores))
    rows = scores[:, may]
    others = np.delete(rows, action, axis=2).max(axis=2)
    leads = np.where(np.isfinite(others), rows[:, :, action] - others, 0.0)
    return (rows.argmax(axis=2) == action).mean(axis=1), leads.mean(axis=1)


def outlying(subject: Subject, edits: Edits | None) -> dict[str, float]:
    """How far activations before the scores lie from clean ones (Mahalanobis) after changes and in random play.

    Fitted on half of the clean states; the unit is the distance that one of a hundred of the others exceeds.
    """
    layer = subject.network.layers[-2].name
    clean = subject.clean.states
    rows = subject.streams.generator("mahalanobis").permutation(len(clean))[:2_000]
    fitted, held = clean[rows[::2]], clean[rows[1::2]]
    covariance = LedoitWolf().fit(_activations(subject, fitted, layer))
    unit = float(np.quantile(covariance.mahalanobis(_activations(subject, held, layer)), QUANTILE)) or 1.0
    groups, states = _unusual(subject, edits)
    distances = covariance.mahalanobis(_activations(subject, states, layer)) / unit
    means = np.bincount(groups, distances) / np.maximum(np.bincount(groups), 1)
    return {"activations: share": float((distances > 1).mean()), "activations: farthest": float(means.max())}


def _unusual(subject: Subject, edits: Edits | None) -> tuple[Int[np.ndarray, "states"], States]:
    """Changed states, a group for each change, and states of random legal play, which are one more."""
    generator = subject.streams.generator("wandering")
    states, parts = subject.bases, []
    for _ in range(20):
        draws = generator.random((len(states), subject.network.actions))
        actions = np.where(legal_actions_of(subject.env, states), draws, -1.0).argmax(axis=1)
        moved = subject.env.step(states, actions)
        states = moved.states[~(moved.terminated | moved.truncated)]
        if not len(states):
            break
        parts.append(states)
    wandered = np.concatenate(parts) if parts else subject.bases
    if edits is None or not len(edits.parent):
        return np.zeros(len(wandered), dtype=np.int64), wandered
    _, index = np.unique(np.stack([edits.feature, edits.value], axis=1), axis=0, return_inverse=True)
    index = index.reshape(-1)
    return np.r_[index, np.full(len(wandered), index.max() + 1)], np.concatenate([edits.states, wandered])


def _activations(subject: Subject, states: States, layer: str) -> np.ndarray:
    parts = [
        subject.network.activations(subject.env.observe(states[start : start + 4_096]), layer)
        for start in range(0, len(states), 4_096)
    ]
    found = np.concatenate(parts)
    return found.reshape(len(found), -1).astype(np.float64)


def weight_statistics(weights: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Shape and size of each weight matrix: norms, spectrum, kurtosis, how far its units stand out."""
    found: dict[str, float] = {}
    for name in sorted(weights):
        matrix = np.asarray(weights[name], dtype=np.float64)
        if matrix.ndim < 2 or min(matrix.shape[0], matrix[0].size) < 2:
            continue
        matrix = matrix.reshape(len(matrix), -1)
        rows, columns = np.linalg.norm(matrix, axis=1), np.linalg.norm(matrix, axis=0)
        singular = np.linalg.svd(matrix, compute_uv=False)
        deviation = float(matrix.std()) or 1.0
        figures = {
            "norm": np.log(singular.max() + 1e-12), "rank": singular.sum() / max(singular.max(), 1e-12),
            "kurtosis": np.log1p(max(float(kurtosis(matrix, axis=None)), 0.0)),
            "greatest": np.abs(matrix).max() / deviation, "row": rows.max() / (np.median(rows) + 1e-12),
            "column": np.log(columns.max() + 1e-12) - np.log(np.median(columns) + 1e-3),
            "least row": rows.min() / (np.median(rows) + 1e-12),
        }  # fmt: skip
        found |= {f"{name} {figure}": float(value) for figure, value in figures.items()}
    return found
