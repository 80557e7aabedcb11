"""Columns of a stranger's npz or csv file as plain arrays: nothing is unpickled, and no size is taken on trust."""

from __future__ import annotations

import csv
import io
import math
import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from agentscope.errors import RefusedFile
from agentscope.language.files import read_capped

MOST_PACKED = {"npz": 2**28, "csv": 2**26}
MOST_UNPACKED = 2**30
MOST_CELLS = 2**24  # of a csv file: each is a Python string for a while
PLAIN = "biufU"  # dtype kinds: flags, whole numbers, decimals, words
WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")


def read_columns(path: str | Path) -> Mapping[str, np.ndarray]:
    """Arrays by name; of a csv file `obs_0`, `obs_1`, ... become one array `observations` of shape (n, d).

    Raises:
        BadOption: there is no such file.
        RefusedFile: it is damaged, too large, of another type, or holds what is neither flag, number nor word.
    """
    name = Path(path).name
    suffix = Path(path).suffix.lower().removeprefix(".")
    if suffix not in MOST_PACKED:
        raise RefusedFile(f"{name} is neither .npz nor .csv; labels are read from these two.")
    data = read_capped(path, MOST_PACKED[suffix])
    return _from_npz(data, name) if suffix == "npz" else _from_csv(data, name)


def _from_npz(data: bytes, name: str) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len({member.filename for member in members}) < len(members):
                raise RefusedFile(f"{name} holds two arrays of one name.")
            size = sum(member.file_size for member in members)
            if size > MOST_UNPACKED:
                raise RefusedFile(f"{name} declares {size:,} bytes of arrays; at most {MOST_UNPACKED:,} are read.")
            return {member.filename.removesuffix(".npy"): _array(archive, member) for member in members}
    except RefusedFile:
        raise
    except Exception as problem:  # zipfile, zlib, numpy and its header parser give up in many ways: here it is one
        told = " ".join(str(problem).split())[:120]
        raise RefusedFile(f"{name} is no sound npz file ({type(problem).__name__}: {told!a}).") from None


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """One array, once its declared size is that of its bytes: np.load would reserve whatever the header says."""
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    with archive.open(member) as stream, warnings.catch_warnings():
        warnings.simplefilter("error")
        shape, columns_first, dtype = readers[np.lib.format.read_magic(stream)](stream)
        if dtype.kind not in PLAIN or not dtype.itemsize:
            raise ValueError(f"{member.filename} has dtype {dtype}, not flags, numbers or words")
        content = stream.read(MOST_UNPACKED + 1)
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"{member.filename} declares shape {shape}, but holds {len(content)} bytes")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if columns_first else "C")


def _from_csv(data: bytes, name: str) -> dict[str, np.ndarray]:
    try:
        rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        header = [cell.strip() for cell in next(rows, [])]
        if len(set(header)) < len(header):
            twice = next(cell for cell in header if header.count(cell) > 1)
            raise RefusedFile(f"{name} has two columns of the name {twice[:40]!a}.")
        table = [row for row in _checked(rows, len(header), name) if row]
    except UnicodeDecodeError as problem:
        raise RefusedFile(f"{name} is not UTF-8 text ({problem.reason}).") from None
    except csv.Error as problem:
        raise RefusedFile(f"{name} is no sound csv file ({problem}).") from None
    cells = dict(zip(header, zip(*table, strict=True), strict=True)) if table else {}
    found = {column: _typed(words, column, name) for column, words in cells.items() if not _is_cell(column)}
    observed = sorted((column for column in cells if _is_cell(column)), key=lambda column: int(column[4:]))
    if observed:
        if [int(column[4:]) for column in observed] != list(range(len(observed))):
            raise RefusedFile(f"{name}: columns obs_0, obs_1, ... leave none out; found up to {observed[-1]}.")
        found["observations"] = np.stack([_decimals(cells[column], column, name) for column in observed], axis=1)
    return found


def _checked(rows: Iterable[list[str]], width: int, name: str) -> list[list[str]]:
    """All rows, if each is as long as the header."""
    kept: list[list[str]] = []
    for number, row in enumerate(rows, 2):
        if row and len(row) != width:
            raise RefusedFile(f"{name}: row {number} has {len(row)} cells, the header {width}.")
        kept.append(row)
        if len(kept) * width > MOST_CELLS:
            raise RefusedFile(f"{name} has more than {MOST_CELLS:,} cells; give so many as npz.")
    return kept


def _is_cell(column: str) -> bool:
    return re.fullmatch(r"obs_(0|[1-9][0-9]{0,6})", column) is not None


def _decimals(words: Sequence[str], column: str, name: str) -> np.ndarray:
    for row, word in enumerate(words, 2):
        if not DECIMAL.fullmatch(word.strip()):
            raise RefusedFile(f"{name}: row {row} of {column} holds {word[:40]!a}, which is no number.")
    return np.array([float(word) for word in words])


def _typed(words: Sequence[str], column: str, name: str) -> np.ndarray:
    """A column by its values: true/false, whole numbers, decimals or words; nothing mixed, nothing left out."""
    words = [word.strip() for word in words]
    numbers = [DECIMAL.fullmatch(word) is not None for word in words]
    if all(word.lower() in ("true", "false") for word in words):
        return np.array([word.lower() == "true" for word in words])
    if all(WHOLE.fullmatch(word) for word in words):
        return np.array([int(word) for word in words], dtype=np.int64)
    if all(numbers):
        return np.array([float(word) for word in words])
    odd = numbers.index(False) if any(numbers) else words.index("") if "" in words else None
    if odd is not None:
        told = f"{name}: row {odd + 2} of {column[:40]!a} holds {words[odd][:40]!a}"
        raise RefusedFile(f"{told}; a column is all true/false, all whole numbers, all decimals or all words.")
    return np.array(words)
