"""The card of one unit, of the agent's network or of a simplified one: who names it, its states, what hangs on it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from agentscope.contracts import Network
from agentscope.errors import BadOption
from agentscope.measures import same_class
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.watching.concept_shots import units_of
from agentscope.pipeline.watching.scene import Scene
from agentscope.pipeline.watching.shots import Reading, ranked_rows, shots
from agentscope.records import StateSet
from agentscope.reports import POINT_FILES, plain_text, to_plain

RESAMPLED = 1_000  # states in which a unit is resampled
OTHER_NETWORK = "functions compute units of a simplified network, which is another network: open its units from there"
_UNIT = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,63})\[(channel )?([0-9]{1,7})\]")
_PART = re.compile(r"(close|small):(.+)")


@dataclass(frozen=True)
class UnitPlace:
    """One unit.

    Attributes:
        agent: with the network that it is a unit of; point: close or small, None for the agent's own network.
        name: within that network, e.g. hidden_1[4]; places: in the flattened layer.
    """

    agent: OpenAgent
    point: str | None
    name: str
    layer: str
    places: Int64[np.ndarray, "places"]

    @property
    def channel(self) -> int:
        """Index along the layer's first axis."""
        layer = next(layer for layer in self.agent.network.layers if layer.name == self.layer)
        return int(self.places[0]) // math.prod(layer.shape[1:])


def find_unit(agent: OpenAgent, name: str, simplified: Callable[[str], Network]) -> UnitPlace:
    """A unit by its name: hidden_1[4] (index into the flattened layer), conv_1[channel 5], or close:hidden_1[4].

    Args:
        simplified: gives the simplified network of a point.
    Raises: BadOption: the network has no such unit; and what `simplified` raises.
    """
    parts = _PART.fullmatch(name)
    point, own = (parts[1], parts[2]) if parts else (None, name)
    seen = agent if point is None else replace(agent, network=simplified(point))
    return UnitPlace(seen, point, own, *unit_places(seen.network, own))


def simplified_network(scene: Scene, point: str) -> Network:
    """The simplified network of a run folder, checked to be the one that the report speaks of.

    Raises: BadOption: the run has none. RefusedFile, UnsupportedAgent: its file cannot be read.
    """
    from agentscope.agents import load_network

    block = (scene.report["decompilation"] or {}).get(point)
    path = None if scene.folder is None else scene.folder / POINT_FILES[point][0]
    if not isinstance(block, Mapping) or path is None or not path.is_file():
        raise BadOption(f"the run has no {point} simplified network: `agentscope decompile` makes it.")
    network = load_network(path, name=f"{scene.agent.name} ({point})")
    if network.sha256 != block.get("sha256"):
        raise BadOption(f"{path.name} is not the network that the report speaks of: decompile once more.")
    return network


def unit_places(network: Network, name: str) -> tuple[str, Int64[np.ndarray, "places"]]:
    """A unit's layer, and its places in the flattened output of that layer.

    Raises: BadOption: the network has no such unit.
    """
    parts = _UNIT.fullmatch(name)
    layer = next((layer for layer in network.layers if parts and layer.name == parts[1]), None)
    if parts is not None and layer is not None:
        index, width = int(parts[3]), math.prod(layer.shape)
        if not parts[2] and index < width:
            return layer.name, np.array([index], dtype=np.int64)
        if parts[2] and index < layer.shape[0]:
            return layer.name, np.arange(width).reshape(layer.shape[0], -1)[index].astype(np.int64)
    known = ", ".join(f"{layer.name}[0 to {math.prod(layer.shape) - 1}]" for layer in network.layers)
    raise BadOption(f"the network has no unit {plain_text(name)[:64]!r}; it has {known}.")


def unit_card(scene: Scene, unit: UnitPlace, visited: StateSet) -> dict[str, Any]:
    """Where a unit is named, the states at both of its ends, and the share of choices that change with it alone."""
    outputs = np.asarray(unit.agent.network.activations(scene.agent.env.observe(visited.states), unit.layer))
    value = outputs.reshape(len(outputs), -1)[:, unit.places].astype(np.float64).max(axis=1)
    own, why = unit.point is None, dict[str, str]()
    ends: list[list[dict[str, Any]]] = [[], []]
    if value.min() == value.max():
        reason = f"it puts out {float(value[0]):.4g} in all {len(value)} states of the exam that were looked at"
        why["highest"] = why["lowest"] = reason
    else:
        ends = [_shown(unit.agent, visited, value, sign) for sign in (1, -1)]
    if own and scene.report["decompilation"]:
        why["functions"] = OTHER_NETWORK
    count = min(len(visited), RESAMPLED)
    return {
        "unit": unit.name if own else f"{unit.point}:{unit.name}",
        "network": plain_text(unit.agent.network.name),
        "concepts": named_by(scene, unit.name) if own else [],
        "groups": _groups(scene, unit) if own else [],
        "functions": [] if own else _functions(scene, unit),
        "findings": _findings(scene, unit.name) if own else [],
        "highest": ends[0], "lowest": ends[1],
        "changes": resampled_changes(scene, unit, visited, count), "states": count, "why": why,
    }  # fmt: skip


def _shown(
    agent: OpenAgent, visited: StateSet, value: Float64[np.ndarray, "states"], sign: int
) -> list[dict[str, Any]]:
    rows = [row for row, _ in ranked_rows(sign * value[:, None], visited.episode)]
    return shots(agent, visited, [Reading(row, f"{value[row]:.4g}", float(value[row])) for row in rows])


def resampled_changes(scene: Scene, unit: UnitPlace, visited: StateSet, count: int) -> float:
    """Share of states whose choice has another effect once the unit's output is that of another state."""
    agent = unit.agent
    states = visited.states[np.linspace(0, len(visited) - 1, count).astype(np.int64)]
    observed, here = agent.env.observe(states), agent.decide(states)
    outputs = np.array(agent.network.activations(observed, unit.layer))
    donors = scene.streams.generator("cards.resample").permutation(count)
    flat = outputs.reshape(count, -1)
    flat[:, unit.places] = flat[donors][:, unit.places]
    scores = agent.network.scores_with(observed, {unit.layer: flat.reshape(outputs.shape)}, here.legal)
    actions = np.where(here.legal, scores, -np.inf).argmax(axis=1)
    return float((~same_class(here.actions, actions, here.equivalent)).mean())


def named_by(scene: Scene, unit: str) -> list[str]:
    """Concepts whose evidence names a unit of the agent's network."""
    return [str(row["concept"]) for row in scene.report["primitives"] or [] if unit in units_of(row)]


def _groups(scene: Scene, unit: UnitPlace) -> list[dict[str, Any]]:
    """Groups of units that hold this one, and the expression that says best what it does alone."""
    groups, inside = scene.report.get("groups") or {}, set(unit.places.tolist())
    found = [
        {"of": row.get("of"), **{key: group.get(key) for key in ("group", "units", "share", "effect", "matters")},
         "name": ", ".join(str(each.get("concept")) for each in _rows(group.get("concepts")))}
        for row in _rows(groups.get("layers")) if row.get("layer") == unit.layer
        for group in _rows(row.get("groups")) if inside & set(group.get("units") or [])
    ]  # fmt: skip
    alone = [
        {"of": "alone", "units": [row.get("unit")], "effect": row.get("importance"), "matters": True,
         "name": row.get("told")}
        for row in _rows(groups.get("candidates")) if row.get("layer") == unit.layer and row.get("unit") in inside
    ]  # fmt: skip
    plain: list[dict[str, Any]] = to_plain([*found, *alone], "groups", {})  # type: ignore[assignment]
    return plain


def _functions(scene: Scene, unit: UnitPlace) -> list[dict[str, str]]:
    """Functions of a program that stand for a unit of its network."""
    rows = function_rows((scene.report["decompilation"] or {}).get(unit.point))
    return [
        {"point": str(unit.point), "name": str(row["name"])}
        for row in rows if row.get("stage") == unit.layer and unit.channel in (row.get("units") or [])
    ]  # fmt: skip


def function_rows(block: Any) -> list[Mapping[str, Any]]:
    """Rows of the functions of one point's program, as a report holds them."""
    program = block.get("program") if isinstance(block, Mapping) else None
    return _rows(program.get("functions")) if isinstance(program, Mapping) else []


def _findings(scene: Scene, unit: str) -> list[int]:
    """Numbers, from 1, of the findings that name a unit."""
    rows = scene.report["findings"] or []
    return [number for number, row in enumerate(rows, 1) if unit in ((row.get("where") or {}).get("units") or [])]


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, Sequence) else []
