"""Which weights follow each other in a network, and the graph that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Shaped


def weight_chain(weights: Mapping[str, np.ndarray]) -> dict[str, Float[np.ndarray, "outputs inputs"]]:
    """The longest run of weights that read each other, by name: dense layers, or channels of convolutions.

    Followed by shape, in the order of the network: the next weights are the first that read as many values as the last
    put out. A convolution counts as (outputs, inputs) with its kernels' absolute weights summed, since its channels are
    what is repeated (Filan et al. 2021). Side branches are left out, and so are dense layers behind a flattened
    convolution, whose inputs are no channels.

    Args:
        weights: of the policy network, by SB3's names.
    Returns: absolute weights; among equally long runs the one with most weights. Empty where there are none.
    """
    tables = {
        name: np.abs(values.astype(np.float64)).reshape(*values.shape[:2], -1).sum(axis=2)
        for name, values in weights.items()
        if values.ndim >= 2
    }
    names = list(tables)
    best: list[str] = []
    for start in range(len(names)):
        run = [names[start]]
        for name in names[start + 1 :]:
            if tables[name].shape[1] == tables[run[-1]].shape[0]:
                run.append(name)
        best = max(best, run, key=lambda found: (len(found), sum(tables[name].size for name in found)))
    return {name: tables[name] for name in best}


@dataclass(frozen=True)
class Bipartite:
    """A graph of successive layers as its two sides: the units of even layers, then those of odd ones.

    Attributes:
        edges: weight between each unit of the even side (inputs, second layer, ...) and each of the odd side.
        sizes: units of each layer, the inputs first.
    """

    edges: Float[np.ndarray, "even odd"]
    sizes: tuple[int, ...]

    @staticmethod
    def of(chain: Sequence[Float[np.ndarray, "_outputs _inputs"]]) -> Bipartite:
        """The graph of absolute weights, each (outputs, inputs)."""
        sizes = (chain[0].shape[1], *(len(layer) for layer in chain))
        starts = _starts(sizes)
        edges = np.zeros((sum(sizes[0::2]), sum(sizes[1::2])))
        for index, layer in enumerate(chain):
            block, even, odd = (layer.T, index, index + 1) if index % 2 == 0 else (layer, index + 1, index)
            edges[starts[even] : starts[even] + sizes[even], starts[odd] : starts[odd] + sizes[odd]] = block
        return Bipartite(edges, sizes)

    @cached_property
    def strengths(self) -> Float[np.ndarray, "units"]:
        """Sum of each unit's weights, even side first."""
        return np.concatenate([self.edges.sum(axis=1), self.edges.sum(axis=0)])

    def by_layer(self, values: Shaped[np.ndarray, "units"]) -> list[Shaped[np.ndarray, "_layer"]]:
        """Values of units (even side first) in the order of the layers."""
        sides = (values[: len(self.edges)], values[len(self.edges) :])
        return [
            sides[index % 2][start : start + size]
            for index, (start, size) in enumerate(zip(_starts(self.sizes), self.sizes, strict=True))
        ]


def _starts(sizes: Sequence[int]) -> list[int]:
    """Where each layer begins on its side."""
    return [sum(sizes[index % 2 : index : 2]) for index in range(len(sizes))]
