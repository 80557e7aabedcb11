"""All concepts of all layers of one source, in one pass that counts and one that predicts held-out states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from agentscope.probes.heads import Block, Readings, fit_readings, named_classes
from agentscope.probes.ridge import RidgeSystem, choose_strengths
from agentscope.probes.sources import Source, View
from agentscope.probes.splits import VALIDATION, EpisodeSplit
from agentscope.probes.statistics import Fitter, Moments
from agentscope.probes.targets import LabelDonors, LabelledStates, Target

CHUNK = 2048  # states that are in memory at once
CACHE = 256 * 2**20  # bytes of activations kept for the second pass; states beyond it run twice


@dataclass(frozen=True)
class Batch:
    """States that are counted together, all of one group.

    Attributes:
        size: states.
        donors: rows of the targets whose labels they get, by variant; none: those of `targets`, one after the other.
        targets: by concept, where the labels are not those that the views were made with.
    """

    group: int
    size: int
    donors: Mapping[str, Int[np.ndarray, "batch"]] = field(default_factory=dict)
    targets: Mapping[str, Target] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What all sources of one run share: states, split, donors of labels, and whether to keep readings of numbers."""

    data: LabelledStates
    split: EpisodeSplit
    donors: LabelDonors
    keep: bool = False

    def chunks(self) -> Iterator[tuple[int, Int[np.ndarray, "chunk"]]]:
        """Batches of states, each from one group."""
        for group in range(VALIDATION, self.split.folds):
            rows = np.flatnonzero(self.split.groups == group)
            for start in range(0, len(rows), CHUNK):
                yield group, rows[start : start + CHUNK]

    def batch(self, group: int, rows: Int[np.ndarray, "chunk"], variants: Sequence[str]) -> Batch:
        """One of these chunks, ready to be counted."""
        return Batch(group, len(rows), {variant: self.donors.rows(variant)[rows] for variant in variants})


@dataclass(frozen=True)
class Outcome:
    """Held-out readings of one concept from one view.

    Attributes:
        readings: numbers: squared error of each state, in units of the labels' variance; flags: (n, outputs), above 0
            means true; choices: (n, outputs, heads) index of the class.
        values: numbers: the readings themselves, if the plan keeps them.
        strength: the penalty that validation chose.
    """

    view: View
    target: Target
    variant: str
    readings: np.ndarray
    strength: float
    values: np.ndarray | None = None


@dataclass
class ViewFit:
    """The work on one view: fitters of each group, then a readout for each held-out fold."""

    view: View
    targets: Sequence[Target]
    variants: Sequence[str]
    fitters: dict[int, Fitter] = field(default_factory=dict)
    readings: dict[int, Readings] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.blocks: list[Block] = []
        start = extra = 0
        for target in self.targets:
            outputs = int(np.prod(target.shape, dtype=np.int64)) // self.view.positions
            width = outputs * max(len(target.classes), 1)
            for variant in self.variants:
                more = slice(extra, extra + width) if target.classes else None
                self.blocks.append(Block(target, variant, slice(start, start + width), more))
                start, extra = start + width, extra + (width if more else 0)
        self.width = start

    def labels(self, batch: Batch) -> Float[np.ndarray, "states positions targets"]:
        """Target columns of a batch, all variants."""
        made = np.empty((batch.size, self.view.positions, self.width), dtype=np.float32)
        for block in self.blocks:
            target = batch.targets.get(block.target.name, block.target)
            target.fill(made[:, :, block.columns], batch.donors.get(block.variant), self.view.axes)
        return made

    @property
    def labelled_by(self) -> tuple[object, ...]:
        """Views with equal keys have equal target columns."""
        return (self.view.axes, *((block.target.name, block.variant) for block in self.blocks))

    def count(self, group: int, x: np.ndarray, y: np.ndarray) -> None:
        """Count a batch of one group in."""
        if group not in self.fitters:
            first = next(iter(self.fitters.values()), None)
            shift = x.mean(axis=(0, 1), dtype=np.float64).astype(x.dtype) if first is None else first.shift
            self.fitters[group] = Fitter(x.shape[2], self.width, positions=x.shape[1], shift=shift)
        self.fitters[group].update(x, y)

    def merge(self, group: int, other: ViewFit) -> None:
        """Add what another fit of the same view has counted of one group."""
        if group in other.fitters:
            mine = Fitter(len(self.shift), self.width, positions=self.view.positions, shift=self.shift)
            self.fitters.setdefault(group, mine).merge(other.fitters[group])

    @property
    def shift(self) -> np.ndarray:
        return next(iter(self.fitters.values())).shift

    def without(self, group: int | None) -> Moments:
        """Moments of all states but this group's; of all states for None.

        Added up and not subtracted: what one group alone shows would leave float32 rounding behind.
        """
        merged = Fitter(len(self.shift), self.width, positions=self.view.positions, shift=self.shift)
        for other, fitter in self.fitters.items():
            if other != group:
                merged.merge(fitter)
        return merged.moments()

    def choose(self, system: RidgeSystem) -> None:
        """Choose the penalty of every concept on the validation episodes."""
        validation = self.fitters[VALIDATION].moments()
        self.strengths = choose_strengths(system, validation, [block.columns for block in self.blocks])

    def fit(self) -> None:
        """Choose penalties on the validation episodes, then fit a readout for each group without its states."""
        system = RidgeSystem(self.without(VALIDATION))
        self.choose(system)
        for group in self.fitters:
            system = system if group == VALIDATION else RidgeSystem(self.without(group))
            self.readings[group] = fit_readings(system, self.strengths, self.blocks)

    def fit_on_all(self, strength: float) -> None:
        """Give every group the readout of all states with this penalty: it then reads what it was fitted on."""
        system = RidgeSystem(self.without(None))
        self.strengths = np.full(self.width, strength)
        readings = fit_readings(system, self.strengths, self.blocks)
        self.readings = dict.fromkeys(self.fitters, readings)


@dataclass(frozen=True)
class Probed:
    """Held-out readings of every concept from every view of one source, and what they were fitted from."""

    fits: tuple[ViewFit, ...]
    outcomes: tuple[Outcome, ...]


def count_batch(fits: Sequence[ViewFit], batch: Batch, found: Mapping[str, np.ndarray]) -> None:
    """Count one batch into every view; views of the same targets share the label columns."""
    made: dict[tuple[object, ...], np.ndarray] = {}
    for fit in fits:
        if fit.labelled_by not in made:
            made[fit.labelled_by] = fit.labels(batch)
        fit.count(batch.group, fit.view.read(found[fit.view.layer]), made[fit.labelled_by])


def probe_source(source: Source, work: Mapping[View, Sequence[Target]], plan: Plan, variants: Sequence[str]) -> Probed:
    """Fit every target from every view of one source, all folds, in two passes."""
    fits = [ViewFit(view, targets, variants) for view, targets in work.items() if targets]
    cache: dict[int, Mapping[str, np.ndarray]] = {}
    size = 0
    for index, (group, rows) in enumerate(plan.chunks()):
        found = source.activations(plan.data.observations[rows])
        size += sum(array.nbytes for array in found.values())
        if size <= CACHE:
            cache[index] = found
        count_batch(fits, plan.batch(group, rows, variants), found)
    for fit in fits:
        fit.fit()
    return Probed(tuple(fits), tuple(read_held_out(fits, plan, source, cache)))


def read_held_out(
    fits: Sequence[ViewFit], plan: Plan, source: Source, cache: Mapping[int, Mapping[str, np.ndarray]]
) -> Iterator[Outcome]:
    """Read every state of the plan with the readout that never saw it; `cache` holds activations by chunk."""
    collectors = [_Collector(fit, plan) for fit in fits]
    for index, (group, rows) in enumerate(plan.chunks()):
        found = cache[index] if index in cache else source.activations(plan.data.observations[rows])
        for collector in collectors:
            collector.collect(group, rows, found[collector.fit.view.layer])
    for collector in collectors:
        yield from collector.outcomes()


class _Collector:
    """Fills the readings of one view, batch by batch."""

    def __init__(self, fit: ViewFit, plan: Plan) -> None:
        self.fit, self.plan = fit, plan
        self.readings: list[np.ndarray] = []
        self.values: list[np.ndarray | None] = []
        for block in fit.blocks:
            kind = block.target.concept.kind
            outputs = int(np.prod(block.target.shape, dtype=np.int64))
            shape = {"flag": (outputs,), "choice": (outputs, 3)}.get(kind, ())
            dtype = {"flag": np.float32, "choice": np.int16}.get(kind, np.float64)
            self.readings.append(np.zeros((len(plan.data), *shape), dtype=dtype))
            kept = plan.keep and kind not in ("flag", "choice") and block.variant == "real"
            self.values.append(np.zeros((len(plan.data), outputs), dtype=np.float32) if kept else None)

    def collect(self, group: int, rows: np.ndarray, activations: np.ndarray) -> None:
        """Read one batch with the readout that never saw its group."""
        fit, readings = self.fit, self.fit.readings[group]
        columns = readings.predict(fit.view.read(activations), fit.shift)
        for block, kept, values in zip(fit.blocks, self.readings, self.values, strict=True):
            if block.target.concept.kind == "flag":
                kept[rows] = columns[:, :, block.columns].reshape(len(rows), -1)
            elif block.target.concept.kind == "choice":
                kept[rows] = named_classes(block, columns, readings.log_priors, fit.width)
            else:
                found = columns[:, :, block.columns]
                wanted = block.target.columns(self.plan.donors.rows(block.variant)[rows], fit.view.axes)
                errors = (found - wanted).reshape(len(rows), -1)
                kept[rows] = np.einsum("ij,ij->i", errors, errors)
                if values is not None:
                    values[rows] = found.reshape(len(rows), -1)

    def outcomes(self) -> Iterator[Outcome]:
        """The finished readings of each concept and variant."""
        for block, kept, values in zip(self.fit.blocks, self.readings, self.values, strict=True):
            strength = float(self.fit.strengths[block.columns.start])
            yield Outcome(self.fit.view, block.target, block.variant, kept, strength, values)
