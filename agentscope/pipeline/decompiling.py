"""`decompile`: network -> simplified network -> exact program, what is measured kept apart from what is proved."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from agentscope import decompilation, language, rollouts, verification
from agentscope.agents import simplified as shelf
from agentscope.contracts import ProgressCallback, no_progress
from agentscope.decompilation import Decompilation, Part
from agentscope.errors import BadOption
from agentscope.integers import IntegerNetwork
from agentscope.language import header_for
from agentscope.pipeline.christening import christen
from agentscope.pipeline.likeness import earned, examine_simplified
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.points import Point, make_points, observation_bounds
from agentscope.pipeline.recovering import recover_program
from agentscope.pipeline.running import Run, in_one_thread
from agentscope.records import Budget, StateSet
from agentscope.reports import POINT_FILES
from agentscope.rollouts import NetworkPolicy

POINTS = ("close", "small")
CLOSE, CLOSE_CLEAR, SMALL_RETURN = 0.95, 0.99, 0.98  # what the two points have to reach
SB3_STATES = 10_000  # that SB3 itself is asked about
NAMED_ON = 3_000  # states on which names are looked for under `quick`
EFFECT_STATES = 1_000  # on which parts are ablated


@dataclass(frozen=True)
class Decompiled:
    """What `decompile` found.

    Attributes:
        block: as it stands in report.json; files: contents by name.
        equal: whether text and simplified network are equal everywhere that was looked.
        timings: seconds of each stage.
    """

    block: Mapping[str, Any]
    files: Mapping[str, bytes]
    equal: bool
    timings: Mapping[str, float]


@in_one_thread
def decompile_agent(
    agent: OpenAgent,
    budget: Budget,
    *,
    points: Sequence[str] = POINTS,
    fresh: bool = False,
    states: int = 100_000,
    seed: int = 0,
    progress: ProgressCallback = no_progress,
) -> Decompiled:
    """Simplify an agent, print what is left as a program, and prove that the two are equal.

    Args:
        points: close (as near to the network as whole numbers come), small (as few bits as play as well), or both.
        fresh: teach anew, although simplified networks lie beside the agent.
        states: on how many different states equality is proved at least, where they cannot be listed.
    Raises: UnsupportedAgent: the network has parts that integer stages do not hold.
    """
    unknown = [name for name in points if name not in POINTS]
    if unknown:
        raise BadOption(f"There is no point {unknown[0]!r}; there are {' and '.join(POINTS)}.")
    run = Run(rollouts.Streams(seed), budget, progress)
    with run.stage("collecting the exam"):
        exam = run.states(agent, "exam", budget.exam, budget.exam_states)
    card = shelf.read_simplified(agent.home, agent.network.sha256) if agent.home is not None and not fresh else None
    block: dict[str, Any] = dict.fromkeys((*POINTS, "recovered", "program", "equality"))
    files: dict[str, bytes] = {}
    made, block["frontier"] = make_points(agent, points, run, card)
    for name, point in made.items():
        found, written = _decompiled(agent, point, exam, run, states=states)
        block[name] = found
        files |= written
        if point.origin["made"] == "exact" and block["recovered"] is None:
            with run.stage("reading the program back"):
                program = recover_program(agent, point.integers, sha256=found["sha256"])
            if program is not None:
                block["recovered"] = program[0]
                files |= program[1]
    main = block[points[0]]
    block |= {"program": main["program"], "equality": main["equality"]}
    equal = all(block[name]["equality"]["equal"] for name in points)
    return Decompiled(block, files, equal, run.timings)


def _decompiled(
    agent: OpenAgent, point: Point, exam: StateSet, run: Run, *, states: int
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """One point's block of the report, and its files."""
    zip_name, text_name = POINT_FILES[point.name]
    content = zip_bytes(point.network)
    sha256 = hashlib.sha256(content).hexdigest()
    with run.stage(f"comparing with the network ({point.name})"):
        measured = _measured(agent, point, exam, run)
    with run.stage(f"writing the text ({point.name})"):
        low, high = observation_bounds(agent)
        ranges = decompilation.refuse_inexact(point.integers, low, high)
        effects = _effects(agent, point, exam, run)
        known = christen(agent, point.network, point.integers, _fewer(exam, run), effects, run)
        note = f"the {point.name} simplified network of {agent.name} ({agent.network.sha256[:8]}), whole numbers only"
        header = header_for(agent.env.id, agent.env.kwargs, network=sha256, level=3, notes=(note,))
        found = decompilation.emit(
            point.integers, agent.env, header=header, names=known.names, why=known.why, effects=effects
        )
        program = program_block(agent, point, found, effects, run, exam=exam)
        program["names"] = [
            {"unit": unit, "name": known.names.get(unit), "why": why} for unit, why in known.why.items()
        ]
    with run.stage(f"proving equality ({point.name})"):
        proof = _proof_states(agent, point, run, states)
        equality = prove(agent, point.integers, point.network, found.program, found.parts, proof, run)
        equality["sb3"] = _played_by_sb3(agent, point, content, proof.states)
        equality["equal"] = equality["equal"] and not equality["sb3"]["disagreements"]
        equality["largest_sum_bits"] = float(np.log2(max(ranges.partial.values(), default=1)))
    block = {
        "nonzero": point.integers.nonzero, "bits": point.integers.bits, "stages": _stages(point.integers),
        **measured, "sha256": sha256, "file": zip_name, "text_file": text_name, **point.origin,
        "shortened": [asdict(step) for step in point.steps], "program": program, "equality": equality,
    }  # fmt: skip
    return block, {zip_name: content, text_name: found.text.encode()}


def _fewer(exam: StateSet, run: Run) -> StateSet:
    """The states on which units get their names: under `quick` a part of them."""
    most = len(exam) if run.budget.name == "full" else NAMED_ON
    rows = np.linspace(0, len(exam) - 1, min(len(exam), most)).astype(np.int64)
    return replace(exam, states=exam.states[rows], episode=exam.episode[rows], step=exam.step[rows])


def zip_bytes(network: Any) -> bytes:
    """The simplified network as the zip that SB3 loads."""
    from agentscope.agents.saving import save_agent

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "simplified.zip"
        save_agent(network, path)
        return path.read_bytes()


def _played_by_sb3(agent: OpenAgent, point: Point, content: bytes, states: np.ndarray) -> dict[str, int]:
    """SB3's own greedy choices, from the zip as it is written, beside those of the simplified network; no mask."""
    from agentscope.agents.deploying import actions_in_sb3

    observations = agent.env.observe(states[:: max(len(states) // SB3_STATES, 1)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "simplified.zip"
        path.write_bytes(content)
        chosen = actions_in_sb3(path, point.network.algorithm, observations)
    own = np.asarray(point.network.scores(observations)).argmax(axis=1)
    return {"states": len(observations), "disagreements": int((chosen != own).sum())}


def _stages(integers: IntegerNetwork) -> list[str]:
    return [stage.to_text() for stage in integers.stages]


def _measured(agent: OpenAgent, point: Point, exam: StateSet, run: Run) -> dict[str, Any]:
    """M ~ S: agreement on every state set, returns, and whether the point is what its name says."""
    fidelity = examine_simplified(agent, point.network, exam, run, fitted_on=point.fitted_on).fidelity
    sets = {name: getattr(fidelity, name) for name in verification.SETS if getattr(fidelity, name) is not None}
    played = earned(agent, point.network, run)
    network = sets["network"]
    clear = network.agreement if network.without_near_ties is None else network.without_near_ties
    if point.name == "close":
        reached = clear >= CLOSE_CLEAR and network.agreement >= CLOSE
    else:
        reached = played["return_ratio"] is not None and played["return_ratio"] >= SMALL_RETURN
    return {"agreement": sets, **played, "episodes_paired": fidelity.episodes, "reached": bool(reached)}


def _effects(agent: OpenAgent, point: Point, exam: StateSet, run: Run) -> dict[str, float]:
    """Share of decisions that each unit touches, by unit and by stage."""
    states, observations = _some_states(agent, exam)
    decisions = rollouts.decide(point.network, agent.env, states)
    parts: dict[str, list[tuple[str, tuple[int, ...]]]] = {}
    for stage in point.integers.stages[:-1]:
        if stage.weighs:
            units = len(point.integers.of(stage.name)["bias"])
            parts[stage.name] = [(stage.name, tuple(range(units)))]
            parts |= {f"{stage.name}[{unit}]": [(stage.name, (unit,))] for unit in range(units)}
    return decompilation.effect_shares(
        point.network, observations, decisions, parts, generator=run.streams.generator(f"effects.{point.name}")
    )


def _some_states(agent: OpenAgent, exam: StateSet) -> tuple[np.ndarray, np.ndarray]:
    rows = np.linspace(0, len(exam) - 1, min(len(exam), EFFECT_STATES)).astype(np.int64)
    return exam.states[rows], agent.env.observe(exam.states[rows])


def program_block(
    agent: OpenAgent, point: Point, found: Decompilation, effects: Mapping[str, float], run: Run, *, exam: StateSet
) -> dict[str, Any]:
    """The text's size, its leaves, what is OPAQUE, the size of the naive text, and all functions."""
    size, ledger = language.measure_size(found.program), decompilation.ledger_of(found)
    naive = decompilation.naive_size(point.integers, agent.env)
    rows = [part_row(part, effects) for part in found.parts]
    opaque = [part for part in found.parts if part.opaque]
    callers = {part.name: [row["name"] for row in rows if part.name in row["calls"]] for part in opaque}
    ledger_rows = [
        {"function": part.name, "stage": part.stage, "units": list(part.units), "callers": callers[part.name],
         "effect": _effect(part, effects), "inputs": part.inputs, "weights": part.weights,
         "largest_weight": part.largest_weight}
        for part in opaque
    ]  # fmt: skip
    share = None
    if opaque:
        states, observations = _some_states(agent, exam)
        decisions = rollouts.decide(point.network, agent.env, states)
        hidden = [(part.stage, part.units) for part in opaque if part.stage != "scores"]
        generator = run.streams.generator(f"effects.{point.name}.opaque")
        share = decompilation.effect_shares(
            point.network, observations, decisions, {"opaque": hidden}, generator=generator
        )["opaque"] if hidden else None  # fmt: skip
    nodes = language.tree.walk(found.program.strategy)
    calls = list(dict.fromkeys(node.name for node in nodes if isinstance(node, language.tree.FunctionCall)))
    return {
        "lines": size.lines, "constants": size.constants, "bits": size.bits, "leaves": ledger.distinct_leaves,
        "distinct_leaves": ledger.distinct_leaves, "places": ledger.leaves, "leaves_in_budget": ledger.in_budget,
        "operations": ledger.operations, "opaque": ledger_rows, "opaque_effect": share, "functions": rows,
        "calls": calls,
        "naive": {"lines": naive.lines, "constants": naive.constants, "bits": naive.bits},
    }  # fmt: skip


def part_row(part: Part, effects: Mapping[str, float]) -> dict[str, Any]:
    """One function as a row of report.json."""
    return {**decompilation.part_to_json(part), "in_budget": part.in_budget, "effect": _effect(part, effects)}


def _effect(part: Part, effects: Mapping[str, float]) -> float | None:
    return effects.get(f"{part.stage}[{part.units[0]}]") if len(part.units) == 1 else effects.get(part.stage)


def _proof_states(agent: OpenAgent, point: Point, run: Run, states: int) -> verification.ProofStates:
    policies = {"network": agent.policy, "strategy": NetworkPolicy(point.network, agent.env)}
    return verification.proof_states(
        agent.env, policies, run.streams, at_least=states, max_steps=run.budget.steps, progress=run.progress
    )


def prove(
    agent: OpenAgent,
    integers: IntegerNetwork,
    network: Any,
    program: language.Program,
    parts: Sequence[Part],
    proof: verification.ProofStates,
    run: Run,
) -> dict[str, Any]:
    """S == P: actions, every node's numbers, substitution, and each leaf by itself."""
    seeing = language.with_cells(agent.env)
    placed = decompilation.placed_parts(parts, integers)
    text = verification.NodeText(program, language.bind_state(seeing), placed)
    equality = verification.verify_nodes(text, network, agent.env, proof, progress=run.progress)
    low, high = observation_bounds(agent)
    leaves = decompilation.prove_leaves(parts, program, integers, low, high, progress=run.progress)
    rows = asdict(equality)
    rows["equal"] = equality.equal and not leaves["failed"]
    return {**rows, "leaves": leaves}
