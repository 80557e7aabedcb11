"""Which drives are drawn for a concept: the direction of its readout, and the unit that goes with it best."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, Shaped

from agentscope.concepts import Concept
from agentscope.contracts import InspectableEnv, Network
from agentscope.probes.drives import Drive, readout_drive, unit_drive
from agentscope.probes.readouts import Readout
from agentscope.probes.targets import FEWEST


@dataclass(frozen=True)
class Portrait:
    """One drive that stands for a concept; `told` says in words what it is."""

    drive: Drive
    told: str


def readout_portrait(
    network: Network, env: InspectableEnv, readout: Readout, concept: Concept, *,
    labels: Shaped[np.ndarray, "states ..."], values: Sequence[Mapping[str, Any]] = (),
) -> Portrait:  # fmt: skip
    """The direction of a concept's readout; of a choice its rarest label that shows, of several values the best read.

    Args:
        labels: of the concept; values: the score of each of its values (`value_rows`), where it has axes.
    """
    others = [i for i in range(len(readout.shape)) if i not in readout.concept_places]
    at, where = 0, ""
    if others:
        scores = [row.get("score") for row in values]
        best = int(np.argmax([-np.inf if score is None else score for score in scores])) if scores else 0
        index = np.unravel_index(best, readout.shape)
        at = int(np.ravel_multi_index([int(index[i]) for i in others], [readout.shape[i] for i in others]))
        where = _where(env, concept, values[best]["at"] if values else tuple(int(i) for i in index))
    name, column = concept.name + where, at
    if readout.classes:
        counts = np.array([(labels == code).sum() for code in readout.classes])
        rarest = int(np.where(counts >= min(FEWEST, counts.max()), counts, counts.sum() + 1).argmin())
        column = at * len(readout.classes) + rarest
        code = readout.classes[rarest]
        name += f"={concept.choices[code] if code < len(concept.choices) else code}"
    drive = replace(readout_drive(network, readout, column=column), name=name)
    return Portrait(drive, f"the readout of {name} in {readout.layer}")


def _where(env: InspectableEnv, concept: Concept, at: Sequence[int]) -> str:
    """The place of one value by the labels of its axes; those of actions come first."""
    axes = ("actions",) * (len(at) - len(concept.axis)) + concept.axis
    whole = len(at) - len(concept.axis) <= 1
    names = [
        env.action_names[i] if axis == "actions" and whole else env.axes[axis][i] if axis in env.axes else str(i)
        for axis, i in zip(axes, at, strict=True)
    ]
    return f"[{', '.join(names)}]"


def unit_portrait(
    network: Network,
    layer: str,
    activations: Shaped[np.ndarray, "states ..."],
    columns: Mapping[str, np.ndarray],
) -> Portrait | None:
    """The unit of a layer whose reading goes best with a concept, by the squared correlation over these states.

    A unit that is shared over positions is read where it is highest, as pictures show it, unless a column has a value
    for each position.

    Args:
        columns: of the concept (`concept_columns`), one for each of its labels.
    Returns: None where neither varies.
    """
    view = unit_drive(network, layer, 0).view(network)
    arranged = view.arrange(activations).astype(np.float64)
    best: tuple[float, int, str] | None = None
    for name, values in columns.items():
        readings = arranged.max(axis=1) if values.ndim == 1 else arranged.reshape(-1, arranged.shape[2])
        shared = _shared_variance(readings, values.ravel().astype(np.float64))
        unit = int(shared.argmax())
        if shared[unit] > (best[0] if best else 0.0):
            best = float(shared[unit]), unit, name
    if best is None:
        return None
    drive = unit_drive(network, layer, best[1])
    return Portrait(drive, f"{drive.name}, the unit of {layer} that goes best with {best[2]} (R2 {best[0]:.2f})")


def carrier_portrait(unit: str, concept: str) -> Portrait | None:
    """A unit that a test for use named, as `hidden_1[4]`: its layer and its index in the flattened layer.

    Returns: None for any other name.
    """
    parts = re.fullmatch(r"(.+)\[(\d+)\]", unit)
    if parts is None:
        return None
    drive = Drive(parts[1], unit, (int(parts[2]),))
    return Portrait(drive, f"{unit}, the first of the units that carry {concept}")


def _shared_variance(
    readings: Float[np.ndarray, "rows units"], values: Float64[np.ndarray, "rows"]
) -> Float64[np.ndarray, "units"]:
    """Squared correlation of each unit with the values; 0 where one of them is constant."""
    apart, centred = readings - readings.mean(axis=0), values - values.mean()
    lengths = (apart**2).sum(axis=0) * float((centred**2).sum())
    return np.asarray((apart.T @ centred) ** 2 / np.where(lengths > 1e-18, lengths, np.inf))
