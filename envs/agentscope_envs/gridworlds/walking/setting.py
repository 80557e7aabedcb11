"""What a walking world is made of, and the checks of the arguments that all of them take."""

from __future__ import annotations

from dataclasses import dataclass

from agentscope.errors import BadOption
from agentscope_envs.gridworlds.panel import Panel
from agentscope_envs.gridworlds.walking.layouts import Level
from agentscope_envs.gridworlds.walking.rules import Rules


@dataclass(frozen=True)
class Setting:
    """What one walking world is made of.

    Attributes:
        levels: all layouts; `chosen` says which of them episodes are drawn from.
        start: 'start' or 'anywhere'.
        tiles: what a layout may hold, for reading observations; `ground`: what an edit can turn one cell into.
    """

    levels: tuple[Level, ...]
    chosen: range
    start: str
    panel: Panel
    rules: Rules
    max_steps: int
    tiles: tuple[int, ...]
    ground: tuple[int, ...]


def check_arguments(layouts: str, start: str, *, size: int, max_steps: int, known: tuple[str, ...]) -> None:
    """Refuse arguments that mean nothing.

    Raises: BadOption.
    """
    if layouts not in known:
        raise BadOption(f"layouts={layouts!r} means nothing: choose {' or '.join(map(repr, known))}.")
    if start not in ("start", "anywhere"):
        raise BadOption(f"start={start!r} means nothing: choose 'start' or 'anywhere'.")
    if not 5 <= size <= 13 or max_steps < 1:
        raise BadOption(f"size={size}, max_steps={max_steps}: size goes from 5 to 13, max_steps from 1.")


def check_chance(**chances: float) -> None:
    """Refuse what is no probability.

    Raises: BadOption.
    """
    for name, chance in chances.items():
        if not 0 <= chance <= 1:
            raise BadOption(f"{name}={chance} is no probability: it goes from 0 to 1.")
