"""Rows and figures as they are printed, shared by the terminal view and the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agentscope.reports.gist import counted, figure, listed
from agentscope.reports.sanitising import plain_text

CONTROLS = ("input", "untrained", "random", "task")
SETS = ("network", "strategy", "edited", "reachable", "unseen_levels")
RETURNS = {"network_return": "network return", "strategy_return": "text return", "difference": "text minus network"}
FIRST = ("layer", "name", "id", "feature", "line", "text", "episode", "step", "score", *CONTROLS, "gain")
Row = Mapping[str, Any]


def by_agreement(fidelity: Row) -> list[tuple[str, Row]]:
    """The state sets that were measured, least agreed first."""
    rows = [(name, fidelity[name]) for name in SETS if fidelity.get(name)]
    return sorted(rows, key=lambda row: (row[1]["agreement"], row[0]))


def agreement_cells(part: Row) -> list[str]:
    """One state set in a row: states, episodes, agreement, interval, and all other figures of section 5."""
    shares = [share(part[name]) for name in ("without_near_ties", "near_tie_share", "equally_good", "regret")]
    fitted = "yes" if part["fitted_on"] else "no"
    counts = [f"{part['states']:,}", f"{part['episodes']:,}"]
    return [*counts, share(part["agreement"]), interval(part, between="-"), share(part["raw"]), *shares, fitted]


FRONTIER_HEAD = ("lines", "constants", "bits", "agreement", "no near-ties")


def frontier_points(strategy: Row) -> list[tuple[Row, bool]]:
    """The frontier, shortest first, each point with whether it is the text that was printed."""
    points = sorted(strategy["frontier"], key=lambda row: (row["lines"], row["bits"], row["form"]))
    return [(row, all(row[key] == strategy[key] for key in ("form", "lines", "constants", "bits"))) for row in points]


def frontier_cells(point: Row) -> list[str]:
    """One point of the frontier under FRONTIER_HEAD."""
    sizes = [f"{point[key]:,}" for key in ("lines", "constants", "bits")]
    return [*sizes, share(point["agreement"]), share(point.get("without_near_ties"))]


def baseline_note(strategy: Row) -> str:
    """What a text of the same form and size reaches that only knows the task; empty where none was fitted."""
    rival = strategy.get("baseline")
    if not rival or rival.get("agreement_without_near_ties") is None:
        return ""
    size = f" in {cell(rival['lines'])} lines" if rival.get("lines") is not None else ""
    return f"fitted to the optimal values alone: {cell(rival['agreement_without_near_ties'])} without near-ties{size}"


BASELINES_HEAD = ("what", "lines", "agreement", "no near-ties")
OPTIMUM = "best text of the optimal values alone"


def baselines_of(report: Row) -> dict[str, dict[str, Any]]:
    """What stands beside the frontier, by name: lines (None where it is no text), agreement, without_near_ties."""
    floor, vocabulary = report["noise_floor"] or {}, report["vocabulary"] or {}
    student, rival = floor.get("student"), (report["strategy"] or {}).get("baseline")
    found: dict[str, dict[str, Any]] = {}
    if student:
        name = f"neural student of {student['parameters']:,} parameters" if student.get("parameters") else "student"
        found[name] = {"agreement": student.get("agreement"), "without_near_ties": student.get("without_near_ties")}
    if floor.get("other_seed") is not None:
        found["same agent, another seed"] = {"agreement": floor["other_seed"]}
    if rival:
        found[OPTIMUM] = {key: rival.get(key) for key in ("lines", "agreement")}
        found[OPTIMUM]["without_near_ties"] = rival.get("agreement_without_near_ties")
    if (vocabulary.get("ceiling") or {}).get("agreement") is not None:
        found["ceiling of the vocabulary"] = {"agreement": vocabulary["ceiling"]["agreement"]}
    if vocabulary.get("black_box") is not None:
        found["boosted trees on the vocabulary"] = {"agreement": vocabulary["black_box"]}
    return found


def baseline_rows(report: Row) -> list[tuple[str, ...]]:
    """The same under BASELINES_HEAD."""
    return [
        (shown(name), cell(row.get("lines")), share(row.get("agreement")), share(row.get("without_near_ties")))
        for name, row in baselines_of(report).items()
    ]


def episode_rows(episodes: Row) -> list[tuple[str, str, str]]:
    """What was played on the same seeds: name, figure, interval."""
    rows = [(name, figure(episodes[key]["mean"]), interval(episodes[key], figure)) for key, name in RETURNS.items()]
    rows.append(("identical episodes", share(episodes["identical"]), ""))
    if episodes["first_divergence"] is not None:
        rows.append(("first divergence (median step)", figure(episodes["first_divergence"]), ""))
    shares = {"network_success": "network success", "strategy_success": "text success",
              "mass": "mean probability of the text's choice"}  # fmt: skip
    rows += [(name, share(episodes[key]), "") for key, name in shares.items() if episodes.get(key) is not None]
    extra = episodes.get("extra") or {}
    return rows + [(shown(name.replace("_", " ")), cell(value), "") for name, value in extra.items()]


LEVEL_HEAD = ("states", "agreement", "95 %", "loss", "linear readouts only")
PERCEPTION_HEAD = ("layer", "readout", "its score", "alone from the network", "alone from the state")


def level_rows(levels: Sequence[Row]) -> list[tuple[str, ...]]:
    """Each level that has an agreement, under LEVEL_HEAD."""
    names = {1: "1 concepts from the state", 2: "2 read from the network", 3: "3 decompilation"}
    return [
        (names.get(row["level"], str(row["level"])), f"{row['states']:,}", share(row["agreement"]),
         interval(row, between="-") if "low" in row else "-", share(row.get("loss")),
         share(row.get("linear_agreement")))
        for row in levels if row["agreement"] is not None
    ]  # fmt: skip


def perception_rows(levels: Sequence[Row]) -> list[tuple[str, ...]]:
    """Level 2 by primitive, the costliest first: agreement with it alone read from the network, and with all but it."""
    rows = [row for level in levels for row in level.get("perception") or []]
    rows.sort(key=lambda row: (row["alone"], row["concept"]))
    return [
        (shown(row["concept"]), shown(row["layer"]), row["readout"], share(row["score"]), share(row["alone"]),
         share(row["without"]))
        for row in rows
    ]  # fmt: skip


def level_notes(levels: Sequence[Row]) -> list[str]:
    """What level 2 leaves out, and where its readouts come from."""
    notes = []
    for row in levels:
        if row.get("read_from_state"):
            notes.append(f"Read from the state, for want of a readout: {listed(row['read_from_state'])}.")
        if row.get("fitted_on"):
            notes.append(f"Readouts were fitted on {row['fitted_on']}.")
    return notes


def residual_rows(residual: Row) -> list[tuple[str, str, str]]:
    """What of the scores the text leaves: name, figure, interval."""
    rows = [("residual's share of the scores' variance", share(residual["share"]), "")]
    structure, shared, played = (residual[name] for name in ("structure", "shared", "ablated_return"))
    if structure:
        rows.append(("predicted on held-out " + structure["held_out"], share(structure["r2"]), interval(structure)))
        rows.append(("the same of shuffled residuals", share(structure["control"]), ""))
    if shared:
        rows.append((f"correlation with {shown(shared['twin'])}", share(shared["correlation"]), interval(shared)))
    rows.append(("return of the network", figure(played["network"]), ""))
    rows.append(("without the residual (the text)", figure(played["strategy"]), ""))
    kept = "without its unpredicted part"
    return [*rows, (kept, figure(played["strategy_and_predicted"]), interval(played, figure))]


def residual_title(residual: Row) -> str:
    """The verdict in a few words."""
    shared = residual["shared"]
    said = {"structure": "has structure", "noise": "is noise", "undecided": "undecided", "nothing left": "next to none"}
    other = f", {shared['verdict']} with another seed's network" if shared else ""
    return f"residual of the scores beside the text: {said[residual['verdict']]}{other}"


def finding_rows(findings: Sequence[Row]) -> list[tuple[str, str, str]]:
    """Severity, kind and summary of each reason to look twice, the severest first."""
    order = {"high": 0, "medium": 1, "low": 2, "info": 3}
    rows = sorted(findings, key=lambda row: (order[row["severity"]], row["kind"], row["summary"]))
    return [(row["severity"], shown(row["kind"]), shown(row["summary"])) for row in rows]


def by_gain(primitives: Sequence[Row]) -> list[Row]:
    """Absent concepts first, then those that the input shows, each by gain: what is not explained stands on top."""
    order = {"absent": 0, "input": 1, "computed": 2}
    return sorted(primitives, key=lambda row: (order[row["where"]], row["gain"] or 0.0, row["concept"]))


def primitive_cells(row: Row) -> list[str]:
    """Layer, score, each control and the gain over the best of them."""
    gain = "-" if row["gain"] is None else f"{row['gain']:+.3f}"
    controls = [share(row["controls"][name]) for name in CONTROLS]
    return [shown(row["layer"] or "-"), share(row["score"]), *controls, gain]


def columns_of(rows: Sequence[Row]) -> list[str]:
    """Keys of the rows in the order of a table: what names the row first, then the figures, then the rest."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    return sorted(keys, key=lambda key: (FIRST.index(key) if key in FIRST else len(FIRST), keys.index(key)))


def size_of(strategy: Row) -> str:
    """Form and size of a text in one line."""
    counts = [counted(strategy[name], name[:-1]) for name in ("lines", "conditions", "constants", "bits")]
    return ", ".join([shown(strategy["form"]), *counts])


def share(value: float | None) -> str:
    """A share or score with three decimals, `-` where there is none; .9996 is not rounded up to 1."""
    if value is None:
        return "-"
    return ">.999" if 0.9995 <= value < 1 else f"{value:.3f}"


def interval(part: Row, digits: Callable[[float], str] = share, *, between: str = " to ") -> str:
    """Both ends of an interval, or `exact` where every state was measured."""
    if part["low"] is None or part["high"] is None:
        return "exact"
    return digits(part["low"]) + between + digits(part["high"])


def cell(value: Any) -> str:
    """Any value of a record in one short line."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return figure(value)
    if isinstance(value, list | tuple):
        return listed([cell(item) for item in value])
    if isinstance(value, Mapping):
        return shown(", ".join(f"{key}={cell(item)}" for key, item in value.items()))
    return shown(str(value))


def shown(text: str) -> str:
    """One line of a stranger's text; it reaches rich inside Text only, never as markup."""
    return plain_text(text)
