"""How much each single unit matters to the choice, when it is resampled."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64, Int

from agentscope.contracts import Network
from agentscope.measures import same_class
from agentscope.probes.attribution import margin_attribution
from agentscope.probes.group_records import GroupData
from agentscope.probes.group_scores import draw_donors

BATCH = 16_384  # changed states that the network gets at once


def unit_importance(
    network: Network,
    layer: str,
    data: GroupData,
    *,
    generator: np.random.Generator,
    most: int = 256,
) -> Float64[np.ndarray, "units"]:
    """For each unit the share of states whose choice changes in effect when it takes its value from another state.

    Exact ablation of one unit at a time, by values that the network really has there. A position of a channel is a unit
    of its own.

    Args:
        data: states to measure on; a few hundred say it to two digits.
        generator: of the other state that each takes values from; the same one for all units.
        most: units that are measured, those with the largest mean absolute attribution; the others count 0.
    """
    activations = network.activations(data.observations, layer)
    flat = activations.reshape(len(activations), -1)
    donors = draw_donors(len(flat), generator)
    chosen = np.flatnonzero((flat != flat[:1]).any(axis=0))
    if len(chosen) > most:
        attributions = margin_attribution(network, data.observations, layer, data.decisions)
        chosen = _strongest(attributions.reshape(len(flat), -1), most)
    importance = np.zeros(flat.shape[1])
    together = max(BATCH // max(len(flat), 1), 1)
    for start in range(0, len(chosen), together):
        units = chosen[start : start + together]
        importance[units] = _changed(network, layer, data, activations, units, donors)
    return importance


def _strongest(attributions: Float[np.ndarray, "states width"], most: int) -> Int[np.ndarray, "units"]:
    """Units that add most to the margin; ties go to the lower index."""
    return np.sort(np.argsort(-np.abs(attributions).mean(axis=0, dtype=np.float64), kind="stable")[:most])


def _changed(
    network: Network, layer: str, data: GroupData, activations: np.ndarray, units: np.ndarray, donors: np.ndarray
) -> Float64[np.ndarray, "units"]:
    """The states once for each of these units, with that unit alone replaced."""
    states, count = len(activations), len(units)
    known = data.decisions
    mixed = np.tile(activations.reshape(1, states, -1), (count, 1, 1))
    mixed[np.arange(count)[:, None], np.arange(states), units[:, None]] = mixed[0, donors][:, units].T
    legal = np.tile(known.legal, (count, 1))
    scores = network.scores_with(
        np.tile(data.observations, (count, *[1] * (data.observations.ndim - 1))),
        {layer: mixed.reshape(-1, *activations.shape[1:])}, legal,
    )  # fmt: skip
    moved = np.where(legal, scores, -np.inf).argmax(axis=1)
    same = same_class(np.tile(known.actions, count), moved, np.tile(known.equivalent, (count, 1)))
    return 1 - same.reshape(count, states).mean(axis=1)
