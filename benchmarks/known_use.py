"""`use` on agents whose truth is known: verdicts beside truths, F1 of the word *used*, false alarms, recovered units.

`python -m benchmarks.known_use [--seed N] [NAME...]` takes the shipped compiled agents (docs/compiling.md): a concept
is used if their record says so at any place of its axes, else it is not, whether it is computed in vain or absent.
Beside them stand untrained networks of UNTRAINED, in which nothing can be used, and the units that carry each concept
in the layer that reads it first, as Jaccard with those of the record. Trained subspaces (DAS) are judged by the same
rule with --trained, to show why they decide nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agentscope.agents import finding, untrained_twins
from agentscope.contracts import concepts_of
from agentscope.pipeline import open_agent
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.running import Run, in_one_thread
from agentscope.pipeline.using import UseTests
from agentscope.probes.alignment import Effort
from agentscope.probes.bench import Bench
from agentscope.probes.using import MARGIN, SPECIFIC, try_concept, try_trained, use_of
from agentscope.records import QUICK, StateSet
from agentscope.rollouts import Streams

UNTRAINED = ("keydoor-ppo", "keydoor-dqn", "tetris-small-dqn", "cartpole-dqn", "tetris-moves-ppo")
FRESH = 3  # untrained networks of each
LEVELS = ("L0", "L1", "L2", "shuffled", "random")


@dataclass(frozen=True)
class Verdict:
    """What was said of one concept of one agent, and whether it is used in truth."""

    agent: str
    level: str
    concept: str
    said: str
    used: bool


def main(arguments: Sequence[str]) -> None:
    """Print every wrong verdict, then the rows."""
    seed = int(arguments[arguments.index("--seed") + 1]) if "--seed" in arguments else 0
    trained = "--trained" in arguments
    named = [word for word in arguments if not word.startswith("--") and not word.isdigit()]
    for row in rows(named, seed=seed, trained=trained):
        print(row, flush=True)


def rows(names: Sequence[str] = (), *, seed: int = 0, trained: bool = False) -> Iterator[str]:
    """The benchmark's rows."""
    agents = [n for n in finding.shipped_agents() if _level(n) in LEVELS and (not names or n in names)]
    verdicts: list[Verdict] = []
    shared: list[tuple[str, float]] = []
    for name in agents:
        found, jaccards = study(name, seed=seed, trained=trained)
        verdicts += found
        shared += [(_level(name), value) for value in jaccards]
        yield from (f"{v.agent} {v.concept}: {v.said}, in truth {'used' if v.used else 'not'}" for v in found
                    if (v.said == "used") != v.used)  # fmt: skip
    for label, levels in (("L0, L1", ("L0", "L1")), ("L2", ("L2",)), ("negatives", ("shuffled", "random"))):
        yield _summary(label, [v for v in verdicts if v.level in levels])
        known = [value for level, value in shared if level in levels]
        if known:
            exact = np.mean(np.array(known) == 1)
            yield f"  units of {len(known)} carriers: mean Jaccard {np.mean(known):.3f}, exact {exact:.3f}"
    if not names:
        fresh = [v for name in UNTRAINED for index in range(FRESH) for v in untrained(name, index, seed=seed)]
        yield from (f"{v.agent} {v.concept}: used, though untrained" for v in fresh if v.said == "used")
        yield _summary("untrained", fresh)


def _summary(label: str, verdicts: Sequence[Verdict]) -> str:
    right = sum(v.used and v.said == "used" for v in verdicts)
    missed = sum(v.used and v.said != "used" for v in verdicts)
    false = sum(not v.used and v.said == "used" for v in verdicts)
    untested = sum(v.said == "untested" for v in verdicts)
    share = false / max(sum(not v.used for v in verdicts), 1)
    score = 2 * right / max(2 * right + missed + false, 1)
    return (f"{label}: {len(verdicts)} concepts, F1 {score:.3f} (right {right}, missed {missed}, false {false}); "
            f"false share {share:.3f}; no verdict {untested}")  # fmt: skip


def _level(name: str) -> str:
    record = finding.find_agent(name).zip_path.parent / "record.json"
    return str(json.loads(record.read_text())["level"]) if record.is_file() else ""


@in_one_thread
def study(name: str, *, seed: int, trained: bool) -> tuple[list[Verdict], list[float]]:
    """Verdicts on one compiled agent, and the Jaccard of each carrier's units."""
    agent = open_agent(name)
    record = json.loads((finding.find_agent(name).zip_path.parent / "record.json").read_text())
    used = {one["concept"] for one in record["concepts"] if one["status"] == "used"}
    bench, run = _bench(agent, seed)
    found = [Verdict(name, record["level"], concept.name, _said(bench, concept, run, trained), concept.name in used)
             for concept in concepts_of(agent.env)]  # fmt: skip
    return found, list(_jaccards(bench, record["concepts"]))


@in_one_thread
def untrained(name: str, index: int, *, seed: int) -> list[Verdict]:
    """Verdicts on an untrained network in place of a shipped one."""
    agent = open_agent(name)
    (*_, network) = untrained_twins(agent.network, index + 1, seed=1_000 + seed)
    fresh = replace(agent, network=network)
    bench, run = _bench(fresh, seed + index)
    told = f"{name} untrained {index}"
    return [Verdict(told, "untrained", c.name, _said(bench, c, run, False), False) for c in concepts_of(agent.env)]


def _bench(agent: OpenAgent, seed: int) -> tuple[Bench, Run]:
    run = Run(Streams(seed), QUICK)
    visited: StateSet = run.states(agent, "lessons", QUICK.lessons, QUICK.lesson_states)
    twins = untrained_twins(agent.network, QUICK.untrained_twins, seed=run.number("twins"))
    bench = UseTests(agent, visited, twins, run).bench(False)
    assert bench is not None, "every compiled world offers edits"
    return bench, run


def _said(bench: Bench, concept: Any, run: Run, trained: bool) -> str:
    generator = run.streams.generator(f"use.{concept.name}")
    trial = try_concept(bench, concept, generator=generator)
    said = use_of(trial.evidence)
    if not trained or said == "used":
        return said
    rows = try_trained(bench, concept, effort=Effort(), generator=generator)
    return "used" if any(_passes(row) for row in rows[-1:]) else said


def _passes(row: Mapping[str, Any]) -> bool:
    """The rule of `use_of`, for the widest trained subspace; random subspaces stay far below it."""
    controls = max(row["untrained"] or 0.0, (row["no_effect"] or 0.0) / SPECIFIC)
    return bool(min(row["interchange"], row["guarded"]) - controls >= MARGIN)


def _jaccards(bench: Bench, concepts: Sequence[Mapping[str, Any]]) -> Iterator[float]:
    """Of each carried concept at each place: our units in the layer that carries it first, against the record's."""
    for one in concepts:
        if not one["carriers"]:
            continue
        carrier = one["carriers"][0]
        shape = bench.shape(carrier["layer"])
        place = carrier["place"]
        true = {unit if place is None else unit * shape[-1] + place for unit in carrier["units"]}
        ours = set(bench.carriers(one["concept"], carrier["layer"]).units.get(tuple(one["arguments"]), ()))
        yield len(true & ours) / len(true | ours)


if __name__ == "__main__":
    main(sys.argv[1:])
