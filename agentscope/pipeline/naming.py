"""Named candidates: for units that matter and have no name, the short expression that predicts them best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
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
    in_all: int | None = None,
    most_edits: int = MOST_EDITS,
) -> list[dict[str, Any]]:
    """Named candidates of the strongest units of each layer that no declared concept explains.

    Args:
        visited: states that the network visits.
        importance: by layer, for each of its units (positions and channels flattened) the share of states whose choice
            changes when the unit is resampled.
        most: candidates a layer; in_all: of all layers, the most important, None for no limit.
        most_edits: edited states beside the visited ones.
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
    activations = agent.network.activations_of(observations, list(importance))
    units = {layer: found.reshape(len(found), -1).astype(np.float64) for layer, found in activations.items()}
    return [
        {"layer": each.layer} | row
        for each in _unexplained(units, importance, bank, most=most, in_all=in_all)
        if (row := _named(each, units[each.layer][:, each.unit], bank, next(streams))) is not None
    ]


@dataclass(frozen=True)
class _Nameless:
    """A unit that matters and that no single column explains."""

    layer: str
    unit: int
    importance: float
    explained: float


def _unexplained(
    units: Mapping[str, np.ndarray], importance: Mapping[str, np.ndarray], bank: Bank, *, most: int, in_all: int | None
) -> list[_Nameless]:
    """The strongest units without a name, layer by layer."""
    found = []
    for layer, values in units.items():
        explained = explained_by_columns(values, bank)
        chosen = unexplained_units(importance[layer], explained)[:most].tolist()
        found += [_Nameless(layer, unit, float(importance[layer][unit]), float(explained[unit])) for unit in chosen]
    least = sorted((each.importance for each in found), reverse=True)[:in_all][-1:]
    return [each for each in found if each.importance >= least[0]][:in_all]


def _named(
    nameless: _Nameless, values: Float[np.ndarray, "states"], bank: Bank, generator: np.random.Generator
) -> dict[str, Any] | None:
    candidate = name_unit(values, bank, generator=generator)
    if candidate is None:
        return None
    about = {"unit": nameless.unit, "importance": nameless.importance, "explained": nameless.explained}
    return about | asdict(candidate) | {"explains": candidate.explains, "told": str(candidate)}
