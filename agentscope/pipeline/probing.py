"""`probe`: concepts in depth, beside every control."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from agentscope import probes, rollouts
from agentscope.contracts import InspectableEnv, ProgressCallback, action_concepts_of, concepts_of, no_progress
from agentscope.errors import ConceptsMissing
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.running import Run, in_one_thread
from agentscope.records import Budget, StateSet

SCORES = {key: key for key in ("score", "low", "high", "input", "untrained", "random", "task", "shuffled", "constant")}
GAINS = {
    "gain_over_input": "over input", "gain_over_untrained": "over untrained", "gain_over_random": "over random",
    "selectivity": "over task", "gain": "least of these",
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
    """Concepts in depth: where each is readable, beside every control, and states to look at.

    Returns: the primitives, and under `probes` by concept: scores and gains of each layer, top states, near misses, and
        for a concept with axes each of its values by itself.
    Raises: ConceptsMissing: the environment declares no such concept.
    """
    from agentscope.agents import untrained_twins

    run = Run(rollouts.Streams(seed), budget, progress)
    known = [concept.name for concept in (*concepts_of(agent.env), *action_concepts_of(agent.env))]
    for name in concept_names:
        if name not in known:
            raise ConceptsMissing(_unknown_concept(name, known, agent.env))
    lessons = run.states(agent, "lessons", budget.lessons, budget.lesson_states)
    labelled = probes.label_states(agent.env, lessons.states, lessons.episode)
    twins = untrained_twins(agent.network, budget.untrained_twins, seed=run.number("twins"))
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
            **_values(each, agent.env),
            "top_states": _located(lessons, each.examples.top),
            "near_misses": _located(lessons, each.examples.near_misses),
        }
        for name, each in found.items()
    }
    return {"primitives": [each.primitive for each in found.values()], "probes": depth}


def _unknown_concept(name: str, known: Sequence[str], env: InspectableEnv) -> str:
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


def _located(states: StateSet, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Example states as rows: which episode and step, and what was read there."""
    return [
        {**row, "episode": int(states.episode[row["state"]]), "step": int(states.step[row["state"]])} for row in rows
    ]
