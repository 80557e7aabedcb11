"""A user's own labelled states: observations from a file, with the concepts that the user has labelled them with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from agentscope.concepts import Concept, Kind
from agentscope.contracts import InspectableEnv, States
from agentscope.errors import ConceptsMissing, RefusedFile
from agentscope.probes.tables import read_columns
from agentscope.probes.targets import LabelledStates

MOST_STATES = 1_000_000
MOST_CONCEPTS = 256
MOST_CHOICES = 64
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def read_labels(path: str | Path, env: InspectableEnv) -> LabelledStates:
    """Labelled states of an npz or csv file, ready to be probed (docs/adding/concepts.md).

    `observations` has shape (n, ...) as the environment gives them (in csv the columns obs_0, obs_1, ... of the
    flattened observation); `episode` is a whole number for each state; every other array of n values is a concept:
    a flag (bool), a count (whole numbers, none negative), a number, or a choice (words). Splits go by `episode`, so it
    must be there: states of one episode resemble each other, and a split by rows would score what was fitted on.

    Raises:
        BadOption: there is no such file.
        RefusedFile: it is damaged or too large, or an array has a name, shape, type or value that cannot be used.
    """
    columns = dict(read_columns(path))
    file = _File(Path(path).name, env)
    observations = file.observations(columns.pop("observations", None))
    episodes = file.episodes(columns.pop("episode", None), len(observations))
    if not columns:
        file.refuse("it holds no concept: add an array (in csv a column) for each")
    if len(columns) > MOST_CONCEPTS:
        file.refuse(f"it holds {len(columns)} concepts; at most {MOST_CONCEPTS} are taken")
    made = {name: file.concept(name, values, len(observations)) for name, values in columns.items()}
    labels: Mapping[str, np.ndarray] = {name: values for name, (_, values) in made.items()}
    return LabelledStates(observations, tuple(concept for concept, _ in made.values()), labels, episodes)


@dataclass(frozen=True)
class _Unmeasured:
    """The measurement of a concept that is known on the file's own states only."""

    name: str
    file: str

    def __call__(self, states: States) -> np.ndarray:
        raise ConceptsMissing(
            f"{self.name} is known only for the states of {self.file}: it cannot be measured on others. Declare it as "
            "an expression with --concepts (docs/adding/concepts.md)."
        )


class _File:
    """One file's arrays, checked against one environment; every error begins with the file's name."""

    def __init__(self, name: str, env: InspectableEnv) -> None:
        self.name, self.env = name, env

    def refuse(self, what: str) -> NoReturn:
        raise RefusedFile(f"{self.name}: {what}.")

    def observations(self, found: np.ndarray | None) -> np.ndarray:
        """Observations of the shape and dtype that the environment gives."""
        space = self.env.observation_space
        shape = tuple(space.shape or ())
        if found is None:
            self.refuse("it has no array `observations` (in csv: no columns obs_0, obs_1, ...)")
        if found.dtype.kind not in "biuf":
            self.refuse(f"observations have dtype {found.dtype}, not numbers")
        count = len(found) if found.ndim else 0
        if not 0 < count <= MOST_STATES:
            self.refuse(f"it holds {count:,} states; from 1 to {MOST_STATES:,} are read")
        if found.shape[1:] != shape and found.shape[1:] != (int(np.prod(shape)),):
            self.refuse(f"observations have shape {found.shape[1:]} a state, but {self.env.id} gives {shape}")
        if found.dtype.kind == "f" and not np.isfinite(found).all():
            self.refuse(f"the observation of state {_first(~np.isfinite(found))} holds what is no finite number")
        dtype = np.dtype(space.dtype or np.float32)
        if dtype.kind in "biu":
            self._check_whole(found, dtype)
        with np.errstate(over="ignore"):
            cast = found.astype(dtype).reshape(count, *shape)
        if dtype.kind == "f" and not np.isfinite(cast).all():
            self.refuse(f"the observation of state {_first(~np.isfinite(cast))} is too large for {dtype}")
        return cast

    def _check_whole(self, found: np.ndarray, dtype: np.dtype[np.generic]) -> None:
        """Ids and pixels are whole numbers within the bounds of the space."""
        space, low, high = self.env.observation_space, 0, 1
        if dtype.kind != "b":
            low, high = int(np.iinfo(dtype.name).min), int(np.iinfo(dtype.name).max)
        low = max(int(np.min(getattr(space, "low", low))), low)
        high = min(int(np.max(getattr(space, "high", high))), high)
        wrong = (found < low) | (found > high) | (found != np.floor(found) if found.dtype.kind == "f" else False)
        if wrong.any():
            self.refuse(f"the observation of state {_first(wrong)} holds what is no whole number from {low} to {high}")

    def episodes(self, found: np.ndarray | None, count: int) -> np.ndarray:
        """Which episode each state is from."""
        if found is None:
            self.refuse(
                "it has no array `episode`, and a split by rows would leak from state to state: add the number of "
                "the episode (or session, or level) that each state is from"
            )
        if found.shape != (count,) or found.dtype.kind not in "iu":
            self.refuse(f"episode is one whole number for each of {count} states, found {_told(found)}")
        if found.dtype.kind == "u" and (found > np.iinfo(np.int64).max).any():
            self.refuse("an episode is numbered beyond int64")
        return found.astype(np.int64)

    def concept(self, name: str, values: np.ndarray, count: int) -> tuple[Concept, np.ndarray]:
        """A concept of one value a state, and its labels."""
        if not NAME.fullmatch(name):
            self.refuse(f"a concept is named {name[:40]!a}; a name is an identifier of at most 64 ASCII characters")
        if values.shape != (count,):
            told = "give each position an array of its own, e.g. height_0" if values.ndim > 1 else "one a state"
            self.refuse(f"{name} has {_told(values)}, not one value for each of {count} states; {told}")
        kind: Kind
        choices: tuple[str, ...] = ()
        if values.dtype.kind == "U":
            kind, (choices, labels) = "choice", self._choices(name, values)
        elif values.dtype.kind == "b":
            kind, labels = "flag", values.astype(bool)
        elif values.dtype.kind == "f":
            if not np.isfinite(values).all():
                self.refuse(f"{name} is no finite number in state {_first(~np.isfinite(values))}")
            kind, labels = "number", values.astype(np.float64)
        else:
            if (values > np.iinfo(np.int64).max).any():
                self.refuse(f"{name} holds whole numbers beyond int64")
            kind = "count" if values.min() >= 0 else "number"
            labels = values.astype(np.int64 if kind == "count" else np.float64)
        doc = f"Labelled in {self.name}."
        measure = _Unmeasured(name, self.name)
        return Concept(name=name, kind=kind, measure=measure, doc=doc, choices=choices), labels

    def _choices(self, name: str, values: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
        words, codes = np.unique(values, return_inverse=True)
        if len(words) > MOST_CHOICES:
            self.refuse(f"{name} has {len(words)} different words; at most {MOST_CHOICES} are taken")
        for word in words.tolist():
            if not word or len(word) > 64 or not word.isprintable():
                self.refuse(f"{name} holds {word[:40]!a}; a word has 1 to 64 printable characters")
        return tuple(words.tolist()), codes.ravel().astype(np.int64)


def _first(wrong: np.ndarray) -> int:
    return int(np.argwhere(wrong)[0][0])


def _told(values: np.ndarray) -> str:
    return f"shape {values.shape} of {values.dtype}"
