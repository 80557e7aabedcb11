"""Names: how a text writes constants of an environment, and names of its own that hide nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agentscope.language import Vocabulary
from agentscope.language.vocabulary import RESERVED, is_identifier


def is_free(vocabulary: Vocabulary, name: str) -> bool:
    """Whether a text may give this name to a local, a parameter or a helper."""
    taken = name in RESERVED or name in vocabulary.axes or vocabulary.signature(name) or name in vocabulary.meanings
    return is_identifier(name) and not taken


def free_name(vocabulary: Vocabulary, wanted: str) -> str:
    """The wanted name, or the first free one with underscores after it."""
    while not is_free(vocabulary, wanted):
        wanted += "_"
    return wanted


def short_names(vocabulary: Vocabulary, texts: Sequence[str]) -> tuple[str, ...]:
    """A short local name for each expression: its last word, else the initials of its words, else numbered."""
    words = [[part for part in re.split(r"\W|_", _telling_part(text)) if part] for text in texts]
    for attempt in (lambda parts: parts[-1], lambda parts: "".join(part[0] for part in parts), "_".join):
        names = tuple(attempt(parts) for parts in words)
        if len(set(names)) == len(names) and all(is_free(vocabulary, name) for name in names):
            return names
    return tuple(free_name(vocabulary, f"x{index}") for index in range(len(texts)))


def _telling_part(text: str) -> str:
    """What stands between the brackets of a call, or its name where they are empty."""
    name, _, rest = text.partition("(")
    return rest.rstrip(")") or name
