"""Probes: readouts of concepts from a network's layers, each beside its controls."""

from agentscope.probes.examples import Examples
from agentscope.probes.finding import ConceptProbe, find_primitives, probe_concept, probe_concepts
from agentscope.probes.readouts import Readout, Readouts
from agentscope.probes.ridge import RidgeSystem, Solution
from agentscope.probes.runs import Probing
from agentscope.probes.statistics import Fitter, Moments
from agentscope.probes.streaming import LayerReadout, StreamedProbe
from agentscope.probes.targets import LabelledStates, label_states
from agentscope.probes.verdicts import learned, settle

__all__ = [
    "ConceptProbe",
    "Examples",
    "Fitter",
    "LabelledStates",
    "LayerReadout",
    "Moments",
    "Probing",
    "Readout",
    "Readouts",
    "RidgeSystem",
    "Solution",
    "StreamedProbe",
    "find_primitives",
    "label_states",
    "learned",
    "probe_concept",
    "probe_concepts",
    "settle",
]
