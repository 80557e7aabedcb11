"""The observation as a concept, `seen`: what a text may ask of single cells where no concept speaks of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from agentscope.concepts import KIND_DTYPES, Concept
from agentscope.contracts import InspectableEnv, States, concepts_of
from agentscope.language.vocabulary import RESERVED, vocabulary_of

SEEN = "seen"
MOST_CELLS = 1_024  # all of them are held at once, for thousands of states: screens of pixels are not
SPATIAL = ("rows", "columns")  # what the last two dimensions of an observation are called, where the lengths agree


class SeeingEnv:
    """An environment whose observation is one more concept; all else is its own."""

    def __init__(self, env: InspectableEnv, seen: Concept, axes: dict[str, tuple[str, ...]]) -> None:
        self.env = env
        self.id, self.kwargs, self.state_dtype = env.id, env.kwargs, env.state_dtype
        self.observation_space, self.action_space = env.observation_space, env.action_space
        self.action_names = env.action_names
        self.axes: Mapping[str, tuple[str, ...]] = MappingProxyType({**env.axes, **axes})
        self.concepts = (*concepts_of(env), seen)
        self.reset, self.observe, self.step = env.reset, env.observe, env.step

    def __getattr__(self, name: str) -> Any:
        if name == "env":
            raise AttributeError(name)
        return getattr(self.env, name)


def with_cells(env: InspectableEnv) -> InspectableEnv:
    """The environment with `seen(...)`, its observation cell by cell, e.g. `seen(0, row3, column2)`.

    Its axes are `rows` and `columns` where the environment has them, and otherwise `channels` or `components`, whose
    positions are written as numbers. An environment that shows its observation already (`obs`), in which these names
    mean something else, or that has more than MOST_CELLS cells is given back as it is.
    """
    space = env.observation_space
    known = vocabulary_of(env)
    shape = tuple(space.shape or ())
    names = _axes(env, shape)
    new = [name for name in names if name not in env.axes]
    taken = [name for name in (SEEN, *new) if known.signature(name) or name in known.meanings or name in RESERVED]
    if (
        math.prod(shape) > MOST_CELLS
        or "obs" in known.concepts
        or taken
        or SEEN in known.axes
        or not shape
        or len(set(names)) < len(names)
    ):
        return env
    lengths = dict(zip(names, shape, strict=True))
    dtype = np.dtype(space.dtype or np.float32)
    whole = dtype.kind in "iu" and float(np.min(getattr(space, "low", -1))) >= 0
    kind = "flag" if dtype.kind == "b" else "count" if whole else "number"

    def measure(states: States) -> np.ndarray:
        return np.asarray(env.observe(states)).astype(KIND_DTYPES[kind])

    seen = Concept(
        name=SEEN, kind=kind, measure=measure, axis=names, absolute=True,  # type: ignore[arg-type]
        low=0 if whole else None, high=float(np.max(getattr(space, "high", np.inf))) if whole else None,
        doc="What the policy is shown, cell by cell.",
    )  # fmt: skip
    return SeeingEnv(env, seen, {name: tuple(map(str, range(lengths[name]))) for name in new})


def _axes(env: InspectableEnv, shape: tuple[int, ...]) -> tuple[str, ...]:
    """An axis for each dimension."""
    if len(shape) == 1:
        return ("components",)
    names = [f"channels{place}" if place else "channels" for place in range(len(shape) - 2)]
    for name, length in zip(SPATIAL, shape[-2:], strict=True):
        known = len(env.axes.get(name, ())) == length
        names.append(name if known else f"seen_{name}")
    return tuple(names)
