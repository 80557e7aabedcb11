"""Units: how ramps and steps of whole numbers are made of ReLU or Tanh units, and why that is exact.

Every wire holds a whole number, and a unit reads `gain * (x - shift)`, x a whole number. The wire's value is then
`offset + sum(coefficient * unit)`.

ReLU. ramp: max(0, x) is the unit itself. step (x >= 1): max(0, x) - max(0, x - 1) is 0 for x <= 0, and x - (x - 1) = 1
for x >= 1. All weights and values are whole numbers, and `layers.py` proves each sum of magnitudes below 2**24, so that
float32 adds them without rounding, in any order.

Tanh. step: the unit reads 64 * (x - 1/2), at least 32 away from 0 on either side, where float32's tanh is +1 or -1;
(unit + 1) / 2 is the step. ramp up to h: the sum of the steps x >= 1, ..., x >= h. Should a library's tanh miss 1 by as
much as ERROR, then x - 1/2 moves by at most ERROR times the row's sum of magnitudes; `layers.py` proves that below 1/4,
so that every unit still reads at least 16 and is within ERROR of +1 or -1 again: by induction no error grows, and the
scores are off by less than the margin that the record states, against a gap of at least 1 between two actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Activation = Literal["ReLU", "Tanh"]

GAIN = 64.0
ERROR = 2.0**-23  # 1 - tanh(16) is 2.6e-14: any float32 tanh that is right to two last places keeps within it
SLACK = 0.25


@dataclass(frozen=True)
class Encoding:
    """How one wire is held by units.

    Attributes:
        gain: of every unit's input.
        shifts: one unit for each; it reads gain * (x - shift).
        coefficients: of each unit in the wire's value.
        offset: added to it.
    """

    gain: float
    shifts: tuple[float, ...]
    coefficients: tuple[float, ...]
    offset: float = 0.0


def ramp(activation: Activation, high: int) -> Encoding:
    """max(0, x) for x <= high."""
    if activation == "ReLU":
        return Encoding(1.0, (0.0,), (1.0,))
    return Encoding(GAIN, tuple(level - 0.5 for level in range(1, high + 1)), (0.5,) * high, high / 2)


def step(activation: Activation) -> Encoding:
    """1 where x >= 1, else 0."""
    return Encoding(1.0, (0.0, 1.0), (1.0, -1.0)) if activation == "ReLU" else ramp("Tanh", 1)
