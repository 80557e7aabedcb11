"""Concepts that a user declares in a TOML file, as expressions of the language: read and checked, never run."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from agentscope.errors import RefusedFile
from agentscope.language.files import read_capped
from agentscope.language.vocabulary import RESERVED, is_identifier

MOST_BYTES = 64 * 1024
MOST_CONCEPTS = 64
MOST_CHARACTERS = 300  # of a doc or unit: both are printed
KINDS = ("flag", "count", "number")
KEYS = ("expression", "doc", "unit", "kind", "axis", "of", "variables", "should_matter")


@dataclass(frozen=True)
class Declaration:
    """One table of the file, with plain values of the right types; the expression is not parsed yet.

    Attributes:
        axis: environment axes over which the concept is given.
        variables: what the expression calls the index on each axis, for action concepts the action (`a`) before them.
        kind, should_matter: None where the expression is to say.
    """

    name: str
    expression: str
    axis: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    of_action: bool = False
    kind: str | None = None
    unit: str = ""
    doc: str = ""
    should_matter: bool | None = None


@dataclass(frozen=True)
class ConceptFile:
    """What a file declares, in its order.

    Attributes:
        name: of the file, without its folder; sha256: of its bytes.
    """

    name: str
    sha256: str
    declarations: tuple[Declaration, ...]


def read_concepts(path: str | Path) -> ConceptFile:
    """Read a file of `[concepts.NAME]` tables (docs/adding/concepts.md).

    Raises:
        BadOption: there is no such file.
        RefusedFile: it is too large, no TOML, or holds a key or value that is not known.
    """
    return parse_concepts(read_capped(path, MOST_BYTES), Path(path).name)


def parse_concepts(data: bytes, name: str) -> ConceptFile:
    """The declarations in the bytes of a file of this name.

    Raises: RefusedFile: as `read_concepts`.
    """
    try:
        tables = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as problem:
        raise RefusedFile(f"{name} is not UTF-8 text ({problem.reason}).") from None
    except (ValueError, OverflowError) as problem:
        raise RefusedFile(f"{name} is no TOML: {problem}.") from None
    except RecursionError:
        raise RefusedFile(f"{name} nests too deep to be a file of concepts.") from None
    if unknown := [key for key in tables if key != "concepts"]:
        raise RefusedFile(
            f"{name} has the key {shown(unknown[0])}; a file of concepts has tables [concepts.NAME] only."
        )
    found = tables.get("concepts")
    if not isinstance(found, dict) or not found:
        raise RefusedFile(f"{name} declares no concepts; each is a table [concepts.NAME] with an expression.")
    if len(found) > MOST_CONCEPTS:
        raise RefusedFile(f"{name} declares {len(found)} concepts; at most {MOST_CONCEPTS} are taken.")
    declared = tuple(_Table(name, key, value).declaration() for key, value in found.items())
    return ConceptFile(name, hashlib.sha256(data).hexdigest(), declared)


def shown(text: str) -> str:
    """A stranger's word in a message: quoted, escaped and short."""
    return repr(text if len(text) <= 40 else f"{text[:40]}...")


class _Table:
    """One table, with the words that its errors begin with."""

    def __init__(self, file: str, name: str, table: Any) -> None:
        self.file, self.name = file, name
        if not is_identifier(name) or len(name) < 2:
            self.refuse("a name is an ASCII identifier of 2 to 64 characters (single letters are loop variables)")
        if name in RESERVED or name == "state":
            self.refuse("this word belongs to the language; choose another name")
        if not isinstance(table, dict):
            self.refuse(f"it is {_kind_of(table)}; write a table [concepts.{name}] with an expression")
        self.table: Mapping[str, Any] = table
        if unknown := [key for key in table if key not in KEYS]:
            self.refuse(f"unknown key {shown(unknown[0])}; known are {', '.join(KEYS)}")

    def refuse(self, what: str) -> NoReturn:
        raise RefusedFile(f"{self.file}: concept {shown(self.name)}: {what}.")

    def declaration(self) -> Declaration:
        """The table's values, checked."""
        if "expression" not in self.table:
            self.refuse('it has no expression, e.g. expression = "holes() > 4"')
        axis = self.words("axis")
        of_action = self.of_action()
        kind = self.text("kind")
        if kind and kind not in KINDS:
            self.refuse(f"kind is {shown(kind)}; it is one of {', '.join(KINDS)}")
        should_matter = self.table.get("should_matter")
        if should_matter is not None and not isinstance(should_matter, bool):
            self.refuse(f"should_matter is true or false, found {_kind_of(should_matter)}")
        variables = self.variables(axis, of_action)
        return Declaration(
            self.name, self.text("expression", MOST_BYTES), axis, variables, of_action, kind or None,
            self.text("unit"), self.text("doc"), should_matter,
        )  # fmt: skip

    def of_action(self) -> bool:
        """Whether the concept is one of a state and an action."""
        of = self.text("of") or "state"
        if of not in ("state", "action"):
            self.refuse(f'of is {shown(of)}; "action" declares a concept of each action, "state" is the default')
        return of == "action"

    def variables(self, axis: tuple[str, ...], of_action: bool) -> tuple[str, ...]:
        """The names given, or `a` for the action and the first letter of each axis."""
        wanted = ("action",) * of_action + axis
        given = self.words("variables") or tuple(name[:1] for name in wanted)
        if len(given) != len(wanted) or len(set(given)) < len(given):
            told = ", ".join(wanted) or "none, since it has no axis"
            self.refuse(f"variables are different names, one for each of: {told}; found {len(given)}")
        for name in given:
            if not is_identifier(name):
                self.refuse(f"the variable {shown(name)} is no identifier; name it in variables")
        return given

    def text(self, key: str, most: int = MOST_CHARACTERS) -> str:
        """A printable string; line breaks pass in an expression, whose own scan says where what is wrong."""
        value = self.table.get(key, "")
        if not isinstance(value, str):
            self.refuse(f"{key} is a string, found {_kind_of(value)}")
        if len(value) > most:
            self.refuse(f"{key} has {len(value)} characters; at most {most} are allowed")
        if key != "expression" and not value.isprintable():
            self.refuse(f"{key} holds characters that cannot be printed on one line")
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """A string or a list of strings."""
        value = self.table.get(key, [])
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed) or len(listed) > 4:
            self.refuse(f"{key} is a string or a list of at most 4 strings, found {_kind_of(value)}")
        return tuple(item[:MOST_CHARACTERS] for item in listed)


def _kind_of(value: Any) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a decimal", str: "a string", list: "a list",
             dict: "a table"}  # fmt: skip
    return names.get(type(value), "a date or time")
