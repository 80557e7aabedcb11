"""`probe`: concepts in depth, beside every control."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Int

from agentscope import probes, rollouts
from agentscope.concepts import Concept
from agentscope.contracts import InspectableEnv, ProgressCallback, action_concepts_of, concepts_of, no_progress
from agentscope.errors import ConceptsMissing
from agentscope.pipeline.depth import NO_STATES, Deepening
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.running import Run, in_one_thread
from agentscope.pipeline.using import study_use
from agentscope.records import Budget, Evidence, StateSet

SCORES = {key: key for key in ("score", "low", "high", "input", "untrained", "random", "task", "shuffled", "constant")}
BESIDE = {
    "nonlinear": "non-linear readout", "nonlinear_untrained": "of an untrained twin", "code_length": "code length",
    "code_length_task": "code length of random labels",
}  # fmt: skip
GAINS = {
    "gain_over_input": "over input", "gain_over_untrained": "over untrained", "gain_over_random": "over random",
    "selectivity": "over task", "gain": "least of these", "gain_low": "low", "gain_high": "high", "q": "q",
}  # fmt: skip


@in_one_thread
def probe_agent(
    agent: OpenAgent,
    concept_names: Sequence[str],
    budget: Budget,
    *,
    seed: int = 0,
    progress: ProgressCallback = no_progress,
) -> dict[str, Any]:
    """Concepts in depth: where each is readable, beside every control, by which units, and what it looks like.

    Labels of a user's file take the place of states that the agent visits; what needs states is then left out.

    Returns: the primitives; `pictures`, a row each, and `files`, what they are drawn in as PNG bytes by name; under
        `probes` by concept: pictures, groups, scores and gains of each layer, top states, near misses, and for a
        concept with axes each of its values by itself.
    Raises: ConceptsMissing: neither environment nor file declares such a concept.
    """
    from agentscope.agents import untrained_twins

    run = Run(rollouts.Streams(seed), budget, progress)
    declared = (*concepts_of(agent.env), *action_concepts_of(agent.env))
    known = [concept.name for concept in (declared if agent.labels is None else agent.labels.concepts)]
    for name in concept_names:
        if name not in known:
            raise ConceptsMissing(_unknown_concept(name, known, agent))
    material = _material(agent, run)
    labelled = material.labelled
    twins = untrained_twins(agent.network, budget.untrained_twins, seed=run.number("twins"))
    found = {
        name: probes.probe_concept(
            agent.network, labelled, name, twins=twins, generator=run.streams.generator("controls"), progress=progress
        )
        for name in concept_names
    }
    primitives = {name: each.primitive for name, each in found.items()}
    use: dict[str, dict[str, Any]] = {}
    if material.visited is None:
        untold = Evidence(why=NO_STATES)
        primitives = {name: replace(each, evidence=untold) for name, each in primitives.items()}
    else:
        with run.stage("testing for use"):
            for tested, rows in study_use(agent, material.visited, twins, list(primitives.values()), run):
                primitives[tested.concept], use[tested.concept] = tested, rows
    with run.stage("drawing and grouping"):
        deepening = Deepening(agent, material.shown, run)
        deep = {name: deepening.look(each, primitives[name]) for name, each in found.items()}
    depth = {
        name: {
            **use.get(name, {}),
            **deep[name].details(),
            "scores": _columns(each.primitive.layers, SCORES),
            "gains": _columns(each.primitive.layers, GAINS),
            "beside": _columns(each.primitive.layers, BESIDE),
            **_values(each, agent.env),
            "top_states": _located(material.places, each.examples.top, labelled.only(name).concepts[0]),
            "near_misses": _located(material.places, each.examples.near_misses, labelled.only(name).concepts[0]),
        }
        for name, each in found.items()
    }
    return {
        "primitives": list(primitives.values()),
        "probes": depth,
        "pictures": [row for each in deep.values() for row in each.pictures],
        "files": {name: content for each in deep.values() for name, content in each.files.items()},
    }


@dataclass(frozen=True)
class _Material:
    """What is probed: labelled observations, with the states that they show where those are known.

    Attributes:
        shown: the visited states under the numbers that people count episodes by, from 0.
        places: episode (or level) and step of each observation; of a user's labels the row stands for the step.
    """

    labelled: probes.LabelledStates
    places: tuple[Int[np.ndarray, "states"], Int[np.ndarray, "states"]]
    visited: StateSet | None = None
    shown: StateSet | None = None


def _material(agent: OpenAgent, run: Run) -> _Material:
    if agent.labels is not None:
        return _Material(agent.labels, (agent.labels.episodes, np.arange(len(agent.labels))))
    visited = run.states(agent, "lessons", run.budget.lessons, run.budget.lesson_states)
    seeds = run.streams.episode_seeds("lessons", run.budget.lessons)
    numbers = np.argsort(seeds)[np.searchsorted(np.sort(seeds), visited.episode)]
    labelled = probes.label_states(agent.env, visited.states, visited.episode)
    return _Material(labelled, (numbers, visited.step), visited, replace(visited, episode=numbers))


def _unknown_concept(name: str, known: Sequence[str], agent: OpenAgent) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(known) or 'none'}."
    if agent.labels is not None:
        return f"The labels hold no concept {name!r}. {hint} Environment concepts are probed without --labels."
    return f"{agent.env.id} declares no concept {name!r}. {hint} `agentscope concepts {agent.env.id}` lists them."


def _columns(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Some figures of each layer, under the names that they are shown by."""
    return [
        {"layer": row["layer"]}
        | {shown: None if row.get(key) is None else round(float(row[key]), 3) for key, shown in names.items()}
        for row in rows
    ]


def _values(found: probes.ConceptProbe, env: InspectableEnv) -> dict[str, Any]:
    """Each value of a concept with axes by itself, under the names of its axes, and how many could be scored."""
    if not found.values:
        return {}
    names = [env.action_names if axis == "actions" else env.axes[axis] for axis in found.axes]
    rows = [
        {axis: labels[i] for axis, labels, i in zip(found.axes, names, row["at"], strict=True)}
        | {key: round(value, 3) if isinstance(value, float) else value for key, value in row.items() if key != "at"}
        for row in found.values
    ]
    scored = [row for row in found.values if row["score"] is not None]
    told = f"{len(scored)} of {len(rows)} have a score in {found.primitive.layer}"
    if len(scored) < len(rows):
        told += f"; {len(rows) - len(scored)} are left out: held-out states do not show them both ways"
    return {"values": told, "each_value": rows}


def _located(
    places: tuple[Int[np.ndarray, "states"], Int[np.ndarray, "states"]],
    rows: Sequence[Mapping[str, Any]],
    concept: Concept,
) -> list[dict[str, Any]]:
    """Example states as rows: which episode and step, and what was read there; choices by their names."""
    episode, step = places
    named = {key: dict(enumerate(concept.choices)) for key in ("reading", "label") if concept.kind == "choice"}
    return [
        {**row, **{key: names.get(row[key], row[key]) for key, names in named.items()},
         "episode": int(episode[row["state"]]), "step": int(step[row["state"]])}
        for row in rows
    ]  # fmt: skip
