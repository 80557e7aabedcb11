"""Named candidates: for units that matter and have no name, the short expression that predicts them best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from jaxtyping import Float

from agentscope import rollouts
from agentscope.language import with_cells
from agentscope.pipeline.opening import OpenAgent
from agentscope.probes.bank import Bank, bank_of
from agentscope.probes.candidates import explained_by_columns, name_unit, unexplained_units
from agentscope.records import StateSet

MOST_EDITS = 8_000


def name_units(
    agent: OpenAgent,
    visited: StateSet,
    importance: Mapping[str, Float[np.ndarray, "units"]],
    *,
    generator: np.random.Generator,
    most: int = 3,
    most_edits: int = MOST_EDITS,
) -> list[dict[str, Any]]:
    """Named candidates of the strongest units of each layer that no declared concept explains.

    Args:
        visited: states that the network visits.
        importance: by layer, for each of its units (positions and channels flattened) the share of states whose choice
            changes when the unit is resampled.
        most: candidates a layer; most_edits: edited states beside the visited ones.
    Returns: one row a unit: layer, unit, importance, explained (R2 of the best column), the fields of `NamedCandidate`,
        and `told`, the candidate in one sentence. The texts speak of concepts and cells
        (`seen`), and may stand in a file of the user's own concepts as they are.
    """
    streams = iter(generator.spawn(2 + sum(len(units) for units in importance.values())))
    pool = rollouts.edit_pool(agent.env, visited, next(streams), most=most_edits)
    edited, origins = visited.states[:0], visited.episode[:0]
    if pool is not None:
        chosen = np.sort(next(streams).permutation(len(pool.edited))[:most_edits])
        edited, origins = pool.edited[chosen], pool.episode[pool.parent[chosen]]
    bank = bank_of(with_cells(agent.env), visited.states, edited, episodes=visited.episode, edited_episodes=origins)
    if not bank.columns or not importance:
        return []
    observations = agent.env.observe(np.concatenate([visited.states, edited]))
    rows = []
    for layer, found in agent.network.activations_of(observations, list(importance)).items():
        units = found.reshape(len(found), -1).astype(np.float64)
        rows += [
            {"layer": layer, **row} for row in _of_layer(units, importance[layer], bank, most=most, streams=streams)
        ]
    return rows


def _of_layer(
    units: np.ndarray, importance: np.ndarray, bank: Bank, *, most: int, streams: Any
) -> list[dict[str, Any]]:
    explained = explained_by_columns(units, bank)
    rows = []
    for unit in unexplained_units(importance, explained)[:most].tolist():
        candidate = name_unit(units[:, unit], bank, generator=next(streams))
        if candidate is not None:
            rows.append(
                {"unit": unit, "importance": float(importance[unit]), "explained": float(explained[unit])}
                | asdict(candidate)
                | {"explains": candidate.explains, "told": str(candidate)}
            )
    return rows
