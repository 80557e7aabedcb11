"""Readouts whose directions are swapped: fitted in one pass on edits as well as on visited states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from agentscope.contracts import Network
from agentscope.probes.fitting import CHUNK, Batch, ViewFit, count_batch
from agentscope.probes.heads import fit_readings
from agentscope.probes.readouts import Readout, readout_of
from agentscope.probes.ridge import RidgeSystem
from agentscope.probes.sources import View, view_of
from agentscope.probes.splits import VALIDATION, split_episodes
from agentscope.probes.targets import LabelledStates, Target, make_target

FIT = 0  # the group of all states but those that choose penalties
Key = tuple[str, str]


def swap_readouts(
    network: Network, data: LabelledStates, layers: Sequence[str], *, generator: np.random.Generator
) -> Mapping[Key, Readout]:
    """A linear readout of every concept from every layer, by (layer, concept), in one pass.

    They are fitted on edits as well as on visited states: between the two sides of a pair they must read both.
    """
    split, chosen = generator.spawn(2)
    groups = split_episodes(data.episodes, split).groups
    made = [make_target(data, concept, chosen) for concept in data.concepts]
    work: dict[View, list[Target]] = {}
    for layer in network.layers:
        for target in (one for one in made if isinstance(one, Target) and layer.name in layers):
            work.setdefault(view_of(layer, target.axes), []).append(target)
    fits = [ViewFit(view, targets, ("real",)) for view, targets in work.items()]
    for group in (VALIDATION, FIT):
        rows = np.flatnonzero((groups == VALIDATION) == (group == VALIDATION))
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            found = network.activations_of(data.observations[part], layers)
            count_batch(fits, Batch(group, len(part), {"real": part}), found)
    readouts = {}
    for fit in fits:
        fit.choose(RidgeSystem(fit.without(VALIDATION)))
        readings = fit_readings(RidgeSystem(fit.without(None)), fit.strengths, fit.blocks)
        for block in fit.blocks:
            readouts[fit.view.layer, block.target.name] = readout_of(fit, block, readings, 0)
    return readouts
