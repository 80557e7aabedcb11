"""Parts as rows of report.json and back; a run folder may be a stranger's, so that every row is checked."""

from __future__ import annotations

import re
from dataclasses import asdict, fields
from typing import Any

from agentscope.decompilation.parts import Part
from agentscope.errors import RefusedFile
from agentscope.language.limits import IDENTIFIER_LENGTH

MOST_PARTS = 20_000
MOST_UNITS = 65_536  # of one part, and values of all its arguments together
MOST_ARGUMENTS = 8
LONGEST_NOTE = 4_000
_LARGEST = 2**53
_IDENTIFIER = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{IDENTIFIER_LENGTH - 1}}}")
_COUNTS = ("inputs", "weights", "largest_weight", "nonlinearities", "operations", "rows")
_NEEDED = ("name", "stage", "units", "ranges")


def part_to_json(part: Part) -> dict[str, Any]:
    """One part as plain lists, numbers and strings."""
    row = asdict(part)
    return {**row, "units": list(part.units), "ranges": [list(ends) for ends in part.ranges], "calls": list(part.calls)}


def parts_from_json(rows: Any) -> tuple[Part, ...]:
    """The parts that rows of a report speak of; what they may say besides is left.

    Raises: RefusedFile: a row is no part, two have one name, or something is larger than any text of ours.
    """
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST_PARTS:
        found = f"a list of {len(rows):,}" if isinstance(rows, list) else type(rows).__name__
        raise RefusedFile(
            f"The report lists no functions of its text: 1 to {MOST_PARTS:,} rows are read, found {found}."
        )
    parts = tuple(_part(row, place) for place, row in enumerate(rows))
    names = [part.name for part in parts]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise RefusedFile(f"The report lists function {twice!r} twice.")
    return parts


def _part(row: Any, place: int) -> Part:
    if not isinstance(row, dict) or any(key not in row for key in _NEEDED):
        raise RefusedFile(f"Row {place} of the report's functions needs {', '.join(_NEEDED)}.")
    checks = {
        "name": _is_name(row["name"]), "stage": row["stage"] == "" or _is_name(row["stage"]),
        "units": _is_list(row["units"], MOST_UNITS) and all(_is_whole(unit, 0, _LARGEST) for unit in row["units"]),
        "ranges": _are_ranges(row["ranges"]),
        "calls": _is_list(row.get("calls", []), MOST_PARTS) and all(map(_is_name, row.get("calls", []))),
        "opaque": isinstance(row.get("opaque", False), bool),
        "note": isinstance(row.get("note", ""), str) and len(row.get("note", "")) <= LONGEST_NOTE,
        **{key: _is_whole(row.get(key, 0), 0, _LARGEST) for key in _COUNTS},
        **{key: _is_whole(row.get(key, 0), -_LARGEST, _LARGEST) for key in ("low", "high")},
    }  # fmt: skip
    wrong = [key for key, sound in checks.items() if not sound]
    if wrong:
        raise RefusedFile(f"Row {place} of the report's functions has a {wrong[0]!r} that no text of ours has.")
    known = {field.name: row[field.name] for field in fields(Part) if field.name in row}
    known |= {
        "units": tuple(row["units"]),
        "ranges": tuple(map(tuple, row["ranges"])),
        "calls": tuple(row.get("calls", [])),
    }
    return Part(**known)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and _IDENTIFIER.fullmatch(value) is not None


def _is_list(value: Any, most: int) -> bool:
    return isinstance(value, list) and len(value) <= most


def _is_whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _are_ranges(value: Any) -> bool:
    """Pairs (first, beyond the last) with not too many values in all."""
    if not _is_list(value, MOST_ARGUMENTS):
        return False
    values = 1
    for ends in value:
        pair = _is_list(ends, 2) and len(ends) == 2 and all(_is_whole(end, -MOST_UNITS, MOST_UNITS) for end in ends)
        if not pair or ends[0] >= ends[1]:
            return False
        values *= ends[1] - ends[0]
    return values <= MOST_UNITS
