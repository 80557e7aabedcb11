"""A strict zip reader over bytes: every field is checked before it is used, and nothing is repaired silently.

Python's own reader tolerates overlapping members, comments, data before the archive and a million entries; an agent's
zip needs none of that, so each of them is a refusal here.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from agentscope.agents.plain import plain_text
from agentscope.errors import RefusedFile

MAX_FILE = 64 * 2**20
STORED, DEFLATED = 0, 8
_HARMLESS_FLAGS = 0x0002 | 0x0004 | 0x0008 | 0x0800  # deflate levels, sizes after the data, UTF-8 names
_END, _CENTRAL, _LOCAL = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
_ZIP64_END, _ZIP64_LOCATOR, _ZIP64_LENGTH = b"PK\x06\x06", b"PK\x06\x07", 56 + 20


@dataclass(frozen=True)
class Member:
    """One file of an archive: its sizes in bytes, and where its bytes lie."""

    name: str
    method: int
    crc: int
    compressed: int
    size: int
    start: int
    stop: int


class Archive:
    """The members of a zip, by name.

    Args:
        data: the whole file.
        what: how messages call it, e.g. "the zip" or "policy.pth".
        members: the most that are allowed.
        total: the most bytes that the members may declare together.

    Raises: RefusedFile: the directory is damaged, too large, overlapping, encrypted, or oddly compressed.
    """

    def __init__(self, data: bytes, what: str = "the zip", *, members: int = 16, total: int = MAX_FILE) -> None:
        self.data = data
        self.what = what
        count, start, stop = self._directory(members)
        self.members: dict[str, Member] = {}
        at = start
        for _ in range(count):
            member, at = self._entry(at, stop)
            if member.name in self.members:
                raise self._refusal(f"two members are called {member.name!r}")
            self.members[member.name] = member
        if at != stop:
            raise self._refusal(f"its directory has {stop - at} bytes too many")
        self._check_extents(start, total)

    def _refusal(self, problem: str) -> RefusedFile:
        return RefusedFile(f"{self.what} is refused: {problem} (docs/loader.md).")

    def _directory(self, most: int) -> tuple[int, int, int]:
        """Number of entries, start and stop of the central directory."""
        end = len(self.data) - 22
        if end < 0 or self.data[end : end + 4] != _END:
            raise self._refusal("it has no zip directory at its end (truncated, or not a zip)")
        disk, first, here, count, size, start, comment = struct.unpack("<4H2IH", self.data[end + 4 :])
        if disk or first or here != count or comment:
            raise self._refusal("it is split over disks or carries a comment")
        if count > most:
            raise self._refusal(f"it has {count} members, {most} are allowed")
        stop = start + size
        if stop == end - _ZIP64_LENGTH:  # torch always writes the 64-bit end records as well
            tail = self.data[stop:end]
            if tail[:4] != _ZIP64_END or tail[56:60] != _ZIP64_LOCATOR:
                raise self._refusal("there are bytes between its directory and its end")
        elif stop != end:
            raise self._refusal("its directory does not lie where it says")
        return count, start, stop

    def _entry(self, at: int, stop: int) -> tuple[Member, int]:
        if at + 46 > stop or self.data[at : at + 4] != _CENTRAL:
            raise self._refusal("its directory is damaged")
        fields = struct.unpack("<6H3I5H2I", self.data[at + 4 : at + 46])
        flags, method, crc, compressed, size = fields[2], fields[3], fields[6], fields[7], fields[8]
        name_length, extra, comment, offset = fields[9], fields[10], fields[11], fields[15]
        after = at + 46 + name_length + extra + comment
        if after > stop or name_length > 200:
            raise self._refusal("a name in its directory is too long")
        raw = self.data[at + 46 : at + 46 + name_length]
        name = plain_text(raw.decode("utf-8", "replace"), 200)
        if flags & 1:
            raise self._refusal(f"member {name!r} is encrypted")
        if flags & ~_HARMLESS_FLAGS or method not in (STORED, DEFLATED):
            raise self._refusal(f"member {name!r} uses compression {method} with flags {flags:#x}")
        if method == STORED and compressed != size:
            raise self._refusal(f"member {name!r} declares {size} bytes and holds {compressed}")
        first = self._data_start(offset, raw, flags, method)
        return Member(name, method, crc, compressed, size, offset, first + compressed), after

    def _data_start(self, offset: int, raw: bytes, flags: int, method: int) -> int:
        header = self.data[offset : offset + 30]
        if len(header) < 30 or header[:4] != _LOCAL:
            raise self._refusal("a member does not lie where the directory says")
        fields = struct.unpack("<5H3I2H", header[4:])
        name_at = offset + 30
        if fields[1] != flags or fields[2] != method or self.data[name_at : name_at + fields[8]] != raw:
            raise self._refusal("a member's own header contradicts the directory")
        return name_at + int(fields[8]) + int(fields[9])

    def _check_extents(self, directory: int, total: int) -> None:
        declared = sum(member.size for member in self.members.values())
        if declared > total:
            raise self._refusal(f"its members declare {declared} bytes, {total} are allowed")
        reached = 0
        for member in sorted(self.members.values(), key=lambda m: m.start):
            if member.start < reached or member.stop > directory:
                raise self._refusal(f"member {member.name!r} overlaps another one")
            reached = member.stop

    def read(self, name: str) -> bytes:
        """The bytes of one member, of exactly the declared size and checksum."""
        member = self.members[name]
        data = self.data[member.stop - member.compressed : member.stop]
        if member.method == DEFLATED:
            inflater = zlib.decompressobj(-15)
            try:
                data = inflater.decompress(data, member.size + 1)
            except zlib.error as error:
                raise self._refusal(f"member {name!r} cannot be inflated: {error}") from None
            if not inflater.eof or inflater.unused_data:
                raise self._refusal(f"member {name!r} does not inflate to the {member.size} bytes it declares")
        if len(data) != member.size:
            raise self._refusal(f"member {name!r} declares {member.size} bytes and gives {len(data)}")
        if zlib.crc32(data) != member.crc:
            raise self._refusal(f"member {name!r} has the wrong checksum")
        return data
