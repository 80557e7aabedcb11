"""Units that carry a concept: those whose output is a function of it and of nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped

PURE = 0.95  # share of a unit's variance that the concept must explain, on visited states and on their edits
MOST_LEVELS = 64  # values of a concept that are told apart; more are put into bins of equal numbers of states


@dataclass(frozen=True)
class Carriers:
    """Dedicated units of one layer, for each value of a concept that has any.

    Attributes:
        units: by index on the concept's axes, indices into the flattened layer, where they tell the whole value.
        functions: every unit that is a function of some value of the concept, whether or not it tells it.
    """

    layer: str
    units: Mapping[tuple[int, ...], tuple[int, ...]]
    functions: tuple[int, ...] = ()

    @property
    def all_units(self) -> Int[np.ndarray, "units"]:
        """Every unit that carries some value of the concept."""
        return np.array(sorted({unit for units in self.units.values() for unit in units}), dtype=np.int64)


def explained_share(
    units: Float[np.ndarray, "states units"], values: Shaped[np.ndarray, "states"]
) -> Float[np.ndarray, "units"]:
    """Share of each unit's variance that lies between states of different values (the correlation ratio); 0 if still.

    1 where the unit is a function of the value, linear or not.
    """
    level = levels_of_values(values)
    counts = np.bincount(level).astype(np.float64)
    centred = units.astype(np.float64) - units.mean(axis=0, dtype=np.float64)
    hot = np.zeros((len(level), len(counts)))
    hot[np.arange(len(level)), level] = 1.0
    sums = hot.T @ centred
    between = (sums**2 / np.maximum(counts, 1.0)[:, None]).sum(axis=0)
    total = (centred**2).sum(axis=0)
    share = np.divide(between, total, out=np.zeros_like(total), where=total > 1e-9 * len(units))
    return np.asarray(share)


def levels_of_values(values: Shaped[np.ndarray, "states"]) -> Int[np.ndarray, "states"]:
    """Values as numbers from 0: each its own level, or bins of equal numbers of states where there are many."""
    found, level = np.unique(values, return_inverse=True)
    if len(found) <= MOST_LEVELS:
        return level.ravel()
    cuts = np.quantile(values, np.linspace(0, 1, MOST_LEVELS + 1)[1:-1])
    return np.unique(np.searchsorted(cuts, values, side="right"), return_inverse=True)[1].ravel()


def dedicated_units(
    layer: str, visited: Float[np.ndarray, "states ..."], edited: Float[np.ndarray, "edits ..."],
    values: tuple[np.ndarray, np.ndarray],
) -> Carriers:  # fmt: skip
    """Units of a layer that are functions of one value of a concept and tell it, on visited states and on edits alike.

    Args:
        visited, edited: the layer's activations; values: the concept on the same states, (n, *axes).
    """
    flat = [array.reshape(len(array), -1) for array in (visited, edited)]
    labels = [array.reshape(len(array), -1) for array in values]
    shape = values[0].shape[1:]
    found: dict[tuple[int, ...], tuple[int, ...]] = {}
    functions: set[int] = set()
    for index, at in enumerate(np.ndindex(shape)):
        if any((column[:, index] == column[0, index]).all() for column in labels):
            continue
        shares = [explained_share(units, column[:, index]) for units, column in zip(flat, labels, strict=True)]
        pure = np.flatnonzero(np.minimum(*shares) >= PURE)
        functions.update(pure.tolist())
        if len(pure) and determined(flat[0][:, pure], labels[0][:, index]):
            found[at] = tuple(pure.tolist())
    return Carriers(layer, found, tuple(sorted(functions)))


def determined(units: Float[np.ndarray, "states units"], values: Shaped[np.ndarray, "states"]) -> bool:
    """Whether the units together tell the value: a unit that only tells that there is no key is no distance to it.

    Each value's mean activations must lie apart: the value is read off the nearest mean in at least PURE of the states.
    """
    level = levels_of_values(values)
    scale = units.std(axis=0)
    scaled = units[:, scale > 0] / scale[scale > 0]
    means = np.stack([scaled[level == index].mean(axis=0) for index in range(int(level.max()) + 1)])
    distance = ((scaled[:, None] - means) ** 2).sum(axis=2)
    return bool((distance.argmin(axis=1) == level).mean() >= PURE)
