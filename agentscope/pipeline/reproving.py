"""`decompile --verify`: what a run folder says is proved again from its zips and texts alone, a stranger's or ours."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from agentscope import decompilation, language, reports, rollouts, verification
from agentscope.contracts import InspectableEnv, ProgressCallback, no_progress
from agentscope.errors import RefusedFile, RunFolderMismatch
from agentscope.pipeline.decompiling import prove
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.points import observation_bounds
from agentscope.pipeline.recovering import FILE as RECOVERED
from agentscope.pipeline.running import Run, in_one_thread
from agentscope.records import QUICK
from agentscope.reports import POINT_FILES
from agentscope.rollouts import NetworkPolicy


@in_one_thread
def verify_run(
    folder: str, *, states: int = 100_000, seed: int = 0, progress: ProgressCallback = no_progress
) -> dict[str, Any]:
    """Prove again that each text of a run folder equals its simplified network, on states of new episodes.

    Nothing of the folder is executed, and no figure of its report is believed: the zip and the text are read, and what
    the functions of the text stand for is compared with what the network computes.

    Raises: RunFolderMismatch: there is no decompilation in it. RefusedFile: a file is missing, damaged, or another than
        the report speaks of. TextError, SpaceMismatch: text and environment do not fit.
    """
    report = reports.read_report(folder)
    block = report["decompilation"] or {}
    points = [name for name in POINT_FILES if isinstance(block.get(name), dict)]
    if not points:
        raise RunFolderMismatch(
            f"{reports.plain_text(folder)} holds no decompilation. Make one with `agentscope decompile AGENT`."
        )
    env = rollouts.make_environment(report["environment"]["id"], report["environment"]["kwargs"])
    run = Run(rollouts.Streams(seed), QUICK, progress)
    found = {name: _proved_again(Path(folder), name, block[name], env, run, states=states) for name in points}
    if block.get("recovered"):
        found["recovered"] = _run_again(Path(folder), env)
    return {"equal": all(row["equal"] for row in found.values()), **found}


def _run_again(folder: Path, env: InspectableEnv) -> dict[str, Any]:
    """The program that was read back, in all states, beside the network in whole numbers."""
    from agentscope.agents import load_network

    everything = rollouts.enumerated_states(env)
    if everything is None:
        raise RefusedFile(f"{RECOVERED} was made where all states can be listed, which {env.id} does not do.")
    seeing = language.with_cells(env)
    text = _read_text(folder / RECOVERED)
    program = language.parse(text, language.vocabulary_of(seeing), language.DECOMPILATION_LIMITS)
    chosen = language.evaluate(program, language.bind_state(seeing), everything.states).actions
    network = load_network(folder / POINT_FILES["close"][0], name="close")
    wrong = int((chosen != NetworkPolicy(network, env).actions(everything.states)).sum())
    return {"equal": not wrong, "states": len(everything), "disagreements": wrong}


def _proved_again(folder: Path, name: str, point: dict[str, Any], env: Any, run: Run, *, states: int) -> dict[str, Any]:
    from agentscope.agents import load_network
    from agentscope.agents.deploying import integers_of

    zip_path, text_path = (folder / file for file in POINT_FILES[name])
    content, text = _read(zip_path), _read_text(text_path)
    sha256 = hashlib.sha256(content).hexdigest()
    header = language.read_header(text)
    said = (point.get("sha256"), None if header is None else header.network)
    if said != (sha256, sha256):
        raise RefusedFile(
            f"{zip_path.name} has sha256 {sha256[:12]}..., its report or its text speaks of another network: "
            "run `agentscope decompile` again."
        )
    network = load_network(zip_path, name=name)
    rollouts.check_spaces(network, env)
    agent = OpenAgent(name, network, env)
    integers = integers_of(network)
    ranges = decompilation.refuse_inexact(integers, *observation_bounds(agent))
    program = language.parse(text, language.vocabulary_of(language.with_cells(env)), language.DECOMPILATION_LIMITS)
    parts = decompilation.parts_from_json(point["program"]["functions"])
    policies = {"strategy": NetworkPolicy(network, env)}
    proof = verification.proof_states(env, policies, run.streams, at_least=states, max_steps=run.budget.steps,
                                      progress=run.progress)  # fmt: skip
    rows = prove(agent, integers, network, program, parts, proof, run)
    shown = ("equal", "states", "sets", "exhaustive", "disagreements", "nodes", "nodes_failed", "changed",
             "substituted_changed", "leaves", "counterexamples")  # fmt: skip
    return {**{key: rows[key] for key in shown}, "largest_sum_bits": float(np.log2(max(ranges.partial.values())))}


def _read(path: Path) -> bytes:
    from agentscope.agents.archive import MAX_FILE
    from agentscope.agents.zips import read_bytes

    if not path.is_file():
        raise RefusedFile(f"{path.name} is missing from the run folder: run `agentscope decompile` again.")
    return read_bytes(path, MAX_FILE, path.name)


def _read_text(path: Path) -> str:
    try:
        return _read(path).decode("utf-8")
    except UnicodeDecodeError as problem:
        raise RefusedFile(f"{path.name} is not UTF-8 text ({problem.reason}).") from None
