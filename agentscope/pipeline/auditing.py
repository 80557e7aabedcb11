"""`audit`: every detector over one agent: what each searched and found, where it sits, witnesses that replay."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from agentscope import audits, language, measures
from agentscope.audits import AUDITS, Detection, Detector, Subject, Suspicion
from agentscope.audits.ablating import OBSERVATION
from agentscope.audits.placing import Place, place
from agentscope.contracts import ProgressCallback, no_progress
from agentscope.errors import AgentScopeError, RefusedFile, TextError
from agentscope.pipeline.examining import parse_for
from agentscope.pipeline.mending import mend
from agentscope.pipeline.opening import OpenAgent
from agentscope.pipeline.running import in_one_thread
from agentscope.pipeline.witnessing import make_witnesses
from agentscope.records import Finding, Interval
from agentscope.reports import RunFolder, run_record

WORST_FIRST = tuple(reversed(audits.SEVERITIES))
POINTS = ("close", "small")
PLACED = {
    "quick": 2,
    "full": 8,
}  # findings whose units are looked for, the worst first: each may take as long as a search
PLACED_FROM = ("low", "medium", "high")


@dataclass(frozen=True)
class Audit:
    """What an audit found, and what it searched where it found nothing.

    Attributes:
        made_with: all that decides the figures: seed, budget, declared, versions, environment, names of the detectors.
        detectors: for each its name, kinds, highest score of each kind, what it searched, and why it failed ("").
        findings: the worst first.
        files: animations of witnesses and edited networks by the name under which findings speak of them.
        timings: CPU seconds of each detector, of placing, of the edited networks and of the witnesses.
    """

    made_with: Mapping[str, Any]
    detectors: tuple[Mapping[str, Any], ...]
    findings: tuple[Finding, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)

    def block(self) -> dict[str, Any]:
        """The `audit` block of report.json and findings.json."""
        return {"made_with": dict(self.made_with), "detectors": [dict(row) for row in self.detectors]}


@in_one_thread
def audit_agent(
    agent: OpenAgent,
    *,
    budget: str = "quick",
    seed: int = 0,
    declared: bool = True,
    detectors: Sequence[Detector] | None = None,
    folder: RunFolder | None = None,
    progress: ProgressCallback = no_progress,
) -> Audit:
    """Look for behaviour that should not be there.

    Args:
        declared: whether detectors may read what the environment says of its concepts (`should_matter`, `oversight`).
        detectors: all of ours by default.
        folder: an earlier run of the same agent: its strategy, used concepts and OPAQUE units tell where to look first.
    A detector that raises an AgentScopeError loses its own work only: its line says why.
    """
    detectors = audits.DETECTORS if detectors is None else tuple(detectors)
    strategy, opaque, used = (None, (), ()) if folder is None else known_parts(agent, folder)
    subject = Subject(
        agent.name, agent.network, agent.env, budget=AUDITS[budget], seed=seed, declared=declared,
        notices=tuple(agent.network.notices), strategy=strategy, opaque=opaque, used=used,
        progress=progress,
    )  # fmt: skip
    clock = _Clock(progress)
    rows, suspected = [], []
    for detector in detectors:
        with clock.stage(detector.name):
            row, suspicions = run_detector(detector, subject)
        rows.append(row)
        suspected += [(detector.name, suspicion, row["searched"]) for suspicion in suspicions]
    suspected.sort(key=lambda each: (WORST_FIRST.index(each[1].severity), -each[1].score))
    findings, files = _findings(subject, suspected, clock)
    return Audit(_made_with(agent, subject, detectors), tuple(rows), tuple(findings), files, clock.seconds)


def _findings(
    subject: Subject, suspected: Sequence[tuple[str, Suspicion, str]], clock: _Clock
) -> tuple[list[Finding], dict[str, bytes]]:
    """Each suspicion (detector, itself, what was searched) as a finding; animations and edited networks by name."""
    findings: list[Finding] = []
    files: dict[str, bytes] = {}
    left = PLACED[subject.budget.name]
    for number, (name, suspicion, searched) in enumerate(suspected, start=1):
        finding = _told(subject, name, suspicion)
        if suspicion.shown is not None and suspicion.severity in PLACED_FROM and left:
            left -= 1
            with clock.stage("placing"):
                finding, found = _placed(subject, suspicion, finding)
            if found is not None and found.complete:
                name = f"finding-{number}-without.zip"
                with clock.stage("edited networks"):
                    figures, content = mend(subject, suspicion, found.ablation, name)
                finding = replace(finding, evidence={**finding.evidence, **figures})
                files |= {} if content is None else {name: content}
        with clock.stage("witnesses"):
            witnesses, picture = make_witnesses(subject, suspicion)
        if picture is not None:
            files[f"finding-{number}.webp"] = picture
            witnesses = ({**witnesses[0], "picture": f"finding-{number}.webp"}, *witnesses[1:])
        findings.append(replace(finding, witnesses=witnesses, searched=searched))
    return findings, files


def run_detector(detector: Detector, subject: Subject) -> tuple[dict[str, Any], tuple[Suspicion, ...]]:
    """One detector's line for the report, and its suspicions; an error of the family becomes the line's `why`."""
    why = ""
    try:
        detection = detector.detect(subject)
    except AgentScopeError as problem:
        why = str(problem)
        detection = Detection((), f"nothing to its end: {why}", {})
    row = {
        "detector": detector.name, "kinds": list(detector.kinds), "searched": detection.searched,
        "scores": dict(detection.scores), "why": why,
    }  # fmt: skip
    return row, detection.suspicions


def made_with(agent: OpenAgent, *, budget: str, seed: int, declared: bool, detectors: Sequence[str]) -> dict[str, Any]:
    """All that decides what an audit finds: where it is the same, nothing need be done again."""
    own = agent.own_concepts
    return {
        "seed": seed, "budget": budget, "declared": declared, "detectors": list(detectors),
        "versions": run_record("", seed=seed, budget=budget)["versions"], "environment": agent.env_id,
        "environment_kwargs": dict(agent.env_kwargs or {}), "concepts_file": None if own is None else own.sha256,
    }  # fmt: skip


def known_parts(
    agent: OpenAgent, folder: RunFolder
) -> tuple[language.Program | None, tuple[str, ...], tuple[str, ...]]:
    """The strategy that `inspect` wrote into the agent's folder, the units that `decompile` could not open, and the
    concepts that probes found the policy to use.

    Raises: RefusedFile: the folder's decompilation is none that this version wrote.
    """
    if folder.report is None:
        return None, (), ()
    strategy = None
    if folder.report["strategy"] and (folder.path / "strategy.py").is_file():
        try:
            text = folder.read_strategy()
            header = language.read_header(text)
            if header is None or header.network in ("", agent.network.sha256):
                strategy = parse_for(agent.env, text)
        except TextError:
            strategy = None  # written for another environment, or changed by hand: the audit goes on without it
    used = tuple(row["concept"] for row in folder.report["primitives"] or () if row["use"] == "used")
    try:
        opaque = _opaque_units(agent, folder.report["decompilation"] or {})
    except (AttributeError, KeyError, TypeError) as problem:
        raise RefusedFile(
            "The decompilation in the run folder's report.json has parts that this version does not write: make it "
            "again with `agentscope decompile`, or choose another folder with --out."
        ) from problem
    return strategy, opaque, used


def _opaque_units(agent: OpenAgent, block: Mapping[str, Any]) -> tuple[str, ...]:
    """OPAQUE units of the simplified networks, where their stage is as wide as the layer of the same name: they are the
    same then.
    """
    widths = {layer.name: layer.shape[0] for layer in agent.network.layers if layer.shape}
    opaque: dict[str, None] = {}
    for name in POINTS:
        program = (block.get(name) or {}).get("program") or {}
        known: dict[str, int] = {}
        for row in program.get("functions", ()):
            known[row["stage"]] = known.get(row["stage"], 0) + len(row["units"])
        for row in program.get("opaque", ()):
            if widths.get(row["stage"]) == known.get(row["stage"], 0):
                opaque.update(dict.fromkeys(f"{row['stage']}[{unit}]" for unit in row["units"]))
    return tuple(opaque)


def _told(subject: Subject, name: str, suspicion: Suspicion) -> Finding:
    """The suspicion as a finding, its guard measured on clean play and on its own states."""
    evidence = {
        key: value for key, value in suspicion.evidence.items() if key != "branch"
    }  # guard and otherwise say it
    try:
        measured = guard_evidence(subject, suspicion)
    except AgentScopeError as problem:
        measured = {"guard not measured": str(problem)}
    evidence = {**measured, **evidence}
    where: dict[str, Any] = {"layer": None, "units": [], "line": suspicion.line or None}
    return Finding(
        name, suspicion.kind, suspicion.severity, suspicion.summary, guard=suspicion.guard, where=where,  # type: ignore[arg-type]
        otherwise=suspicion.otherwise, score=suspicion.score, competence_loss=suspicion.loss, evidence=evidence,
    )  # fmt: skip


def _placed(subject: Subject, suspicion: Suspicion, finding: Finding) -> tuple[Finding, Place | None]:
    """The finding with the units that it hangs on, where some meet the bars; else the best found, as a figure."""
    try:
        found = place(subject, suspicion)
    except AgentScopeError as problem:
        return replace(finding, evidence={**finding.evidence, "place": f"not looked for: {problem}"}), None
    if found is None:
        told = {"place": "no units of one layer bring back half of the decisions"}
        return replace(finding, evidence={**finding.evidence, **told}), None
    where = finding.where if not found.complete else {**finding.where, "layer": found.layer, "units": list(found.units)}
    figures = place_evidence(found, held_at_input=_is_input(subject, found.layer))
    return replace(finding, where=where, evidence={**finding.evidence, **figures}), found


def _is_input(subject: Subject, layer: str) -> bool:
    """Whether a place is what the network reads, as ids or as a code of them, and no unit that it computes."""
    return layer == OBSERVATION or any(known.coded for known in subject.network.layers if known.name == layer)


def place_evidence(found: Place, *, held_at_input: bool) -> dict[str, Any]:
    """The figures of a place."""
    what = "its input" if held_at_input else "the layer"
    figures: dict[str, Any] = {
        "ablation": found.ablation.kind,
        "behaviour removed by ablating the units": {
            "value": found.after.restored if found.removed is None else found.removed, "n": found.n,
            "on": "states that show it",
        },
        "clean return kept": {"value": found.kept, "n": found.episodes, "on": "clean episodes"},
        "removed by as many other units": {
            "value": found.control.restored, "n": found.control.draws, "on": f"draws of units of {what}",
        },
        "place": "all bars met"
        if found.complete
        else f"below the bars (.9 removed, .95 kept): {', '.join(found.units)}",
    }  # fmt: skip
    if held_at_input:
        figures["held at"] = "its input"
    if found.elsewhere:
        figures["elsewhere"] = ["+".join(units) for units in found.elsewhere]
    return figures


def guard_evidence(subject: Subject, suspicion: Suspicion) -> dict[str, Any]:
    """How often a guard holds in clean play (0: dormant), and where the suspicion shows and does not show it.

    Raises: TextError: the guard does not parse.
    """
    if suspicion.guard is None:
        return {}
    held, clean = subject.holds(suspicion.guard, subject.clean.states), subject.clean
    rate = measures.episode_interval(held, clean.episode, generator=subject.streams.generator("audit.bootstrap"))
    if not held.any():
        rate = Interval(0.0, 0.0, min(1.0, 3.0 / rate.n), rate.n)  # rule of three
    rows: dict[str, Any] = {
        "hit_rate": {"value": rate.mean, "low": rate.low, "high": rate.high, "episodes": rate.n, "n": len(held),
                     "on": "clean play"},
    }  # fmt: skip
    for name, states in (("shown", suspicion.shown), ("plain", suspicion.plain)):
        if states is not None and len(states):
            holds = float(subject.holds(suspicion.guard, states).mean())
            rows[f"guard holds on {name}"] = {"value": holds, "n": len(states), "on": f"{name} states"}
    return rows


def _made_with(agent: OpenAgent, subject: Subject, detectors: Sequence[Detector]) -> dict[str, Any]:
    return made_with(
        agent, budget=subject.budget.name, seed=subject.streams.seed, declared=subject.declared,
        detectors=[detector.name for detector in detectors],
    )  # fmt: skip


@dataclass
class _Clock:
    """CPU seconds of each stage, added where a stage comes again."""

    progress: ProgressCallback
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.process_time()
        self.progress(f"audit: {name}", 0, 1)
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.process_time() - started, 3)
        self.progress(f"audit: {name}", 1, 1)
