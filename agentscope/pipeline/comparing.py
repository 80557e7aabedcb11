"""`compare`: a user's text against the network."""

from __future__ import annotations

import hashlib

from agentscope import language, rollouts
from agentscope.contracts import ProgressCallback, no_progress
from agentscope.pipeline.examining import examine, parse_for
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.running import Run, in_one_thread
from agentscope.records import Budget, Comparison


@in_one_thread
def compare_agent(
    agent: OpenAgent,
    text: str,
    name: str,
    budget: Budget,
    *,
    seed: int = 0,
    progress: ProgressCallback = no_progress,
) -> Comparison:
    """A user's text against the network: all of the exam, and the line most often wrong.

    Args:
        name: what the report calls the text.
    Raises: TextError: the text breaks the language, or was written for another environment.
    """
    run = Run(rollouts.Streams(seed), budget, progress)
    program = parse_for(agent.env, text)
    exam = run.states(agent, "exam", budget.exam, budget.exam_states)
    examination = examine(agent, text, exam, run)
    worst = examination.worst
    if worst is not None:
        printed = language.print_program(program).splitlines()
        worst = {**worst, "text": printed[int(worst["line"]) - 1].strip()}
    return Comparison(name, hashlib.sha256(text.encode()).hexdigest(), examination.fidelity, worst)
