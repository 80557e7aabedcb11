"""Readouts of level 2 as a text is bound to them, and the plain arrays of readouts.npz that they are kept in."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Shaped

from agentscope import probes
from agentscope.contracts import Network
from agentscope.errors import ContractBroken
from agentscope.probes.grounding import Grounded, Lift
from agentscope.probes.readouts import Readouts
from agentscope.probes.sources import View

PREFIX = "level2."
LIFT = ("mean", "scale", "weights", "bias")


class ChosenReadouts:
    """Readouts by concept, as `bind_network` asks for them."""

    def __init__(self, readouts: Mapping[str, Grounded]) -> None:
        self.readouts = readouts

    def layer_of(self, concept: str) -> str:
        """The layer that this concept is read from."""
        return self.readouts[concept].layer

    def read(self, concept: str, activations: np.ndarray) -> Shaped[np.ndarray, "states ..."]:
        """The concept's values from that layer's activations."""
        return self.readouts[concept].read(activations)


class LayerActivations:
    """Runs the network once for all these layers; the latest batches are remembered."""

    def __init__(self, network: Network, layers: Sequence[str], *, batches: int) -> None:
        self.network, self.layers, self.batches = network, layers, batches
        self.known: dict[bytes, Mapping[str, np.ndarray]] = {}

    def __call__(self, observations: np.ndarray, layer: str) -> np.ndarray:
        """What this layer puts out."""
        key = hashlib.blake2b(np.ascontiguousarray(observations).tobytes()).digest()
        found = self.known.get(key)
        if found is None:
            while len(self.known) >= self.batches:
                self.known.pop(next(iter(self.known)))
            found = self.known[key] = self.network.activations_of(observations, self.layers)
        return found[layer]


def readout_arrays(chosen: Mapping[str, Grounded]) -> dict[str, np.ndarray]:
    """The readouts that level 2 reads with, under level2.<concept>; those with random features hold their lift too."""
    arrays = probes.Readouts({f"{PREFIX}{name}": each.readout for name, each in chosen.items()}).to_arrays()
    for name, each in chosen.items():
        arrays |= {f"{PREFIX}{name}.{part}": values for part, values in each.to_arrays().items()}
    return arrays


def grounded_readouts(arrays: Mapping[str, np.ndarray], network: Network) -> dict[str, Grounded]:
    """The readouts that `readout_arrays` wrote, by concept; arrays of other names are passed over.

    Scores are not kept with the readouts, and are NaN here.

    Raises: ContractBroken: a part is missing, or speaks of a layer that the network lacks.
    """
    own = {name.removeprefix(PREFIX): values for name, values in arrays.items() if name.startswith(PREFIX)}
    shapes = {layer.name: layer.shape for layer in network.layers}
    found = {}
    for name, readout in Readouts.from_arrays(own).by_concept.items():
        layer, lifted, places = readout.layer.partition("+")
        if layer not in shapes:
            raise ContractBroken(f"The readout of {name!r} reads layer {layer!r}, which this network does not have.")
        lift = None
        if lifted:
            missing = [part for part in LIFT if f"{name}.lift_{part}" not in own]
            if missing:
                raise ContractBroken(
                    f"The readout of {name!r} lacks lift_{missing[0]}: `agentscope inspect` writes it."
                )
            view = View(layer, shapes[layer], _positions(places))
            lift = Lift(view, *(own[f"{name}.lift_{part}"] for part in LIFT))
        form = "non-linear" if lifted else "linear"
        found[name] = Grounded(name, layer, form, float("nan"), readout, lift, own.get(f"{name}.values"))
    return found


def _positions(text: str) -> tuple[int, ...]:
    """Positions of a lift as its layer's name ends: "(0,)"."""
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        found = None
    if not isinstance(found, tuple) or not all(isinstance(place, int) for place in found):
        raise ContractBroken(f"{text[:40]!r} names no positions of a layer; readouts name them as in `placement+(0,)`.")
    return found


def content_hash(arrays: Mapping[str, np.ndarray]) -> str:
    """sha256 of arrays by name: names, types, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
