"""From real weights to whole numbers: power-of-two scales, and a module that trains behind the rounding.

Rounding has no slope, so the way back passes through it as if it were not there (straight-through estimator: Bengio
et al. 2013, arXiv:1308.3432; with integer arithmetic throughout: Jacob et al. 2018, arXiv:1712.05877). The way forward
is the arithmetic of the finished network, number by number: what is trained is what is saved.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Shaped
from torch import nn

from agentscope.agents.drafts import Draft
from agentscope.agents.pathways import one_thread
from agentscope.agents.stages import rearranged, weighed
from agentscope.errors import BadOption
from agentscope.integers import EXACT, SEEN, IntegerNetwork, Stage

_HELD = 0.9999  # share of activations below the highest number that a stage can put out
_TABLE_BITS = 8  # most that an entry of a table takes: what it describes is read again, with weights
_CLEAR = 0.8  # of 2**24: biases come on top, and training moves the weights
_INPUT_BITS = 12  # of decimals that are observed, sign included
_SHARED = ("weight", "everywhere")  # arrays of one stage that are added up, so that they share one scale


@dataclass(frozen=True)
class Precision:
    """Bits of what is rounded.

    Attributes:
        weights: of a weight with its sign: 5 bits lie between -15 and 15.
        activations: of what a stage puts out: 8 bits end at 255.
        widest: of a weight in stages whose sums leave room for it; 0 gives all stages the same.
    """

    weights: int = 8
    activations: int = 8
    widest: int = 0

    def __post_init__(self) -> None:
        if not (2 <= self.weights <= 12 and self.widest <= 16 and 1 <= self.activations <= 14):
            raise BadOption(
                f"Weights take 2 to 12 bits and activations 1 to 14, found {self.weights} and {self.activations}."
            )


@dataclass(frozen=True)
class Scales:
    """A draft with all its powers of two.

    Attributes:
        stages: with shift, low and high.
        exponents: by "stage.array": an array's whole numbers are its real ones times 2**exponent.
        tops: highest magnitude of each weight array; biases have none.
    """

    stages: tuple[Stage, ...]
    exponents: Mapping[str, int]
    tops: Mapping[str, int]


def calibrated(
    draft: Draft, observations: Shaped[np.ndarray, "states ..."], precision: Precision
) -> tuple[Draft, Scales]:
    """Scales from what the stages put out on these observations; decimals that are observed get theirs in the draft."""
    draft = _with_input_scales(draft, observations)
    highest = {stage.name: 2 ** (_bits(draft, stage, precision) - 1) - 1 for stage in draft.stages}
    out, weights = _exponents(draft, _highest_outputs(draft, observations), precision, tops=highest)
    stages, exponents, tops = [], {}, {}
    for stage in draft.stages:
        arrays = [name for name in draft.arrays if name.startswith(f"{stage.name}.")]
        if stage.kind == "lookup":
            exponents[f"{stage.name}.table"] = out[stage.name]
            tops[f"{stage.name}.table"] = highest[stage.name]
        if stage.weighs:
            inputs = out[stage.sources[0]]
            for name in arrays:
                own = name.rsplit(".", 1)[-1]
                exponents[name] = {"bias": inputs + weights[stage.name], "outside": inputs}.get(
                    own, weights[stage.name]
                )
                if own in _SHARED:
                    tops[name] = highest[stage.name]
            if stage is not draft.stages[-1]:
                shift = inputs + weights[stage.name] - out[stage.name]
                stage = _clamped(stage, shift, draft.activation, precision)
        stages.append(stage)
    return draft, Scales(tuple(stages), exponents, tops)


def _bits(draft: Draft, stage: Stage, precision: Precision) -> int:
    """Of the stage's weights: more than asked where its largest sum stays clear of 2**24 even so."""
    if stage.kind == "lookup":
        return min(precision.weights, _TABLE_BITS)
    if not stage.weighs:
        return precision.weights
    flat = [array.reshape(len(array), -1) for part in _SHARED
            if (array := draft.arrays.get(f"{stage.name}.{part}")) is not None]  # fmt: skip
    weighed_together = float(np.abs(np.concatenate(flat, axis=1)).sum(axis=1).max())
    units = {one.name for one in draft.stages if one.weighs}
    reads = 2**precision.activations if units & set(stage.sources) else max(draft.observation)
    if any(one.kind == "lookup" and one.name in stage.sources for one in draft.stages):
        reads = 2**_TABLE_BITS
    for bits in range(precision.widest, precision.weights, -1):
        if weighed_together * 2.0 ** _exponent(2 ** (bits - 1) - 1, _largest(draft, stage)) * reads < _CLEAR * EXACT:
            return bits
    return precision.weights


def _exponents(
    draft: Draft, highest: Mapping[str, float], precision: Precision, *, tops: Mapping[str, int]
) -> tuple[dict[str, int], dict[str, int]]:
    """Powers of two of what each stage puts out, and of its weights.

    What one reader adds up has one scale. A stage puts out nothing finer than its own sums, which may coarsen what is
    added to it, and with that its readers: so this goes round until nothing changes.
    """
    weights = {stage.name: _exponent(tops[stage.name], _largest(draft, stage)) for stage in draft.stages
               if stage.weighs or stage.kind == "lookup"}  # fmt: skip
    wanted = _wanted_exponents(draft, highest, precision)
    while True:
        out = {SEEN: 0}
        for stage in draft.stages:
            finest = out[stage.sources[0]] + weights.get(stage.name, 0)
            out[stage.name] = min(wanted[stage.name], finest) if stage.name in wanted else weights.get(stage.name, 0)
        before = dict(wanted)
        for stage in draft.stages:
            together = [source for source in stage.sources if source in wanted]
            wanted |= dict.fromkeys(together, min(out[source] for source in stage.sources))
        if wanted == before:
            return out, weights


def _largest(draft: Draft, stage: Stage) -> float:
    """Magnitude of its largest weight or table entry."""
    found = [draft.arrays.get(f"{stage.name}.{name}") for name in (*_SHARED, "table")]
    return max(float(np.abs(array).max()) for array in found if array is not None)


def _clamped(stage: Stage, shift: int, activation: str, precision: Precision) -> Stage:
    tanh = activation == "Tanh"
    high = 2 ** (precision.activations - 1) if tanh else 2**precision.activations - 1
    return replace(stage, settings={**stage.settings, "shift": shift, "low": -high if tanh else 0, "high": high})


def _exponent(top: int, largest: float) -> int:
    """The greatest power of two by which the largest number stays within the top."""
    return math.floor(math.log2(top / max(largest, 1e-6)) + 1e-9)


def _wanted_exponents(draft: Draft, highest: Mapping[str, float], precision: Precision) -> dict[str, int]:
    """For each weighing stage but the last, the finest scale that its usual highest output allows."""
    hidden = [stage.name for stage in draft.stages[:-1] if stage.weighs]
    if draft.activation == "Tanh":
        return dict.fromkeys(hidden, precision.activations - 1)
    return {name: _exponent(2**precision.activations - 1, highest[name]) for name in hidden}


def _with_input_scales(draft: Draft, observations: np.ndarray) -> Draft:
    """Decimals are floored at a power of two of their own, and the weights that read them divided by it."""
    first = draft.stages[0]
    if first.kind != "whole":
        return draft
    top = 2 ** (_INPUT_BITS - 1) - 1
    largest = np.abs(observations.reshape(len(observations), -1)).max(axis=0)
    exponent = np.array([min(_exponent(top, float(value)), 16) for value in largest], dtype=np.float64)
    shape = draft.observation
    arrays = dict(draft.arrays)
    arrays |= {f"{first.name}.exponent": exponent.reshape(shape), f"{first.name}.low": np.full(shape, -top - 1.0),
               f"{first.name}.high": np.full(shape, float(top))}  # fmt: skip
    for stage in draft.stages:
        if first.name in stage.sources:
            assert stage.kind == "dense" and len(stage.sources) == 1, "decimals are read by dense layers only"
            arrays[f"{stage.name}.weight"] = arrays[f"{stage.name}.weight"] / 2**exponent
    return replace(draft, arrays=arrays)


def _highest_outputs(draft: Draft, observations: np.ndarray) -> dict[str, float]:
    arrays = {name: torch.from_numpy(np.asarray(array, dtype=np.float32)) for name, array in draft.arrays.items()}
    found: dict[str, float] = {}
    with torch.no_grad(), one_thread():
        values = {SEEN: torch.from_numpy(np.ascontiguousarray(observations)).float()}
        for stage in draft.stages:
            sources, own = [values[source] for source in stage.sources], _own(arrays, stage.name)
            values[stage.name] = weighed(stage, sources, own) if stage.weighs else rearranged(stage, sources[0], own)
            if stage.weighs:
                values[stage.name] = (
                    values[stage.name].clamp(-1, 1) if draft.activation == "Tanh" else values[stage.name].relu()
                )
                found[stage.name] = max(float(np.quantile(values[stage.name].numpy(), _HELD)), 1e-3)
    return found


def _own(arrays: Mapping[str, torch.Tensor], stage: str) -> dict[str, torch.Tensor]:
    return {name.rsplit(".", 1)[-1]: array for name, array in arrays.items() if name.rsplit(".", 1)[0] == stage}


class TrainedStages(nn.Module):
    """The integer network of a draft, with real numbers behind its whole ones that can be trained.

    Attributes:
        masks: by array name, 1 where a weight may be other than zero.
        units: of each array, the whole number that its parameter 1.0 stands for: one learning rate fits all.
    """

    def __init__(self, draft: Draft, scales: Scales) -> None:
        super().__init__()
        self.stages, self.scales, self.observation = scales.stages, scales, draft.observation
        self.fixed = {name: torch.from_numpy(np.asarray(array, dtype=np.float32))
                      for name, array in draft.arrays.items() if name not in scales.exponents}  # fmt: skip
        self.units = {name: _unit(np.asarray(draft.arrays[name]) * 2.0**exponent, scales.tops.get(name))
                      for name, exponent in scales.exponents.items()}  # fmt: skip
        self.real = nn.ParameterDict({
            name.replace(".", "__"): nn.Parameter(
                torch.from_numpy(np.asarray(draft.arrays[name] * 2.0**exponent / self.units[name], dtype=np.float32))
            )
            for name, exponent in scales.exponents.items()
        })  # fmt: skip
        self.masks: dict[str, torch.Tensor] = {}

    def whole(self, name: str) -> torch.Tensor:
        """An array's whole numbers; the slope passes to the real ones."""
        scaled = self.real[name.replace(".", "__")] * self.units[name]
        top = self.scales.tops.get(name)
        if top is not None:
            scaled = scaled.clamp(-top, top)
        if name in self.masks:
            scaled = scaled * self.masks[name]
        return scaled + (torch.floor(scaled + 0.5) - scaled).detach()

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Scores of these observations, whole numbers."""
        values = {SEEN: observations.float()}
        arrays = {**self.fixed, **{name: self.whole(name) for name in self.scales.exponents}}
        for stage in self.stages:
            sources, own = [values[source] for source in stage.sources], _own(arrays, stage.name)
            if not stage.weighs:
                values[stage.name] = _looked_up(stage, sources[0], own)
                continue
            sums = weighed(stage, sources, own)
            if "shift" in stage.settings:
                scaled = sums / 2 ** stage.settings["shift"]
                held = scaled.clamp(stage.settings["low"], stage.settings["high"])
                rounded = torch.floor(scaled.detach() + 0.5).clamp(stage.settings["low"], stage.settings["high"])
                sums = held + (rounded - held).detach()
            values[stage.name] = sums
        return values[self.stages[-1].name].flatten(1)

    def reals(self) -> dict[str, np.ndarray]:
        """The real numbers behind the whole ones, what is pruned at zero, in the draft's own scale."""
        found = {}
        for name, exponent in self.scales.exponents.items():
            values = self.real[name.replace(".", "__")].detach() * self.masks.get(name, torch.ones(()))
            found[name] = values.numpy().astype(np.float64) * self.units[name] / 2.0**exponent
        return found

    def finished(self) -> IntegerNetwork:
        """The whole numbers as they are now."""
        with torch.no_grad():
            arrays = {name: self.whole(name).numpy() for name in self.scales.exponents}
        arrays |= {name: array.numpy() for name, array in self.fixed.items()}
        whole = {name: np.rint(array).astype(np.int64) for name, array in arrays.items()}
        return IntegerNetwork(self.stages, whole, self.observation)


def _unit(whole: np.ndarray, top: int | None) -> float:
    """The highest number that is allowed, or of biases, which have no bound, the highest that there is."""
    return float(top) if top is not None else max(float(np.abs(whole).max(initial=0)), 16.0)


def _looked_up(stage: Stage, source: torch.Tensor, own: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """As `rearranged`; a table is read in a way that its slope follows."""
    if stage.kind != "lookup":
        return rearranged(stage, source, own)
    return nn.functional.embedding(source.long(), own["table"]).flatten(1)
