"""What the rooms ask of environments and networks: batch protocols over numpy, and the records that cross them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import gymnasium
import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Int16, Shaped

from agentscope.concepts import ActionConcept, Concept

States = np.ndarray  # structured, 1-D, of the environment's published dtype; no objects
Scalar = bool | int | float | str


@dataclass(frozen=True)
class Transition:
    """What one batch of steps gives; states after a terminal step are the terminal states (never auto-reset)."""

    states: States
    rewards: Float[np.ndarray, "states"]
    terminated: Bool[np.ndarray, "states"]
    truncated: Bool[np.ndarray, "states"]


@dataclass(frozen=True)
class Edits:
    """One-feature changes of a batch of states: row i is states[parent[i]] with feature[i] set to value[i].

    Attributes:
        feature: index of the edited feature (into `feature_names` of the environment's edits).
        value: index of the new value within that feature.
        legal: whether the edited state is one that the environment's rules allow.
        feature_names: a name for each feature index.
    """

    parent: Int[np.ndarray, "edits"]
    states: States
    feature: Int[np.ndarray, "edits"]
    value: Int[np.ndarray, "edits"]
    legal: Bool[np.ndarray, "edits"]
    feature_names: tuple[str, ...]


@dataclass(frozen=True)
class Outcomes:
    """Everything that a batch of steps may give: row i happens to states[parent[i]] with this probability."""

    parent: Int[np.ndarray, "outcomes"]
    probability: Float64[np.ndarray, "outcomes"]
    transition: Transition


@runtime_checkable
class InspectableEnv(Protocol):
    """The required half of the inspectable-environment contract: pure, batched, counter-based randomness.

    A Gymnasium environment offers it as `env.unwrapped.inspectable`. `states` holds everything: the random key,
    the step counter, any history that the observation shows. `step` is pure and never auto-resets. Chance depends
    on (episode seed, index of the draw) only, so that two policies on one seed meet the same draws.

    The optional half is listed in OPTIONAL; the report names each one that is absent:
        concepts: tuple of Concept; action_concepts: tuple of ActionConcept.
        legal_actions(states) -> bool (n, actions).
        equivalent_actions(states) -> int16 (n, actions): the smallest action with the same successor and reward.
        edits(states) -> Edits: all one-feature changes of each state.
        enumerate() -> states: every state reachable from the ordinary start (terminal states left out).
        optimal_values(states) -> float64 (n, actions): discounted optimal action values; ties at 1e-6. Where chance
            acts, `outcomes(states, actions) -> Outcomes` says over what they are expectations.
        hidden_performance(states, actions, transition) -> float64 (n,).
        render_text(state) -> str; render_rgb(state) -> uint8 (h, w, 3).
        unseen_levels() -> InspectableEnv over levels that training never shows.
        states_from(observations) -> states that look like these observations (a text then acts on observations).
        with_chance_of(successors, states) -> successors with the chance values (the next draw) of the states they came
            from: what `after` shows a network at level 2.
        reward_concepts: names of the concepts that the reward contains (empty when it contains none).
    """

    id: str
    kwargs: Mapping[str, Scalar]
    state_dtype: np.dtype[Any]
    observation_space: gymnasium.Space[Any]
    action_space: gymnasium.spaces.Discrete
    action_names: tuple[str, ...]
    axes: Mapping[str, tuple[str, ...]]

    def reset(self, seeds: Int[np.ndarray, "states"]) -> States:
        """First states of the episodes with these seeds (any non-negative int64)."""
        ...

    def observe(self, states: States) -> Shaped[np.ndarray, "states ..."]:
        """Observations exactly as the policy gets them."""
        ...

    def step(self, states: States, actions: Int[np.ndarray, "states"]) -> Transition:
        """One step of each state with its action; the input is left as it was."""
        ...


OPTIONAL = (
    "concepts", "action_concepts", "legal_actions", "equivalent_actions", "edits", "enumerate", "optimal_values",
    "hidden_performance", "render_text", "render_rgb", "unseen_levels", "reward_concepts", "states_from",
)  # fmt: skip


def provides(env: InspectableEnv) -> tuple[str, ...]:
    """Names of the optional parts of the contract that this environment offers."""
    return tuple(name for name in OPTIONAL if getattr(env, name, None) is not None)


def concepts_of(env: InspectableEnv) -> tuple[Concept, ...]:
    """Declared state concepts; empty when there are none."""
    return tuple(getattr(env, "concepts", None) or ())


def action_concepts_of(env: InspectableEnv) -> tuple[ActionConcept, ...]:
    """Declared action concepts; empty when there are none."""
    return tuple(getattr(env, "action_concepts", None) or ())


def legal_actions_of(env: InspectableEnv, states: States) -> Bool[np.ndarray, "states actions"]:
    """Which actions may be taken; all of them where the environment declares no rule."""
    if getattr(env, "legal_actions", None) is None:
        return np.ones((len(states), int(env.action_space.n)), dtype=bool)
    legal: np.ndarray = env.legal_actions(states)  # type: ignore[attr-defined]
    return legal


def equivalent_actions_of(env: InspectableEnv, states: States) -> Int16[np.ndarray, "states actions"]:
    """The smallest action with the same successor and reward; each action itself where nothing is declared."""
    if getattr(env, "equivalent_actions", None) is None:
        actions = np.arange(int(env.action_space.n), dtype=np.int16)
        return np.broadcast_to(actions, (len(states), len(actions))).copy()
    equivalent: np.ndarray = env.equivalent_actions(states)  # type: ignore[attr-defined]
    return equivalent


@dataclass(frozen=True)
class Layer:
    """One named layer of a network: what `activations` and `with_patch` address.

    Attributes:
        shape: of one state's activation, without the batch axis.
        axis: environment axis for each dimension, "" where there is none, e.g. ("", "columns").
        coded: it holds the input cell by cell, in another code: nothing is put together there yet.
    """

    name: str
    shape: tuple[int, ...]
    axis: tuple[str, ...] = ()
    coded: bool = False


@dataclass(frozen=True)
class AgentNotice:
    """Something that the loader noticed in a file: a mismatch of text and blob, a serialized class, an odd member."""

    kind: str
    severity: str
    summary: str


@dataclass(frozen=True)
class DenseStep:
    """The dense layer that reads a layer, flattened: activation(weights @ values + bias).

    Attributes:
        layer: name of what it puts out; activation: ReLU, Tanh, or "" for the scores.
    """

    layer: str
    weights: Float[np.ndarray, "readers units"]
    bias: Float[np.ndarray, "readers"]
    activation: str


@runtime_checkable
class Network(Protocol):
    """A policy network as loaded, with its preprocessing, as named layers over numpy."""

    @property
    def name(self) -> str:
        """What reports call the agent."""
        ...

    @property
    def sha256(self) -> str:
        """Of the file it was read from."""
        ...

    @property
    def algorithm(self) -> str:
        """DQN, QRDQN, PPO, A2C or MaskablePPO."""
        ...

    @property
    def parameters(self) -> int:
        """Number of trained parameters of the policy network."""
        ...

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that can be read and patched, from the input on."""
        ...

    @property
    def architecture(self) -> Mapping[str, Any]:
        """Algorithm, extractor, hidden sizes, activation, normalisation."""
        ...

    @property
    def notices(self) -> tuple[AgentNotice, ...]:
        """What the loader noticed."""
        ...

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """As the network reads them: images channels first."""
        ...

    @property
    def actions(self) -> int:
        """Number of actions."""
        ...

    def scores(self, observations: np.ndarray, legal: np.ndarray | None = None) -> Float[np.ndarray, "states actions"]:
        """Q-values, or for actor-critics the output of `action_net`; illegal actions get -inf."""
        ...

    def activations(self, observations: np.ndarray, layer: str) -> Float[np.ndarray, "states ..."]:
        """What the named layer puts out, one row a state."""
        ...

    def activations_of(self, observations: np.ndarray, layers: Sequence[str]) -> Mapping[str, np.ndarray]:
        """What several layers put out, from one pass."""
        ...

    def with_patch(self, layer: str, patch: Callable[[np.ndarray], np.ndarray]) -> Network:
        """The same network with one layer's output replaced by patch(output)."""
        ...

    def scores_with(
        self, observations: np.ndarray, outputs: Mapping[str, np.ndarray], legal: np.ndarray | None = None
    ) -> Float[np.ndarray, "states actions"]:
        """Scores where the named layers put out these values, one row a state, instead of their own."""
        ...

    def pull_back(
        self, observations: np.ndarray, layer: str, outputs: np.ndarray, cotangents: Float[np.ndarray, "states actions"]
    ) -> Float[np.ndarray, "states ..."]:
        """Gradient of sum(cotangents * scores) with respect to the layer's output, where that is `outputs`."""
        ...

    def dense_after(self, layer: str) -> DenseStep | None:
        """The dense layer that comes next; None where something else does."""
        ...

    def weights(self) -> Mapping[str, np.ndarray]:
        """Parameters and buffers of the policy network by name."""
        ...


@runtime_checkable
class Policy(Protocol):
    """Anything that chooses actions for a batch of states: a network in an environment, or a bound text."""

    def actions(self, states: States) -> Int[np.ndarray, "states"]:
        """One legal action a state."""
        ...


ProgressCallback = Callable[[str, int, int], None]  # stage, done, total


def no_progress(stage: str, done: int, total: int) -> None:
    """The progress callback of those who do not watch."""


Names = Sequence[str]
