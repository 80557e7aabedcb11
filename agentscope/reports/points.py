"""The shape of a decompilation in report.json, as whoever shows it needs it: a stranger's is checked before use."""

from __future__ import annotations

from typing import Any

from agentscope.reports.schema import Part, Row

Count = int | float  # JSON knows one kind of number


class FunctionPart(Part):
    """One function of a text."""

    name: str
    calls: list[str]
    units: list[Any]
    opaque: bool
    in_budget: bool
    note: str
    stage: str
    effect: float | None
    rows: Count
    inputs: Count
    weights: Count
    largest_weight: Count
    low: Count
    high: Count


class OpaquePart(Part):
    """A function that no named one explains."""

    stage: str
    units: list[Any]


class NaivePart(Part):
    """The text that was not shortened."""

    lines: Count


class ProgramPart(Part):
    """A text: its size and its call tree."""

    lines: Count
    leaves: Count
    leaves_in_budget: Count
    operations: Count
    opaque_effect: float | None
    calls: list[str]
    functions: list[FunctionPart]
    opaque: list[OpaquePart]
    naive: NaivePart


class LeavesPart(Part):
    """How many leaves were proved, and how."""

    table: Count
    solver: Count
    untested: Count
    failed: Count
    every_input: bool


class PlayedPart(Part):
    """The zip as SB3 plays it."""

    states: Count
    disagreements: Count


class EqualityPart(Part):
    """Text beside the simplified network."""

    states: Count
    disagreements: Count
    nodes: Count
    nodes_failed: Count
    substituted_changed: Count
    largest_sum_bits: float
    leaves: LeavesPart
    sb3: PlayedPart


class PointPart(Part):
    """One simplified network and its text."""

    nonzero: Count
    bits: Count
    reached: bool
    return_ratio: float | None
    return_ratio_low: float | None
    return_ratio_high: float | None
    agreement: dict[str, Row | None]
    program: ProgramPart
    equality: EqualityPart


class TriedPart(Part):
    """One simplified network of the frontier."""

    name: str
    shape: Any
    weights: Any
    activations: Any
    numbers: Count
    bits: Count
    agreement: float | None
    clear: float | None
    regret: float | None
    return_ratio: float | None
    return_ratio_low: float | None
    return_ratio_high: float | None


class RecoveredPart(Part):
    """The program that was read back."""

    lines: Count
    disagreements: Count
    states: Count
    text: str


class DecompilationPart(Part):
    """Both points."""

    close: PointPart | None = None
    small: PointPart | None = None
    frontier: list[TriedPart] | None = None
    recovered: RecoveredPart | None = None


class Holder(Part):
    """What a report says of it."""

    decompilation: DecompilationPart | None


def check_decompilation(block: Row | None) -> None:
    """Refuse a decompilation that lacks what is shown of it.

    Raises: pydantic.ValidationError: a key is missing or holds the wrong type.
    """
    Holder.model_validate({"decompilation": block})
