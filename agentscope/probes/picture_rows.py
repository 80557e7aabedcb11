"""A picture of a drive in plain values, for report.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentscope.contracts import InspectableEnv
from agentscope.probes.pictures import Picture, Shown

MOST_UNITS = 12  # that are named; a readout's direction has as many as its layer
DIGITS = 6


def picture_row(picture: Picture, env: InspectableEnv) -> dict[str, Any]:
    """What `strip_of` draws, in numbers and names: states by episode and step, never as pictures."""
    drive, found = picture.drive, picture.found
    return {
        "drive": drive.name,
        "layer": drive.layer,
        "units": list(drive.units[:MOST_UNITS]),
        "unit_count": len(drive.units),
        "states": picture.states,
        "episodes": picture.episodes,
        "mean": _rounded(picture.mean),
        "lowest": _rounded(picture.lowest),
        "highest": _rounded(picture.highest),
        "threshold": _rounded(picture.threshold),
        "most": [_shown_row(each, env) for each in picture.most],
        "below": [_shown_row(each, env) for each in picture.below],
        "least": [_shown_row(each, env) for each in picture.least],
        "found": None
        if found is None
        else {
            "reading": _rounded(found.reading),
            **_named(picture.found_place, env),
            "above_visited": found.above_visited,
            "start_reading": _rounded(found.start_reading),
            "edits": [{"feature": feature, "value": value} for feature, value in found.edits],
            "legality": found.legality,
            "evaluated": found.evaluated,
            "stopped": found.stopped,
            "starts": found.starts,
            "at_maximum": found.at_maximum,
        },
        "why": dict(picture.why),
    }


def _shown_row(shown: Shown, env: InspectableEnv) -> dict[str, Any]:
    row = {
        "episode": shown.episode,
        "step": shown.step,
        "reading": _rounded(shown.reading),
        **_named(shown.place, env),
    }
    kept = shown.kept
    if kept is None:
        return row
    return {
        **row,
        "kept": [list(cell) for cell in kept.cells],
        "kept_share": _rounded(kept.share),
        "kept_without_one": None if kept.without_one is None else _rounded(kept.without_one),
        "kept_fresh": _rounded(kept.fresh),
        "kept_fresh_states": kept.fresh_resamples,
    }


def _named(place: Mapping[str, int], env: InspectableEnv) -> dict[str, str]:
    """The position by the labels of its axes."""
    return {axis: env.axes[axis][index] for axis, index in place.items()}


def _rounded(value: float) -> float:
    return round(float(value), DIGITS)
