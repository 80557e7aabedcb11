"""Which names mean what at one place of a text, and the errors for those that mean nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn

from agentscope.errors import TextError
from agentscope.language import tree
from agentscope.language.limits import Limits
from agentscope.language.vocabulary import RESERVED, Vocabulary


def fail(message: str, node: ast.AST) -> NoReturn:
    """Raise a TextError at a node of Python's tree."""
    raise TextError(message, getattr(node, "lineno", 0), getattr(node, "col_offset", -1) + 1)


def place(node: ast.AST) -> dict[str, int]:
    """Line and column of a node, as arguments for ours."""
    return {"line": getattr(node, "lineno", 0), "column": getattr(node, "col_offset", -1) + 1}


@dataclass
class Scope:
    """Names in sight: the vocabulary, the module's tables and helpers, and the locals of one function."""

    vocabulary: Vocabulary
    limits: Limits
    tables: set[str] = field(default_factory=set)
    functions: dict[str, int] = field(default_factory=dict)  # helper -> number of parameters
    locals: set[str] = field(default_factory=set)
    returns: int = 0
    depth: int = 0

    def declare(self, name: str, node: ast.AST) -> str:
        """A name that the text gives; it may hide nothing of the language, the environment or the module."""
        vocabulary = self.vocabulary
        if name in RESERVED or name in vocabulary.axes or vocabulary.signature(name) or name in vocabulary.meanings:
            fail(f"{name} already means something in this environment; choose another name", node)
        if name in self.functions or name in self.tables:
            fail(f"{name} is already the name of a table or helper", node)
        return name

    @contextmanager
    def inner(self, *names: str) -> Iterator[None]:
        """Names that are in sight only inside a generator expression or a key."""
        added = [name for name in names if name not in self.locals]
        self.locals.update(added)
        try:
            yield
        finally:
            self.locals.difference_update(added)

    @contextmanager
    def deeper(self, node: ast.AST) -> Iterator[None]:
        """One level of nesting."""
        self.depth += 1
        if self.depth > self.limits.nesting:
            fail(f"expressions and blocks nest at most {self.limits.nesting} deep", node)
        try:
            yield
        finally:
            self.depth -= 1

    def resolve(self, node: ast.Name) -> tree.Expr:
        """A local, a table, or a constant of the environment."""
        name = node.id
        if name in self.locals:
            return tree.Variable(name, **place(node))
        if name in self.tables:
            return tree.TableName(name, **place(node))
        meanings = self.vocabulary.meanings.get(name)
        if meanings is None:
            self._unknown(name, node)
        if len(meanings) > 1:
            told = ", ".join(f"{index} in {' and '.join(owners)}" for index, owners in meanings.items())
            fail(f"{name} is ambiguous: {told}; write the number", node)
        return tree.Constant(name, next(iter(meanings)), **place(node))

    def domain(self, node: ast.expr) -> tree.Domain:
        """What a loop runs over."""
        vocabulary = self.vocabulary
        if isinstance(node, ast.Name) and node.id == "actions":
            return tree.Domain("actions", vocabulary.actions, **place(node))
        if isinstance(node, ast.Name) and node.id in vocabulary.axes and node.id not in self.locals:
            return tree.Domain(node.id, len(vocabulary.axes[node.id]), **place(node))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
            bound = node.args[0] if len(node.args) == 1 and not node.keywords else None
            if isinstance(bound, ast.Constant) and type(bound.value) is int:
                return tree.Domain("range", bound.value, **place(node))
        known = ", ".join(["range(<whole number>)", *vocabulary.axes, "actions"])
        fail(f"a loop runs over one of: {known}", node)

    def _unknown(self, name: str, node: ast.AST) -> NoReturn:
        if name == "state":
            fail("the state is read through concepts only, e.g. holes()", node)
        if self.vocabulary.signature(name):
            fail(f"{name} is a concept and is called: {name}(...)", node)
        if name in self.vocabulary.axes or name == "actions":
            fail(f"{name} is a domain: it stands after `in` or as the first argument of argmax", node)
        fail(f"unknown name {name}{self.vocabulary.near(name)}", node)
