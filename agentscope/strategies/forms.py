"""The forms of decision procedure, each a value in a tuple; docs/adding/form.md says how to add one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from agentscope.strategies.linear_form import LinearTest
from agentscope.strategies.regime_form import LinearRegimes
from agentscope.strategies.score_form import AfterstateScore, ShortScore
from agentscope.strategies.study import Study
from agentscope.strategies.tabled_form import TabledScore
from agentscope.strategies.tree_form import RoutineTree, TreeOfTests


@dataclass(frozen=True)
class Candidate:
    """A text of some form, not yet measured."""

    form: str
    text: str


@runtime_checkable
class Form(Protocol):
    """One kind of decision procedure: it fits itself to lessons and writes itself down."""

    @property
    def name(self) -> str:
        """How reports call it."""
        ...

    @property
    def sizes(self) -> tuple[int, ...]:
        """Ladder of sizes to try, small to large; what a size counts (leaves, terms) is the form's own affair."""
        ...

    def applies(self, study: Study) -> str | None:
        """None where the form can be fitted, else the reason why it cannot."""
        ...

    def fit(self, study: Study, sizes: Sequence[int], generator: np.random.Generator) -> tuple[str, ...]:
        """Texts in the pseudocode language, one a size or more; the same generator state gives the same texts."""
        ...


FORMS: tuple[Form, ...] = (
    LinearTest(),
    TreeOfTests(),
    RoutineTree(),
    LinearRegimes(),
    ShortScore(),
    AfterstateScore(),
    TabledScore(),
)
"""Short to long. A new form is one more value here."""


def fit_form(form: Form, study: Study, sizes: Sequence[int], generator: np.random.Generator) -> tuple[Candidate, ...]:
    """The candidates of one form at these sizes."""
    return tuple(Candidate(form.name, text) for text in dict.fromkeys(form.fit(study, sizes, generator)))
