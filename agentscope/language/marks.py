"""Marks: what a text says, beside its first call of a primitive, of the evidence that the network uses it.

A mark is a comment, `# network: input only, gain .02 (lamp)`: the text runs the same without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from agentscope.language import tree

OPENING = "# network: "
_ONE = re.compile(r"([A-Za-z0-9 ,.+-]{1,60}) \(([A-Za-z_][A-Za-z0-9_]{0,63})\)")
_LINE = re.compile(r"#\s?network: (.+)$")


def read_marks(text: str, called: Iterable[str]) -> dict[str, str]:
    """The marks in a text's comments, by concept; those of concepts that it does not call are left out."""
    names, found = set(called), dict[str, str]()
    for line in text.splitlines():
        comment = _LINE.search(line)
        if comment is None:
            continue
        for part in comment.group(1).split("; "):
            one = _ONE.fullmatch(part.strip())
            if one is not None and one.group(2) in names:
                found.setdefault(one.group(2), one.group(1))
    return found


def marked(lines: Sequence[str], value: tree.Expr, marks: Mapping[str, str], columns: int) -> tuple[list[str], int]:
    """The lines of one statement with the marks of the concepts that it calls, and how many lines stand above it.

    A mark ends the line that calls its concept; where that would be too long, it has a line of its own above.

    Args:
        value: the statement's expression; marks: of concepts that no statement before has called.
        columns: the longest line.
    """
    calls = (node.name for node in tree.walk(value) if isinstance(node, tree.ConceptCall | tree.After))
    by_line: dict[int, list[str]] = {}
    for name in dict.fromkeys(calls):
        if name in marks:
            by_line.setdefault(_line_of(name, lines), []).append(f"{marks[name]} ({name})")
    made: list[str] = []
    above = 0
    for number, line in enumerate(lines):
        said = by_line.get(number, [])
        together = f"{line}  {OPENING}{'; '.join(said)}"
        if said and len(together) <= columns:
            made.append(together)
            continue
        margin = line[: len(line) - len(line.lstrip())]
        made.extend(f"{margin}{OPENING}{one}" for one in said)
        above += len(said) if number == 0 else 0
        made.append(line)
    return made, above


def _line_of(name: str, lines: Sequence[str]) -> int:
    """Index of the line with the first call of a concept, `name(` or `after(a, name`."""
    call = re.compile(rf"(?<!\w){name}\(|, {name}(?!\w)")
    return next((number for number, line in enumerate(lines) if call.search(line)), 0)
