"""An environment with a user's own concepts: expressions over those it declares, measured like any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
from jaxtyping import Int, Shaped

from agentscope.concepts import KIND_DTYPES, ActionConcept, Concept
from agentscope.contracts import InspectableEnv, States, Transition, action_concepts_of, concepts_of
from agentscope.errors import RefusedFile, TextError
from agentscope.language import tree
from agentscope.language.binding import StateBinding
from agentscope.language.declaring import ConceptFile, Declaration, shown
from agentscope.language.evaluating import evaluate_expression
from agentscope.language.limits import EXACT_IN_FLOAT, STRATEGY_LIMITS
from agentscope.language.parsing import parse_expression
from agentscope.language.seeing import with_cells
from agentscope.language.vocabulary import Vocabulary

KIND_OF = {"bool": "flag", "float": "number"}


class ExtendedEnv:
    """An environment with more concepts; all else is its own, so that it offers the same optional parts as before.

    Attributes:
        env: the environment itself; file: what was added to it.
    """

    def __init__(
        self, env: InspectableEnv, concepts: tuple[Concept, ...], action_concepts: tuple[ActionConcept, ...],
        file: ConceptFile,
    ) -> None:  # fmt: skip
        self.env, self.file = env, file
        self.id, self.kwargs, self.state_dtype = env.id, env.kwargs, env.state_dtype
        self.observation_space, self.action_space = env.observation_space, env.action_space
        self.action_names, self.axes = env.action_names, env.axes
        if concepts:
            self.concepts = (*concepts_of(env), *concepts)
        if action_concepts:
            self.action_concepts = (*action_concepts_of(env), *action_concepts)
        unseen = getattr(env, "unseen_levels", None)
        if unseen is not None:
            self.unseen_levels: Callable[[], InspectableEnv] = lambda: extend_environment(unseen(), file)
        if getattr(env, "with_chance_of", None) is None and not any(known.chance for known in concepts_of(env)):
            self.with_chance_of = _unchanged  # where nothing is drawn, a look-ahead of the user's draws nothing either

    def __getattr__(self, name: str) -> Any:
        if name == "env":  # not there yet, e.g. while it is unpickled: nothing to pass on to
            raise AttributeError(name)
        return getattr(self.env, name)

    def reset(self, seeds: Int[np.ndarray, "states"]) -> States:
        """As the environment."""
        return self.env.reset(seeds)

    def observe(self, states: States) -> Shaped[np.ndarray, "states ..."]:
        """As the environment."""
        return self.env.observe(states)

    def step(self, states: States, actions: Int[np.ndarray, "states"]) -> Transition:
        """As the environment."""
        return self.env.step(states, actions)


def extend_environment(env: InspectableEnv, file: ConceptFile) -> InspectableEnv:
    """The environment with the concepts of a file; each may call those of the environment and those before it.

    They may also read the observation itself (`seen`, see `with_cells`), which is not declared for that.

    Raises:
        TextError: an expression breaks the language's grammar, types or limits; line and column are the expression's.
        RefusedFile: a name is taken, an axis is unknown, or kind and expression do not fit.
    """
    concepts: tuple[Concept, ...] = ()
    action_concepts: tuple[ActionConcept, ...] = ()
    costs: dict[str, tree.Expression] = {}
    seeing = with_cells(env)
    for declaration in file.declarations:
        extended = ExtendedEnv(seeing, concepts, action_concepts, file)
        made, costs[declaration.name] = _Declaring(file.name, declaration, extended).concept(costs)
        if isinstance(made, ActionConcept):
            action_concepts = (*action_concepts, made)
        else:
            concepts = (*concepts, made)
    return ExtendedEnv(env, concepts, action_concepts, file)


@dataclass(frozen=True)
class _Measure:
    """A concept's measurement: its expression in each state."""

    expression: tree.Expression
    binding: StateBinding
    place: str
    dtype: type[np.generic]

    def __call__(self, states: States) -> np.ndarray:
        try:
            values = evaluate_expression(self.expression, self.binding, states)
        except TextError as error:
            raise _placed(error, self.place) from None
        return values.astype(self.dtype, copy=False)


class _Declaring:
    """One declaration in the vocabulary of all that was declared before it."""

    def __init__(self, file: str, declaration: Declaration, env: InspectableEnv) -> None:
        self.declaration = declaration
        self.place = f"concept {declaration.name} of {file}"
        self.binding = StateBinding(env)
        self.vocabulary: Vocabulary = self.binding.vocabulary

    def refuse(self, what: str) -> NoReturn:
        raise RefusedFile(f"{self.place}: {what}.")

    def concept(self, before: Mapping[str, tree.Expression]) -> tuple[Concept, tree.Expression]:
        """The concept, and its expression with the cost of those that it calls."""
        declared = self.declaration
        self._check_names()
        try:
            text = parse_expression(declared.expression, self.vocabulary, variables=self._domains())
            text = self._with_calls(text, before)
        except TextError as error:
            raise _placed(error, self.place) from None
        kind = self._kind(text)
        called = [self._signature(node) for node in tree.walk(text.value) if isinstance(node, tree.ConceptCall)]
        whole = text.kind != "float"
        make = ActionConcept if declared.of_action else Concept
        made = make(
            name=declared.name, kind=kind, unit=declared.unit,  # type: ignore[arg-type]
            doc=declared.doc or f"Declared by the user: {' '.join(declared.expression.split())[:200]}",
            measure=_Measure(text, self.binding, self.place, KIND_DTYPES[kind]), axis=declared.axis,
            low=text.low if whole and kind != "flag" else None, high=text.high if whole and kind != "flag" else None,
            should_matter=all(signature.should_matter for signature in called)
            if declared.should_matter is None else declared.should_matter,
            absolute=any(signature.absolute for signature in called),
            chance=_looks_ahead(text) or any(signature.chance for signature in called),
        )  # fmt: skip
        return made, text

    def _signature(self, node: tree.ConceptCall) -> Any:
        return self.vocabulary.signature(node.name)

    def _check_names(self) -> None:
        name, known = self.declaration.name, self.vocabulary
        if known.signature(name) or name in known.axes or name in known.meanings:
            what = "a concept" if known.signature(name) else "an axis" if name in known.axes else "an action or label"
            self.refuse(f"the environment already has {what} of this name; choose another")
        for axis in self.declaration.axis:
            if axis not in known.axes:
                self.refuse(f"there is no axis {shown(axis)}; the environment has {', '.join(known.axes) or 'none'}")

    def _domains(self) -> dict[str, str]:
        domains = ("actions",) * self.declaration.of_action + self.declaration.axis
        return dict(zip(self.declaration.variables, domains, strict=True))

    def _with_calls(self, text: tree.Expression, before: Mapping[str, tree.Expression]) -> tree.Expression:
        """Counts the work of the user's own concepts that it calls: each is measured once, `after` in every successor.

        Without this, concepts that each call the two before them would take time that doubles with every table.
        """
        operations, lane_bytes = text.operations, text.lane_bytes
        calls = {(type(node), node.name) for node in tree.walk(text.value)
                 if isinstance(node, tree.ConceptCall | tree.After) and node.name in before}  # fmt: skip
        for form, name in calls:
            times = self.vocabulary.actions if form is tree.After else 1
            operations += times * before[name].operations
            lane_bytes += times * before[name].lane_bytes
        if operations > STRATEGY_LIMITS.operations or lane_bytes > STRATEGY_LIMITS.lane_bytes:
            raise TextError(
                f"with the concepts that it calls this takes up to {operations} operations and {lane_bytes} bytes a "
                f"state; {STRATEGY_LIMITS.operations} and {STRATEGY_LIMITS.lane_bytes} are allowed"
            )
        return replace(text, operations=operations, lane_bytes=lane_bytes)

    def _kind(self, text: tree.Expression) -> str:
        """What the expression gives, or what the user asked for where that fits."""
        natural = KIND_OF.get(text.kind) or ("count" if text.low >= 0 else "number")
        wanted = self.declaration.kind or natural
        if wanted != natural and (wanted, natural) != ("number", "count"):
            self.refuse(f"kind is {wanted}, but the expression gives a {natural}")
        if wanted == "number" and text.kind == "int" and max(-text.low, text.high) >= EXACT_IN_FLOAT:
            self.refuse("as a number it may reach 2**53 and lose digits; bound it with min() and max()")
        return wanted


def _looks_ahead(text: tree.Expression) -> bool:
    """Whether it asks what actions would do: on an afterstate that has no meaning, since the next draw is not known."""
    nodes = list(tree.walk(text.value))
    domains = {node.name for node in nodes if isinstance(node, tree.Domain)}
    calls = [node.name for node in nodes if isinstance(node, tree.ConceptCall)]
    of_action = any(name in text.vocabulary.action_concepts for name in calls)
    return "actions" in domains or of_action or any(isinstance(node, tree.After) for node in nodes)


def _placed(error: TextError, place: str) -> TextError:
    plain = str(error).removeprefix(f"line {error.line}, column {error.column}: ")
    return TextError(f"{place}: {plain}", error.line, error.column)


def _unchanged(successors: States, states: States) -> States:
    return successors
