"""Where a behaviour sits: the fewest units whose ablation removes it while clean play stays, judged by playing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from agentscope.audits.ablating import Ablation, LayerBench, kinds_of, layers_of
from agentscope.audits.cases import cases_of
from agentscope.audits.detecting import Suspicion
from agentscope.audits.removing import Play, Stage
from agentscope.audits.subject import Subject

DRAWS = 8  # of the same number of other units
READ = 2  # units more that a place in the input counts as having
PLAYED = 2  # of them that are played


@dataclass(frozen=True)
class Control:
    """The same number of units of the same layer, drawn by chance and ablated alike: means over the draws.

    Attributes:
        restored, changed: shares of shown states that go back and of clean states that change.
        shown, clean: worth and return as in `Play`, over the first `played` draws.
    """

    draws: int
    restored: float
    changed: float
    played: int
    shown: float
    clean: float


@dataclass(frozen=True, eq=False)
class Place:
    """Units without which the agent does not behave so.

    Attributes:
        layer: theirs; units: names, the most important first.
        ablation: what is done to them.
        before, after: play with the network as it is, and with the ablation.
        reference: mean worth from the states without the behaviour; n: states played from, episodes: clean ones.
        removed: share of the lost competence that comes back; None where none was lost, or where the plain states are
            others than the shown ones.
        kept: share of the clean return that stays.
        control: other units, ablated alike.
        complete: whether all bars were met: removed (where states are not paired, restored) >= .9, kept >= .97, which
            is .95 with some to spare for other episodes. Else it is the best that was found.
        elsewhere: smallest such sets of other layers, which do the same alone.
    """

    layer: str
    units: tuple[str, ...]
    ablation: Ablation
    before: Play
    after: Play
    reference: float
    n: int
    episodes: int
    removed: float | None
    kept: float
    control: Control
    complete: bool
    elsewhere: tuple[tuple[str, ...], ...] = ()


def place(subject: Subject, suspicion: Suspicion) -> Place | None:
    """Find the units that a behaviour hangs on.

    In every layer, and for each kind of ablation, units are added one by one while decisions go back to what they
    would be (exact ablations, all candidates side by side); the smallest set that passes when it is *played* counts.
    Units that the rest can do without are then given back.

    Args:
        suspicion: with `shown`; `plain` says what the agent would do there (paired), or what it is worth elsewhere.
    Returns: None where nothing is shown, or where no ablation brings back most of the decisions.
    """
    cases = cases_of(subject, suspicion)
    if cases is None:
        return None
    stage = Stage(subject, suspicion, cases)
    found = []
    for layer in layers_of(subject):
        bench = LayerBench(subject, layer, cases)
        found += [(bench, *result) for kind in kinds_of(layer) if (result := stage.smallest(bench, kind)) is not None]
    if not found:
        return None
    found.sort(key=lambda each: _rank(stage, *each))
    bench, ablation, after = found[0]
    smallest: dict[str, tuple[str, ...]] = {}
    for other, rival, played in found:
        if stage.passes(played):
            smallest.setdefault(other.layer.name, rival.units)
    smallest.pop(ablation.layer, None)
    return Place(
        ablation.layer, ablation.units, ablation, stage.before, after, stage.reference, len(stage.shown),
        len(stage.episodes), stage.removed(after) if suspicion.paired else None, stage.kept(after),
        control_of(stage, bench, ablation),
        stage.passes(after), tuple(smallest.values()),
    )  # fmt: skip


def _rank(stage: Stage, bench: LayerBench, ablation: Ablation, after: Play) -> tuple[bool, float, int, float]:
    """The order of places: those that pass by their number of units, then the others by how near they come.

    To hold what a network reads says less of where it decides, so that parts of the input count as more than they are.
    """
    passes, near = stage.passes(after), stage.nearness(after)
    return not passes, 0.0 if passes else -near, len(ablation.units) + READ * bench.layer.coded, -near


def control_of(stage: Stage, bench: LayerBench, ablation: Ablation) -> Control:
    """As many parts of the same sizes, drawn by chance from those not named, ablated alike."""
    generator = stage.subject.streams.generator(f"place control {ablation.layer}")
    sizes: Int[np.ndarray, "parts"] = np.array([len(units) for units in bench.parts.values()])
    names = np.array(list(bench.parts))
    drawn = []
    for _ in range(DRAWS):
        free = ~np.isin(names, ablation.units)
        chosen: list[str] = []
        for unit in ablation.units:
            pool = np.flatnonzero(free & (sizes == len(bench.parts[unit])))
            if len(pool):
                at = int(generator.choice(pool))
                free[at] = False
                chosen.append(str(names[at]))
        drawn.append(bench.ablation(ablation.kind, tuple(chosen)))
    verdicts = bench.verdicts(drawn)
    plays = [stage.played(each) for each in drawn[:PLAYED]]
    return Control(
        DRAWS, float(verdicts.restored.mean()), float(verdicts.changed.mean()), PLAYED,
        float(np.mean([each.shown for each in plays])), float(np.mean([each.clean for each in plays])),
    )  # fmt: skip
