"""Names for the functions of a decompiled text that neither hide nor repeat what the environment already names."""

from __future__ import annotations

import keyword
import re

from agentscope.language import Vocabulary
from agentscope.language.limits import IDENTIFIER_LENGTH
from agentscope.language.vocabulary import RESERVED

LETTERS = (
    "a",
    "c",
    "d",
    "e",
    "i",
    "j",
    "k",
    "p",
    "q",
    "r",
    "x",
    "y",
    "total",
)  # parameters and loop variables of our texts
OBJECTS = ("unseen", "empty", "wall", "floor", "door", "key", "ball", "box", "goal", "lava", "agent")  # MiniGrid's ids
COLOURS = ("red", "green", "blue", "purple", "yellow", "grey")
DOOR_STATES = ("open", "closed", "locked")


class Names:
    """Hands out identifiers that are free in one environment, each once.

    Letters (parameters and loop variables) are set aside first, so that no function takes one.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        known = (*vocabulary.concepts, *vocabulary.action_concepts, *vocabulary.axes, *vocabulary.meanings)
        self._taken = {*RESERVED, "state", *known}
        self._letters = {letter: self.free(letter) for letter in LETTERS}

    def letter(self, wanted: str) -> str:
        """The variable that stands for this letter, always the same."""
        return self._letters[wanted]

    def free(self, wanted: str, otherwise: str = "") -> str:
        """This name, or where it means something already the other one, or else one with a number behind it."""
        plain = re.sub(r"[^A-Za-z0-9_]+", "_", wanted).strip("_")[: IDENTIFIER_LENGTH - 6] or "f"
        plain = f"f_{plain}" if plain[0].isdigit() or keyword.iskeyword(plain) else plain
        choices = [plain, *([otherwise] if otherwise else []), *(f"{plain}_{n}" for n in range(2, 10_000))]
        name = next(choice for choice in choices if choice not in self._taken)
        self._taken.add(name)
        return name


def shifted(*parts: str | int) -> str:
    """Places added up as one writes them: `c + d - 1`; numbers are gathered at the end.

    >>> shifted("c", -1), shifted(4), shifted("r", 0)
    ('c - 1', '4', 'r')
    """
    names = [part for part in parts if isinstance(part, str) and part]
    number = sum(part for part in parts if isinstance(part, int))
    text = " + ".join(names)
    if not names:
        return str(number)
    return text if number == 0 else f"{text} {'-' if number < 0 else '+'} {abs(number)}"
