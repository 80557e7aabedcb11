"""Strangers' strings and numbers made fit to print: no control characters, no NaN, plain JSON types only."""

from __future__ import annotations

import dataclasses
import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Json = Any  # None, bool, int, float, str, list or dict of these
MULTILINE_KEYS = frozenset({"text", "state"})  # the only values in which a newline has a meaning
_REFUSED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"})  # Cf holds the marks that turn text right to left


def plain_text(text: str, *, multiline: bool = False) -> str:
    """The text without control, formatting and unassigned characters; tabs become spaces.

    Args:
        multiline: keep newlines; otherwise each becomes a space, so that a name cannot fake a second line.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    text = text if multiline else text.replace("\n", " ")
    return "".join(c for c in text if c == "\n" or unicodedata.category(c) not in _REFUSED)


def to_plain(value: Any, path: str, why: dict[str, str]) -> Json:
    """Records, mappings and arrays as plain JSON values; what cannot be printed becomes None with its reason.

    Args:
        value: dataclass (fields keep their order), mapping (keys are sorted), sequence, numpy value or scalar.
        path: dotted path of the value in the report, under which a reason is entered.
        why: reasons so far; entries are added.
    Raises: TypeError: the value is of a type that has no place in a report.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        why[path] = f"the value is {value}, which JSON cannot hold"
        return None
    if isinstance(value, str):
        return plain_text(value, multiline=path.rsplit(".", 1)[-1] in MULTILINE_KEYS)
    if isinstance(value, np.ndarray):
        return to_plain(value.tolist(), path, why)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name), f"{path}.{f.name}", why) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        named: dict[str, Json] = {}
        for key, item in sorted(((str(key), item) for key, item in value.items()), key=lambda pair: pair[0]):
            name = plain_text(key)
            while name in named:  # two keys that differ in unprintable characters only: neither may hide the other
                name += "'"
            named[name] = to_plain(item, f"{path}.{name}", why)
        return dict(sorted(named.items()))
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [to_plain(item, f"{path}.{index}", why) for index, item in enumerate(value)]
    raise TypeError(f"{path} holds a {type(value).__name__}, which has no place in a report")
