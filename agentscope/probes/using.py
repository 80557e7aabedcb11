"""Does the network use a concept? Interchange on one-feature edits, erasure, and their controls; the verdict's rule.

Everything that is chosen (layer, subspace) is chosen on half of the episodes; every figure is of the other half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from agentscope.concepts import Concept
from agentscope.measures import episode_interval
from agentscope.probes.alignment import Effort, align, follows_by, train_subspace
from agentscope.probes.bench import Bench
from agentscope.probes.erasing import Eraser
from agentscope.probes.subspaces import Subspace, orthonormal, random_subspace, readout_subspace, unit_subspace
from agentscope.probes.swapping import Held, Scene
from agentscope.records import Evidence

MARGIN = 0.10  # design section 6: flips beyond the controls' that make a concept used
FEWEST, FEWEST_EPISODES = 20, 3  # effect pairs, and the episodes they come from, below which nothing is said
MANY = 200  # edits that change a concept and never the choice: enough to call it unused
TIMES = 3.0  # choices that erasing a concept changes, as a multiple of random erasures'
DRAWS = 10  # random subspaces whose mean is the control
SAMPLE = 500  # visited states that random subspaces are combined from
SKILL = 0.5  # of the way from a constant answer to the truth: what a readout must reach to stand for its concept
SPECIFIC = 0.5  # no-effect flips, as a share of the flips, at which a swap is not about the concept
SATURATED = 0.8  # a control this high leaves no room for evidence
Use = Literal["used", "unused", "untested"]


@dataclass(frozen=True)
class Swapped:
    """Whether each pair's base is decided like its edit once a subspace is swapped, and with random ones of its rank.

    Attributes:
        control: share of the random subspaces that do as much, pair by pair.
        scores: of the swapped bases.
    """

    flips: Bool[np.ndarray, "pairs"]
    control: Float[np.ndarray, "pairs"]
    scores: Float[np.ndarray, "pairs actions"]

    @property
    def margin(self) -> float:
        """Flips beyond the control's."""
        return float(self.flips.mean() - self.control.mean())


def swap_pairs(scene: Scene, held: Held, subspace: Subspace, others: Sequence[Subspace]) -> Swapped:
    """Put the edit's part of a subspace into the base, for each pair; the same for each of the control subspaces."""
    rows, layer = held.rows, subspace.layer
    base, edit = held.base[layer], held.edit[layer]
    scores = scene.scores(rows, layer, subspace.swap(base, edit))
    control = np.zeros(len(rows))
    for other in others:
        control += scene.follows(rows, scene.scores(rows, layer, other.swap(base, edit))) / len(others)
    return Swapped(scene.follows(rows, scores), control, scores)


@dataclass(frozen=True)
class Both:
    """A subspace swapped as it is, and by the part of it that is read later, beside the same controls."""

    plain: Swapped
    guarded: Swapped

    @property
    def margin(self) -> float:
        """The smaller of the two margins."""
        return min(self.plain.margin, self.guarded.margin)


def swap_both(bench: Bench, held: Held, subspace: Subspace, *, draws: int, generator: np.random.Generator) -> Both:
    """Swap a subspace with and without its dormant part."""
    readers, activations = bench.readers(subspace.layer), bench.activations(subspace.layer)[:SAMPLE]
    others = [random_subspace(subspace, activations, generator) for _ in range(draws)]
    plain = swap_pairs(bench.scene, held, subspace, others)
    if readers.shape[1] == len(readers):
        return Both(plain, plain)
    guarded = swap_pairs(bench.scene, held, subspace.within(readers), ())
    return Both(plain, replace(guarded, control=plain.control))


@dataclass(frozen=True)
class Trial:
    """The evidence on one concept, and the subspace that it is about; None where none was tested."""

    evidence: Evidence
    subspace: Subspace | None = None


def try_concept(bench: Bench, concept: Concept, *, generator: np.random.Generator) -> Trial:
    """The interchange test of one concept."""
    scene, name = bench.scene, concept.name
    choosing, judging = scene.effect_pairs(name)
    missing = _missing(bench, name, choosing, judging)
    if missing:
        return Trial(missing)
    candidates = _candidates(bench, name)
    if not candidates:
        return Trial(Evidence(why=f"no layer's readout gets {SKILL:g} of the way from a constant answer to the truth"))
    chosen, tried = _choose(bench, name, candidates, generator)
    both = swap_both(bench, scene.held(judging, (chosen.layer,)), chosen, draws=DRAWS, generator=generator)
    beyond = both.guarded.flips - both.guarded.control
    interval = episode_interval(beyond, scene.stage.episode[judging], generator=generator)
    strayed = _strays(bench, chosen, scene.other_pairs(name)[1])
    return Trial(Evidence(
        interchange=float(both.plain.flips.mean()), interchange_low=interval.low, interchange_high=interval.high,
        interchange_control=float(both.plain.control.mean()),
        interchange_untrained=_untrained(bench, name, chosen), no_effect=strayed,
        layer=chosen.layer, subspace=chosen.kind, rank=chosen.rank,
        others_changed=scene.stage.others_changed(name, judging),
        row_space=chosen.share_within(bench.readers(chosen.layer)), guarded=float(both.guarded.flips.mean()),
        score_shift=float(scene.shift(judging, both.plain.scores).mean()),
        pairs=len(judging), no_effect_pairs=len(scene.other_pairs(name)[1]), tried=tried,
    ), chosen)  # fmt: skip


def _missing(bench: Bench, name: str, *sides: np.ndarray) -> Evidence | None:
    """Why there is nothing to test, or the plain answer that no edit of the concept ever changes the choice."""
    stage = bench.scene.stage
    if all(len(r) >= FEWEST and len(np.unique(stage.episode[r])) >= FEWEST_EPISODES for r in sides):
        return None
    changed = stage.changed[name]
    count, flipped = int(changed.sum()), int((changed & bench.scene.differs).sum())
    if count >= MANY and flipped <= MARGIN * MARGIN * count:
        return Evidence(interchange=0.0, pairs=count, why=f"{flipped} of {count:,} edits of it change the choice")
    return Evidence(why=f"{flipped} of the {count:,} edits that change it change the choice: too few to test")


def _choose(
    bench: Bench, name: str, candidates: Sequence[Subspace], generator: np.random.Generator
) -> tuple[Subspace, tuple[Mapping[str, Any], ...]]:
    """The subspace whose flips exceed the controls' most on the choosing episodes; the first of equals."""
    scene = bench.scene
    held = scene.held(scene.effect_pairs(name)[0], bench.layers)
    tried: list[Mapping[str, Any]] = []
    margins = []
    for candidate in candidates:
        both = swap_both(bench, held, candidate, draws=3, generator=generator)
        strayed = _strays(bench, candidate, scene.other_pairs(name)[0])
        margins.append(min(both.margin, float(both.plain.flips.mean()) - (strayed or 0.0) / SPECIFIC))
        tried.append({
            "layer": candidate.layer, "subspace": candidate.kind, "rank": candidate.rank,
            "interchange": float(both.plain.flips.mean()), "control": float(both.plain.control.mean()),
            "guarded": float(both.guarded.flips.mean()), "no_effect": strayed,
        })  # fmt: skip
    return candidates[int(np.argmax(margins))], tuple(tried)


def _strays(bench: Bench, subspace: Subspace, rows: Int[np.ndarray, "pairs"]) -> float | None:
    """Share of no-effect pairs that flip when the subspace is swapped; None where there are none."""
    if not len(rows):
        return None
    return float(swap_pairs(bench.scene, bench.scene.held(rows, (subspace.layer,)), subspace, ()).flips.mean())


def _candidates(bench: Bench, name: str) -> list[Subspace]:
    """Where the concept may live: in units that are functions of it and tell it, else in what its readouts look at.

    Layers whose readout is poor are left out: what it looks at is not the concept.
    """
    layers = [layer for layer in bench.layers if bench.skill(name, layer) >= SKILL]
    found = []
    for layer in layers:
        units = bench.carriers(name, layer).all_units
        if len(units):
            found.append(unit_subspace(layer, bench.shape(layer), units))
    if not found:
        found = [_without(readout_subspace(bench.readouts[layer, name]), bench.taken(name, layer)) for layer in layers]
    return [subspace for subspace in found if subspace.rank]


def _without(subspace: Subspace, units: Int[np.ndarray, "units"]) -> Subspace:
    """A subspace without what it has in these units."""
    if not len(units):
        return subspace
    kept = subspace.basis.copy()
    kept[units] = 0.0
    return replace(subspace, basis=orthonormal(kept, floor=1e-3))


def _untrained(bench: Bench, name: str, chosen: Subspace) -> float | None:
    """The most that an untrained twin shows in the same layer on its own judging pairs, by its own readout."""
    found = []
    for scene, readouts in bench.twins:
        choosing, judging = scene.effect_pairs(name)
        if (chosen.layer, name) in readouts and min(len(choosing), len(judging)) >= FEWEST:
            found.append(follows_by(scene, judging, readout_subspace(readouts[chosen.layer, name])))
    return max(found) if found else None


def try_trained(
    bench: Bench, concept: Concept, *, effort: Effort, generator: np.random.Generator
) -> tuple[Mapping[str, Any], ...]:
    """What trained subspaces of rising rank do on the judging pairs, and those of the same rank in untrained twins."""
    scene, name = bench.scene, concept.name
    choosing, judging = scene.effect_pairs(name)
    if min(len(choosing), len(judging)) < FEWEST:
        return ()
    starts = [readout_subspace(bench.readouts[layer, name]) for layer in bench.layers
              if (layer, name) in bench.readouts]  # fmt: skip
    found = align(scene, name, starts, effort=effort, generator=generator)
    rows = []
    for subspace in found:
        twins = _trained_twins(bench, name, subspace, effort, generator) if subspace is found[-1] else []
        rows.append({
            "layer": subspace.layer, "rank": subspace.rank, "interchange": follows_by(scene, judging, subspace),
            "guarded": follows_by(scene, judging, subspace.within(bench.readers(subspace.layer))),
            "no_effect": _strays(bench, subspace, scene.other_pairs(name)[1]),
            "untrained": max(twins) if twins else None, "pairs": len(judging),
        })  # fmt: skip
    return tuple(rows)


def _trained_twins(
    bench: Bench, name: str, like: Subspace, effort: Effort, generator: np.random.Generator
) -> list[float]:
    found: list[float] = []
    for scene, readouts in bench.twins[: effort.twins]:
        choosing, judging = scene.effect_pairs(name)
        if (like.layer, name) in readouts and min(len(choosing), len(judging)) >= FEWEST:
            start = readout_subspace(readouts[like.layer, name])
            trained = train_subspace(scene, name, start, like.rank, steps=effort.steps, generator=generator)
            found += [] if trained is None else [follows_by(scene, judging, trained)]
    return found


def with_erasure(
    bench: Bench, evidence: Evidence, layer: str, columns: Float[np.ndarray, "states columns"],
    generator: np.random.Generator,
) -> tuple[Evidence, Eraser | None]:  # fmt: skip
    """The evidence with erasure in one layer, beside random erasures of equal rank and the layer's resampling.

    Args:
        columns: the concept on the visited states (`label_columns`).
    """
    if not columns.shape[1]:
        return evidence, None
    whitening, held = bench.whitening(layer), bench.activations(layer)
    eraser = whitening.eraser(columns)
    if not eraser.rank:
        return evidence, None
    random = [bench.flips(layer, whitening.random_eraser(eraser.rank, generator)(held)) for _ in range(DRAWS)]
    resampled = bench.flips(layer, held[generator.permutation(len(held))])
    found = replace(
        evidence, erasure=bench.flips(layer, eraser(held)), erasure_control=float(np.mean(random)),
        erasure_ceiling=resampled, erasure_layer=layer, erasure_rank=eraser.rank,
    )  # fmt: skip
    return found, eraser


def use_of(evidence: Evidence) -> Use:
    """The verdict, by a rule made on the compiled agents of levels L0 and L1 (design section 6, decision 9).

    Used: swapping the subspace flips at least MARGIN more effect pairs than random subspaces of equal rank, with the
    interval clear of 0, and than a swap that is not about the concept would; so does swapping the part of it that
    later layers read. And it does so beyond every untrained twin, or, where those do as much, erasing the concept
    changes TIMES as many choices as random erasures, and at least MARGIN of them.
    """
    if evidence.interchange is None:
        return "untested"
    control, guarded = evidence.interchange_control, evidence.guarded
    if control is None or guarded is None or evidence.interchange_low is None:
        return "unused"  # no edit of it ever changes the choice
    flips = min(evidence.interchange, guarded)
    beyond = flips - max(control, (evidence.no_effect or 0.0) / SPECIFIC)
    learned = flips - (evidence.interchange_untrained or 0.0) >= MARGIN or _erasing_tells(evidence)
    if beyond >= MARGIN and learned and evidence.interchange_low > 0:
        return "used"
    return "untested" if control >= SATURATED else "unused"


def _erasing_tells(evidence: Evidence) -> bool:
    if evidence.erasure is None or evidence.erasure_control is None:
        return False
    return evidence.erasure >= max(MARGIN, TIMES * evidence.erasure_control)


def told_use(evidence: Evidence) -> str:
    """The figures that decide `use`, in one line."""
    if evidence.interchange is None or evidence.layer is None:
        return evidence.why
    where = f"{evidence.subspace}, rank {evidence.rank}, of {evidence.layer}"
    controls = [f"random subspaces {_share(evidence.interchange_control)}"]
    if evidence.interchange_untrained is not None:
        controls.append(f"untrained twins at most {_share(evidence.interchange_untrained)}")
    if evidence.no_effect is not None:
        controls.append(f"{_share(evidence.no_effect)} of {evidence.no_effect_pairs} pairs that leave it alone")
    guard = "" if evidence.guarded == evidence.interchange else f" ({_share(evidence.guarded)} by what is read later)"
    return (
        f"swapping it ({where}) carries {_share(evidence.interchange)}{guard} of {evidence.pairs} choices over "
        f"from the edited state, against {', '.join(controls)}"
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}".replace("0.", ".", 1)
