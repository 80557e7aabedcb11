"""Plain values out of inert pickle records: numpy arrays and scalars, dictionaries, and Python's own text of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Shaped

from agentscope.agents.pickles import Call, Name
from agentscope.agents.plain import plain_text
from agentscope.errors import RefusedFile

MAX_ARRAY = 2**20  # elements
_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")
_DTYPE_NAMES = {"?", "b1", "bool", "f2", "f4", "f8", *(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8))}


def refused(what: str, problem: str) -> RefusedFile:
    """The refusal of one value of a file."""
    return RefusedFile(f"{what} is refused: {problem} (docs/loader.md).")


def is_call(record: Any, name: str) -> bool:
    """Whether a record is a call of this numpy function, in any numpy version's place for it."""
    return (
        isinstance(record, Call)
        and isinstance(record.function, Name)
        and record.function.module in _NUMPY
        and record.function.name == name
        and isinstance(record.args, tuple)
    )


def read_dtype(record: Any, what: str) -> np.dtype[Any]:
    """A boolean, integer or float dtype from its record or its name."""
    if isinstance(record, Name) and record.module in ("numpy", "builtins"):
        text: Any = record.name
    elif isinstance(record, Call) and record.function == Name("numpy", "dtype") and record.args:
        text = record.args[0]
        order = (
            record.state[0][1]
            if record.state and isinstance(record.state[0], tuple) and len(record.state[0]) > 1
            else "|"
        )
        if order not in ("<", "|", "="):
            raise refused(what, "its numbers are not little-endian")
    else:
        text = record
    names = {"float32": "f4", "float64": "f8", "int64": "i8", "int32": "i4", "uint8": "u1", "int8": "i1", "float": "f8"}
    text = names.get(text, text) if isinstance(text, str) else None
    if not isinstance(text, str) or text not in _DTYPE_NAMES:
        raise refused(what, "a numpy dtype that is not a plain number")
    dtype: np.dtype[Any] = np.dtype(text)
    return dtype


def _raw(record: Any, what: str) -> bytes:
    if isinstance(record, Call) and record.function == Name("_codecs", "encode") and len(record.args) == 2:
        text, coding = record.args
        if isinstance(text, str) and coding in ("latin1", "latin-1"):
            record = text
    if isinstance(record, str):
        try:
            return record.encode("latin-1")
        except UnicodeEncodeError:
            raise refused(what, "an array's bytes are not bytes") from None
    if isinstance(record, bytes | bytearray):
        return bytes(record)
    raise refused(what, "an array without bytes")


def read_array(record: Any, what: str) -> Shaped[np.ndarray, "..."]:
    """A numpy array of numbers from its record: `_reconstruct` with a state, or `_frombuffer`."""
    if is_call(record, "_reconstruct") and len(record.state) == 1:
        state = record.state[0]
        if not isinstance(state, tuple) or len(state) != 5:
            raise refused(what, "an array whose state is not numpy's")
        _, shape, dtype_record, fortran, raw_record = state
        order = "F" if fortran else "C"
    elif is_call(record, "_frombuffer") and len(record.args) == 4:
        raw_record, dtype_record, shape, order = record.args
    else:
        raise refused(what, "it is not a numpy array")
    dtype, raw = read_dtype(dtype_record, what), _raw(raw_record, what)
    whole = isinstance(shape, tuple) and all(isinstance(n, int) and 0 <= n <= MAX_ARRAY for n in shape)
    if not whole or len(shape) > 8 or order not in ("C", "F"):
        raise refused(what, "an array whose shape is not a few whole numbers")
    if math.prod(shape) > MAX_ARRAY or math.prod(shape) * dtype.itemsize != len(raw):
        raise refused(what, f"an array of shape {shape} and {dtype} in {len(raw)} bytes")
    return np.frombuffer(raw, dtype=dtype).reshape(shape, order="F" if order == "F" else "C")


def read_number(record: Any, what: str) -> int | float:
    """A Python or numpy number."""
    if isinstance(record, int | float):
        return record
    if is_call(record, "scalar") and len(record.args) == 2:
        dtype, raw = read_dtype(record.args[0], what), _raw(record.args[1], what)
        if len(raw) == dtype.itemsize:
            number: int | float = np.frombuffer(raw, dtype=dtype)[0].item()
            return number
    if is_call(record, "_reconstruct"):
        array = read_array(record, what)
        if array.size == 1:
            number = array.reshape(-1)[0].item()
            return number
    raise refused(what, "it is not a number")


def read_state(record: Any, what: str) -> Mapping[str, Any]:
    """The attributes that a pickled object would get: its one state, a dictionary."""
    if isinstance(record, Call) and record.state and isinstance(record.state[-1], dict):
        state: dict[str, Any] = record.state[-1]
        return state
    raise refused(what, "it is not an object with attributes")


def class_name(record: Any) -> str | None:
    """Full name of a class record; for a class that cloudpickle stored as code, its bare name; else None."""
    if isinstance(record, Name):
        return str(record)
    if by_value(record) and len(record.args) > 1 and isinstance(record.args[1], str):
        return plain_text(record.args[1], 80)
    return None


def by_value(record: Any) -> bool:
    """Whether a record is a class that cloudpickle stored as code."""
    return (
        isinstance(record, Call)
        and isinstance(record.function, Name)
        and record.function.name in ("_make_skeleton_class", "_make_skeleton_enum")
        and isinstance(record.args, tuple)
    )


def python_text(value: Any, depth: int = 0) -> str | None:
    """What `str` (within containers `repr`) gives for a value, or None where its records do not say."""
    if depth > 6:
        return None
    if isinstance(value, Name):
        return f"<class '{value.module}.{value.name}'>" if value.module != "builtins" else f"<class '{value.name}'>"
    if value is None or isinstance(value, bool | int | float | str):
        return value if isinstance(value, str) and depth == 0 else repr(value)
    if isinstance(value, list | tuple):
        inner = _joined(value, depth)
        if inner is None:
            return None
        return f"[{inner}]" if isinstance(value, list) else f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, dict):
        inner = _joined([part for pair in value.items() for part in pair], depth)
        if inner is None:
            return None
        parts = [python_text(part, depth + 1) for pair in value.items() for part in pair]
        return "{" + ", ".join(f"{key}: {held}" for key, held in zip(parts[::2], parts[1::2], strict=True)) + "}"
    return None


def _joined(values: Sequence[Any], depth: int) -> str | None:
    """Texts with commas between them; None as soon as one has none or they grow long (shared parts may repeat)."""
    texts: list[str] = []
    for value in values:
        text = python_text(value, depth + 1)
        if text is None or sum(map(len, texts)) + len(text) > 2000 or len(texts) > 200:
            return None
        texts.append(text)
    return ", ".join(texts)
