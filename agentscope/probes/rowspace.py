"""What later layers read of a layer: the row space of the next weights, or the span of the scores' gradients."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped

from agentscope.contracts import Network
from agentscope.probes.subspaces import orthonormal

STATES, MOST_SLOPES = 512, 2_048
SMALL = 1e-4  # of the largest singular value of the slopes: below it lies float32's rounding


def readers_of(
    network: Network, observations: Shaped[np.ndarray, "states ..."], layer: str
) -> Float[np.ndarray, "units reading"]:
    """An orthonormal basis of the directions of a layer that what follows reads at all.

    A direction outside it is dormant: nothing can come of it. Subspaces that reach into it can show an effect that is
    none (Makelov et al. 2024), so that swaps are done once more with the part inside. Where a dense layer comes next
    its weights say it exactly; elsewhere the gradients of many states' score differences span it from within.
    """
    step = network.dense_after(layer)
    if step is None:
        return _by_slopes(network, observations, layer)
    scores = step.activation == ""  # what all actions share decides nothing
    return orthonormal((step.weights - step.weights.mean(axis=0) if scores else step.weights).T)


def _by_slopes(network: Network, observations: np.ndarray, layer: str) -> Float[np.ndarray, "units reading"]:
    states = observations[np.linspace(0, len(observations) - 1, min(len(observations), STATES)).astype(np.int64)]
    held = network.activations(states, layer)
    units, actions = int(np.prod(held.shape[1:])), network.actions
    rounds = min(actions, max(1, -(-min(2 * units, MOST_SLOPES) // len(states))))
    slopes = []
    for turn in range(rounds):
        cotangents = np.full((len(states), actions), -1.0 / actions)
        chosen = (np.arange(len(states)) + turn * actions // rounds) % actions
        cotangents[np.arange(len(states)), chosen] += 1.0
        slopes.append(network.pull_back(states, layer, held, cotangents).reshape(len(states), -1))
    stacked = np.concatenate(slopes).astype(np.float64)
    lengths = np.linalg.norm(stacked, axis=1, keepdims=True)
    _, sizes, directions = np.linalg.svd(stacked / np.maximum(lengths, 1e-30), full_matrices=False)
    kept = (sizes > SMALL * float(sizes.max(initial=0.0))) & (sizes > 0)
    basis: np.ndarray = directions[kept].T
    return basis
