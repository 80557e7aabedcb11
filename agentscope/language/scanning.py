"""The first look at a text: our own scan, so that Python's parser never meets what could exhaust it."""

from __future__ import annotations

import re

from agentscope.errors import TextError
from agentscope.language.limits import IDENTIFIER_LENGTH, Limits

_TOKEN = re.compile(
    r"(?P<space> +)|(?P<comment>\#[^\n]*)|(?P<newline>\n)"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<operator>->|==|!=|<=|>=|//=?|[-+*/%]=?|[<>=,:])"
    r"|(?P<open>[(\[])|(?P<close>[)\]])"
)
_PREFIX = frozenset({"-", "+", "not", "lambda"})
_CLOSES = {"(": ")", "[": "]"}
_REFUSED_WORDS = frozenset(
    {
        *("import", "from", "class", "global", "nonlocal", "del", "while", "with", "try", "except", "finally", "raise"),
        *("assert", "yield", "async", "await", "pass", "break", "continue", "is", "None"),
    }
)
_WHY = {
    '"': "strings are no part of the language",
    "'": "strings are no part of the language",
    ".": "attributes are no part of the language",
    "\\": "a line is continued inside brackets, never by a backslash",
    ";": "write one statement a line",
    "{": "sets and dictionaries are no part of the language",
    "@": "decorators and matrix products are no part of the language",
    "\t": "indent with spaces",
}


def scan(text: str, limits: Limits) -> str:
    """Check the characters, tokens, digits and nesting of a text; return it with plain line ends.

    Raises: TextError: with the line, the column and what is allowed.
    """
    if not isinstance(text, str):
        raise TextError(f"a text is a str, not {type(text).__name__}")
    if len(text) > limits.characters or len(text.encode("utf-8", "replace")) > limits.characters:
        raise TextError(f"the text is longer than the {limits.characters} bytes that are allowed")
    text = text.replace("\r\n", "\n")
    _refuse_characters(text)
    _Scanner(limits).run(text)
    return text


def _refuse_characters(text: str) -> None:
    """Comments may hold any printable character; code is ASCII, so that no look-alike passes for another name."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return
    for number, line in enumerate(text.split("\n"), 1):
        code = line.partition("#")[0]
        for column, character in enumerate(line, 1):
            if not character.isprintable():
                reason = _WHY.get(character, "control and invisible characters are refused")
                raise TextError(f"character U+{ord(character):04X}: {reason}", number, column)
            if column <= len(code) and not character.isascii():
                raise TextError(f"character U+{ord(character):04X}: code is written in ASCII", number, column)


class _Scanner:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.brackets: list[tuple[str, int, int]] = []
        self.indents = [0]
        self.tokens = 0
        self.prefixes = 0
        self.conditionals = 0  # `else`s of one logical line: conditional expressions nest to the right
        self.chained = 0  # `elif`s in a row: Python's parser recurses on them
        self.line = 1
        self.line_start = 0

    def run(self, text: str) -> None:
        position, fresh = 0, True
        while position < len(text):
            match = _TOKEN.match(text, position)
            column = position - self.line_start + 1
            if match is None:
                character = text[position]
                raise TextError(_WHY.get(character, f"{character!r} is no part of the language"), self.line, column)
            kind, token = str(match.lastgroup), match.group()
            position = match.end()
            if kind == "newline":
                self.line, self.line_start = self.line + 1, position
                fresh = fresh or not self.brackets
                if not self.brackets:
                    self.prefixes = self.conditionals = 0
            elif kind not in ("space", "comment"):
                if fresh and not self.brackets:
                    self._indent(column - 1, column)
                fresh = False
                self._token(kind, token, column)
                if kind == "number" and position < len(text) and (text[position].isalnum() or text[position] in "_."):
                    raise TextError("numbers are plain decimals such as 3, 0.25 or 1e-5", self.line, column)
        if self.brackets:
            opened, line, column = self.brackets[-1]
            raise TextError(f"{opened!r} is never closed", line, column)

    def _indent(self, width: int, column: int) -> None:
        while width < self.indents[-1]:
            self.indents.pop()
        if width > self.indents[-1]:
            self.indents.append(width)
        if len(self.indents) - 1 > self.limits.nesting:
            raise TextError(f"blocks nest at most {self.limits.nesting} deep", self.line, column)

    def _token(self, kind: str, token: str, column: int) -> None:
        self.tokens += 1
        if self.tokens > self.limits.tokens:
            raise TextError(f"a text has at most {self.limits.tokens} tokens", self.line, column)
        self.prefixes = self.prefixes + 1 if token in _PREFIX else 0
        self.conditionals += token == "else"
        self.chained = self.chained + 1 if token == "elif" else (0 if token == "def" else self.chained)
        if max(self.prefixes, self.conditionals, len(self.brackets) + (kind == "open")) > self.limits.nesting:
            raise TextError(f"expressions nest at most {self.limits.nesting} deep", self.line, column)
        if self.chained > 1_000:
            raise TextError("at most 1000 elifs in a function", self.line, column)
        if kind == "open":
            self.brackets.append((token, self.line, column))
        elif kind == "close":
            if not self.brackets or _CLOSES[self.brackets.pop()[0]] != token:
                raise TextError(f"{token!r} closes nothing", self.line, column)
        elif kind == "number":
            self._number(token, column)
        elif kind == "name":
            self._name(token, column)

    def _number(self, token: str, column: int) -> None:
        mantissa, _, exponent = token.lower().partition("e")
        digits = mantissa.replace(".", "").lstrip("0")
        if len(digits) > self.limits.digits or len(token) > self.limits.digits + 12:  # zeros before the first digit
            raise TextError(f"a number has at most {self.limits.digits} digits", self.line, column)
        if len(exponent.lstrip("+-")) > 3 or float(token) == float("inf"):
            raise TextError("a number lies within float64: its magnitude is below 1.8e308", self.line, column)

    def _name(self, token: str, column: int) -> None:
        if len(token) > IDENTIFIER_LENGTH:
            raise TextError(f"a name has at most {IDENTIFIER_LENGTH} characters", self.line, column)
        if token in _REFUSED_WORDS:
            raise TextError(f"{token} is no part of the language (docs/language.md)", self.line, column)
        if token.startswith("__"):
            raise TextError("names do not begin with two underscores", self.line, column)
