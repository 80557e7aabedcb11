"""Integer networks over int64: the plain reference of what a simplified agent computes in float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int64, Shaped

from agentscope.integers import PATTERN, SEEN, IntegerNetwork, Stage

AGENT = 10  # MiniGrid's id of the agent, whose state channel holds its heading


def run(
    network: IntegerNetwork,
    observations: Shaped[np.ndarray, "states ..."],
    *,
    given: Mapping[str, np.ndarray] | None = None,
) -> dict[str, Shaped[np.ndarray, "states ..."]]:
    """What every stage puts out, by name; "seen" is the observation itself.

    Args:
        given: values that stages put out instead of their own.
    """
    values = {SEEN: np.asarray(observations)}
    for stage in network.stages:
        sources = [values[source] for source in stage.sources]
        values[stage.name] = (given or {}).get(stage.name, stage_values(network, stage, sources))
    return values


def scores(
    network: IntegerNetwork, observations: Shaped[np.ndarray, "states ..."]
) -> Int64[np.ndarray, "states actions"]:
    """The scores of all actions."""
    found = run(network, observations)[network.stages[-1].name]
    return found.reshape(len(found), -1)


def stage_values(
    network: IntegerNetwork, stage: Stage, sources: Sequence[np.ndarray]
) -> Int64[np.ndarray, "states ..."]:
    """What one stage makes of its sources."""
    if not stage.weighs:
        return _rearranged(network, stage, sources[0])
    sums = stage_sums(network, stage, sources)
    if "shift" not in stage.settings:
        return sums
    shift = stage.settings["shift"]
    half = (1 << shift) >> 1  # floor(x / 2**shift + 1/2) without a fraction
    return np.clip((sums + half) >> shift, stage.settings["low"], stage.settings["high"])


def stage_sums(network: IntegerNetwork, stage: Stage, sources: Sequence[np.ndarray]) -> Int64[np.ndarray, "states ..."]:
    """The sums of a weighing stage, before scale and clamp."""
    arrays = network.of(stage.name)
    weight, bias = arrays["weight"], arrays["bias"]
    match stage.kind:
        case "dense":
            flat = np.concatenate([source.reshape(len(source), -1) for source in sources], axis=1)
            return flat.astype(np.int64) @ weight.T + bias
        case "match":
            side = PATTERN - 1
            padded = np.pad(sources[0][:, :PATTERN].astype(np.int64), ((0, 0), (0, 0), (side, side)))
            windows = np.lib.stride_tricks.sliding_window_view(padded, PATTERN, axis=2)
            found = np.einsum("nrpw,krw->nkp", windows, weight) + bias[:, None]
            return np.asarray(found.max(axis=2))
        case "around":
            padded = np.pad(sources[0].astype(np.int64), ((0, 0), (0, 0), (1, 1), (1, 1)))
            windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
            return np.einsum("ncyxab,kcab->nkyx", windows, weight) + bias[:, None, None]
    columns = np.concatenate([source for source in sources if source.ndim == 3], axis=1).astype(np.int64)
    reach = stage.settings["kernel"] // 2
    if reach:
        wall = np.broadcast_to(arrays["outside"][None, :, None], (len(columns), columns.shape[1], reach))
        columns = np.concatenate([wall, columns, wall], axis=2)
    windows = np.lib.stride_tricks.sliding_window_view(columns, stage.settings["kernel"], axis=2)
    sums = np.einsum("nfck,ofk->noc", windows, weight, optimize=True) + bias[:, None]
    same = [source for source in sources if source.ndim == 2]
    if same:
        sums = sums + (np.concatenate(same, axis=1).astype(np.int64) @ arrays["everywhere"].T)[:, :, None]
    return np.asarray(sums)


def _rearranged(network: IntegerNetwork, stage: Stage, source: np.ndarray) -> np.ndarray:
    match stage.kind:
        case "whole":
            arrays = network.of(stage.name)
            scaled = np.floor(source.astype(np.float64) * np.exp2(arrays["exponent"]))
            return np.clip(scaled, arrays["low"], arrays["high"]).astype(np.int64)
        case "plane":
            return np.asarray(source[:, stage.settings["index"]]).astype(np.int64)
        case "covered":
            return np.maximum.accumulate(source, axis=1)
        case "counted":
            return np.broadcast_to(source.sum(axis=2, keepdims=True), source.shape).copy()
        case "summed":
            return np.asarray(source.sum(axis=1, keepdims=True, dtype=np.int64))
        case "lookup":
            return network.of(stage.name)["table"][source].reshape(len(source), -1)
        case "codes":
            return _codes(stage, source)
        case "flags":
            return _flags(stage, source).reshape(len(source), -1)
    assert stage.kind == "planes"
    return np.moveaxis(_flags(stage, source), 3, 1)


def agents_view(
    ids: Shaped[np.ndarray, "states 3 rows columns"], reach: int
) -> Int64[np.ndarray, "states 3 side side"]:
    """Ids as the agent sees them: itself in the middle, ahead upwards; 0 outside the grid."""
    padded = np.pad(ids.astype(np.int64), ((0, 0), (0, 0), (reach, reach), (reach, reach)))
    flat = ids[:, 0].reshape(len(ids), -1) == AGENT
    place = flat.argmax(axis=1)
    row, column = place // ids.shape[3], place % ids.shape[3]
    heading = np.clip(ids[np.arange(len(ids)), 2, row, column].astype(np.int64), 0, 3)
    side = np.arange(2 * reach + 1)
    rows, columns = row[:, None, None] + side[:, None], column[:, None, None] + side
    boxes = np.moveaxis(padded[np.arange(len(ids))[:, None, None], :, rows, columns], 3, 1)  # always facing up
    turned = np.empty_like(boxes)
    for direction, quarter_turns in enumerate((1, 2, 3, 0)):  # right, down, left, up
        chosen = heading == direction
        turned[chosen] = np.rot90(boxes[chosen], quarter_turns, axes=(2, 3))
    return turned


def _ids(stage: Stage, source: np.ndarray) -> np.ndarray:
    reach = stage.settings.get("reach", 0)
    return agents_view(source, reach) if reach else source.astype(np.int64)


def _codes(stage: Stage, source: np.ndarray) -> np.ndarray:
    ids = _ids(stage, source)
    code = np.zeros_like(ids[:, 0])
    for kind, size in enumerate(stage.settings[name] for name in ("objects", "colours", "states")):
        if size:
            code = code * size + np.minimum(ids[:, kind], size - 1)
    return code.reshape(len(code), -1)


def _flags(stage: Stage, source: np.ndarray) -> np.ndarray:
    ids = _ids(stage, source)
    sizes = [stage.settings[name] for name in ("objects", "colours", "states")]
    spread = [
        np.minimum(ids[:, kind], size - 1)[..., None] == np.arange(size) for kind, size in enumerate(sizes) if size
    ]
    return np.concatenate(spread, axis=-1).astype(np.int64)
