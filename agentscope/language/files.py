"""A stranger's file as bytes: never more of it than a cap allows."""

from __future__ import annotations

from pathlib import Path

from agentscope.errors import BadOption, RefusedFile


def read_capped(path: str | Path, most: int) -> bytes:
    """The bytes of a file.

    Raises:
        BadOption: there is no such file.
        RefusedFile: it is larger than `most` bytes, or cannot be read.
    """
    file = Path(path)
    if not file.is_file():
        raise BadOption(f"There is no file {file.name}; check the path.")
    try:
        with file.open("rb") as stream:
            data = stream.read(most + 1)
    except OSError as problem:
        raise RefusedFile(f"{file.name} cannot be read ({problem.strerror}).") from problem
    if len(data) > most:
        raise RefusedFile(f"{file.name} has more than the {most:,} bytes that are read.")
    return data
