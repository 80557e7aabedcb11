"""The call tree of a decompiled program: policy, modules, shared functions, leaves, each with its size and effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agentscope.decompilation.parts import Decompilation, Part
from agentscope.language import tree


@dataclass(frozen=True)
class Branch:
    """One function and those that it calls.

    Attributes:
        part: what it stands for; None for the strategy.
        calls: what it calls for the first time in the order of reading, opened up.
        again: names of what it calls and what is opened up elsewhere: shared functions.
        effect: share of decisions that change without it, where it is known.
    """

    name: str
    part: Part | None
    calls: tuple[Branch, ...]
    again: tuple[str, ...]
    effect: float | None

    @property
    def opaque(self) -> bool:
        """Whether nobody could follow it with pen and paper."""
        return self.part is not None and self.part.opaque

    @property
    def size(self) -> str:
        """Its budget in a few words; empty where it stands for no units."""
        part = self.part
        if part is None or not part.stage:
            return ""
        many = f"{len(part.units)} units of " if len(part.units) > 1 and part.weights else ""
        sums = f"{part.inputs} inputs, {part.weights} weights up to {part.largest_weight}, {part.operations} operations"
        rows = f", {part.rows} rows" if part.rows else ""
        return f"{many}{sums}{rows}"


def call_tree(decompilation: Decompilation, effects: Mapping[str, float] | None = None) -> Branch:
    """The calls of a program from the strategy down, every function opened up once.

    Args:
        effects: by function, as of `emitting.emit`.
    """
    parts = {part.name: part for part in decompilation.parts}
    called = {name: part.calls for name, part in parts.items()}
    strategy = decompilation.program.strategy
    nodes = (node for node in tree.walk(strategy) if isinstance(node, tree.FunctionCall))
    called[strategy.name] = tuple(dict.fromkeys(node.name for node in nodes))
    effects, opened = effects or {}, {strategy.name}

    def branch(name: str) -> Branch:
        fresh = [callee for callee in called[name] if callee not in opened]
        opened.update(fresh)
        below = tuple(branch(callee) for callee in fresh)
        again = tuple(callee for callee in called[name] if callee not in fresh)
        return Branch(name, parts.get(name), below, again, effects.get(name))

    return branch(strategy.name)
