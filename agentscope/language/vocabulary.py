"""What a text may name: the concepts, actions, axes and labels of one environment."""

from __future__ import annotations

import difflib
import keyword
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from agentscope.concepts import ActionConcept, Concept
from agentscope.contracts import InspectableEnv, action_concepts_of, concepts_of
from agentscope.errors import ContractBroken
from agentscope.language.limits import IDENTIFIER_LENGTH, UNBOUNDED

RESERVED = frozenset(
    {"sum", "min", "max", "any", "all", "count", "argmax", "after", "range", "abs", "floor", "actions", "strategy"}
)


@dataclass(frozen=True)
class Signature:
    """How a concept is called and what it gives.

    Attributes:
        axis: names of the axes that index it; an action concept takes the action before them.
        low, high: bounds of its values: integers for flags, counts and choices, None where a number is unbounded.
    """

    name: str
    kind: str
    axis: tuple[str, ...]
    choices: tuple[str, ...]
    of_action: bool
    chance: bool
    absolute: bool
    should_matter: bool
    low: int | float | None
    high: int | float | None


@dataclass(frozen=True)
class Vocabulary:
    """The names of one environment: what texts about it may call and which constants they may use."""

    concepts: Mapping[str, Signature]
    action_concepts: Mapping[str, Signature]
    action_names: tuple[str, ...]
    axes: Mapping[str, tuple[str, ...]]

    @property
    def actions(self) -> int:
        """Number of actions."""
        return len(self.action_names)

    @cached_property
    def meanings(self) -> dict[str, dict[int, list[str]]]:
        """For each constant, each index it stands for with those who declare it; two indices are an ambiguity."""
        found: dict[str, dict[int, list[str]]] = {}
        for owner, labels in self._labels():
            for index, label in enumerate(labels):
                if is_identifier(label):
                    found.setdefault(label, {}).setdefault(index, []).append(owner)
        return found

    @property
    def constants(self) -> dict[str, int]:
        """Every unambiguous constant with its index."""
        return {name: next(iter(indices)) for name, indices in self.meanings.items() if len(indices) == 1}

    def signature(self, name: str) -> Signature | None:
        """The concept or action concept of this name."""
        return self.concepts.get(name) or self.action_concepts.get(name)

    def near(self, name: str) -> str:
        """Names like this one, as the end of an error message."""
        known = [*self.concepts, *self.action_concepts, *self.meanings, *self.axes, *sorted(RESERVED)]
        close = difflib.get_close_matches(name, known, n=3)
        return f"; did you mean {' or '.join(dict.fromkeys(close))}?" if close else ""

    def _labels(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        yield "actions", self.action_names
        yield from ((f"axis {name}", labels) for name, labels in self.axes.items())
        every = [*self.concepts.values(), *self.action_concepts.values()]
        yield from ((f"choice of {signature.name}", signature.choices) for signature in every)


def is_identifier(label: str) -> bool:
    """Whether a label can stand in a text as a constant."""
    plain = label.isascii() and label.isidentifier() and len(label) <= IDENTIFIER_LENGTH
    return plain and not keyword.iskeyword(label) and not label.startswith("__")


def vocabulary_of(env: InspectableEnv) -> Vocabulary:
    """The vocabulary of an environment.

    Raises: ContractBroken: a concept's name is no identifier, is taken, or names an axis that does not exist.
    """
    axes = {str(name): tuple(map(str, labels)) for name, labels in env.axes.items()}
    concepts = {concept.name: _signature(concept) for concept in concepts_of(env)}
    action_concepts = {concept.name: _signature(concept) for concept in action_concepts_of(env)}
    for signature in [*concepts.values(), *action_concepts.values()]:
        if not is_identifier(signature.name) or signature.name in RESERVED:
            raise ContractBroken(f"a concept of {env.id} is named {signature.name!r}, which is no free identifier")
        missing = [name for name in signature.axis if name not in axes]
        if missing:
            raise ContractBroken(f"concept {signature.name} of {env.id} has axis {missing[0]!r}, which is not in axes")
    taken = set(concepts) & set(action_concepts)
    if taken:
        raise ContractBroken(f"{env.id} declares {sorted(taken)[0]} both as a concept and as an action concept")
    return Vocabulary(concepts, action_concepts, tuple(map(str, env.action_names)), axes)


def _signature(concept: Concept) -> Signature:
    low, high = concept.low, concept.high
    if concept.kind == "flag":
        low, high = 0, 1
    elif concept.kind == "choice":
        low, high = 0, len(concept.choices) - 1 if concept.choices else UNBOUNDED
    elif concept.kind == "count":
        low = 0 if low is None or not math.isfinite(low) else math.floor(low)
        high = UNBOUNDED if high is None or not math.isfinite(high) else math.ceil(high)
    return Signature(
        concept.name, concept.kind, tuple(concept.axis), tuple(concept.choices), isinstance(concept, ActionConcept),
        concept.chance, concept.absolute, concept.should_matter, low, high,
    )  # fmt: skip
