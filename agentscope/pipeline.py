"""The one page that calls the rooms in order: agent -> states -> primitives -> strategy -> fidelity -> records."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from agentscope import language, probes, rollouts, strategies, verification
from agentscope.agents import cards, describing
from agentscope.contracts import (
    AgentNotice,
    InspectableEnv,
    Policy,
    ProgressCallback,
    Scalar,
    States,
    action_concepts_of,
    concepts_of,
    no_progress,
)  # fmt: skip
from agentscope.errors import ConceptsMissing, EmptySample, EnvironmentMissing, TextError
from agentscope.measures import near_ties, same_class
from agentscope.records import (
    Budget,
    Ceiling,
    Comparison,
    Decisions,
    Finding,
    Inspection,
    NoiseFloor,
    StateSet,
    Strategy,
)  # fmt: skip
from agentscope.reports import agent_record, environment_record, run_record

LATER = {
    "residual": "the split of the scores into strategy and residual is not built yet",
    "decompilation": "decompilation is not built yet",
    "primitives.*.evidence": "no test for use was run: erasure and interchange are not built yet",
}
CEILING_STATES = 20_000
SCORES = {key: key for key in ("score", "low", "high", "input", "untrained", "random", "task", "shuffled", "constant")}
GAINS = {
    "gain_over_input": "over input", "gain_over_untrained": "over untrained", "gain_over_random": "over random",
    "selectivity": "over task", "gain": "least of these",
}  # fmt: skip


@dataclass(frozen=True)
class OpenAgent:
    """An agent beside its environment, checked to fit.

    Attributes:
        card: of a shipped agent or a folder; None for a bare zip.
        env_id, env_kwargs: as `make_environment` takes them.
    """

    name: str
    network: Any
    env: InspectableEnv
    card: cards.AgentCard | None = None
    env_id: str = ""
    env_kwargs: Mapping[str, Scalar] = field(default_factory=dict)

    @cached_property
    def policy(self) -> rollouts.NetworkPolicy:
        """The network as a greedy policy in its environment."""
        return rollouts.NetworkPolicy(self.network, self.env)

    def decide(self, states: States) -> Decisions:
        """What the network thinks of these states."""
        return rollouts.decide(self.network, self.env, states)


@dataclass
class Run:
    """One run's randomness, clock and progress."""

    streams: rollouts.Streams
    budget: Budget
    progress: ProgressCallback = no_progress
    timings: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage, and tell the watcher that it began and ended."""
        started = time.perf_counter()
        self.progress(name, 0, 1)
        yield
        self.timings[name] = round(time.perf_counter() - started, 3)
        self.progress(name, 1, 1)

    def states(self, agent: OpenAgent, name: str, episodes: int, most: int) -> StateSet:
        """States of fresh episodes of the network: each name has seeds of its own."""
        return rollouts.collect_states(
            agent.policy, agent.env, self.streams.episode_seeds(name, episodes), max_states=most,
            generator=self.streams.generator(f"{name}.thin"), name="network", max_steps=self.budget.steps,
        )  # fmt: skip


def open_agent(
    text: str,
    *,
    env_id: str | None = None,
    env_kwargs: Mapping[str, Scalar] | None = None,
    vecnormalize: str | None = None,
    trust: bool = False,
) -> OpenAgent:
    """Find an agent, read its zip without running anything, and make its environment.

    Args:
        text: a shipped name, a folder with card.toml, or an SB3 zip.
        env_id: typed by the user, so any module may be imported; ids from cards are limited to known modules.
    Raises: UnknownAgent, BadCard, RefusedFile, UnsupportedAgent, EnvironmentMissing, SpaceMismatch.
    """
    from agentscope.agents import load_network

    source = cards.find_agent(text)
    network = load_network(source.zip_path, vecnormalize=vecnormalize, trust=trust, name=source.name)
    card_env = source.card.environment if source.card else None
    chosen = env_id or (card_env.id if card_env else None)
    if chosen is None:
        raise EnvironmentMissing(
            f"{source.name} is a zip without a card, so its environment is unknown. Name it with --env module:Id "
            "(`agentscope envs` lists those that are installed)."
        )
    kwargs = {**(card_env.kwargs if card_env and not env_id else {}), **(env_kwargs or {})}
    env = rollouts.make_environment(chosen, kwargs, trusted=env_id is not None)
    rollouts.check_spaces(network, env)
    return OpenAgent(source.name, network, env, source.card, chosen, kwargs)


def inspect_agent(
    agent: OpenAgent, budget: Budget, *, seed: int = 0, progress: ProgressCallback = no_progress
) -> Inspection:
    """Say what one trained policy sees, what it does, how far the text can be trusted, and what looks odd."""
    run = Run(rollouts.Streams(seed), budget, progress)
    with run.stage("collecting lessons"):
        lessons = run.states(agent, "lessons", budget.lessons, budget.lesson_states)
    with run.stage("finding primitives"):
        probing = find_primitives(agent, lessons, run)
    with run.stage("extracting the strategy"):
        strategy, search, baseline = extract_strategy(agent, lessons, run)
    with run.stage("collecting the exam"):
        exam = run.states(agent, "exam", budget.exam, budget.exam_states)  # fresh episodes: nothing was fitted on them
    with run.stage("verifying"):
        examination = examine(agent, strategy.text, exam, run, fitted_on=_fitted_on(search))
    with run.stage("measuring ceiling and noise floor"):
        decisions = examination.sheets["network"].decisions
        ceiling = bound_vocabulary(agent, exam, decisions, run)
        floor = noise_floor(agent, lessons, exam, decisions, run)
    why = {**LATER, **_missing_baseline(agent, baseline), "levels": "levels 2 and 3 are not built yet"}
    return Inspection(
        run=run_record("inspect", seed=seed, budget=budget.name),
        agent=agent_record(agent.network, name=agent.name),
        environment=environment_record(agent.env, env_id=agent.env_id, env_kwargs=agent.env_kwargs),
        vocabulary=tuple(concept.name for concept in (*concepts_of(agent.env), *action_concepts_of(agent.env))),
        ceiling=ceiling,
        primitives=probing.primitives,
        strategy=strategy,
        fidelity=examination.fidelity,
        noise_floor=floor,
        findings=file_findings(agent.network.notices),
        baseline=_measured_baseline(baseline, agent, examination),
        why=why,
        timings=run.timings,
        readouts=probing.readouts.to_arrays(),
        exam=exam,
        rollouts=examination.rollouts,
    )


def find_primitives(agent: OpenAgent, lessons: StateSet, run: Run) -> probes.Probing:
    """Probe every declared concept in every layer, beside its controls."""
    from agentscope.agents import untrained_twins

    labelled = probes.label_states(agent.env, lessons.states, lessons.episode)
    twins = untrained_twins(agent.network, run.budget.untrained_twins, seed=_number(run, "twins"))
    generator = run.streams.generator("controls")
    return probes.probe_concepts(agent.network, labelled, twins=twins, generator=generator, progress=run.progress)


def extract_strategy(
    agent: OpenAgent, lessons: StateSet, run: Run
) -> tuple[Strategy, strategies.Options, Strategy | None]:
    """The strategy, how it was searched, and the best text of its form and size that only knows the task."""
    states = rollouts.enumerated_states(agent.env) or lessons
    options = strategies.Options(
        rounds=run.budget.dagger_rounds, exhaustive=states.exhaustive, most_states=2 * run.budget.lesson_states,
        collect=partial(_own_states, agent, run), max_lines=60 if agent.network.actions > 8 else 30,
    )  # fmt: skip
    fitted = strategies.lessons_from(agent.decide, agent.env, states.states, states.episode)
    generator = run.streams.generator("search")
    strategy = strategies.extract_strategy(agent.decide, agent.env, fitted, options=options, generator=generator)
    strategy = replace(strategy, text=signed(strategy.text, agent))
    baseline = None
    if fitted.best is not None:
        bars = replace(options, max_lines=max(strategy.lines, 1), max_constants=max(strategy.constants, 1))
        generator = run.streams.generator("search")
        baseline = strategies.fit_to_optimal(agent.env, fitted, strategy.form, options=bars, generator=generator)
    return strategy, options, baseline


def signed(text: str, agent: OpenAgent) -> str:
    """The canonical print of a text under a header that names environment, arguments and network."""
    program = language.parse(text, language.vocabulary_of(agent.env), language.STRATEGY_LIMITS)
    header = language.header_for(agent.env.id, agent.env.kwargs, network=agent.network.sha256, level=1)
    return language.print_program(replace(program, header=header))


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
        progress=run.progress, lines_of=partial(_lines, program, agent.env), text_in=partial(_bound_in, text),
    )  # fmt: skip


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
    from agentscope.agents import Lessons, load_network, train_student

    taught = agent.decide(lessons.states)
    material = Lessons(agent.env.observe(lessons.states), taught.scores, taught.legal)
    student = facts = None
    if len(lessons) >= 20:
        student = train_student(
            agent.network, material, updates=run.budget.student_updates, seed=_number(run, "student"),
            until_plateau=run.budget.name == "full", progress=run.progress,
        )  # fmt: skip
        facts = {"parameters": student.parameters, "plateau": student.plateau, "updates": student.updates,
                 "curve": [list(point) for point in student.curve]}  # fmt: skip
    other = None
    twin = agent.card.twin.name if agent.card is not None and agent.card.twin is not None else ""
    if twin in cards.shipped_agents():
        other = load_network(cards.find_agent(twin).zip_path, name=twin)
    return verification.noise_floor(
        agent.env, exam, decisions, student=student.network if student else None, student_facts=facts, other=other,
        generator=run.streams.generator("bootstrap.student"),
    )  # fmt: skip


def probe_agent(
    agent: OpenAgent,
    concept_names: Sequence[str],
    budget: Budget,
    *,
    seed: int = 0,
    progress: ProgressCallback = no_progress,
) -> dict[str, Any]:
    """Concepts in depth: where each is readable, beside every control, and states to look at."""
    from agentscope.agents import untrained_twins

    run = Run(rollouts.Streams(seed), budget, progress)
    known = [concept.name for concept in (*concepts_of(agent.env), *action_concepts_of(agent.env))]
    for name in concept_names:
        if name not in known:
            raise ConceptsMissing(_unknown_concept(name, known, agent.env))
    lessons = run.states(agent, "lessons", budget.lessons, budget.lesson_states)
    labelled = probes.label_states(agent.env, lessons.states, lessons.episode)
    twins = untrained_twins(agent.network, budget.untrained_twins, seed=_number(run, "twins"))
    found = {
        name: probes.probe_concept(
            agent.network, labelled, name, twins=twins, generator=run.streams.generator("controls"), progress=progress
        )
        for name in concept_names
    }
    depth = {
        name: {
            "scores": _columns(each.primitive.layers, SCORES),
            "gains": _columns(each.primitive.layers, GAINS),
            "top_states": _drawn(agent.env, lessons, each.examples.top),
            "near_misses": _drawn(agent.env, lessons, each.examples.near_misses),
        }
        for name, each in found.items()
    }
    return {"primitives": [each.primitive for each in found.values()], "probes": depth}


def compare_agent(
    agent: OpenAgent,
    text: str,
    name: str,
    budget: Budget,
    *,
    seed: int = 0,
    progress: ProgressCallback = no_progress,
) -> Comparison:
    """A user's text against the network: all of the exam, and the line most often wrong."""
    run = Run(rollouts.Streams(seed), budget, progress)
    program = parse_for(agent.env, text)
    exam = run.states(agent, "exam", budget.exam, budget.exam_states)
    examination = examine(agent, text, exam, run)
    worst = examination.worst
    if worst is not None:
        printed = language.print_program(program).splitlines()
        worst = {**worst, "text": printed[int(worst["line"]) - 1].strip()}
    return Comparison(name, hashlib.sha256(text.encode()).hexdigest(), examination.fidelity, worst)


def explain_step(agent: OpenAgent, program_text: str, episode: int, step: int, *, seed: int = 0) -> dict[str, Any]:
    """Why the text acts as it does in one step of one exam episode of the network.

    Raises: EmptySample: the episode ends before that step.
    """
    program = parse_for(agent.env, program_text)
    seeds = rollouts.Streams(seed).episode_seeds("exam", episode + 1)[episode:]
    length = 0
    for moment in rollouts.moments(agent.policy, agent.env, seeds, max_steps=step + 1):
        state, length = moment.states, moment.step + 1
    if length != step + 1:
        raise EmptySample(
            f"episode {episode} has {length} steps, so there is no step {step}: choose 0 to {length - 1}."
        )
    binding = language.bind_state(agent.env)
    found = language.evaluate(program, binding, state, trace=True)
    network = agent.decide(state)
    action, theirs = int(found.actions[0]), int(network.actions[0])
    line = int(found.lines[0])
    render = getattr(agent.env, "render_text", None)
    return {
        "episode": episode,
        "step": step,
        "state": render(state[0]) if render else None,
        "action": agent.env.action_names[action],
        "network_action": agent.env.action_names[theirs],
        "agree": bool(network.equivalent[0, action] == network.equivalent[0, theirs]),
        "line": line,
        "line_text": language.print_program(program).splitlines()[line - 1].strip(),
        "values": _values(found),
        "nearest_change": _nearest_change(agent.env, program, state, action),
    }


def list_agents() -> list[dict[str, Any]]:
    """The shipped agents, a row each."""
    rows = []
    for name in cards.shipped_agents():
        card = cards.find_agent(name).card
        assert card is not None
        rows.append({
            "name": name, "algorithm": card.agent.algorithm, "environment": card.environment.id,
            "return": card.evaluation.return_mean, "family": card.agent.family, "title": card.title,
        })  # fmt: skip
    return rows


def list_environments() -> list[dict[str, Any]]:
    """Environments that installed packages offer; none is imported."""
    return [{"id": f"{module.split('.')[0]}:{name}"} for name, module in rollouts.provided_environments().items()]


def describe_concepts(env_id: str, kwargs: Mapping[str, Scalar]) -> list[dict[str, Any]]:
    """The concepts of an environment, a row each."""
    env = rollouts.make_environment(env_id, kwargs, trusted=True)
    return [
        {"name": concept.name, "kind": concept.kind, "of": kind, "axis": ", ".join(concept.axis),
         "unit": concept.unit, "doc": concept.doc}
        for kind, declared in (("state", concepts_of(env)), ("action", action_concepts_of(env)))
        for concept in declared
    ]  # fmt: skip


def check_file(path: str) -> dict[str, Any]:
    """What is in an SB3 zip, and what would run if one trusted it."""
    return describing.describe_zip(path)


def file_findings(notices: Sequence[AgentNotice]) -> tuple[Finding, ...]:
    """What the loader noticed, as findings."""
    return tuple(
        Finding("loader", "file-anomaly", notice.severity, notice.summary, searched="the members of the zip")  # type: ignore[arg-type]
        for notice in notices
    )


def _own_states(agent: OpenAgent, run: Run, policy: Policy) -> tuple[States, np.ndarray]:
    """States that a text visits in closed loop, on seeds of their own."""
    found = rollouts.collect_states(
        policy, agent.env, run.streams.episode_seeds("dagger", max(20, run.budget.lessons // 4)),
        max_states=run.budget.lesson_states // 2, generator=run.streams.generator("dagger.thin"),
        max_steps=run.budget.steps,
    )  # fmt: skip
    return found.states, found.episode


def _fitted_on(options: strategies.Options) -> tuple[str, ...]:
    """Where all states were fitted, the exam's own states were among them."""
    return ("network", "strategy", "reachable") if options.exhaustive else ()


def _lines(program: language.Program, env: InspectableEnv, states: States) -> np.ndarray:
    return language.evaluate(program, language.bind_state(env), states).lines


def _bound_in(text: str, env: InspectableEnv) -> Policy:
    """The same text in another environment of the same kind (unseen levels)."""
    return language.TextPolicy(language.parse(text, language.vocabulary_of(env)), language.bind_state(env))


def _action_matrix(env: InspectableEnv, states: States) -> np.ndarray | None:
    declared = action_concepts_of(env)
    if not declared:
        return None
    shape = (len(states), int(env.action_space.n), -1)
    return np.concatenate([np.asarray(c.measure(states), dtype=np.float64).reshape(shape) for c in declared], axis=2)


def _measured_baseline(
    baseline: Strategy | None, agent: OpenAgent, examination: verification.Examination
) -> Mapping[str, Any] | None:
    """Agreement of the text that only knows the task, on the states where the strategy is measured."""
    if baseline is None:
        return None
    sheet = examination.sheets.get("reachable") or examination.sheets["network"]
    decisions = sheet.decisions
    found = _bound_in(baseline.text, agent.env).actions(sheet.states.states)
    same = same_class(decisions.actions, found, decisions.equivalent)
    clear = ~near_ties(decisions.scores, decisions.equivalent, decisions.legal).mask
    return {
        "agreement": float(same.mean()), "agreement_without_near_ties": float(same[clear].mean()),
        "lines": baseline.lines, "states": len(sheet.states), "text": baseline.text,
    }  # fmt: skip


def _missing_baseline(agent: OpenAgent, baseline: Strategy | None) -> dict[str, str]:
    return {} if baseline is not None else {"strategy.baseline": "the environment knows no optimal values"}


def _number(run: Run, name: str) -> int:
    return int(run.streams.generator(name).integers(2**31))


def _unknown_concept(name: str, known: Sequence[str], env: InspectableEnv) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"It declares {', '.join(known) or 'none'}."
    return f"{env.id} declares no concept {name!r}. {hint} `agentscope concepts {env.id}` lists them."


def _columns(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Some figures of each layer, under the names that they are shown by."""
    return [
        {"layer": row["layer"]}
        | {shown: None if row.get(key) is None else round(float(row[key]), 3) for key, shown in names.items()}
        for row in rows
    ]


def _drawn(env: InspectableEnv, states: StateSet, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Example states as rows: which episode and step, and what was read there."""
    return [
        {**row, "episode": int(states.episode[row["state"]]), "step": int(states.step[row["state"]])} for row in rows
    ]


def _values(found: language.Evaluation) -> dict[str, Any]:
    """The primitives that were read in the one state of a traced evaluation, one value or a list over loop lanes."""
    values: dict[str, Any] = {}
    for call in found.values:
        taken = np.asarray(call.values)[np.asarray(call.mask)]
        if len(taken):
            plain = [round(value, 6) if isinstance(value, float) else value for value in taken.tolist()]
            values[call.text] = plain[0] if len(plain) == 1 else plain
    return values


def _nearest_change(
    env: InspectableEnv, program: language.Program, state: States, action: int
) -> dict[str, Any] | None:
    """The first legal one-feature edit, by size of the change, under which the text acts otherwise."""
    edits = getattr(env, "edits", None)
    if edits is None:
        return None
    made = edits(state)
    if not len(made.parent):
        return None
    found = language.evaluate(program, language.bind_state(env), made.states)
    same = env.equivalent_actions(made.states) if hasattr(env, "equivalent_actions") else None  # type: ignore[attr-defined]
    rows = np.arange(len(made.parent))
    flips = found.actions != action if same is None else same[rows, found.actions] != same[rows, action]
    candidates = np.flatnonzero(flips & (made.legal if made.legal.any() else True))
    if not len(candidates):
        return None
    size = np.array([_change_size(env, state, made.states[row : row + 1]) for row in candidates])
    row = int(candidates[size.argmin()])
    return {
        "feature": made.feature_names[int(made.feature[row])],
        "to": int(made.value[row]),
        "action": env.action_names[int(found.actions[row])],
    }


def _change_size(env: InspectableEnv, before: States, after: States) -> float:
    """How much of the observation an edit changes."""
    return float(np.abs(env.observe(after).astype(np.float64) - env.observe(before).astype(np.float64)).sum())
