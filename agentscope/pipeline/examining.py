"""A text before the exam: parsed for the agent's environment, bound to its concepts, measured against the network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from agentscope import language, verification
from agentscope.contracts import InspectableEnv, Policy, States
from agentscope.errors import TextError
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.running import Run
from agentscope.records import StateSet


def parse_for(env: InspectableEnv, text: str) -> language.Program:
    """A text checked against an environment.

    Raises: TextError: it breaks the language, or its header names another environment.
    """
    header = language.read_header(text)
    if header is not None and header.environment and header.environment != env.id:
        raise TextError(
            f"the text was written for {header.environment}, the agent plays {env.id}: "
            "remove the header if the text is meant for both"
        )
    return language.parse(text, language.vocabulary_of(env), language.STRATEGY_LIMITS)


def bound_in(text: str, env: InspectableEnv) -> Policy:
    """The text as a policy of this environment, which may be another of the same kind (unseen levels)."""
    return language.TextPolicy(language.parse(text, language.vocabulary_of(env)), language.bind_state(env))


def examine(
    agent: OpenAgent,
    text: str,
    exam: StateSet,
    run: Run,
    *,
    fitted_on: Sequence[str] = (),
) -> verification.Examination:
    """Every figure of fidelity of the text, parsed from what is printed."""
    program = parse_for(agent.env, text)
    bound = language.TextPolicy(program, language.bind_state(agent.env))
    options = verification.ExamOptions(
        max_states=run.budget.exam_states, max_steps=run.budget.steps, fitted_on=frozenset(fitted_on)
    )
    return verification.examine(
        bound, agent.network, agent.env, exam,
        seeds=run.streams.episode_seeds("exam", run.budget.exam), streams=run.streams, options=options,
        progress=run.progress, lines_of=partial(_lines, program, agent.env), text_in=partial(bound_in, text),
    )  # fmt: skip


def _lines(program: language.Program, env: InspectableEnv, states: States) -> np.ndarray:
    return language.evaluate(program, language.bind_state(env), states).lines
