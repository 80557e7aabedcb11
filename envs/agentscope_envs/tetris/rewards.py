"""What Tetris pays for: placements, lines, the end of the game, and in the shaped form the change of a potential."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from agentscope.errors import BadOption

SHAPED = (-0.51, -0.72, -0.18)  # the potential's weights of aggregate height, holes and bumpiness


@dataclass(frozen=True)
class Rewards:
    """Parts of the reward: a placement, a cleared line, the change of the potential, and the end of the game."""

    placement: float
    line: float
    potential: float
    death: float

    @property
    def concepts(self) -> tuple[str, ...]:
        """The board features that the reward contains."""
        return ("aggregate_height", "holes", "bumpiness") if self.potential else ()

    def total(
        self, outcomes: Int64[np.ndarray, "states 5"], placed: Int64[np.ndarray, "states"] | int = 1
    ) -> Float64[np.ndarray, "states"]:
        """The rewards of steps with these outcomes.

        Args:
            outcomes: lines, died, and the changes of aggregate height, holes and bumpiness.
            placed: pieces that came to rest.
        """
        lines, died, *changes = outcomes.T
        # Summed in a fixed order: a matrix product's last bits would depend on the batch size.
        rewards: np.ndarray = self.placement * placed + self.line * lines + self.death * died
        for weight, change in zip(SHAPED, changes, strict=True):
            rewards = rewards + self.potential * weight * change
        return rewards


REWARDS = {
    "shaped": Rewards(placement=0.1, line=0.3, potential=0.3, death=-5.0),
    "lines": Rewards(placement=0.1, line=1.0, potential=0.0, death=-1.0),
}


def choose_rewards(name: str) -> Rewards:
    """The rewards of this name.

    Raises: BadOption.
    """
    if name not in REWARDS:
        raise BadOption(f"reward={name!r}: one of {', '.join(REWARDS)} is supported")
    return REWARDS[name]
