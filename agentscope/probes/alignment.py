"""Trained subspaces: distributed alignment search (DAS), which looks for directions that carry a concept to the choice.

On networks of known truth it finds a way for most concepts that are not there (docs/decisions/0009-use.md), so it is
shown beside the verdict and decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from agentscope.probes.subspaces import Subspace, orthonormal
from agentscope.probes.swapping import Held, Scene

BATCH = 192
RATE = 0.08
SHARPNESS = 4.0  # of the softmax of scores with unit spread, as students are taught
LEAST_EFFECT = 0.5  # of the pairs that must follow when the whole layer is swapped, for the layer to be looked at


@dataclass(frozen=True)
class Effort:
    """How much is searched.

    Attributes:
        ranks: of the subspaces, rising; steps: of the gradient, for each; twins: untrained networks that are searched.
    """

    ranks: tuple[int, ...] = (1, 2, 4, 8)
    steps: int = 60
    twins: int = 10


QUICK = Effort((1, 8), 40, 3)


@dataclass(frozen=True)
class Lessons:
    """Pairs of the choosing episodes: what is swapped, and whose scores are wanted.

    Attributes:
        apart: activations of the edits minus those of the bases, flattened.
        wanted: softmax of the edit's scores on effect pairs, of the base's own where the concept stays as it is.
        scale: that turns each pair's scores into logits.
    """

    held: Held
    apart: Float[np.ndarray, "pairs units"]
    wanted: Float[np.ndarray, "pairs actions"]
    scale: Float[np.ndarray, "pairs"]


def lessons_of(scene: Scene, concept: str, layer: str) -> Lessons | None:
    """Effect pairs and, as many at most, pairs that differ in the choice but not in the concept."""
    effect, _ = scene.effect_pairs(concept)
    if not len(effect):
        return None
    others = scene.other_pairs(concept)[0][: len(effect)]
    rows = np.concatenate([effect, others])
    held = scene.held(rows, (layer,))
    apart = (held.edit[layer] - held.base[layer]).reshape(len(rows), -1).astype(np.float64)
    follows = np.arange(len(rows)) < len(effect)
    target = np.where(follows[:, None], scene.edit[rows], scene.base[rows])
    legal = scene.stage.legal[rows]
    filled = np.where(legal, target, 0.0)
    mean = filled.sum(axis=1) / legal.sum(axis=1)
    spread = np.sqrt((np.where(legal, filled - mean[:, None], 0.0) ** 2).sum(axis=1) / legal.sum(axis=1))
    scale = SHARPNESS / np.maximum(spread, 1e-9)
    return Lessons(held, apart, softmax(target, scale), scale)


def softmax(scores: Float[np.ndarray, "pairs actions"], scale: Float[np.ndarray, "pairs"]) -> np.ndarray:
    """Shares of the actions, 0 where a score is -inf."""
    logits = (scores - scores.max(axis=1, keepdims=True)) * scale[:, None]
    shares = np.exp(logits)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def train_subspace(
    scene: Scene, concept: str, start: Subspace, rank: int, *, steps: int, generator: np.random.Generator
) -> Subspace | None:
    """The subspace of this rank whose swap makes bases be decided like their edits, and nothing else happen.

    Distributed alignment search (Geiger et al. 2024): gradient steps on the cross-entropy to the edit's softened
    choice on effect pairs and to the base's own on pairs that leave the concept as it is; Adam, then the nearest
    orthonormal basis.

    Args:
        start: its first directions are where the search starts, the rest at random.
    Returns: None where there are no pairs to learn from.
    """
    lessons = lessons_of(scene, concept, start.layer)
    if lessons is None:
        return None
    units = lessons.apart.shape[1]
    basis = _first_basis(lessons, start, rank, generator)
    first = np.zeros_like(basis)
    second = np.zeros_like(basis)
    for step in range(1, steps + 1):
        rows = generator.permutation(len(lessons.apart))[:BATCH]
        slope = _slope(scene, lessons, rows, basis, start)
        first = 0.9 * first + 0.1 * slope
        second = 0.99 * second + 0.01 * slope**2
        rate = RATE * (1 - step / (steps + 1))
        move = first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.99**step)) + 1e-12)
        basis = orthonormal(basis - rate * move / np.sqrt(units))
    return Subspace(start.layer, start.shape, basis, "trained")


def _first_basis(
    lessons: Lessons, start: Subspace, rank: int, generator: np.random.Generator
) -> Float[np.ndarray, "units rank"]:
    """Half of the directions that are given, then those along which bases and edits differ most, then any."""
    _, _, principal = np.linalg.svd(lessons.apart, full_matrices=False)
    given = start.basis[:, : (rank + 1) // 2]
    drawn = generator.normal(size=(len(start.basis), rank))
    joined = np.concatenate([given, principal.T[:, :rank], drawn], axis=1)
    basis: np.ndarray = np.linalg.qr(joined)[0][:, :rank]
    return basis


def _slope(
    scene: Scene, lessons: Lessons, rows: Int[np.ndarray, "batch"], basis: np.ndarray, like: Subspace
) -> Float[np.ndarray, "units rank"]:
    """Gradient of the mean cross-entropy with respect to the basis."""
    pairs, layer = lessons.held.rows[rows], like.layer
    base = lessons.held.base[layer][rows]
    apart = lessons.apart[rows]
    moved = base + ((apart @ basis) @ basis.T).reshape(base.shape).astype(np.float32)
    scores = scene.scores(pairs, layer, moved)
    errors = (softmax(scores, lessons.scale[rows]) - lessons.wanted[rows]) * lessons.scale[rows][:, None] / len(rows)
    observations = scene.stage.bases[scene.stage.parent[pairs]]
    pulled = scene.network.pull_back(observations, layer, moved, errors).reshape(len(rows), -1).astype(np.float64)
    return np.asarray(apart.T @ (pulled @ basis) + pulled.T @ (apart @ basis))


def align(
    scene: Scene, concept: str, starts: Sequence[Subspace], *, effort: Effort, generator: np.random.Generator
) -> list[Subspace]:
    """Trained subspaces of rising rank, in the layer where the highest rank follows best on the choosing pairs.

    Args:
        starts: one subspace a layer, where to look.
    """
    effect, _ = scene.effect_pairs(concept)
    found = []
    for start in starts if len(effect) else ():
        held = scene.held(effect, (start.layer,))
        whole = scene.follows(effect, scene.scores(effect, start.layer, held.edit[start.layer])).mean()
        if whole >= LEAST_EFFECT:
            trained = train_subspace(scene, concept, start, effort.ranks[-1], steps=effort.steps, generator=generator)
            if trained is not None:
                found.append((follows_by(scene, effect, trained), start, trained))
    if not found:
        return []
    _, start, widest = max(found, key=lambda one: one[0])
    ranks = [
        train_subspace(scene, concept, start, rank, steps=effort.steps, generator=generator)
        for rank in effort.ranks[:-1]
    ]
    return [one for one in (*ranks, widest) if one is not None]


def follows_by(scene: Scene, rows: Int[np.ndarray, "pairs"], subspace: Subspace) -> float:
    """Share of pairs whose base is decided like its edit once the subspace is swapped."""
    held = scene.held(rows, (subspace.layer,))
    moved = subspace.swap(held.base[subspace.layer], held.edit[subspace.layer])
    return float(scene.follows(rows, scene.scores(rows, subspace.layer, moved)).mean())
