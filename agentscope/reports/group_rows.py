"""Groups, clusterability, named candidates and pictures as they are printed, in the terminal and on the page."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agentscope.reports.figures import Row, share, shown
from agentscope.reports.gist import counted, listed

LAYERS_HEAD = ("of", "found", "explain", "untrained network")
GROUPS_HEAD = ("units", "goes with", "share", "choice changes", "random groups", "matters")
MOST_UNITS = 6  # that are named of a group


def layer_rows(layers: Sequence[Row]) -> list[tuple[str, ...]]:
    """Each layer under LAYERS_HEAD: how many groups, the held-out variance that they foretell, the untrained twin's."""
    return [
        (shown(row["layer"]), row["of"], shown(row["verdict"]), share(row["explained"]), _untrained(row["untrained"]))
        for row in layers
    ]


def _untrained(row: Row) -> str:
    told = shown(row["verdict"])
    return told if row["explained"] is None else f"{told}, {share(row['explained'])}"


def group_rows(groups: Sequence[Row]) -> list[tuple[str, ...]]:
    """Each group under its number and GROUPS_HEAD."""
    return [
        (str(row["group"]), _units(row["units"]), goes_with(row), share(row["share"]), share(row["effect"]),
         f"{share(row['random_effect'])}, highest {share(row['random_highest'])}", "yes" if row["matters"] else "no")
        for row in groups
    ]  # fmt: skip


def _units(units: Sequence[int]) -> str:
    named = " ".join(map(str, units[:MOST_UNITS]))
    return named if len(units) <= MOST_UNITS else f"{named} and {len(units) - MOST_UNITS} more"


def goes_with(row: Row, concept: str = "") -> str:
    """The column that a group's strength goes with best, of all or of one concept (`piece=T` is one of piece)."""
    named = [each for each in row["concepts"] if re.split(r"[=\[(]", each["concept"])[0] == concept or not concept]
    if not named:
        return "no concept"
    best = max(named, key=lambda each: each["score"])
    less = "" if best["direction"] == "more" else "the less of "
    return shown(f"{less}{best['concept']} ({best['metric'].upper()} {best['score']:.2f})")


def probed_group_lines(rows: Sequence[Row], concept: str) -> list[str]:
    """The groups of a concept's layer in a few sentences: those that go with it, and what they do to play."""
    lines = []
    for row in rows:
        own = [group for group in row["groups"] if group["goes_with_it"]]
        told = f"Groups by {row['of']} in {row['layer']}: {row['verdict']}"
        if row["groups"]:
            told += f", {len(own)} of them with this concept" if own else ", none of them with this concept"
        lines.append(shown(told + "."))
        for group in own[:3]:
            drawn = f"random groups {share(group['random_effect'])}, highest {share(group['random_highest'])}"
            lines.append(
                f"  units {_units(group['units'])}: {goes_with(group, concept)}; resampled together they change "
                f"{share(group['effect'])} of the choices ({drawn})."
            )
    return lines


def picture_line(row: Row) -> str:
    """One picture in a sentence: what it is of, where it lies, what it shows."""
    told = f"{row['file']}: {row['told']}, in {row['states']:,} visited states; reads {_number(row['lowest'])} to "
    told += _number(row["highest"])
    kept = next((each for each in row["most"] if each.get("kept") is not None), None)
    if kept is not None:
        told += f"; {counted(len(kept['kept']), 'cell')} of the highest keep it ({share(kept['kept_fresh'])} of mixes)"
    found = row["found"]
    if found and found["above_visited"]:
        told += f"; {counted(len(found['edits']), 'legal edit' if found['legality'] != 'unknown' else 'edit')} "
        told += f"bring it to {_number(found['reading'])}"
    return shown(told + ".")


def cluster_line(found: Row) -> str:
    """Whether the weights fall into parts, in a sentence."""
    told = f"Weights behind the first layer: {found['verdict']}"
    cuts = [f"{cut['n_cut']:.2f} against {cut['shuffled']:.2f}" for cut in found["cuts"]]
    return shown(told + (f" (n-cuts {listed(cuts)} shuffled, {found['shuffles']:,} shuffles)." if cuts else "."))


def candidate_lines(groups: Row) -> list[str]:
    """Strong units that no declared concept explains, each with the expression that says best what it does."""
    lines = []
    for row in groups["candidates"]:
        told = row["told"]
        if not row["explains"]:
            told = f"no short expression predicts it either (the best: {row['metric']} {row['score']:.2f})"
        lines.append(
            shown(
                f"{row['layer']}[{row['unit']}] decides {share(row['importance'])} of the choices, and no declared "
                f"concept explains it (R2 {row['explained']:.2f}): {told}."
            )
        )
    if not lines:
        lines.append(
            "Of the units that matter most, none decides 0.01 of the choices by itself without a concept to explain it."
        )
    return lines


def _number(value: float) -> str:
    return f"{value:.3g}"
