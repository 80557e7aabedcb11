"""`inspect`: agent -> states -> primitives -> strategy -> fidelity -> records, the whole line on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from agentscope import probes, rollouts, strategies
from agentscope.contracts import (
    Policy,
    ProgressCallback,
    States,
    action_concepts_of,
    concepts_of,
    no_progress,
)  # fmt: skip
from agentscope.pipeline.checking import file_findings
from agentscope.pipeline.examining import examine
from agentscope.pipeline.grounding import ground_strategy
from agentscope.pipeline.grouping import describe_groups
from agentscope.pipeline.leftover import measure_residual
from agentscope.pipeline.marking import marked_strategy
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.running import Run, in_one_thread
from agentscope.pipeline.using import UseTests
from agentscope.pipeline.watching.embedding import MOST_STEPS, embedded
from agentscope.pipeline.watching.recording import record_exam
from agentscope.pipeline.watching.running import Watch
from agentscope.pipeline.watching.scene import open_scene
from agentscope.pipeline.yardsticks import bound_vocabulary, measure_baseline, noise_floor, twin_of
from agentscope.records import Budget, Inspection, StateSet, Strategy
from agentscope.reports import agent_record, build_report, environment_record, run_record

LATER = {
    "decompilation": "the network is not decompiled in this run: `agentscope decompile` does it",
    "levels.3": "the network is not decompiled in this run: `agentscope decompile` does it",
}
NEAR_HELD, NEAR_ALL = 0.002, 0.001  # merit given up for a shorter text: held-out marks are noisy, those of all are not
NO_BASELINE = {"strategy.baseline": "the environment knows no optimal values"}


@in_one_thread
def inspect_agent(
    agent: OpenAgent, budget: Budget, *, seed: int = 0, progress: ProgressCallback = no_progress
) -> Inspection:
    """Say what one trained policy sees, what it does, how far the text can be trusted, and what looks odd."""
    run = Run(rollouts.Streams(seed), budget, progress)
    with run.stage("collecting lessons"):
        lessons = run.states(agent, "lessons", budget.lessons, budget.lesson_states)
    twins = untrained(agent, run)
    with run.stage("finding primitives"):
        probing = find_primitives(agent, lessons, twins, run)
    with run.stage("extracting the strategy"):
        strategy, search, baseline = extract_strategy(agent, lessons, run)
    with run.stage("testing for use"):
        tested = UseTests(agent, lessons, twins, run).test(probing.primitives, actions=strategy.primitives)
        primitives = tuple(one.primitive for one in tested)
    strategy = marked_strategy(strategy, agent, primitives)
    with run.stage("collecting the exam"):
        exam = run.states(agent, "exam", budget.exam, budget.exam_states)  # fresh episodes: nothing was fitted on them
    with run.stage("verifying"):
        examination = examine(agent, strategy.text, exam, run, fitted_on=_fitted_on(search))
    with run.stage("measuring ceiling and noise floor"):
        decisions = examination.sheets["network"].decisions
        ceiling = bound_vocabulary(agent, exam, decisions, run)
        floor = noise_floor(agent, lessons, exam, decisions, run)
    with run.stage("reading the text from the network"):
        grounding = ground_strategy(agent, strategy.text, lessons, exam, run)
    with run.stage("measuring the residual"):
        leftover = measure_residual(agent, strategy.text, lessons, exam, run, twin=twin_of(agent))
    with run.stage("grouping units"):
        groups = describe_groups(agent, lessons, run)
    why = {
        **LATER,
        **grounding.why,
        **leftover.why,
        **({} if baseline is not None else NO_BASELINE),
        **_frontier_end(search, budget),
    }
    inspection = Inspection(
        run=run_record("inspect", seed=seed, budget=budget.name),
        agent=agent_record(agent.network, name=agent.name),
        environment=environment_record(
            agent.env, env_id=agent.env_id, env_kwargs=agent.env_kwargs, concepts_file=agent.own_concepts
        ),
        vocabulary=tuple(concept.name for concept in (*concepts_of(agent.env), *action_concepts_of(agent.env))),
        ceiling=ceiling,
        primitives=primitives,
        strategy=strategy,
        fidelity=examination.fidelity,
        noise_floor=floor,
        findings=file_findings(agent.network.notices),
        baseline=measure_baseline(baseline, agent, examination),
        why=why,
        timings=run.timings,
        levels=grounding.levels,
        residual=leftover.block,
        groups=groups,
        readouts={**probing.readouts.to_arrays(), **grounding.readouts},
        exam=exam,
        rollouts=examination.rollouts,
    )
    with run.stage("recording episodes to watch"):
        return watched(agent, inspection, run)


def watched(agent: OpenAgent, inspection: Inspection, run: Run) -> Inspection:
    """The inspection with the exam's decisions, and with a few episodes that the report carries to be watched."""
    scene = open_scene(agent, build_report(inspection), readouts=inspection.readouts, budget=run.budget)
    recording = record_exam(scene)
    watch = Watch(scene, recording, most=MOST_STEPS)
    return replace(inspection, trails=recording.to_arrays(), watch=embedded(watch))


def untrained(agent: OpenAgent, run: Run) -> list[Any]:
    """Networks of the same architecture that were never trained."""
    from agentscope.agents import untrained_twins

    return list(untrained_twins(agent.network, run.budget.untrained_twins, seed=run.number("twins")))


def find_primitives(agent: OpenAgent, lessons: StateSet, twins: Sequence[Any], run: Run) -> probes.Probing:
    """Probe every declared concept in every layer, beside its controls."""
    labelled = probes.label_states(agent.env, lessons.states, lessons.episode)
    generator = run.streams.generator("controls")
    return probes.probe_concepts(agent.network, labelled, twins=twins, generator=generator, progress=run.progress)


def extract_strategy(
    agent: OpenAgent, lessons: StateSet, run: Run
) -> tuple[Strategy, strategies.Search, Strategy | None]:
    """The strategy, how it was searched, and the best text of its form and size that only knows the task."""
    states = rollouts.enumerated_states(agent.env) or lessons
    options = strategies.Options(
        rounds=run.budget.dagger_rounds, exhaustive=states.exhaustive, most_states=2 * run.budget.lesson_states,
        collect=partial(_own_states, agent, run), max_lines=60 if agent.network.actions > 8 else 30,
        to_one=states.exhaustive and run.budget.name == "full", near=NEAR_ALL if states.exhaustive else NEAR_HELD,
    )  # fmt: skip
    fitted = strategies.lessons_from(agent.decide, agent.env, states.states, states.episode)
    generator = run.streams.generator("search")
    search = strategies.search_strategy(agent.decide, agent.env, fitted, options=options, generator=generator)
    strategy, baseline = search.strategy, None
    if fitted.best is not None:
        bars = replace(options, near=0.0, max_lines=max(strategy.lines, 1), max_constants=max(strategy.constants, 1))
        generator = run.streams.generator("search")
        baseline = strategies.fit_to_optimal(agent.env, fitted, strategy.form, options=bars, generator=generator)
    return strategy, search, baseline


def _own_states(agent: OpenAgent, run: Run, policy: Policy) -> tuple[States, np.ndarray]:
    """States that a text visits in closed loop, on seeds of their own."""
    found = rollouts.collect_states(
        policy, agent.env, run.streams.episode_seeds("dagger", max(20, run.budget.lessons // 4)),
        max_states=run.budget.lesson_states // 2, generator=run.streams.generator("dagger.thin"),
        max_steps=run.budget.steps,
    )  # fmt: skip
    return found.states, found.episode


def _frontier_end(search: strategies.Search, budget: Budget) -> dict[str, str]:
    """Why the frontier of an environment that lists its states ends below 1.0, where it does."""
    if search.exhaustive and budget.name != "full":
        return {"strategy.frontier.to_one": "it is followed up to agreement 1.0 under --budget full only"}
    return (
        {} if search.frontier_end is None else {"strategy.frontier.to_one": f"it ends below 1.0: {search.frontier_end}"}
    )


def _fitted_on(search: strategies.Search) -> tuple[str, ...]:
    """Where all states were fitted, the exam's own states were among them."""
    return ("network", "strategy", "reachable") if search.exhaustive else ()
