"""Passes of prepared observations through a policy, chunk by padded chunk: layers read, given or differentiated."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import preprocess_obs

from agentscope.agents.pathways import Pathway, one_thread
from agentscope.agents.policies import PolicySpec

_ONE_AT_A_TIME = threading.RLock()  # hooks live on shared modules: two threads must not run one network at once


@dataclass(frozen=True, eq=False)
class Passes:
    """The forward pass of one policy, and the slope of its scores.

    Batches run in padded chunks of one fixed size, with one thread: the last bits of a sum depend on the batch size.

    Attributes:
        chunk: states that run together, always.
    """

    spec: PolicySpec
    policy: BasePolicy
    pathway: Pathway
    chunk: int

    def run(
        self, ready: np.ndarray, layers: Sequence[str], patched: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Scores and layers' outputs of prepared observations, chunk by padded chunk."""
        scores: list[np.ndarray] = []
        found: dict[str, list[np.ndarray]] = {layer: [] for layer in layers}
        with _ONE_AT_A_TIME, one_thread(), torch.inference_mode():
            for start in range(0, max(len(ready), 1), self.chunk):
                rows = ready[start : start + self.chunk]
                padded = _padded(rows, self.chunk)
                chunk_patches = {n: _padded(v[start : start + self.chunk], self.chunk) for n, v in patched.items()}
                out, held = self._forward(padded, layers, chunk_patches)
                scores.append(out[: len(rows)])
                for layer in layers:
                    found[layer].append(held[layer][: len(rows)])
        return np.concatenate(scores), {layer: np.concatenate(parts) for layer, parts in found.items()}

    def _forward(
        self, padded: np.ndarray, layers: Sequence[str], patched: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        with self._hooked(layers, patched, {}) as held:
            out = self._scored(padded)
        return out.numpy().copy(), held

    def _scored(self, padded: np.ndarray) -> torch.Tensor:
        """Scores of one chunk."""
        features = preprocess_obs(torch.from_numpy(padded), self.policy.observation_space, self.spec.normalize_images)
        assert isinstance(features, torch.Tensor)
        out = self.pathway(features)
        if self.spec.has_quantiles:
            out = out.view(-1, self.spec.quantiles, self.spec.actions).mean(dim=1)
        return out

    @contextmanager
    def _hooked(
        self, layers: Sequence[str], patched: Mapping[str, np.ndarray], leaves: Mapping[str, torch.Tensor]
    ) -> Iterator[dict[str, np.ndarray]]:
        """While open, layers put out what they are given, and what `layers` put out is kept in the result."""
        held: dict[str, np.ndarray] = {}

        def hook_for(name: str) -> Callable[[Any, Any, torch.Tensor], torch.Tensor]:
            def hook(_module: Any, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
                if name in patched:
                    output = torch.empty_like(output).copy_(torch.from_numpy(patched[name]))  # keeps the memory layout
                if name in leaves:
                    output = leaves[name]
                if name in layers:
                    held[name] = output.numpy().copy()
                return output

            return hook

        wanted = {*layers, *patched, *leaves}
        handles = [
            module.register_forward_hook(hook_for(name)) for name, module, _ in self.pathway.layers if name in wanted
        ]
        try:
            yield held
        finally:
            for handle in handles:
                handle.remove()

    def values(self, ready: np.ndarray) -> np.ndarray:
        """What an actor-critic's critic expects, chunk by padded chunk."""
        found = []
        with _ONE_AT_A_TIME, one_thread(), torch.inference_mode():
            for start in range(0, max(len(ready), 1), self.chunk):
                rows = ready[start : start + self.chunk]
                out = self.policy.predict_values(torch.from_numpy(_padded(rows, self.chunk)))  # type: ignore[operator]
                found.append(out.numpy()[: len(rows), 0].copy())
        return np.concatenate(found)

    def slopes(
        self, ready: np.ndarray, layer: str, outputs: np.ndarray, cotangents: np.ndarray,
        others: Mapping[str, np.ndarray],
    ) -> np.ndarray:  # fmt: skip
        """Gradient of sum(cotangents * scores) with respect to a layer's output, the other layers given as they are."""
        found = []
        with _ONE_AT_A_TIME, one_thread(), torch.enable_grad():
            for start in range(0, max(len(ready), 1), self.chunk):
                part = slice(start, start + self.chunk)
                chunk = {name: _padded(values[part], self.chunk) for name, values in others.items()}
                slopes = self._slopes(_padded(ready[part], self.chunk), layer, _padded(outputs[part], self.chunk),
                                      _padded(cotangents[part], self.chunk), chunk)  # fmt: skip
                found.append(slopes[: len(outputs[part])])
        return np.concatenate(found)

    def _slopes(
        self, padded: np.ndarray, layer: str, outputs: np.ndarray, cotangents: np.ndarray, others: dict[str, np.ndarray]
    ) -> np.ndarray:
        """The gradient of one chunk: the layer's output is a leaf, nothing before it is followed."""
        leaf = torch.from_numpy(outputs).requires_grad_()
        with self._hooked((), others, {layer: leaf}):
            out = self._scored(padded)
        (slope,) = torch.autograd.grad(out, leaf, torch.from_numpy(cotangents), allow_unused=True)
        return np.zeros_like(outputs) if slope is None else slope.numpy().copy()


def _padded(rows: np.ndarray, chunk: int) -> np.ndarray:
    """Rows with zeros behind them, so that every chunk has one size; the memory layout stays.

    SB3 hands images on as transposed views, and convolutions add up in another order where channels lie last.
    """
    padded = np.zeros_like(rows, shape=(chunk, *rows.shape[1:]))
    padded[: len(rows)] = rows
    return padded
