"""Decompilation: an integer network becomes the text of a program that equals it, node by node."""

from agentscope.decompilation.budgets import Ledger, ledger_of
from agentscope.decompilation.effects import effect_shares
from agentscope.decompilation.parts import Decompilation, Part
from agentscope.decompilation.placing import placed_parts
from agentscope.decompilation.proofs.leaves import prove_leaves
from agentscope.decompilation.ranges import refuse_inexact
from agentscope.decompilation.recovery.convolutions import with_slides
from agentscope.decompilation.rewriting.shortening import shorten
from agentscope.decompilation.storing import part_to_json, parts_from_json
from agentscope.decompilation.texts.emitting import emit
from agentscope.decompilation.texts.naive import naive_size

__all__ = [
    "Decompilation",
    "Ledger",
    "Part",
    "effect_shares",
    "emit",
    "ledger_of",
    "naive_size",
    "part_to_json",
    "parts_from_json",
    "placed_parts",
    "prove_leaves",
    "refuse_inexact",
    "shorten",
    "with_slides",
]
