"""The forms of decision procedure, each a value in a tuple; docs/adding/form.md says how to add one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from agentscope.strategies.linear_form import LinearTest
from agentscope.strategies.score_form import AfterstateScore, ShortScore
from agentscope.strategies.study import Study
from agentscope.strategies.tree_form import RoutineTree, TreeOfTests


@dataclass(frozen=True)
class Candidate:
    """A text of some form, not yet measured."""

    form: str
    text: str
    size: int


class Form(Protocol):
    """One kind of decision procedure: it fits itself to lessons and writes itself down.

    Attributes:
        name: how reports call it.
        sizes: ladder of sizes to try, small to large; what a size counts (leaves, terms) is the form's own affair.
    """

    name: str
    sizes: tuple[int, ...]

    def applies(self, study: Study) -> str | None:
        """None where the form can be fitted, else the reason why it cannot."""
        ...

    def fit(self, study: Study, sizes: Sequence[int], generator: np.random.Generator) -> tuple[str, ...]:
        """One text a size, in the pseudocode language; the same generator state gives the same texts."""
        ...


FORMS: tuple[Form, ...] = (LinearTest(), TreeOfTests(), RoutineTree(), ShortScore(), AfterstateScore())
"""Short to long. A new form is one more value here."""


def fit_form(form: Form, study: Study, sizes: Sequence[int], generator: np.random.Generator) -> tuple[Candidate, ...]:
    """The candidates of one form, one a size."""
    texts = form.fit(study, sizes, generator)
    return tuple(Candidate(form.name, text, size) for text, size in zip(texts, sizes, strict=True))
