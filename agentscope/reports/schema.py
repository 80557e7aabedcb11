"""The published shape of report.json (schema agentscope/report/1): add keys, never rename one (docs/formats.md)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

SCHEMA = "agentscope/report/1"
FINDINGS_SCHEMA = "agentscope/findings/1"
Scalar = bool | int | float | str | None
Row = dict[str, Any]


class Part(BaseModel):
    """A block of the report. Keys that a newer version added are kept when the file is written again."""

    model_config = ConfigDict(extra="allow", strict=True)


class RunPart(Part):
    """Which command made the report, with what."""

    command: str
    seed: int
    versions: dict[str, str]
    budget: str


class AgentPart(Part):
    """Whose report it is."""

    name: str
    sha256: str
    algorithm: str
    parameters: int
    mode: str


class EnvironmentPart(Part):
    """Where it was measured, and which parts of the contract the environment offers."""

    id: str
    kwargs: dict[str, Scalar]
    provides: list[str]
    missing: list[str]
    reward_concepts: list[str] | None = None
    concepts_file: Row | None = None


class CeilingPart(Part):
    """The best agreement that any function of the vocabulary could reach."""

    agreement: float
    states: int
    aliased: list[Row]


class VocabularyPart(Part):
    """What a text may call."""

    concepts: list[str]
    distinct_share: float | None
    ceiling: CeilingPart | None
    black_box: float | None


class ControlsPart(Part):
    """Scores of the controls beside a probe."""

    input: float | None
    untrained: float | None
    random: float | None
    task: float | None


class EvidencePart(Part):
    """Figures of the tests for use."""

    erasure: float | None
    erasure_control: float | None
    interchange: float | None
    no_effect: float | None


class PrimitivePart(Part):
    """One concept as the network may hold it."""

    concept: str
    kind: str
    layer: str | None
    metric: str
    score: float | None
    controls: ControlsPart
    gain: float | None
    selectivity: float | None
    where: Literal["computed", "input", "absent"]
    use: Literal["used", "unused", "untested"]
    evidence: EvidencePart
    units: list[str]


class FrontierPart(Part):
    """One text on the frontier of size and fidelity."""

    form: str
    lines: int
    constants: int
    bits: int
    agreement: float
    without_near_ties: float | None = None


class StrategyPart(Part):
    """The readable procedure."""

    form: str
    text: str
    lines: int
    conditions: int
    constants: int
    bits: int
    primitives: list[str]
    opaque: list[str | Row]
    frontier: list[FrontierPart]
    baseline: Row | None = None


class AgreementPart(Part):
    """Agreement of text and network on one state set."""

    states: int
    episodes: int
    agreement: float
    low: float | None
    high: float | None
    raw: float
    without_near_ties: float | None
    near_tie_share: float
    equally_good: float | None
    regret: float | None
    fitted_on: bool
    by_feature: list[Row]
    counterexamples: list[Row]


class IntervalPart(Part):
    """A mean with its interval."""

    mean: float
    low: float | None
    high: float | None


class EpisodesPart(Part):
    """Text and network played on the same seeds."""

    n: int
    identical: float
    first_divergence: float | None
    network_return: IntervalPart
    strategy_return: IntervalPart
    difference: IntervalPart
    mass: float | None


class FidelityPart(Part):
    """Every state set apart: never averaged."""

    network: AgreementPart | None
    strategy: AgreementPart | None
    edited: AgreementPart | None
    reachable: AgreementPart | None
    unseen_levels: AgreementPart | None
    episodes: EpisodesPart | None


class NoiseFloorPart(Part):
    """How well a small neural student, and the same agent from another seed, agree."""

    student: Row | None
    other_seed: float | None


class ResidualPart(Part):
    """What of the network's scores the text leaves, and what that is."""

    share: float
    verdict: Literal["structure", "noise", "undecided", "nothing left"]
    structure: Row | None
    shared: Row | None
    ablated_return: Row


class GroupsPart(Part):
    """What units do together, beside an untrained network, and what of them has no name."""

    layers: list[Row]
    clusterability: Row
    units: list[Row]
    candidates: list[Row]


class LevelPart(Part):
    """One level of zoom."""

    level: int
    set: str | None
    agreement: float | None
    states: int | None


class FindingPart(Part):
    """One reason to look twice."""

    detector: str
    kind: str
    severity: Literal["info", "low", "medium", "high"]
    summary: str
    guard: str | None
    where: Row
    competence_loss: float | None
    witnesses: list[Row]
    searched: str
    evidence: Row = {}
    otherwise: str = ""
    score: float | None = None


class AuditPart(Part):
    """What an audit was made with, and what each detector searched, whether it found anything or not."""

    made_with: Row
    detectors: list[Row]


class ComparisonPart(Part):
    """A text of the user's, measured against the network."""

    name: str
    sha256: str
    fidelity: FidelityPart
    worst_line: Row | None


class ReportModel(Part):
    """The whole of report.json, in the order in which it is written."""

    # pydantic's base class warns about a field called `schema`, hence the alias
    schema_: Literal["agentscope/report/1"]
    run: RunPart
    agent: AgentPart
    environment: EnvironmentPart
    gist: list[str]
    vocabulary: VocabularyPart | None
    primitives: list[PrimitivePart] | None
    groups: GroupsPart | None = None
    pictures: list[Row] | None = None
    strategy: StrategyPart | None
    fidelity: FidelityPart | None
    noise_floor: NoiseFloorPart | None
    residual: ResidualPart | None
    levels: list[LevelPart] | None
    decompilation: Row | None
    audit: AuditPart | None = None
    findings: list[FindingPart] | None
    comparisons: list[ComparisonPart]
    why: dict[str, str]
    timings: dict[str, float]


class FindingsModel(Part):
    """The whole of findings.json."""

    schema_: Literal["agentscope/findings/1"]
    agent: AgentPart
    environment: EnvironmentPart
    audit: AuditPart | None
    findings: list[FindingPart]


TOP_KEYS = tuple(name.rstrip("_") for name in ReportModel.model_fields)


def validated(document: dict[str, Any], model: type[Part] = ReportModel) -> dict[str, Any]:
    """The document checked against the schema, its keys in the published order.

    Raises: pydantic.ValidationError: a key is missing or holds the wrong type.
    """
    renamed = {("schema_" if key == "schema" else key): value for key, value in document.items()}
    dumped = model.model_validate(renamed).model_dump()
    return {("schema" if key == "schema_" else key): value for key, value in dumped.items()}
