"""Each shipped program with its world, every state of it, and what the language says it does there; made once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pytest
from jaxtyping import install_import_hook

install_import_hook(
    [f"agentscope.compiling.{name}" for name in ("layers", "records", "models", "disguises")],
    "beartype.beartype",
)

from agentscope.agents.extractors import GridExtractor, PlacementExtractor  # noqa: E402
from agentscope.compiling import CompiledAgent, Subject, build_model, subject  # noqa: E402
from agentscope.language import bind_state, evaluate, parse  # noqa: E402

EXTRACTORS = {"GridExtractor": GridExtractor, "PlacementExtractor": PlacementExtractor}
DISGUISE = 7  # seed of every L1 agent here


@dataclass(frozen=True, eq=False)
class Case:
    """A program in its world."""

    subject: Subject

    @cached_property
    def env(self) -> Any:
        return self.subject.world()

    @cached_property
    def states(self) -> np.ndarray:
        return self.subject.states(self.env)

    @cached_property
    def observations(self) -> np.ndarray:
        return self.env.observe(self.states)

    @cached_property
    def binding(self) -> Any:
        return bind_state(self.env)

    @cached_property
    def program(self) -> Any:
        return parse(self.subject.recipe.program, self.binding.vocabulary)

    @cached_property
    def actions(self) -> np.ndarray:
        return evaluate(self.program, self.binding, self.states).actions

    @lru_cache  # noqa: B019 (a case lives as long as the tests)
    def agent(self, algorithm: str, activation: str, level: str) -> CompiledAgent:
        seed = DISGUISE if level == "L1" else None
        return self.subject.compile(self.env, algorithm=algorithm, activation=activation, disguise_seed=seed)

    def model(self, *kind: str) -> Any:
        return build_model(self.agent(*kind), EXTRACTORS)


@lru_cache
def case(name: str) -> Case:
    return Case(subject(name))


@pytest.fixture(scope="session")
def trigger() -> Case:
    return case("trigger")
