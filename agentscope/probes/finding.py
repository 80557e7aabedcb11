"""Find primitives: probe every concept in every layer, beside its controls, and say where it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agentscope.contracts import Network, ProgressCallback, no_progress
from agentscope.probes.examples import Examples, examples_of
from agentscope.probes.readouts import Readouts
from agentscope.probes.runs import ProbeRun, Probing
from agentscope.probes.targets import LabelledStates
from agentscope.records import Primitive


@dataclass(frozen=True)
class ConceptProbe:
    """One concept in depth: every layer with its interval, and states to look at.

    Attributes:
        axes: names of the concept's axes (actions first); values: the best layer's scores of each value by itself
            (`value_rows`), none for a concept without axes.
    """

    probing: Probing
    examples: Examples
    axes: tuple[str, ...] = ()
    values: tuple[Mapping[str, Any], ...] = ()

    @property
    def primitive(self) -> Primitive:
        """The record of the concept."""
        return self.probing.primitives[0]

    @property
    def readouts(self) -> Readouts:
        """Its readout, from the layer that the record names."""
        return self.probing.readouts


def find_primitives(
    network: Network,
    data: LabelledStates,
    *,
    twins: Sequence[Network],
    generator: np.random.Generator,
    progress: ProgressCallback = no_progress,
) -> tuple[Primitive, ...]:
    """The records of `probe_concepts`, without the readouts."""
    return probe_concepts(network, data, twins=twins, generator=generator, progress=progress).primitives


def probe_concepts(
    network: Network,
    data: LabelledStates,
    *,
    twins: Sequence[Network],
    generator: np.random.Generator,
    progress: ProgressCallback = no_progress,
) -> Probing:
    """Fit a readout of every concept in every layer, and the same for each control, on the same held-out episodes.

    Args:
        twins: untrained networks of the same architecture; at least 5 are wanted.
        generator: of the split, the random labels, the random features and the bootstrap.
    Returns: one record a concept, in the order of `data.concepts`; use is "untested".
    Raises: EmptySample: fewer than 3 episodes.
    """
    return ProbeRun(network, data, twins, generator=generator, progress=progress).probing()


def probe_concept(
    network: Network,
    data: LabelledStates,
    concept: str,
    *,
    twins: Sequence[Network],
    generator: np.random.Generator,
    progress: ProgressCallback = no_progress,
) -> ConceptProbe:
    """One concept in depth: intervals for all layers, top states and near misses.

    Raises: ConceptsMissing: there is no such concept. EmptySample: fewer than 3 episodes.
    """
    run = ProbeRun(network, data.only(concept), twins, generator=generator, progress=progress, depth=True)
    probing = run.probing()
    best = {o.variant: o for o in run.own.outcomes if o.view.layer == probing.primitives[0].layer}
    if not best:
        return ConceptProbe(probing, Examples((), ()))
    real = best["real"]
    values = run.values(real, best["task"]) if real.target.shape else ()
    return ConceptProbe(probing, examples_of(real, run.plan), real.target.axes, values)
