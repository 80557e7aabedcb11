"""The tensors of a `policy.pth`, as numpy arrays, without torch: storages are bytes, views are checked against them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Shaped

from agentscope.agents.archive import Archive, Member
from agentscope.agents.pickles import Call, Name, Persistent, read_pickle
from agentscope.agents.plain import plain_text
from agentscope.errors import RefusedFile

MAX_MEMBERS = 512
MAX_ELEMENTS = 2**25  # of all tensors together
_DTYPES = {
    "FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8", "IntStorage": "<i4",
    "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
}  # fmt: skip
_ORDERED_DICT = Name("collections", "OrderedDict")
_REBUILD = Name("torch._utils", "_rebuild_tensor_v2")


def _refusal(problem: str) -> RefusedFile:
    return RefusedFile(f"policy.pth is refused: {problem} (docs/loader.md).")


def read_tensors(data: bytes) -> dict[str, Shaped[np.ndarray, "..."]]:
    """The state dictionary of a `policy.pth`, by name.

    Raises: RefusedFile: a name other than the four that a state dictionary needs, a view that leaves its storage,
        a storage of another size than declared, or a damaged archive.
    """
    if not data.startswith(b"PK"):
        raise _refusal(
            "it is not in torch's zip format (torch 1.6 and later); where you trust it, load it with SB3 and save it"
        )
    archive = Archive(data, "policy.pth", members=MAX_MEMBERS)
    pickles = [name for name in archive.members if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise _refusal(f"it holds {len(pickles)} data.pkl, one is expected")
    folder = pickles[0].removesuffix("data.pkl")
    _check_members(archive, folder)
    parsed = read_pickle(archive.read(pickles[0]), "policy.pth", persistent=True)
    allowed = {_ORDERED_DICT, _REBUILD, *(Name("torch", storage) for storage in _DTYPES)}
    for name in parsed.names:
        if name not in allowed:
            raise _refusal(f"it names {name}, which no plain state dictionary needs")
    reader = _Storages(archive, folder)
    tensors = {key: reader.tensor(key, record) for key, record in _pairs(parsed.value)}
    if sum(tensor.size for tensor in tensors.values()) > MAX_ELEMENTS:
        raise _refusal(f"its tensors have more than {MAX_ELEMENTS} elements")
    return tensors


def _check_members(archive: Archive, folder: str) -> None:
    plain = {"data.pkl", "version", "byteorder", ".data/serialization_id", ".format_version", ".storage_alignment"}
    for name in archive.members:
        inner = name.removeprefix(folder)
        if not name.startswith(folder) or (inner not in plain and not inner.removeprefix("data/").isalnum()):
            raise _refusal(f"it holds an unexpected member {name!r}")
    order = folder + "byteorder"
    if order in archive.members and archive.read(order) != b"little":
        raise _refusal("its numbers are not little-endian")


def _pairs(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, Call) and value.function == _ORDERED_DICT and value.args == () and not value.items:
        pairs = value.pairs  # its state is `_metadata`: version numbers of modules
    else:
        raise _refusal("it is not a state dictionary")
    names = [key for key, _ in pairs]
    if not all(isinstance(key, str) and len(key) <= 200 for key in names) or len(set(names)) != len(names):
        raise _refusal("its parameters are not named by distinct strings")
    return pairs


def _whole_numbers(values: Any) -> bool:
    return (
        isinstance(values, tuple)
        and len(values) <= 8
        and all(isinstance(v, int) and not isinstance(v, bool) and 0 <= v < 2**40 for v in values)
    )


class _Storages:
    def __init__(self, archive: Archive, folder: str) -> None:
        self.archive = archive
        self.folder = folder
        self.read: dict[str, np.ndarray] = {}

    def storage(self, record: Any) -> np.ndarray:
        key = record.key if isinstance(record, Persistent) else None
        if not isinstance(key, tuple) or len(key) != 5 or key[0] != "storage" or not isinstance(key[1], Name):
            raise _refusal("a tensor has no storage")
        _, kind, name, _, size = key
        if not isinstance(name, str) or not isinstance(size, int) or kind.name not in _DTYPES:
            raise _refusal("a tensor's storage is not described as torch does")
        member: Member | None = self.archive.members.get(f"{self.folder}data/{name}")
        dtype = np.dtype(_DTYPES[kind.name])
        if member is None or member.size != size * dtype.itemsize:
            found = "no such member" if member is None else f"{member.size} bytes"
            raise _refusal(f"storage {plain_text(name, 40)!r} declares {size} elements of {dtype}, found {found}")
        held = f"{name}:{kind.name}"
        if held not in self.read:
            self.read[held] = np.frombuffer(self.archive.read(member.name), dtype=dtype)
        return self.read[held]

    def tensor(self, key: str, record: Any) -> np.ndarray:
        label = plain_text(key, 80)
        if not isinstance(record, Call) or record.function != _REBUILD or len(record.args) not in (6, 7):
            raise _refusal(f"{label} is not a tensor")
        storage = self.storage(record.args[0])
        offset, shape, stride = record.args[1:4]
        if not _whole_numbers((offset,)) or not _whole_numbers(shape) or not _whole_numbers(stride):
            raise _refusal(f"{label} has an offset, shape or stride that is not a whole number")
        count = math.prod(shape)
        last = offset + sum((length - 1) * step for length, step in zip(shape, stride, strict=False))
        if len(shape) != len(stride) or count > len(storage) or (count and last >= len(storage)):
            raise _refusal(f"{label} reaches beyond its storage of {len(storage)} elements")
        steps = tuple(step * storage.itemsize for step in stride)
        return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps, writeable=False)
