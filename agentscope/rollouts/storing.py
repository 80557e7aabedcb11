"""State sets and tables of rollouts on disk: npz without pickle, csv."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agentscope.errors import RefusedFile
from agentscope.records import StateSet

LAYOUT = 1  # version of states.npz
MOST_BYTES = 2**30  # unpacked: a small file can declare any size


def save_states(path: Path, states: StateSet) -> None:
    """Write a state set as plain arrays: one a field of the state, beside name, episode, step and feature."""
    arrays: dict[str, np.ndarray] = {
        "layout": np.array(LAYOUT),
        "name": np.array(states.name),
        "fields": np.array(states.states.dtype.names),
        "episode": states.episode,
        "step": states.step,
        "exhaustive": np.array(states.exhaustive),
        "feature_names": np.array(states.feature_names, dtype=np.str_),
    }
    if states.feature is not None:
        arrays["feature"] = states.feature
    for field in states.states.dtype.names or ():
        arrays[f"state.{field}"] = states.states[field]
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


def load_states(path: Path) -> StateSet:
    """Read a state set back; nothing in the file is ever unpickled.

    Raises: RefusedFile: the file is missing, damaged, too large, of another layout, or holds objects.
    """
    try:
        with path.open("rb") as stream, zipfile.ZipFile(stream) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size > MOST_BYTES:
                raise RefusedFile(f"{path.name} declares {size} bytes of states; at most {MOST_BYTES} are read.")
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as stored:
                return _state_set(path, {name: stored[name] for name in stored.files})
    except (OSError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise RefusedFile(f"{path.name} is no readable state set ({error}). Run `agentscope inspect` again.") from error


def _state_set(path: Path, stored: dict[str, np.ndarray]) -> StateSet:
    if int(stored["layout"]) != LAYOUT:
        raise RefusedFile(f"{path.name} has layout {stored['layout']}; this version reads layout {LAYOUT}.")
    columns = {str(field): stored[f"state.{field}"] for field in stored["fields"]}
    dtype = np.dtype([(field, column.dtype, column.shape[1:]) for field, column in columns.items()])
    states = np.empty(len(stored["episode"]), dtype=dtype)
    for field, column in columns.items():
        states[field] = column
    return StateSet(
        str(stored["name"]), states, stored["episode"], stored["step"], stored.get("feature"),
        tuple(str(name) for name in stored["feature_names"]), bool(stored["exhaustive"]),
    )  # fmt: skip


def write_rollouts(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write one row an episode as rollouts.csv; columns are the keys of the first row."""
    import pandas  # here, not above: whoever only loads states need not wait for it

    pandas.DataFrame([dict(row) for row in rows]).to_csv(path, index=False, lineterminator="\n")
