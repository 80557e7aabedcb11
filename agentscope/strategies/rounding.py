"""Rounding: the fewest digits with which the numbers of a text still decide alike, found by trying."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

LOSS = 0.001  # agreement that rounding may cost
WHOLES = (9, 15, 25, 40, 60, 99, 150, 250, 400, 650, 999, 1_500, 2_500, 4_000)  # largest whole numbers to try
SCALES = 12  # scales tried in one decade: a score may be multiplied by any positive number


def to_digits(values: Float[np.ndarray, "numbers"], digits: int) -> Float[np.ndarray, "numbers"]:
    """Each number with so many significant digits."""
    return np.array([float(f"{value:.{digits - 1}e}") for value in values])


def fewest_digits(values: Float[np.ndarray, "numbers"], judge: Callable[[np.ndarray], float], *,
                  loss: float = LOSS) -> Float[np.ndarray, "numbers"]:  # fmt: skip
    """The numbers, scaled and rounded to the fewest significant digits that `judge` finds as good within `loss`.

    Args:
        values: numbers whose common positive scale does not matter.
        judge: agreement of a vector of such numbers.
    """
    largest = float(np.abs(values).max()) if len(values) else 0.0
    if largest == 0.0:
        return values
    whole = np.asarray(values / 10.0 ** np.floor(np.log10(largest)))
    bar = judge(values) - loss
    for digits in range(1, 16):
        found = [_without_point(to_digits(scaled, digits)) for scaled in _scaled(whole, digits)]
        kept = [numbers for numbers in found if judge(numbers) >= bar]
        if kept:
            return min(kept, key=_length)
    return whole


def whole_numbers(values: Float[np.ndarray, "numbers"], judge: Callable[[np.ndarray], float], *,
                  loss: float = LOSS) -> Float[np.ndarray, "numbers"]:  # fmt: skip
    """The numbers times the smallest scale at which whole numbers decide as well within `loss`.

    Fit for tables, whose entries are compared with each other: a small entry needs no digits of its own.
    """
    largest = float(np.abs(values).max()) if len(values) else 0.0
    if largest == 0.0:
        return values
    bar = judge(values) - loss
    for most in WHOLES:
        found = np.round(values * (most / largest)) + 0.0
        if judge(found) >= bar:
            return found
    return fewest_digits(values, judge, loss=loss)


def _scaled(whole: np.ndarray, digits: int) -> list[np.ndarray]:
    """The numbers on several scales: in steps of a decade while digits are few, and with each number as the unit."""
    steps = [whole * 10 ** (step / SCALES) for step in range(SCALES if digits < 3 else 1)]
    return steps + [whole / abs(unit) for unit in whole if abs(unit) > 1e-12]


def _length(values: np.ndarray) -> int:
    """Characters of the numbers in a text; a factor of 1 is not written."""
    return sum(len(f"{written(abs(value))} * ") for value in values if value not in (0.0, 1.0, -1.0))


def _without_point(values: np.ndarray) -> np.ndarray:
    """The same numbers times a power of ten that makes them whole, if they have few digits."""
    for power in range(4):
        scaled = np.array([float(f"{value:.15e}") for value in values * 10.0**power])
        if np.allclose(scaled, np.round(scaled), rtol=0, atol=1e-9) and np.abs(scaled).max() <= 1_000:
            return np.asarray(np.round(scaled))
    return values


def written(value: float) -> str:
    """A number as the language writes it: whole numbers without a point."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def summed(terms: list[tuple[float, str]]) -> str:
    """`3 * holes() - 0.5 * wells()`: numbers times expressions, those with weight 0 left out."""
    text = ""
    for weight, name in terms:
        if weight == 0:
            continue
        size = written(abs(weight))
        part = name if size == "1" and name else f"{size} * {name}" if name else size
        text += (" - " if weight < 0 else " + ") if text else ("-" if weight < 0 else "")
        text += part
    return text or "0"
