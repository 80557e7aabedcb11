"""What a text is bound to: concepts measured on states (level 1) or read from a network's activations (level 2)."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int, Shaped

from agentscope.concepts import KIND_DTYPES, Concept
from agentscope.contracts import (
    InspectableEnv,
    Network,
    States,
    action_concepts_of,
    concepts_of,
    legal_actions_of,
)  # fmt: skip
from agentscope.errors import ContractBroken, TextError
from agentscope.language.vocabulary import Signature, Vocabulary, vocabulary_of

ReadLayer = Callable[[np.ndarray, str], np.ndarray]
"""Observations and the name of a layer -> what the layer puts out, one row a state."""


@runtime_checkable
class Readouts(Protocol):
    """Fitted readouts of a network: for each concept a layer, and a function of its activations."""

    def layer_of(self, concept: str) -> str:
        """Name of the layer that this concept is read from."""
        ...

    def read(self, concept: str, activations: np.ndarray) -> Shaped[np.ndarray, "states ..."]:
        """Values of shape (n, *axis), or (n, actions, *axis) for an action concept, from that layer's activations."""
        ...


@runtime_checkable
class Reader(Protocol):
    """Concept values of one batch of states."""

    def read(self, name: str) -> Shaped[np.ndarray, "states ..."]:
        """Values of shape (n, *axis), or (n, actions, *axis), in the dtype of the concept's kind."""
        ...


@runtime_checkable
class Binding(Protocol):
    """What `evaluate` needs: the names, and readers for batches of states and their successors."""

    vocabulary: Vocabulary
    level: int

    def open(self, states: States) -> Reader:
        """A reader of these states; it measures each concept when it is first asked for."""
        ...

    def legal(self, states: States) -> Bool[np.ndarray, "states actions"] | None:
        """Legal actions; None where the environment declares no rule."""
        ...

    def successors(self, states: States, actions: Int[np.ndarray, "states"]) -> Reader:
        """A reader of the state after each state's action, as `after` means it."""
        ...


class StateBinding:
    """Level 1: every concept is measured on the state itself."""

    level = 1

    def __init__(self, env: InspectableEnv) -> None:
        self.env = env
        self.vocabulary = vocabulary_of(env)
        self._concepts = {concept.name: concept for concept in [*concepts_of(env), *action_concepts_of(env)]}

    def open(self, states: States) -> Reader:
        return _StateReader(self._concepts, self.vocabulary, states)

    def legal(self, states: States) -> Bool[np.ndarray, "states actions"] | None:
        if getattr(self.env, "legal_actions", None) is None:
            return None
        return np.asarray(legal_actions_of(self.env, states), dtype=bool)

    def successors(self, states: States, actions: Int[np.ndarray, "states"]) -> Reader:
        return self.open(self.env.step(states, actions).states)


class NetworkBinding(StateBinding):
    """Level 2: every concept is read from the network's own activations, but those named `from_state`."""

    level = 2

    def __init__(
        self, read_layer: ReadLayer, env: InspectableEnv, readouts: Readouts, from_state: Collection[str] = ()
    ) -> None:
        super().__init__(env)
        self.read_layer = read_layer
        self.readouts = readouts
        self.from_state = frozenset(from_state)

    def open(self, states: States) -> Reader:
        read = _NetworkReader(self.read_layer, self.readouts, self.vocabulary, self.env.observe(states))
        return _EitherReader(super().open(states), read, self.from_state) if self.from_state else read

    def successors(self, states: States, actions: Int[np.ndarray, "states"]) -> Reader:
        """Afterstates show the network the current chance values: the draw that follows an action is not its effect."""
        after = self.env.step(states, actions).states
        keep = getattr(self.env, "with_chance_of", None)
        if keep is not None:
            after = keep(after, states)
        elif any(signature.chance for signature in self.vocabulary.concepts.values()):
            raise TextError(
                f"after() at level 2 needs {self.env.id} to offer with_chance_of(successors, states), "
                "which gives successors the chance values of the states they came from"
            )
        return self.open(after)


def bind_state(env: InspectableEnv) -> StateBinding:
    """Bind texts to the concepts that the environment measures (level 1).

    Raises: ContractBroken: a concept of the environment cannot be named in a text.
    """
    return StateBinding(env)


def bind_network(
    network: Network,
    env: InspectableEnv,
    readouts: Readouts,
    *,
    from_state: Collection[str] = (),
    read_layer: ReadLayer | None = None,
) -> NetworkBinding:
    """Bind texts to readouts of the network's activations (level 2).

    Args:
        from_state: concepts without a readout, which are measured on the state: whoever shows the result says so.
        read_layer: gives the network's activations of a batch of observations, where they are kept for several uses.
    Raises: ContractBroken: as `bind_state`.
    """
    return NetworkBinding(read_layer or network.activations, env, readouts, from_state)


class _StateReader:
    def __init__(self, concepts: Mapping[str, Concept], vocabulary: Vocabulary, states: States) -> None:
        self.concepts = concepts
        self.vocabulary = vocabulary
        self.states = states

    def read(self, name: str) -> Shaped[np.ndarray, "states ..."]:
        signature = self.vocabulary.signature(name)
        assert signature is not None
        values = _shaped(self.concepts[name].measure(self.states), signature, self.vocabulary, len(self.states))
        dtype = KIND_DTYPES[signature.kind]
        if values.dtype.kind not in {"flag": "b", "number": "fiu"}.get(signature.kind, "iu"):
            raise ContractBroken(f"{name} is a {signature.kind}, but its values are {values.dtype}")
        values = values.astype(dtype, copy=False)
        low, high = _bounds(signature)
        if dtype is np.int64 and values.size and (values.min() < low or values.max() > high):
            found = f"{values.min()} to {values.max()}"
            raise ContractBroken(f"{name} lies between {low} and {high} as declared, but its values are {found}")
        return values


class _EitherReader:
    def __init__(self, state: Reader, network: Reader, from_state: Collection[str]) -> None:
        self.state, self.network, self.from_state = state, network, from_state

    def read(self, name: str) -> Shaped[np.ndarray, "states ..."]:
        return self.state.read(name) if name in self.from_state else self.network.read(name)


class _NetworkReader:
    def __init__(
        self, read_layer: ReadLayer, readouts: Readouts, vocabulary: Vocabulary, observations: np.ndarray
    ) -> None:
        self.read_layer = read_layer
        self.readouts = readouts
        self.vocabulary = vocabulary
        self.observations = observations
        self.activations: dict[str, np.ndarray] = {}

    def read(self, name: str) -> Shaped[np.ndarray, "states ..."]:
        """The readout's value; whole numbers are rounded and kept within the concept's bounds."""
        signature = self.vocabulary.signature(name)
        assert signature is not None
        layer = self.readouts.layer_of(name)
        if layer not in self.activations:
            self.activations[layer] = self.read_layer(self.observations, layer)
        raw = self.readouts.read(name, self.activations[layer])
        values = _shaped(raw, signature, self.vocabulary, len(self.observations))
        if signature.kind in ("count", "choice"):
            low, high = _bounds(signature)
            values = np.clip(np.nan_to_num(np.rint(values)), low, high)
        elif signature.kind == "flag" and values.dtype.kind != "b":
            values = values > 0.5
        return values.astype(KIND_DTYPES[signature.kind], copy=False)


def _bounds(signature: Signature) -> tuple[int, int]:
    if signature.kind == "number":
        return 0, 0
    assert signature.low is not None and signature.high is not None
    return math.floor(signature.low), math.ceil(signature.high)


def _shaped(values: np.ndarray, signature: Signature, vocabulary: Vocabulary, states: int) -> np.ndarray:
    values = np.asarray(values)
    shape = tuple(len(vocabulary.axes[axis]) for axis in signature.axis)
    if signature.of_action:
        shape = (vocabulary.actions, *shape)
    if values.shape != (states, *shape):
        raise ContractBroken(f"{signature.name} has shape {(states, *shape)} as declared, but is {values.shape}")
    return values
