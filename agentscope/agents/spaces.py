"""Observation and action spaces from a zip: the blob counts, the text beside it is compared."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agentscope.agents.pickles import Call, Name
from agentscope.agents.plain import plain_text
from agentscope.agents.values import MAX_ARRAY, class_name, read_array, read_dtype, read_number, read_state, refused
from agentscope.errors import UnsupportedAgent

_SUPPORTED = "AgentScope reads Box and Discrete observations and Discrete actions"
MAX_CHOICES = 2**16


@dataclass(frozen=True, eq=False)
class Space:
    """A Box or Discrete space.

    Attributes:
        kind: "Box" or "Discrete".
        shape: of one value; () for Discrete.
        low, high: bounds of a Box, of its shape.
        n: number of values of a Discrete.
    """

    kind: str
    shape: tuple[int, ...] = ()
    dtype: str = "int64"
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    n: int = 0

    @property
    def is_image(self) -> bool:
        """Whether SB3 takes it for an image, to be divided by 255 and to be channel-first."""
        return bool(
            self.kind == "Box"
            and len(self.shape) == 3
            and self.dtype == "uint8"
            and np.all(self.low == 0)
            and np.all(self.high == 255)
        )

    def __str__(self) -> str:
        return f"Discrete({self.n})" if self.kind == "Discrete" else f"Box{self.shape} {self.dtype}"


def read_space(record: Any, what: str) -> Space:
    """A space from its blob, gym or gymnasium.

    Raises: UnsupportedAgent: another kind of space. RefusedFile: not a space at all.
    """
    name = record.function if isinstance(record, Call) else None
    parts = name.module.split(".") if isinstance(name, Name) else []
    if not parts or parts[0] not in ("gym", "gymnasium") or parts[1:2] != ["spaces"]:
        found = class_name(name) or "no class"
        raise UnsupportedAgent(f"{what} is {plain_text(found)}; {_SUPPORTED}.")
    assert isinstance(name, Name)
    state = read_state(record, what)
    if name.name == "Box":
        return _read_box(state, what)
    if name.name == "Discrete":
        n = read_number(state.get("n"), what)
        start = read_number(state.get("start", 0), what)
        if not isinstance(n, int) or not 0 < n <= MAX_CHOICES:
            raise refused(what, f"a Discrete space of {n} values")
        if start != 0:
            raise UnsupportedAgent(f"{what} is Discrete and starts at {start}; SB3 and AgentScope count from 0.")
        return Space("Discrete", n=n)
    raise UnsupportedAgent(f"{what} is {plain_text(name.name)}; {_SUPPORTED}.")


def _read_box(state: Mapping[str, Any], what: str) -> Space:
    shape = state.get("_shape", state.get("shape"))
    low, high = read_array(state.get("low"), what), read_array(state.get("high"), what)
    dtype = read_dtype(state.get("dtype"), what)
    whole = isinstance(shape, tuple) and all(isinstance(n, int) and n > 0 for n in shape)
    if not whole or len(shape) > 8 or math.prod(shape) > MAX_ARRAY or low.shape != shape or high.shape != shape:
        raise refused(what, "a Box whose bounds do not have its shape")
    if dtype.kind not in "iuf" or np.any(np.isnan(low)) or np.any(np.isnan(high)) or np.any(low > high):
        raise refused(what, "a Box whose bounds are not numbers in order")
    return Space("Box", shape, dtype.name, low.astype(dtype), high.astype(dtype))


def space_differences(space: Space, text: Mapping[str, Any]) -> list[str]:
    """In which points the plain text beside the blob says something else than the blob."""
    differences = []
    for key, value in (("n", space.n), ("dtype", space.dtype), ("shape", space.shape), ("_shape", space.shape)):
        said = text.get(key)
        if said is None or (key == "n") != (space.kind == "Discrete" and key == "n"):
            continue
        if isinstance(value, tuple):
            agrees = [int(n) for n in re.findall(r"\d+", str(said)[:200])] == list(value)
        else:
            agrees = str(said) == str(value) or (key == "dtype" and _same_dtype(str(said), str(value)))
        if not agrees:
            differences.append(f"{key}: text {plain_text(said, 40)!r}, blob {value!r}")
    for key, bound in (("low", space.low), ("high", space.high)):
        if bound is not None and not _same_numbers(str(text.get(key, ""))[:20_000], bound):
            differences.append(f"{key}: text {plain_text(text[key], 40)!r} is not the blob's")
    return differences


def _same_dtype(said: str, value: str) -> bool:
    return said.removeprefix("<class 'numpy.").removesuffix("'>") == value


def _same_numbers(text: str, bound: np.ndarray) -> bool:
    """Whether printed numbers are those of an array; texts that numpy shortened prove nothing and pass."""
    found = re.findall(r"-?(?:inf|\d+\.?\d*(?:e[-+]?\d+)?)", text)
    if "..." in text or not found or len(found) not in (1, bound.size):
        return True
    printed = np.array([float(number) for number in found[:MAX_ARRAY]])
    flat = bound.reshape(-1).astype(np.float64)
    return bool(np.allclose(printed, flat, rtol=1e-3, atol=1e-6))
