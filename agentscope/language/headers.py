"""The comment at the top of a text: which language, environment, network and level it was written for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile

from agentscope.contracts import Scalar
from agentscope.errors import TextError

LANGUAGE_VERSION = 1
_MARK = "# agentscope text "
_ENVIRONMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./:-]{0,127}")
_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST = 400


@dataclass(frozen=True)
class Header:
    """What a text says about itself.

    Attributes:
        version: of the language.
        environment: id, e.g. "AgentScope/KeyDoor-v0"; empty when the text names none.
        arguments: of the environment, as sorted (name, value) pairs.
        network: sha256 of the agent's file; empty when the text is a hypothesis.
        level: 1 strategy, 2 grounded strategy, 3 decompilation; 0 when not said.
        notes: one line each, e.g. "lamp() is not found to be used by the network".
    """

    version: int = LANGUAGE_VERSION
    environment: str = ""
    arguments: tuple[tuple[str, Scalar], ...] = ()
    network: str = ""
    level: int = 0
    notes: tuple[str, ...] = ()


def header_for(
    environment: str, kwargs: Mapping[str, Scalar], *, network: str = "", level: int = 1, notes: tuple[str, ...] = ()
) -> Header:
    """The header of a text about this environment, with its arguments sorted and its notes sanitised."""
    arguments = tuple(sorted(kwargs.items()))
    return Header(LANGUAGE_VERSION, environment, arguments, network, level, tuple(map(plain_line, notes)))


def write_header(header: Header) -> str:
    """Comment lines, each ended by a newline.

    Raises: TextError: a field holds what a header cannot: not an id, not a sha256, an argument that is no scalar.
    """
    lines = [f"{_MARK}{header.version}"]
    if header.environment:
        lines.append(f"# environment: {_matching(_ENVIRONMENT, header.environment, 'an environment id')}")
    for name, value in header.arguments:
        if not isinstance(value, bool | int | float | str):
            raise TextError(f"environment argument {name} is no scalar")
        lines.append(f"# argument: {_matching(_ARGUMENT, name, 'an argument name')} = {json.dumps(value)}")
    if header.network:
        lines.append(f"# network: {_matching(_SHA256, header.network, 'a sha256')}")
    if header.level:
        lines.append(f"# level: {int(header.level)}")
    lines.extend(f"# note: {plain_line(note)}" for note in header.notes)
    return "".join(f"{line}\n" for line in lines)


def read_header(text: str) -> Header | None:
    """The header of a text, or None where its first line is no header.

    Raises: TextError: the header is damaged, or of a version that is not known.
    """
    lines = text.split("\n", 1_000)
    if not lines[0].startswith(_MARK):
        return None
    version = lines[0][len(_MARK) :].strip()
    if version != str(LANGUAGE_VERSION):
        raise TextError(f"this language has version {LANGUAGE_VERSION}, the header says {plain_line(version)!r}", 1, 1)
    found: dict[str, str] = {}
    arguments: list[tuple[str, Scalar]] = []
    notes: list[str] = []
    for number, line in enumerate(lines[1:], 2):
        key, separator, value = line.removeprefix("# ").partition(": ")
        if not line.startswith("# ") or not separator or key not in _READERS:
            break
        if key == "argument":
            arguments.append(_argument(value, number))
        elif key == "note":
            notes.append(plain_line(value))
        elif key in found:
            raise TextError(f"the header names its {key} twice", number, 1)
        else:
            found[key] = _matching(_READERS[key], value.strip(), f"a value for {key}", number)
    return Header(
        LANGUAGE_VERSION, found.get("environment", ""), tuple(sorted(arguments)), found.get("network", ""),
        int(found.get("level", "0")), tuple(notes),
    )  # fmt: skip


def header_length(text: str) -> int:
    """How many lines `read_header` reads."""
    lines = text.split("\n", 1_000)
    if not lines[0].startswith(_MARK):
        return 0
    following = (line.startswith("# ") and ": " in line and line[2:].split(": ")[0] in _READERS for line in lines[1:])
    return 1 + len(list(takewhile(bool, following)))


_READERS = {
    "environment": _ENVIRONMENT, "argument": _ARGUMENT, "network": _SHA256, "level": re.compile("[123]"),
    "note": re.compile(".*"),
}  # fmt: skip


def _argument(value: str, number: int) -> tuple[str, Scalar]:
    name, separator, written = value.partition(" = ")
    _matching(_ARGUMENT, name, "an argument name", number)
    try:
        read = json.loads(written) if separator and len(written) <= _LONGEST else None
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, bool | int | float | str):
        raise TextError("an argument is written as `name = value`, the value a JSON scalar", number, 1)
    return name, plain_line(read) if isinstance(read, str) else read


def _matching(pattern: re.Pattern[str], value: str, what: str, line: int = 0) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise TextError(f"{plain_line(str(value))!r} in the header is not {what}", line, 1)
    return value


def plain_line(value: str) -> str:
    """One printable line of bounded length."""
    return "".join(character if character.isprintable() else " " for character in value)[:_LONGEST].strip()
