"""Where a concept is, in a word and with the figures that decided it; and whether training put it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from agentscope.records import Primitive

MARGIN = 0.05  # design section 6: what counts as better
HELD = 0.9  # share of what the raw input leaves open that a layer closes which holds the concept (decision 8)
TOP = 0.99  # a raw input that scores this much leaves nothing to compute
TIMES = 3.0  # an interchange effect so many times that of untrained twins is learned

Where = Literal["computed", "input", "absent"]
Row = Mapping[str, Any]  # of Primitive.layers


def closed_share(score: float, control: float) -> float:
    """Share of what a control leaves open that a score closes: 1 at a perfect score, 0 at the control's own."""
    return (score - control) / (1.0 - control) if control < 1.0 else 0.0


def where_is(row: Row, *, used: bool = False, held: float = HELD) -> Where:
    """Absent, in the input, or computed, from the figures of the best layer (design section 6, decision 8).

    A layer must beat both the constant and the control task by .05: against a control task far below the constant
    (R2 of random labels is negative), every failing probe would pass. The raw input has it if it comes within .05;
    near the top of a scale that says little, so there it must also come near the layer on the very states that it was
    fitted on. A layer that closes less than HELD of what the raw input leaves open shows something that goes with
    the concept: the concept is computed if the network is found to use it, else absent ("partly" in `decided`).

    Args:
        held: that share; another one shows how much hangs on it.
    """
    score, raw = row["score"], row["input"]
    if score < _floor(row) + MARGIN:
        return "absent"
    if raw is None:
        return "computed"
    if raw >= score - MARGIN:
        fitted = row["input_fitted"]
        beyond = fitted is not None and max(raw, fitted) < TOP and closed_share(score, max(raw, fitted)) >= held
        return "computed" if beyond else "input"
    return "computed" if used or closed_share(score, raw) >= held else "absent"


def _floor(row: Row) -> float:
    return float(row["constant"] if row["task"] is None else max(row["constant"], row["task"]))


def is_partly(row: Row) -> bool:
    """Readable beyond the raw input and the floor, but not held."""
    beyond = row["score"] >= _floor(row) + MARGIN and row["input"] is not None
    return bool(beyond and row["input"] < row["score"] - MARGIN and closed_share(row["score"], row["input"]) < HELD)


def learned(primitive: Primitive) -> bool:
    """Whether training put a computed concept there, rather than the architecture.

    It takes a gain of more than .05 over the best untrained twin that is significant (`Primitive.q`: 5 twins of a
    few weights differ by more than .05 among themselves), or an interchange effect of at least three times that of
    the best twin. Nothing can be said without twins.
    """
    if primitive.where != "computed":
        return False
    if primitive.significant and _gains(primitive):
        return True
    effect, theirs = primitive.evidence.interchange, primitive.evidence.interchange_untrained
    return effect is not None and theirs is not None and effect > MARGIN and effect >= TIMES * theirs


def _gains(primitive: Primitive) -> bool:
    score, untrained = primitive.score, primitive.controls.untrained
    return score is not None and untrained is not None and score - untrained > MARGIN


def settle(primitive: Primitive) -> Primitive:
    """The record with its verdicts made anew from its figures: call it again once the tests for use are in.

    Sets `where`, `learned` and `decided`; a concept that could not be scored stays as it is.
    """
    row = next((row for row in primitive.layers if row["layer"] == primitive.layer), None)
    if row is None:
        return primitive
    judged = replace(primitive, where=where_is(row, used=primitive.use == "used"))
    judged = replace(judged, learned=learned(judged))
    return replace(judged, decided=decided(judged, row))


def decided(primitive: Primitive, row: Row) -> str:
    """One line with the figures that decided where the concept is."""
    floor = [f"{_figure(row['constant'])} constant"]
    floor += [f"{_figure(row['task'])} control task"] if row["task"] is not None else []
    said = f"{_figure(row['score'])} against {_figure(row['input'])} from the raw input, {', '.join(floor)}"
    layer = primitive.layer
    if primitive.where == "computed":
        how = "computed, partly, and used," if is_partly(row) else "computed"
        text = f"{how} in {layer}: {said}; {_learned(primitive, row)}"
    elif primitive.where == "input":
        text = f"input: {said}, in {layer}"
    elif is_partly(row):
        closes = closed_share(row["score"], row["input"])
        text = (f"absent, though partly readable in {layer}: {said}; it closes {_figure(closes)} of what the raw input "
                f"leaves open, a layer that holds it {_figure(HELD)}")  # fmt: skip
    else:
        text = f"absent: {said}, in {layer}, the best layer"
    return text + _beyond_lines(row)


def _learned(primitive: Primitive, row: Row) -> str:
    if row["untrained"] is None:
        return "no untrained twin to compare with"
    twin = f"{_figure(row['untrained'])} in the best untrained twin"
    if not primitive.learned:
        return f"not learned: {twin}" + (
            f", which may be chance (q {_figure(primitive.q)})" if _gains(primitive) else ""
        )
    if primitive.significant and _gains(primitive):
        return f"learned: {twin}"
    evidence = primitive.evidence
    return (f"learned: interchange {_figure(evidence.interchange)} against {_figure(evidence.interchange_untrained)} "
            f"in untrained twins, {twin}")  # fmt: skip


def _beyond_lines(row: Row) -> str:
    """Where a small non-linear readout finds more than the linear one."""
    curved = row.get("nonlinear")
    if curved is None or curved <= row["score"] + MARGIN:
        return ""
    beside = "" if row["random"] is None else f" ({_figure(row['random'])} from random features of the raw input)"
    return f"; present, but not linearly: {_figure(curved)} by a non-linear readout{beside}"


def _figure(value: float | None) -> str:
    """Two decimals without the leading zero, as .99, -.04 or 1.00."""
    if value is None:
        return "nothing"
    text = f"{value:.2f}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text
