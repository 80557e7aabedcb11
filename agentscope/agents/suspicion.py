"""What SB3's own loader would run: names that blobs import, calls they make, and which of them no SB3 file needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentscope.agents.pickles import Name, Parsed
from agentscope.agents.plain import plain_text
from agentscope.agents.zips import ZipContents
from agentscope.contracts import AgentNotice
from agentscope.errors import RefusedFile

_MODULES = {
    "numpy", "numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric",
    "numpy.random._pickle", "numpy.random._mt19937", "numpy.random._pcg64", "numpy.random.bit_generator",
    "numpy.dtypes", "collections", "gym.utils.seeding", "torch.nn.modules.activation", "agentscope.agents.extractors",
    "agentscope.agents.boards",
}  # fmt: skip
_PREFIXES = ("gym.spaces", "gymnasium.spaces", "stable_baselines3.", "sb3_contrib.", "torch.optim.")
_NAMES = {
    Name("_codecs", "encode"), Name("copyreg", "_reconstructor"), Name("pathlib", "PosixPath"),
    Name("torch", "device"), Name("torch", "float32"),
    *(Name("builtins", name) for name in ("bool", "bytes", "dict", "float", "frozenset", "int", "list", "object",
                                          "set", "slice", "str", "tuple", "complex", "type", "NoneType")),
}  # fmt: skip
_CODE = ("cloudpickle", "types")
_FORBIDDEN = {("numpy", "load"), ("numpy", "fromfile"), ("numpy", "memmap")}


def is_usual(name: Name) -> bool:
    """Whether SB3's own zips name this: spaces, arrays, policies, optimisers, containers."""
    if (name.module, name.name) in _FORBIDDEN or "." in name.name:
        return False
    return name.module in _MODULES or name.module.startswith(_PREFIXES) or name in _NAMES


def is_code(name: Name) -> bool:
    """Whether this is part of cloudpickle's way to store a function or class as code."""
    return name.module.split(".")[0] in _CODE


def check_names(parsed: Parsed, what: str, *, own_code: bool = False) -> None:
    """Refuse a blob that names what no such blob needs.

    Args:
        own_code: the blob holds a class that the user passes in, so that code and its imports are expected.

    Raises: RefusedFile: with the first such name.
    """
    for name in parsed.names:
        if not own_code and not is_usual(name):
            raise RefusedFile(
                f"{what} is refused: SB3's loader would import {name} for it. It was not run; --trust would run it "
                "(docs/loader.md)."
            )


def code_notices(contents: ZipContents, read: tuple[str, ...]) -> list[AgentNotice]:
    """Notices on the blobs that AgentScope does not need: they are looked at, and never run."""
    notices = []
    plain_code = []
    for key in contents.blobs:
        label = plain_text(key, 40)
        try:
            parsed = contents.blob(key)
        except RefusedFile as error:
            if key not in read:
                notices.append(AgentNotice("damaged-blob", "medium", plain_text(error, 200)))
            continue
        strange = [name for name in parsed.names if not is_usual(name) and not is_code(name)]
        if strange and key not in read:
            text = f"SB3's loader would import {strange[0]} for data[{label!r}]; it was not run."
            notices.append(AgentNotice("foreign-code", "high", text))
        elif any(is_code(name) for name in parsed.names):
            plain_code.append(label)
    if plain_code:
        text = f"Functions or classes stored as code, not run: {', '.join(plain_code[:8])}."
        notices.append(AgentNotice("code-by-value", "info", text))
    return notices


def would_run(contents: ZipContents) -> list[Mapping[str, Any]]:
    """What SB3's own loader would import and call, blob by blob; damage is told, not raised."""
    rows: list[Mapping[str, Any]] = []
    for key in contents.blobs:
        row: dict[str, Any] = {"key": plain_text(key, 60)}
        try:
            parsed = contents.blob(key)
        except RefusedFile as error:
            row["refused"] = plain_text(error, 200)
        else:
            row["imports"] = [str(name) for name in parsed.names[:40]]
            row["calls"] = list(parsed.calls[:40])
            row["unusual"] = [str(name) for name in parsed.names if not is_usual(name)][:40]
        rows.append(row)
    return rows
