"""SB3 policies as named layers over numpy: the same bits for a state, whatever else is in the batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from stable_baselines3.common.policies import BasePolicy

from agentscope.agents.normalising import Normaliser
from agentscope.agents.passes import Passes
from agentscope.agents.pathways import Pathway, pathway_of
from agentscope.agents.policies import PolicySpec
from agentscope.contracts import AgentNotice, DenseStep, Layer
from agentscope.errors import BadOption, SpaceMismatch, UnsupportedAgent

Patch = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class SB3Network:
    """A policy network as loaded, with its preprocessing (contracts.Network).

    Scores are Q-values (QRDQN: mean over the quantiles), or for actor-critics the output of `action_net`. Batches
    run in padded chunks of one fixed size, with one thread: the last bits of a sum depend on the batch size.
    """

    name: str
    sha256: str
    spec: PolicySpec
    policy: BasePolicy
    notices: tuple[AgentNotice, ...] = ()
    normaliser: Normaliser | None = None
    patches: tuple[tuple[str, Patch], ...] = ()

    @property
    def algorithm(self) -> str:
        """DQN, QRDQN, PPO, A2C or MaskablePPO."""
        return self.spec.algorithm

    @property
    def actions(self) -> int:
        """Number of actions."""
        return self.spec.actions

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """Of one observation as SB3 stores it: images channel-first; () for Discrete."""
        return self.spec.observation.shape

    @property
    def chunk(self) -> int:
        """States that run together, always; fewer where one observation is large."""
        return 256 if int(np.prod(self.observation_shape)) <= 4096 else 32

    @cached_property
    def pathway(self) -> Pathway:
        """The modules between observation and scores."""
        return pathway_of(self.spec, self.policy)

    @cached_property
    def passes(self) -> Passes:
        """How observations run through it."""
        return Passes(self.spec, self.policy, self.pathway, self.chunk)

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Named layers from the input on; "scores" is the last."""
        names = [name for name, _, _ in self.pathway.layers]
        low = self.spec.observation.low
        first = np.zeros((), np.int64) if low is None else np.zeros(low.shape, low.dtype)
        _, found = self.passes.run(first[None], names, {})
        coded = getattr(self.pathway.extractor, "coded", ("cells",))
        return tuple(
            Layer(
                name,
                found[name].shape[1:],
                axis if len(axis) == found[name].ndim - 1 else ("",) * (found[name].ndim - 1),
                isinstance(module, torch.nn.Embedding | torch.nn.Identity) and name in coded,
            )
            for name, module, axis in self.pathway.layers
        )

    @cached_property
    def _own_names(self) -> frozenset[str]:
        names = self.policy.state_dict()
        if not self.spec.actor_critic:
            return frozenset(n for n in names if n.startswith(("q_net.", "quantile_net.")))
        critic = ("value_net.", "mlp_extractor.value_net.", "vf_features_extractor.", "pi_features_extractor.")
        return frozenset(n for n in names if not n.startswith(critic))  # `features_extractor` is the actor's

    def weights(self) -> Mapping[str, np.ndarray]:
        """Parameters and buffers on the way to the scores, by SB3's names (targets and critics left out)."""
        state = self.policy.state_dict()
        return {name: state[name].numpy().copy() for name in state if name in self._own_names}

    def dense_after(self, layer: str) -> DenseStep | None:
        """The dense layer that comes next; None where something else does, or its activation is not known here."""
        names = [name for name, _, _ in self.pathway.layers]
        hidden: Any = self.pathway.hidden
        last = len(names) - len(hidden) // 2 - 2  # of the extractor; a simplified network's may be called hidden_1 too
        index = names.index(layer)
        if index < last or layer == "scores":
            return None
        dense = [*(hidden[i] for i in range(0, len(hidden), 2)), self.pathway.head]
        module, scores = dense[index - last], index - last == len(dense) - 1
        if not scores and self.spec.activation not in ("ReLU", "Tanh"):
            return None
        weights, bias = (values.detach().numpy().astype(np.float64) for values in (module.weight, module.bias))
        if weights.shape[1] != int(np.prod(self.layers[index].shape)):
            return None  # the extractor's own last step stands between them
        if scores and self.spec.has_quantiles:
            weights, bias = (values.reshape(self.spec.quantiles, self.actions, -1).mean(axis=0)
                             for values in (weights, bias))  # fmt: skip
        return DenseStep(names[index + 1], weights, bias.reshape(-1), "" if scores else self.spec.activation)

    @cached_property
    def parameters(self) -> int:
        """Number of trained parameters on the way to the scores."""
        return sum(p.numel() for name, p in self.policy.named_parameters() if name in self._own_names)

    @property
    def architecture(self) -> Mapping[str, Any]:
        """Architecture as plain values, for reports."""
        normalisation: Any = None
        if self.normaliser is not None:
            normalisation = {"kind": "VecNormalize", "epsilon": self.normaliser.epsilon, "clip": self.normaliser.clip}
        elif self.spec.observation.is_image and self.spec.normalize_images:
            normalisation = {"kind": "image", "divided_by": 255}
        return {
            "algorithm": self.algorithm,
            "observation": str(self.spec.observation),
            "actions": self.actions,
            "extractor": self.spec.extractor,
            "extractor_kwargs": dict(self.spec.extractor_kwargs),
            "hidden": list(self.spec.hidden),
            "activation": self.spec.activation,
            "quantiles": self.spec.quantiles,
            "normalisation": normalisation,
            "parameters": self.parameters,
        }

    def with_patch(self, layer: str, patch: Patch) -> SB3Network:
        """The same network with one layer's output replaced by patch(output).

        `patch` gets the outputs for all states of a call at once, whatever the chunks, and keeps their shape.
        """
        self._check_layer(layer)
        return replace(self, patches=(*self.patches, (layer, patch)))

    def scores(
        self, observations: Shaped[np.ndarray, "states ..."], legal: Bool[np.ndarray, "states actions"] | None = None
    ) -> Float[np.ndarray, "states actions"]:
        """Q-values or `action_net` outputs, float32; illegal actions get -inf.

        Raises: SpaceMismatch: observations of another shape, or a mask that does not fit.
        """
        ready = self.prepared(observations)
        scores, _ = self.passes.run(ready, (), self._patched(ready))
        if legal is None:
            return scores
        if legal.shape != scores.shape:
            raise SpaceMismatch(f"The legal mask has shape {legal.shape}, the scores {scores.shape}.")
        masked: np.ndarray = np.where(legal, scores, np.float32(-np.inf))
        return masked

    def value(self, observations: Shaped[np.ndarray, "states ..."]) -> Float[np.ndarray, "states"] | None:
        """What the critic in an actor-critic's file expects of each state, in units of discounted reward.

        None for Q-networks, which have no critic. Patches of layers do not reach it.

        Raises: SpaceMismatch: as `scores`.
        """
        return self.passes.values(self.prepared(observations)) if self.spec.actor_critic else None

    def scores_with(
        self,
        observations: Shaped[np.ndarray, "states ..."],
        outputs: Mapping[str, np.ndarray],
        legal: Bool[np.ndarray, "states actions"] | None = None,
    ) -> Float[np.ndarray, "states actions"]:
        """Scores where the named layers put out these values instead of their own; illegal actions get -inf.

        Raises: BadOption: no such layer, or values of another shape.
        """
        ready = self.prepared(observations)
        given = {layer: self._output(layer, values, len(ready)) for layer, values in outputs.items()}
        scores, _ = self.passes.run(ready, (), {**self._patched(ready), **given})
        return scores if legal is None else np.where(legal, scores, np.float32(-np.inf))

    def pull_back(
        self,
        observations: Shaped[np.ndarray, "states ..."],
        layer: str,
        outputs: Float[np.ndarray, "states ..."],
        cotangents: Float[np.ndarray, "states actions"],
    ) -> Float[np.ndarray, "states ..."]:
        """Gradient of sum(cotangents * scores) with respect to a layer's output, where that is `outputs`; float32.

        Raises: BadOption: no such layer, or values of another shape.
        """
        ready = self.prepared(observations)
        outputs = self._output(layer, outputs, len(ready))
        others = {name: values for name, values in self._patched(ready).items() if name != layer}
        return self.passes.slopes(ready, layer, outputs, np.asarray(cotangents, dtype=np.float32), others)

    def _output(self, layer: str, values: np.ndarray, states: int) -> np.ndarray:
        self._check_layer(layer)
        shape = next(known.shape for known in self.layers if known.name == layer)
        if values.shape != (states, *shape):
            raise BadOption(f"Values for {layer} have shape {values.shape}, needed {(states, *shape)}.")
        return np.asarray(values, dtype=np.float32)

    def greedy(
        self, observations: Shaped[np.ndarray, "states ..."], legal: Bool[np.ndarray, "states actions"] | None = None
    ) -> Int[np.ndarray, "states"]:
        """The action with the highest score, the lowest index among equals."""
        actions: np.ndarray = np.argmax(self.scores(observations, legal), axis=1)
        return actions

    def probabilities(
        self, observations: Shaped[np.ndarray, "states ..."], legal: Bool[np.ndarray, "states actions"] | None = None
    ) -> Float[np.ndarray, "states actions"]:
        """What a sampled actor-critic draws its actions from, float64; illegal actions get 0.

        Raises: UnsupportedAgent: a Q-network has no such distribution.
        """
        if not self.spec.actor_critic:
            raise UnsupportedAgent(f"{self.algorithm} chooses greedily: it has no action probabilities.")
        scores = self.scores(observations, legal).astype(np.float64)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
        return shares

    def activations(
        self, observations: Shaped[np.ndarray, "states ..."], layer: str
    ) -> Float[np.ndarray, "states ..."]:
        """What the named layer puts out, float32, one row a state."""
        return self.activations_of(observations, (layer,))[layer]

    def activations_of(
        self, observations: Shaped[np.ndarray, "states ..."], layers: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """The outputs of several layers from one pass."""
        for layer in layers:
            self._check_layer(layer)
        ready = self.prepared(observations)
        return self.passes.run(ready, layers, self._patched(ready))[1]

    def prepared(self, observations: Shaped[np.ndarray, "states ..."]) -> Shaped[np.ndarray, "states ..."]:
        """Observations after VecNormalize and, for images, with channels first; else as they came.

        Raises: SpaceMismatch: they are not observations of this network.
        """
        shape = self.observation_shape
        observations = np.asarray(observations)
        if observations.shape[1:] == (1,) and shape == ():
            observations = observations[:, 0]
        if self.normaliser is not None:
            observations = self.normaliser(observations) if observations.shape[1:] == shape else observations
        if observations.shape[1:] != shape and self.spec.observation.is_image and observations.ndim == 4:
            observations = np.moveaxis(observations, 3, 1)
        if (
            observations.ndim != len(shape) + 1
            or observations.shape[1:] != shape
            or observations.dtype.kind not in "biuf"
        ):
            raise SpaceMismatch(
                f"The network {self.name} takes observations of shape {shape}, found {observations.shape[1:]} "
                f"of {observations.dtype}: is it another environment?"
            )
        top = self.spec.observation.n
        if shape == () and top and observations.size and not (observations.min() >= 0 and observations.max() < top):
            raise SpaceMismatch(f"The network {self.name} takes observations from 0 to {top - 1}.")
        return observations

    def _check_layer(self, layer: str) -> None:
        names = [name for name, _, _ in self.pathway.layers]
        if layer not in names:
            raise BadOption(f"The network {self.name} has no layer {layer!r}; it has {', '.join(names)}.")

    def _patched(self, ready: np.ndarray) -> dict[str, np.ndarray]:
        """New outputs of the patched layers, earlier layers first, each for all states at once."""
        order = [name for name, _, _ in self.pathway.layers]
        outputs: dict[str, np.ndarray] = {}
        for layer in sorted({name for name, _ in self.patches}, key=order.index):
            _, found = self.passes.run(ready, (layer,), outputs)
            value = found[layer]
            for name, patch in self.patches:
                if name == layer:
                    value = np.asarray(patch(value), dtype=np.float32)
            if value.shape != found[layer].shape:
                raise BadOption(f"A patch of {layer} gave shape {value.shape}, needed {found[layer].shape}.")
            outputs[layer] = value
        return outputs
