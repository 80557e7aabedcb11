"""What an agreement is held against: the vocabulary's ceiling, the noise floor, a text that only knows the task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from agentscope import verification
from agentscope.agents import finding
from agentscope.contracts import InspectableEnv, Network, States, action_concepts_of, concepts_of
from agentscope.measures import near_ties, same_class
from agentscope.pipeline.examining import bound_in
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.running import Run
from agentscope.records import Ceiling, Decisions, NoiseFloor, StateSet, Strategy

CEILING_STATES = 20_000


def bound_vocabulary(agent: OpenAgent, exam: StateSet, decisions: Decisions, run: Run) -> Ceiling | None:
    """The best agreement that any function of the concepts could reach, or a boosted model's where none repeat."""
    declared = [concept for concept in concepts_of(agent.env) if not concept.absolute]
    if not declared:
        return None
    generator = run.streams.generator("ceiling")
    rows = np.sort(generator.permutation(len(exam))[:CEILING_STATES])
    states = exam.states[rows]
    table = [np.asarray(concept.measure(states), dtype=np.float64).reshape(len(rows), -1) for concept in declared]
    return verification.ceiling(
        np.concatenate(table, axis=1), decisions.actions[rows], decisions.equivalent[rows], exam.episode[rows],
        generator=generator, legal=decisions.legal[rows], action_matrix=_action_matrix(agent.env, states),
    )  # fmt: skip


def noise_floor(agent: OpenAgent, lessons: StateSet, exam: StateSet, decisions: Decisions, run: Run) -> NoiseFloor:
    """Agreement of a quarter-size neural student, and of the twin from another seed."""
    from agentscope.agents import Lessons, train_student

    taught = agent.decide(lessons.states)
    material = Lessons(agent.env.observe(lessons.states), taught.scores, taught.legal)
    student = facts = None
    if len(lessons) >= 20:
        student = train_student(
            agent.network, material, updates=run.budget.student_updates, seed=run.number("student"),
            until_plateau=run.budget.name == "full", progress=run.progress,
        )  # fmt: skip
        facts = {"parameters": student.parameters, "plateau": student.plateau, "updates": student.updates,
                 "curve": [list(point) for point in student.curve]}  # fmt: skip
    other = twin_of(agent)
    return verification.noise_floor(
        agent.env, exam, decisions, student=student.network if student else None, student_facts=facts, other=other,
        generator=run.streams.generator("bootstrap.student"),
    )  # fmt: skip


def twin_of(agent: OpenAgent) -> Network | None:
    """The same agent, trained from another seed, where its card names one that is here."""
    from agentscope.agents import load_network

    name = agent.card.twin.name if agent.card is not None and agent.card.twin is not None else ""
    return load_network(finding.find_agent(name).zip_path, name=name) if name in finding.shipped_agents() else None


def measure_baseline(
    baseline: Strategy | None, agent: OpenAgent, examination: verification.Examination
) -> Mapping[str, Any] | None:
    """Agreement of the text that only knows the task, on the states where the strategy is measured."""
    if baseline is None:
        return None
    sheet = examination.sheets.get("reachable") or examination.sheets["network"]
    decisions = sheet.decisions
    found = bound_in(baseline.text, agent.env).actions(sheet.states.states)
    same = same_class(decisions.actions, found, decisions.equivalent)
    clear = ~near_ties(decisions.scores, decisions.equivalent, decisions.legal).mask
    return {
        "agreement": float(same.mean()), "agreement_without_near_ties": float(same[clear].mean()),
        "lines": baseline.lines, "states": len(sheet.states), "text": baseline.text,
    }  # fmt: skip


def _action_matrix(env: InspectableEnv, states: States) -> np.ndarray | None:
    declared = action_concepts_of(env)
    if not declared:
        return None
    shape = (len(states), int(env.action_space.n), -1)
    return np.concatenate([np.asarray(c.measure(states), dtype=np.float64).reshape(shape) for c in declared], axis=2)
