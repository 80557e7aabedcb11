"""The outer layer of an SB3 zip: its fixed members, the `data` JSON with its blobs, and the policy's tensors."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from agentscope.agents.archive import MAX_FILE, Archive
from agentscope.agents.pickles import MAX_OPCODES, Parsed, read_pickle
from agentscope.agents.plain import plain_text
from agentscope.agents.tensors import read_tensors
from agentscope.errors import RefusedFile, UnknownAgent

MAX_JSON = 8 * 2**20
MAX_KEYS = 256
MAX_TABLES = 10_000  # tables cost a thousand times their bytes to parse
MAX_ALL_OPCODES = 60_000  # of all blobs together: bounds the work that one file can ask for
MEMBERS = (
    "data", "policy.pth", "policy.optimizer.pth", "pytorch_variables.pth", "_stable_baselines3_version",
    "system_info.txt", "actor.optimizer.pth", "critic.optimizer.pth", "ent_coef_optimizer.pth",
)  # fmt: skip
SERIALIZED = ":serialized:"


@dataclass(frozen=True)
class ZipContents:
    """What an SB3 zip holds, unread and unrun.

    Attributes:
        sha256: of the whole file.
        members: size in bytes of each member.
        version: the SB3 version that wrote it, "" when the file does not say.
        data: the `data` JSON; an entry with ":serialized:" is a blob beside its text.
        policy: the bytes of policy.pth.
    """

    sha256: str
    members: Mapping[str, int]
    version: str
    data: Mapping[str, Any]
    policy: bytes
    _read: dict[str, Parsed | RefusedFile] = field(default_factory=dict, repr=False, compare=False)

    def is_blob(self, key: str) -> bool:
        """Whether SB3's own loader would unpickle this entry."""
        entry = self.data.get(key)
        return isinstance(entry, dict) and SERIALIZED in entry

    @property
    def blobs(self) -> tuple[str, ...]:
        """Keys of all entries that SB3's own loader would unpickle."""
        return tuple(key for key in self.data if self.is_blob(key))

    def blob(self, key: str) -> Parsed:
        """One blob as inert records; read once, whoever asks.

        Raises: RefusedFile: it is damaged, or the caps on this blob or on all blobs together are reached.
        """
        if key not in self._read:
            try:
                self._read[key] = self._parse(key)
            except RefusedFile as error:
                self._read[key] = error
        found = self._read[key]
        if isinstance(found, RefusedFile):
            raise found
        return found

    def _parse(self, key: str) -> Parsed:
        what = f"data[{plain_text(key, 40)!r}]"
        text = self.data[key][SERIALIZED]
        if not isinstance(text, str):
            raise RefusedFile(f"{what} is refused: its serialized part is not text (docs/loader.md).")
        try:
            data = base64.b64decode(text.encode("ascii"), validate=True)
        except (binascii.Error, UnicodeEncodeError):
            raise RefusedFile(f"{what} is refused: its serialized part is not base64 (docs/loader.md).") from None
        spent = sum(found.opcodes if isinstance(found, Parsed) else MAX_OPCODES for found in self._read.values())
        return read_pickle(data, what, opcodes=max(0, min(MAX_OPCODES, MAX_ALL_OPCODES - spent)))

    @cached_property
    def tensors(self) -> dict[str, np.ndarray]:
        """The policy's parameters and buffers by name."""
        return read_tensors(self.policy)


def read_bytes(path: str | Path, most: int, what: str) -> bytes:
    """A whole file of at most `most` bytes.

    Raises: UnknownAgent: there is no such file. RefusedFile: it is larger, or cannot be read.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        raise UnknownAgent(f"There is no file {plain_text(Path(path).name)!r}: check the path.") from None
    except OSError as error:
        raise RefusedFile(f"{what} cannot be read: {error.strerror}.") from None
    if len(data) > most:
        raise RefusedFile(f"{what} is refused: it is larger than {most} bytes (docs/loader.md).")
    return data


def read_zip(path: str | Path | bytes) -> ZipContents:
    """Read an SB3 zip inertly.

    Raises: RefusedFile: it is damaged, too large, or holds members or JSON that no SB3 zip has.
    """
    data = path if isinstance(path, bytes) else read_bytes(path, MAX_FILE, "the zip")
    if len(data) > MAX_FILE:
        raise RefusedFile(f"the zip is refused: it is larger than {MAX_FILE} bytes (docs/loader.md).")
    archive = Archive(data)
    strange = sorted(set(archive.members) - set(MEMBERS))
    missing = {"data", "policy.pth"} - set(archive.members)
    if strange:
        raise RefusedFile(f"the zip is refused: no SB3 zip has a member {strange[0]!r} (docs/loader.md).")
    if missing:
        raise RefusedFile(f"the zip is refused: it is no SB3 agent, {sorted(missing)[0]!r} is missing.")
    if archive.members["data"].size > MAX_JSON:
        raise RefusedFile(f"the zip is refused: its JSON is larger than {MAX_JSON} bytes (docs/loader.md).")
    version = ""
    if "_stable_baselines3_version" in archive.members:
        version = plain_text(archive.read("_stable_baselines3_version")[:64].decode("utf-8", "replace").strip(), 40)
    sizes = {name: member.size for name, member in archive.members.items()}
    return ZipContents(
        hashlib.sha256(data).hexdigest(), sizes, version, _json(archive.read("data")), archive.read("policy.pth")
    )


def _json(text: bytes) -> dict[str, Any]:
    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entries = dict(pairs)
        if len(entries) != len(pairs):
            raise RefusedFile("the zip is refused: its JSON names a key twice (docs/loader.md).")
        return entries

    if text.count(b"{") > MAX_TABLES:
        raise RefusedFile(f"the zip is refused: its JSON has more than {MAX_TABLES} tables (docs/loader.md).")
    try:
        data = json.loads(text.decode("utf-8"), object_pairs_hook=distinct)
    except (ValueError, RecursionError) as error:
        raise RefusedFile(f"the zip is refused: its JSON is damaged ({plain_text(error, 80)}).") from None
    if not isinstance(data, dict) or len(data) > MAX_KEYS:
        raise RefusedFile("the zip is refused: its JSON is not a table of at most 256 keys (docs/loader.md).")
    return data
