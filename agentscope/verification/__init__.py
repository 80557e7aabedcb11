"""The exam: state sets by measures, paired episodes, noise floor, ceiling; equality node by node."""

from agentscope.verification.ceilings import ceiling
from agentscope.verification.exam import SETS, Examination, ExamOptions, examine
from agentscope.verification.explaining import explain_choice
from agentscope.verification.lines import worst_line
from agentscope.verification.node_values import NodePart, NodeText
from agentscope.verification.nodes import Equality, NodeProof, verify_nodes
from agentscope.verification.noise import noise_floor
from agentscope.verification.pairing import Pairs, play_pairs, rollout_rows, summarise_pairs
from agentscope.verification.proof_sets import ProofStates, proof_states
from agentscope.verification.scoring import Sheet, counterexamples, fill_sheet, measure_sheet

__all__ = [
    "SETS",
    "Equality",
    "ExamOptions",
    "Examination",
    "NodePart",
    "NodeProof",
    "NodeText",
    "Pairs",
    "ProofStates",
    "Sheet",
    "ceiling",
    "counterexamples",
    "examine",
    "explain_choice",
    "fill_sheet",
    "measure_sheet",
    "noise_floor",
    "play_pairs",
    "proof_states",
    "rollout_rows",
    "summarise_pairs",
    "verify_nodes",
    "worst_line",
]
