"""What a picture is drawn of: a unit, a group or a direction of a layer as one number a state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Shaped

from agentscope.contracts import Network
from agentscope.errors import BadOption
from agentscope.probes.readouts import Readout
from agentscope.probes.sources import View

BATCH = 4_096  # observations that are read at once: a layer may be wide


@dataclass(frozen=True)
class Drive:
    """A weighted sum of a layer's units; over axes that the layer shares, one sum a position, the same weights at each.

    Attributes:
        layer: name of the layer.
        name: what reports call it, e.g. hidden_1[5] or the name of a concept.
        units: indices into the flattened layer, or, with `axes`, into the features at one position.
        weights: of those units; () weighs each 1.
        axes: environment axes of the layer that are positions, e.g. ("columns",); the state's reading is the highest.
        offsets: what is added at each position; () adds nothing. A readout's reading then is in its concept's unit,
            and a flag's is above 0 where it says true.
    """

    layer: str
    name: str
    units: tuple[int, ...]
    weights: tuple[float, ...] = ()
    axes: tuple[str, ...] = ()
    offsets: tuple[float, ...] = ()

    def view(self, network: Network) -> View:
        """How the layer of this network is read.

        Raises: BadOption: the network has no such layer, axis or unit, or not one weight a unit,
            one offset a position.
        """
        found = {layer.name: layer for layer in network.layers}.get(self.layer)
        if found is None:
            names = ", ".join(layer.name for layer in network.layers)
            raise BadOption(f"The network {network.name} has no layer {self.layer!r}; it has {names}.")
        strange = [axis for axis in self.axes if axis not in found.axis]
        if strange:
            raise BadOption(f"{self.layer} has no axis {strange[0]!r}; it has {', '.join(filter(None, found.axis))}.")
        view = View(self.layer, found.shape, tuple(found.axis.index(axis) for axis in self.axes), self.axes)
        if not self.units or not all(0 <= unit < view.features for unit in self.units):
            raise BadOption(f"{self.name} names units {self.units}, but {self.layer} has 0 to {view.features - 1}.")
        if self.weights and len(self.weights) != len(self.units):
            raise BadOption(f"{self.name} has {len(self.units)} units and {len(self.weights)} weights: one each.")
        if self.offsets and len(self.offsets) != view.positions:
            raise BadOption(f"{self.name} has {len(self.offsets)} offsets for {view.positions} positions: one each.")
        return view


@dataclass(frozen=True)
class DriveReader:
    """A drive bound to a network."""

    network: Network
    drive: Drive
    view: View

    def __call__(self, observations: Shaped[np.ndarray, "states ..."]) -> Float64[np.ndarray, "states positions"]:
        """The drive at each position; one position where the layer is read as a whole."""
        return np.concatenate([
            self._batch(observations[start : start + BATCH]) for start in range(0, max(len(observations), 1), BATCH)
        ])  # fmt: skip

    def _batch(self, observations: np.ndarray) -> Float64[np.ndarray, "states positions"]:
        arranged = self.view.arrange(self.network.activations(observations, self.drive.layer))
        weights = np.array(self.drive.weights or np.ones(len(self.drive.units)), dtype=np.float64)
        offsets = np.array(self.drive.offsets or (0.0,))
        return np.asarray(arranged[:, :, list(self.drive.units)].astype(np.float64) @ weights + offsets)

    def place(self, position: int) -> Mapping[str, int]:
        """Index on each of the drive's axes; nothing where the layer is read as a whole."""
        lengths = [self.view.shape[i] for i in self.view.places]
        return {axis: int(i) for axis, i in zip(self.drive.axes, np.unravel_index(position, lengths), strict=True)}


def bind_drive(network: Network, drive: Drive) -> DriveReader:
    """The drive as a function of observations.

    Raises: BadOption: the drive does not fit the network.
    """
    return DriveReader(network, drive, drive.view(network))


def unit_drive(network: Network, layer: str, unit: int) -> Drive:
    """One unit of a layer: its index in the flattened layer, or a channel where the layer has axes of the environment.

    A layer all of whose dimensions are such axes is read as a whole, like `find_groups` does.
    """
    axes = next((each.axis for each in network.layers if each.name == layer), ())
    named = tuple(axis for axis in axes if axis)
    return Drive(layer, f"{layer}[{unit}]", (unit,), axes=named if len(named) < len(axes) else ())


def readout_drive(network: Network, readout: Readout, *, column: int = 0) -> Drive:
    """The direction of a concept's readout.

    Args:
        column: of its weights: the class of a choice, or one value of a concept that is read as a whole.
    """
    axes = next(each.axis for each in network.layers if each.name == readout.layer)
    weights, offsets = readout.weights[:, column], readout.bias[:, column]
    return Drive(
        readout.layer, readout.concept, tuple(range(len(weights))), tuple(weights.tolist()),
        tuple(axes[i] for i in readout.places), tuple(offsets.tolist()),
    )  # fmt: skip


def strongest(readings: Float[np.ndarray, "states positions"]) -> Float64[np.ndarray, "states"]:
    """The reading of each state: the highest over the positions."""
    return np.asarray(readings.max(axis=1), dtype=np.float64)
