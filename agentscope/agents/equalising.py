"""The same ReLU network with its units on one scale, so that few bits hold them all.

A ReLU unit may be multiplied by any positive number, if its readers divide by it. Choosing these numbers so that the
largest weight into a unit equals the largest weight out of it lets one power-of-two scale serve a whole stage (Nagel et
al. 2019, arXiv:1906.04721, section 4.1). Nothing that is computed changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from agentscope.agents.drafts import Draft
from agentscope.integers import Stage, shapes_of

_ROUNDS = 8
_WIDEST = 64.0  # a unit is never scaled further than this at once: dead ones have no scale of their own


def equalised(draft: Draft) -> Draft:
    """Every hidden unit scaled so that what comes in is as large as what goes out; Tanh drafts stay as they are."""
    if draft.activation != "ReLU":
        return draft
    arrays = {name: np.array(array, dtype=np.float64) for name, array in draft.arrays.items()}
    for _ in range(_ROUNDS):
        for stage in draft.stages[:-1]:
            if stage.weighs:
                _balance(draft, stage, arrays)
    return replace(draft, arrays=arrays)


def _balance(draft: Draft, stage: Stage, arrays: dict[str, np.ndarray]) -> None:
    """Scale the units of one stage, in place."""
    incoming = [arrays[name] for part in ("weight", "everywhere") if (name := f"{stage.name}.{part}") in arrays]
    outgoing = list(_readers(draft, stage, arrays))
    large_in = np.max([np.abs(array.reshape(len(array), -1)).max(axis=1) for array in incoming], axis=0)
    large_out = np.max([np.abs(part).max(axis=(0, 2)) for part, read in outgoing if read], axis=0)
    known = (large_in > 0) & (large_out > 0)
    scale = np.ones(len(large_in))
    scale[known] = np.clip(np.sqrt(large_out[known] / large_in[known]), 1 / _WIDEST, _WIDEST)
    for array in (*incoming, arrays[f"{stage.name}.bias"]):
        array *= scale.reshape(-1, *[1] * (array.ndim - 1))
    for part, read in outgoing:
        part *= (1 / scale if read else scale)[None, :, None]


def _readers(draft: Draft, stage: Stage, arrays: dict[str, np.ndarray]) -> Iterator[tuple[np.ndarray, bool]]:
    """Views (anything, units, anything) of all that reads the stage (True), or stands in for it (False)."""
    shapes = shapes_of(draft.stages, draft.observation)
    units = shapes[stage.name][0]
    for reader in draft.stages:
        if stage.name not in reader.sources:
            continue
        weight = arrays[f"{reader.name}.weight"]
        before = list(reader.sources[: reader.sources.index(stage.name)])
        if reader.kind == "dense":
            start, width = (int(sum(np.prod(shapes[name]) for name in before)), int(np.prod(shapes[stage.name])))
            yield weight[:, start : start + width].reshape(len(weight), units, -1), True
        elif reader.kind == "around":
            yield weight.reshape(len(weight), units, -1), True
        else:
            flat = len(shapes[stage.name]) == 1
            start = sum(shapes[name][0] for name in before if len(shapes[name]) == len(shapes[stage.name]))
            if flat:
                everywhere = arrays[f"{reader.name}.everywhere"]
                yield everywhere[:, start : start + units, None], True
            else:
                yield weight[:, start : start + units], True
                outside = arrays.get(f"{reader.name}.outside")
                if outside is not None:
                    yield outside[None, start : start + units, None], False
