"""How many bits do a concept's labels take, once a layer is known? Online (prequential) code length.

Voita and Titov (2020, EMNLP): episodes are told in blocks of doubling size, and the labels of each block cost what the
readout that was fitted on all earlier blocks gives them. A concept that is easy to find is cheap early, so that the
length counts both how well a layer shows it and how many states that takes. Moments merge: each prefix is one sum more.

Nothing is chosen by the block that it codes: penalties, calibration of probabilities and variance of errors come from
the readings of earlier blocks. The first block is given to all; the second has no readings before it, and costs
what a constant costs. A constant knows the frequencies, or mean and variance, of all earlier blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from agentscope.probes.coding import ClassCode, NumberCode
from agentscope.probes.fitting import Plan, ViewFit, count_batch
from agentscope.probes.heads import Block, Readings, fit_readings
from agentscope.probes.measuring import interval_of, ratio
from agentscope.probes.ridge import RidgeSystem
from agentscope.probes.scoring import truth
from agentscope.probes.sources import Source, View
from agentscope.probes.splits import EpisodeSplit
from agentscope.probes.targets import Target

STRENGTHS = (1e-2, 1.0)  # penalties, of which earlier blocks choose
CONSTANT = np.inf  # the penalty that leaves the constant alone
FEWEST = 3  # episodes of the first block
ESCAPE = 0.01  # share of a constant's code mixed into each readout's: one bold error is not paid without end
CODED = ("real", "task")


@dataclass(frozen=True)
class CodeLength:
    """Bits that the labels of one concept cost, by episode, over all blocks but the first.

    Attributes:
        layer: given the layer's readouts; task: the same for the control task; constant: given nothing.
    """

    layer: Float[np.ndarray, "episodes"]
    task: Float[np.ndarray, "episodes"]
    constant: Float[np.ndarray, "episodes"]

    def row(self, resamples: Float[np.ndarray, "resamples episodes"]) -> dict[str, float | None]:
        """Ratios to the constant's code and to the control task's, with intervals over episodes; below 1 is shorter."""
        found: dict[str, float | None] = {}
        for name, other in (("code_length", self.constant), ("code_length_task", self.task)):
            value = float(self.layer.sum() / other.sum()) if other.sum() > 0 else None
            ends = interval_of(ratio(resamples @ self.layer, resamples @ other)) if value is not None else None
            found |= {name: value, f"{name}_low": ends[0] if ends else None, f"{name}_high": ends[1] if ends else None}
        return found


def doubling_blocks(split: EpisodeSplit, generator: np.random.Generator) -> EpisodeSplit:
    """Blocks as groups: the last holds half of the episodes, the one before it a quarter, the first at least 3."""
    sizes = []
    left = split.episodes
    while left // 2 >= FEWEST:
        sizes.append(left - left // 2)
        left //= 2
    ends = np.cumsum([left, *sizes[::-1]])
    block = np.empty(split.episodes, dtype=np.int64)
    block[generator.permutation(split.episodes)] = np.searchsorted(ends, np.arange(split.episodes), side="right")
    return EpisodeSplit(block[split.episode], split.episode, len(ends), split.episodes)


def code_lengths(
    source: Source, work: Mapping[View, Sequence[Target]], plan: Plan, *, generator: np.random.Generator
) -> dict[tuple[str, str], CodeLength]:
    """Code lengths of each concept given each layer, by (layer, concept), in one pass over the states.

    Args:
        generator: of the order of the episodes.
    Returns: nothing where there are too few episodes for three blocks.
    """
    blocks = replace(plan, split=doubling_blocks(plan.split, generator), keep=False)
    if blocks.split.folds < 3:
        return {}
    told = [_Told(ViewFit(view, targets, CODED)) for view, targets in work.items() if targets]
    last = 0
    for group, rows in blocks.chunks():
        if group > last:
            last = group
            for each in told:
                each.fit()
        found = source.activations(plan.data.observations[rows])
        for each in told:
            each.read(group, rows, found[each.linear.view.layer])
        # One group for all: a prefix is all that was counted so far.
        count_batch([each.linear for each in told], blocks.batch(0, rows, CODED), found)
    return {key: length for each in told for key, length in each.lengths(blocks)}


@dataclass
class _Told:
    """Readings of one view, each block by the readouts of the blocks before it."""

    linear: ViewFit
    fitted: list[tuple[float, Readings]] = field(default_factory=list)
    rows: dict[int, list[np.ndarray]] = field(default_factory=dict)
    columns: dict[tuple[int, float], list[np.ndarray]] = field(default_factory=dict)

    def fit(self) -> None:
        """A readout for each penalty, on all blocks so far."""
        system = RidgeSystem(self.linear.without(None))
        self.fitted = [
            (strength, fit_readings(system, np.full(self.linear.width, strength), self.linear.blocks))
            for strength in STRENGTHS
        ]

    def read(self, group: int, rows: np.ndarray, activations: np.ndarray) -> None:
        """Keep what the readouts of the blocks before say."""
        self.rows.setdefault(group, []).append(rows)
        for strength, readings in self.fitted:
            found = readings.predict(self.linear.view.read(activations), self.linear.shift)
            self.columns.setdefault((group, strength), []).append(found)

    def lengths(self, plan: Plan) -> Iterator[tuple[tuple[str, str], CodeLength]]:
        """Code length of each concept."""
        rows = {group: np.concatenate(parts) for group, parts in self.rows.items()}
        columns = {key: np.concatenate(parts) for key, parts in self.columns.items()}
        for target in self.linear.targets:
            bits: dict[str, np.ndarray] = {}
            for block in (block for block in self.linear.blocks if block.target is target):
                made = ClassCode if target.concept.kind in ("flag", "choice") else NumberCode
                donors = plan.donors.rows(block.variant)
                labels = {group: truth(target, donors[each], self.linear.view.axes) for group, each in rows.items()}
                code = made(target, labels, _of_block(block, columns, self.linear.width))
                told, constant = _cheapest(code, sorted(rows))
                bits[block.variant] = _by_episode(told, rows, plan)
                if block.variant == "real":
                    bits["constant"] = _by_episode(constant, rows, plan)
            yield (self.linear.view.layer, target.name), CodeLength(bits["real"], bits["task"], bits["constant"])


Bits = dict[int, Float[np.ndarray, "states"]]  # of each state of a block


def _of_block(
    block: Block, columns: Mapping[tuple[int, float], np.ndarray], width: int
) -> dict[tuple[int, float], np.ndarray]:
    """The columns that code one concept: its own, or a choice's discriminants."""
    where = block.columns if block.extra is None else slice(width + block.extra.start, width + block.extra.stop)
    return {key: found[:, :, where] for key, found in columns.items()}


def _cheapest(code: NumberCode | ClassCode, groups: Sequence[int]) -> tuple[Bits, Bits]:
    """Bits by what was cheapest on all earlier blocks, a penalty or the constant itself; and by the constant."""
    told: Bits = {}
    constant: Bits = {}
    spent = dict.fromkeys((*STRENGTHS, CONSTANT), 0.0)
    for group in groups[1:]:
        alone = code.constant(group)
        told[group] = constant[group] = -alone.sum(axis=1) / np.log(2.0)
        if group == groups[1]:
            continue
        found = {CONSTANT: constant[group]}
        for strength in STRENGTHS:
            mixed = np.logaddexp(np.log1p(-ESCAPE) + code.read(group, strength), np.log(ESCAPE) + alone)
            found[strength] = -mixed.sum(axis=1) / np.log(2.0)
        told[group] = found[min(spent, key=spent.__getitem__)]
        spent = {choice: bits + float(found[choice].sum()) for choice, bits in spent.items()}
    return told, constant


def _by_episode(bits: Bits, rows: Mapping[int, np.ndarray], plan: Plan) -> Float[np.ndarray, "episodes"]:
    total = np.zeros(plan.split.episodes)
    for group, each in bits.items():
        total += np.bincount(plan.split.episode[rows[group]], each, minlength=plan.split.episodes)
    return total
