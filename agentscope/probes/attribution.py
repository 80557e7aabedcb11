"""Attributions: what each unit adds to the lead of the chosen action over the next that differs in effect."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float32

from agentscope.contracts import Network
from agentscope.records import Decisions


def margin_direction(
    decisions: Decisions,
) -> tuple[Float32[np.ndarray, "states actions"], Bool[np.ndarray, "states"]]:
    """For each state +1 at the chosen action and -1 at the best legal one that is not equivalent to it.

    Returns: the directions, and which states have a margin at all; a state whose legal actions are all equivalent has
        none, and its direction is 0.
    """
    rows = np.arange(len(decisions.scores))
    chosen = decisions.actions
    own = decisions.equivalent == decisions.equivalent[rows, chosen][:, None]
    rivals = np.where(decisions.legal & ~own, decisions.scores, -np.inf)
    has = np.isfinite(rivals.max(axis=1))
    direction = np.zeros(decisions.scores.shape, dtype=np.float32)
    direction[rows[has], chosen[has]] = 1.0
    direction[rows[has], rivals.argmax(axis=1)[has]] = -1.0
    return direction, has


def margin_attribution(
    network: Network, observations: np.ndarray, layer: str, decisions: Decisions
) -> Float[np.ndarray, "states ..."]:
    """What each unit of a layer adds to the margin of the chosen action, in the unit of the scores.

    A unit's activation, less its mean over these states, times the gradient of the margin with respect to it (the
    first-order effect of setting the unit to its mean). In the layer before the scores this is exact: the attributions
    sum to how far the margin lies from that of the mean activation.
    """
    activations = network.activations(observations, layer)
    direction, _ = margin_direction(decisions)
    slopes = network.pull_back(observations, layer, activations, direction)
    return np.asarray((activations - activations.mean(axis=0, dtype=np.float64).astype(np.float32)) * slopes)
