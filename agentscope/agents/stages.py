"""The stages of integer networks in torch: the same code plays a finished network and trains one.

Values are whole numbers held in float32. `agentscope.integers` says what each kind means; `decompilation.running` is
the same over int64, and the tests compare them bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import torch
from torch.nn import functional

from agentscope.agents.grids import AGENT, centred_windows
from agentscope.integers import PATTERN, Stage

Arrays = Mapping[str, torch.Tensor]


def rearranged(stage: Stage, source: torch.Tensor, arrays: Arrays) -> torch.Tensor:
    """What a stage without weights puts out."""
    match stage.kind:
        case "whole":
            scaled = torch.floor(source * torch.exp2(arrays["exponent"]))
            return torch.minimum(torch.maximum(scaled, arrays["low"]), arrays["high"])
        case "plane":
            return source[:, stage.settings["index"]]
        case "covered":
            return source.cummax(dim=1).values
        case "counted":
            return source.sum(dim=2, keepdim=True).expand_as(source)
        case "summed":
            return source.sum(dim=1, keepdim=True)
        case "codes":
            return _codes(stage, source)
        case "flags":
            return _flags(stage, source).flatten(1)
        case "planes":
            return _flags(stage, source).permute(0, 3, 1, 2).contiguous()
    assert stage.kind == "lookup"
    return arrays["table"][source.long()].flatten(1)


def weighed(stage: Stage, sources: Sequence[torch.Tensor], arrays: Arrays) -> torch.Tensor:
    """The sums of a stage with weights, bias included, before scale and clamp."""
    weight, bias = arrays["weight"], arrays["bias"]
    match stage.kind:
        case "dense":
            return functional.linear(torch.cat([source.flatten(1) for source in sources], dim=1), weight, bias)
        case "match":
            patterns = functional.conv2d(sources[0][:, None, :PATTERN], weight[:, None], bias, padding=(0, PATTERN - 1))
            return patterns.amax(dim=(2, 3))
        case "around":
            return functional.conv2d(sources[0], weight, bias, padding=1)
    columns = torch.cat([source for source in sources if source.dim() == 3], dim=1)
    reach = stage.settings["kernel"] // 2
    if reach:
        wall = arrays["outside"].view(1, -1, 1).expand(len(columns), -1, reach)
        columns = torch.cat([wall, columns, wall], dim=2)
    sums = functional.conv1d(columns, weight, bias)
    same = [source for source in sources if source.dim() == 2]
    if same:
        sums = sums + functional.linear(torch.cat(same, dim=1), arrays["everywhere"]).unsqueeze(2)
    return sums


def finished(stage: Stage, sums: torch.Tensor) -> torch.Tensor:
    """Sums after scale, rounding and clamp; as they are where the stage has none."""
    if "shift" not in stage.settings:
        return sums
    scaled = torch.floor(sums / 2 ** stage.settings["shift"] + 0.5)
    return scaled.clamp(stage.settings["low"], stage.settings["high"])


def _ids(stage: Stage, source: torch.Tensor) -> torch.Tensor:
    """(states, 3, rows, columns) ids, as they lie or as the agent sees them; outside of its view they are 0."""
    ids, reach = source.long(), stage.settings.get("reach", 0)
    if not reach:
        return ids
    cells = ids.flatten(2)
    position = (cells[:, 0] == AGENT).int().argmax(dim=1)
    heading = cells[torch.arange(len(ids)), 2, position].clamp(max=3)
    window = _windows(ids.shape[2], ids.shape[3], reach)[heading, position]
    seen = functional.pad(cells, (0, 1)).gather(2, window.unsqueeze(1).expand(-1, 3, -1))
    return seen.view(len(ids), 3, 2 * reach + 1, 2 * reach + 1)


@cache
def _windows(rows: int, columns: int, reach: int) -> torch.Tensor:
    return centred_windows(rows, columns, reach)


def _codes(stage: Stage, source: torch.Tensor) -> torch.Tensor:
    ids = _ids(stage, source)
    sizes = [stage.settings[kind] for kind in ("objects", "colours", "states")]
    code = torch.zeros_like(ids[:, 0])
    for kind, size in enumerate(sizes):
        if size:
            code = code * size + ids[:, kind].clamp(max=size - 1)
    return code.flatten(1).float()


def _flags(stage: Stage, source: torch.Tensor) -> torch.Tensor:
    """(states, rows, columns, ids)."""
    ids = _ids(stage, source)
    sizes = [stage.settings[kind] for kind in ("objects", "colours", "states")]
    spread = [functional.one_hot(ids[:, k].clamp(max=size - 1), size) for k, size in enumerate(sizes) if size]
    return torch.cat(spread, dim=-1).float()
