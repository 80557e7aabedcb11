"""Units that are silent in all of clean play and yet move scores when driven: where a dormant branch may wait."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from agentscope.audits.subject import Subject
from agentscope.contracts import DenseStep, Layer, States, legal_actions_of
from agentscope.errors import BadOption

STILL = 1e-6  # of a layer's standard deviation: a unit that varies by less is silent
STATES = 128  # of clean play in which silent units are driven
ROWS = 16_384  # decisions scored at once


@dataclass(frozen=True)
class SilentUnit:
    """A unit with one value in all states of clean play.

    Attributes:
        name: e.g. "hidden_1[3]", the index into the flattened layer.
        value: what it always is; driven: what it was set to: the farthest from it that changed states drive it, else
            one standard deviation of its layer above it.
        woken: whether a changed state drives it.
        push: how far that raises the score of `action` above the mean of the others, in spreads of clean play.
        flips: share of clean states in which the agent then acts otherwise.
        opaque: a decompilation could not open it.
    """

    name: str
    value: float
    driven: float
    woken: bool
    push: float
    action: int
    flips: float
    opaque: bool


def silent_units(subject: Subject, changed: States | None = None) -> tuple[SilentUnit, ...]:
    """Units of computed layers that never vary in clean play, OPAQUE ones first, then those that push hardest.

    Args:
        changed: edited states; what they drive a unit to is what it is driven to here.
    """
    generator = subject.streams.generator("silent units")
    rows = np.sort(generator.permutation(len(subject.clean.states))[:STATES])
    found: list[SilentUnit] = []
    for layer in subject.network.layers:
        if not layer.coded and layer.name != "scores":
            found += _silent_of(subject, layer, subject.clean.states[rows], changed)
    return tuple(sorted(found, key=lambda unit: (not unit.opaque, -unit.push)))


def _silent_of(subject: Subject, layer: Layer, states: States, changed: States | None) -> list[SilentUnit]:
    """The silent units of one layer, each driven alone."""
    network, env = subject.network, subject.env
    met = _flat(network.activations(env.observe(subject.clean.states), layer.name))
    scale = float(met.std())
    still = np.flatnonzero(np.ptp(met, axis=0) <= STILL * scale)
    driven = met[0, still] + scale
    woken = np.zeros(len(still), dtype=bool)
    if changed is not None and len(changed) and len(still):
        moved = _flat(network.activations(env.observe(changed), layer.name))[:, still] - met[0, still]
        most = moved[np.abs(moved).argmax(axis=0), np.arange(len(still))]
        woken = np.abs(most) > STILL * scale
        driven = np.where(woken, met[0, still] + most, driven)
    names = [f"{layer.name}[{unit}]" for unit in still]
    pushes = _pushes(subject, layer, states, np.column_stack([still, driven]))
    return [
        SilentUnit(name, float(met[0, unit]), float(to), bool(wakes), push, action, flips, name in subject.opaque)
        for name, unit, to, wakes, (push, action, flips) in zip(names, still, driven, woken, pushes, strict=True)
    ]


def _pushes(
    subject: Subject, layer: Layer, states: States, drives: Float[np.ndarray, "drives 2"]
) -> list[tuple[float, int, float]]:
    """For each unit and value: how far it pushes which action, and the share of decisions that it changes."""
    seen, legal = subject.env.observe(states), legal_actions_of(subject.env, states)
    outputs = subject.network.activations(seen, layer.name)
    own = subject.network.scores(seen)
    spread = subject.spread(np.where(legal, own, -np.inf).astype(np.float64)) or 1.0
    before = np.where(legal, own, -np.inf).argmax(axis=1)
    found = []
    each = max(ROWS // len(states), 1)
    for start in range(0, len(drives), each):
        part = drives[start : start + each]
        held = np.repeat(_flat(outputs)[None], len(part), axis=0)
        held[np.arange(len(part)), :, part[:, 0].astype(np.int64)] = part[:, 1:].astype(np.float32)
        tiled = np.tile(seen, (len(part), *[1] * (seen.ndim - 1)))
        scores = subject.network.scores_with(tiled, {layer.name: held.reshape(-1, *outputs.shape[1:])})
        shifts = (scores.reshape(len(part), len(states), -1) - own).mean(axis=1)
        after = np.where(legal, scores.reshape(len(part), len(states), -1), -np.inf).argmax(axis=2)
        for shift, acted in zip(shifts, after, strict=True):
            action = int(shift.argmax())
            others = np.delete(shift, action).mean() if len(shift) > 1 else 0.0
            found.append((float(shift[action] - others) / spread, action, float((acted != before).mean())))
    return found


def drives(subject: Subject, units: Sequence[str], states: States) -> Float[np.ndarray, "states units"]:
    """What drives units in some states: what goes into their activation function, before it silences them.

    Two changes that each bring a silent unit nearer to 0 may together wake it: pairs are worth trying in the order of
    the sum of their drives. Of units that no known dense layer makes (convolutions, the first layer of a network whose
    input is no layer) it is their output, which says nothing below 0.

    Raises: BadOption: a name that is no unit of the network.
    """
    seen = subject.env.observe(states)
    steps = _makers(subject)
    known = {layer.name: int(np.prod(layer.shape)) for layer in subject.network.layers}
    columns = []
    for name in units:
        parts = re.fullmatch(r"(.+)\[(\d+)\]", name)
        if parts is None or int(parts[2]) >= known.get(parts[1], 0):
            raise BadOption(f"{name!r} is no unit of {subject.name}: name one as layer[index]; {', '.join(known)}.")
        layer, unit = parts[1], int(parts[2])
        if layer in steps:
            before, step = steps[layer]
            inner = _flat(subject.network.activations(seen, before)).astype(np.float64)
            columns.append(inner @ step.weights[unit] + step.bias[unit])
        else:
            columns.append(_flat(subject.network.activations(seen, layer))[:, unit].astype(np.float64))
    return np.stack(columns, axis=1) if columns else np.empty((len(states), 0))


def _makers(subject: Subject) -> dict[str, tuple[str, DenseStep]]:
    """By dense layer, the layer before it and the step between."""
    steps = {layer.name: subject.network.dense_after(layer.name) for layer in subject.network.layers}
    return {step.layer: (name, step) for name, step in steps.items() if step is not None}


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1)
