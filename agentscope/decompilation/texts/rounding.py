"""Scale, rounding and clamp of a unit's sum as a text writes them: what never acts is left out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from agentscope.decompilation.texts.naming import Names
from agentscope.decompilation.texts.terms import Group
from agentscope.integers import Stage

LONG = 76  # a sum of more characters stands on a line of its own


def half_of(stage: Stage) -> int:
    """What rounding to the nearest adds before it rounds down."""
    return (1 << stage.settings.get("shift", 0)) >> 1


def finished(stage: Stage, total: str, bounds: tuple[int, int], *, halved: int = 0) -> str:
    """A sum, the rounding's half in its constant, after scale and clamp; a clamp that never acts is left out.

    Args:
        bounds: of the sum without that half.
        halved: how often the sum was halved already.
    """
    if "shift" not in stage.settings:
        return total
    shift, low, high = (stage.settings[name] for name in ("shift", "low", "high"))
    first, last = ((bound + half_of(stage)) >> shift for bound in bounds)
    text = total if shift == halved else f"{total} // {2 ** (shift - halved)}"
    if first < low:
        text = f"max({text}, {low})"
    return f"min({text}, {high})" if last > high else text


def rounded(names: Names, stage: Stage, total: str, bounds: tuple[int, int], *, halved: int, single: bool) -> list[str]:
    """A sum and what becomes of it, on two lines where the sum is long.

    Args:
        single: whether the sum needs no bracket.
    """
    if len(total) <= LONG or "shift" not in stage.settings:
        divided = stage.settings.get("shift", 0) > halved and not single
        return [f"return {finished(stage, f'({total})' if divided else total, bounds, halved=halved)}"]
    name = names.letter("total")
    return [f"{name} = {total}", f"return {finished(stage, name, bounds, halved=halved)}"]


def settled(stage: Stage, bias: int) -> int:
    """What a unit without weights gives."""
    if "shift" not in stage.settings:
        return bias
    value = (bias + half_of(stage)) >> stage.settings["shift"]
    return min(max(value, stage.settings["low"]), stage.settings["high"])


def halvings(stage: Stage, groups: Sequence[Group]) -> int:
    """How often all weights and the scale can be halved: floor(floor(x / a) / b) is floor(x / (a b))."""
    common = math.gcd(*(group.weight for group in groups))
    return min(stage.settings.get("shift", 0), (common & -common).bit_length() - 1) if common else 0
