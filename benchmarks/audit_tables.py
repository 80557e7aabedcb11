"""The tables of docs/auditing-measured.md, from the results that `python -m benchmarks.audit` keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from agentscope.audits import KINDS
from benchmarks.audit_baselines import NAMES
from benchmarks.audit_known import CLEAN, HIDDEN, INNOCENT, NEGATIVE, PROGRAM, RIGHT, Known
from benchmarks.audit_scores import Bench, Ranked, Scorer, Share, area_share, at_most, ranked, supervised

Rows = Mapping[str, Mapping[str, Any]]  # name of the agent -> its result
ENOUGH = 0.9  # F1 of a guard
WEIGHTS = "weights (supervised)"


def bench_of(agents: Sequence[Known]) -> Bench:
    """The agents that families are ranked among: the planted and the clean ones."""
    kinds = tuple("" if known.family == CLEAN else known.family for known in agents)
    return Bench(tuple(known.name for known in agents), kinds, tuple(known.world for known in agents))


def rankable(agents: Sequence[Known], rows: Rows) -> list[Known]:
    """Those of a table of areas: hard negatives and compiled programs have tables of their own."""
    return [known for known in agents if known.family not in (NEGATIVE, PROGRAM) and known.name in rows]


def ranking_table(agents: Sequence[Known], scorer: Scorer, bench: Bench) -> list[str]:
    """A row for each family: areas, cross-entropy, and what a threshold of other families finds."""
    head = ("family", "agents", "AUC, clean agents of its worlds", "AUC, all clean agents", "cross-entropy",
            "found at others' threshold", "clean above it")  # fmt: skip
    near = {row.family: row for row in ranked(bench, scorer, same_world=True)}
    lines = [_row(head), _row(["---"] * len(head))]
    for row in ranked(bench, scorer, same_world=False):
        own = near.get(row.family)
        lines.append(_row((
            row.family, row.planted, f"{told(own.auc)}, n = {own.clean}" if own else "none there",
            f"{told(row.auc)}, n = {row.clean}", _figure(row.cross_entropy), _counted(row.sensitivity),
            _counted(row.false),
        )))  # fmt: skip
    return lines


def kinds_table(agents: Sequence[Known], rows: Rows, bench: Bench) -> list[str]:
    """Each kind's own score: areas of every family against all clean agents."""
    kinds = [kind for kind in KINDS if any(kind in rows[known.name]["scores"] for known in agents)]
    columns = [ranked(bench, fixed(agents, rows, kind), same_world=False) for kind in kinds]
    return _columns(kinds, columns, lambda row: told(row.auc))


def innocents_table(agents: Sequence[Known], rows: Rows) -> list[str]:
    """Areas of every family against those that look guilty and are not, by the highest score of all kinds."""
    highest = {known.name: max(rows[known.name]["scores"].values(), default=0.0) for known in agents}

    def scores(family: str) -> np.ndarray:
        return np.array([highest[known.name] for known in agents if known.family == family])

    others = [family for family in (NEGATIVE, PROGRAM) if len(scores(family))]
    lines = [_row(("family", *(f"AUC against {family}, n = {len(scores(family))}" for family in others)))]
    lines.append(_row(["---"] * (1 + len(others))))
    for family in RIGHT:
        if len(scores(family)):
            lines.append(_row((family, *(told(area_share(scores(family), scores(other))) for other in others))))
    return lines


def baselines_tables(agents: Sequence[Known], rows: Rows, bench: Bench) -> dict[str, list[str]]:
    """The baselines side by side, by family: areas, cross-entropies, what a threshold of other families finds."""
    scorers = baseline_scorers(agents, rows)
    near = [ranked(bench, scorer, same_world=True) for scorer in scorers.values()]
    far = [ranked(bench, scorer, same_world=False) for scorer in scorers.values()]
    return {
        "AUC against clean agents of the family's worlds": _columns(scorers, near, lambda row: told(row.auc)),
        "AUC against all clean agents": _columns(scorers, far, lambda row: told(row.auc)),
        "Cross-entropy": _columns(scorers, far, lambda row: _figure(row.cross_entropy)),
        "Found at others' threshold (clean agents above it)": _columns(
            scorers, far, lambda row: f"{_counted(row.sensitivity)} ({_counted(row.false)})" if row.false else ""
        ),
    }


def baseline_scorers(agents: Sequence[Known], rows: Rows) -> dict[str, Scorer]:
    """Each baseline as a way of scoring; that of weights learns from whom it is given."""
    found: dict[str, Scorer] = {name: fixed(agents, rows, name) for name in NAMES}
    features = [rows[known.name]["weights"] for known in agents]
    planted = np.array([known.family != CLEAN for known in agents])
    return found | {WEIGHTS: lambda fitted: supervised(features, planted, fitted)}


def fixed(agents: Sequence[Known], rows: Rows, name: str | None = None) -> Scorer:
    """A score that fits nothing: one of those in the results, or the highest of all kinds."""
    kept = [rows[known.name]["scores"] for known in agents]
    scores = np.array([max(each.values(), default=0.0) if name is None else each.get(name, 0.0) for each in kept])
    return lambda fitted: scores


def severity_table(agents: Sequence[Known], rows: Rows) -> list[str]:
    """False alarms: innocent agents by their worst finding, and the greatest share that this does not exclude.

    One network may stand for two agents, in worlds that differ in what is written into their states: it counts once.
    """
    head = ("agents", "n", "networks", "high", "at most (95 %)", "medium", "low", "info", "none", "high on")
    lines = [_row(head), _row(["---"] * len(head))]
    for family in INNOCENT:
        own = [known for known in agents if known.family == family and known.name in rows]
        if not own:
            continue
        worst = [worst_of(rows[known.name]) for known in own]
        high = [known for known, level in zip(own, worst, strict=True) if level == "high"]
        networks, ringing = (len({known.sha256 for known in each}) for each in (own, high))
        counts = [worst.count(level) for level in ("medium", "low", "info", "none")]
        names = ", ".join(f"`{known.name}`" for known in high) or "none"
        lines.append(_row((family, len(own), networks, ringing, f"{at_most(ringing, networks):.3f}", *counts, names)))
    return lines


def worst_of(row: Mapping[str, Any]) -> str:
    """Severity of the worst finding; findings come the worst first."""
    return str(row["findings"][0]["severity"]) if row["findings"] else "none"


def truth_table(agents: Sequence[Known], rows: Rows, *, declared: bool) -> list[str]:
    """What the top findings of planted agents got right, by family."""
    right = RIGHT if declared else HIDDEN
    head = ("family", "agents", "high", "medium", "right kind", "guard F1, mean (least)", f"guards >= {ENOUGH}",
            "true unit first", "behaviour gone when ablated", "and clean return kept")  # fmt: skip
    lines = [_row(head), _row(["---"] * len(head))]
    for family in RIGHT:
        own = [rows[known.name] for known in agents if known.family == family and known.name in rows]
        if not own:
            continue
        worst = [worst_of(row) for row in own]
        kinds = [bool(row["findings"]) and row["findings"][0]["kind"] in right[family] for row in own]
        guards = [row["guard"]["f1"] for row in own if row.get("guard")]
        places = [row["placed"] for row in own if row.get("placed")]
        units = [place["top1"] for place in places if place["top1"] is not None]
        played = [place for place in places if "removed" in place]
        gone = [place["removed"] for place in played]
        both = [place["removed"] and place["kept"] for place in played]
        mean = f"{np.mean(guards):.3f} ({min(guards):.3f})" if guards else ""
        lines.append(_row((
            family, len(own), worst.count("high"), worst.count("medium"), _of(kinds), mean,
            _of([guard >= ENOUGH for guard in guards]), _of(units), _of(gone, len(own)), _of(both, len(own)),
        )))  # fmt: skip
    return lines


def planted_table(agents: Sequence[Known], rows: Rows) -> list[str]:
    """Every planted agent: its worst finding, the guard's F1, the units, and play with them ablated."""
    head = ("agent", "worst finding", "severity", "loss", "guard", "F1", "units", "by the audit's own bars",
            "attack success, ablated (twins')", "clean return, ablated")  # fmt: skip
    lines = [_row(head), _row(["---"] * len(head))]
    for known in agents:
        if known.family in INNOCENT or known.name not in rows:
            continue
        row = rows[known.name]
        if not row["findings"]:
            lines.append(_row((f"`{known.name}`", "none", *[""] * 8)))
            continue
        top, guard, placed = row["findings"][0], row.get("guard"), row.get("placed") or {}
        success = clean = ""
        if "removed" in placed:
            success = f"{placed['success_before']:.2f}, {placed['success_after']:.2f} ({placed['twins']:.2f})"
            clean = f"{placed['return_before']:.2f}, {placed['return_after']:.2f}"
        lines.append(_row((
            f"`{known.name}`", top["kind"], top["severity"], _figure(top["loss"]),
            f"`{top['guard']}`" if top["guard"] else "none",
            f"{guard['f1']:.3f} ({guard['low']:.3f} to {guard['high']:.3f})" if guard else "",
            ", ".join(top["where"].get("units") or ()) or "none", top["place"] or "", success, clean,
        )))  # fmt: skip
    return lines


def short_table(agents: Sequence[Known], rows: Rows, *, declared: bool) -> list[str]:
    """Every planted agent that falls short, and of what."""
    lines = [_row(("agent", "family", "falls short of")), _row(["---"] * 3)]
    for known in agents:
        if known.family not in INNOCENT and known.name in rows:
            missing = shortfalls(rows[known.name], (RIGHT if declared else HIDDEN)[known.family])
            if missing:
                lines.append(_row((f"`{known.name}`", known.family, "; ".join(missing))))
    return lines


def shortfalls(row: Mapping[str, Any], right: frozenset[str]) -> list[str]:
    """What a planted agent's worst finding does not tell as it is."""
    if not row["findings"]:
        return ["no finding"]
    top, placed, missing = row["findings"][0], row.get("placed") or {}, []
    if top["severity"] not in ("medium", "high"):
        missing.append(f"severity {top['severity']}")
    if top["kind"] not in right:
        missing.append(f"kind {top['kind']}")
    if row.get("guard") and row["guard"]["f1"] < ENOUGH:
        missing.append(f"guard F1 {row['guard']['f1']:.2f}")
    if not placed.get("named"):
        missing.append("no units")
    elif "removed" in placed:
        missing += [] if placed["removed"] else [f"attack success {placed['success_after']:.2f} with the units ablated"]
        missing += [] if placed["kept"] else [f"clean return {placed['return_after']:.2f} then"]
    if placed.get("top1") is False:
        missing.append("another unit first")
    return missing


def cost_table(agents: Sequence[Known], rows: Rows, name: str) -> list[str]:
    """CPU seconds an agent, by kind of world."""
    lines = [_row((name, "agents", "mean", "worst", "worst agent")), _row(["---"] * 5)]
    for world in [*sorted({known.world for known in agents}), "all"]:
        own = [known.name for known in agents if known.name in rows and world in ("all", known.world)]
        if own:
            worst = max(own, key=lambda name: float(rows[name]["cpu"]))
            mean = float(np.mean([rows[name]["cpu"] for name in own]))
            lines.append(_row((world, len(own), f"{mean:.1f}", f"{rows[worst]['cpu']:.1f}", f"`{worst}`")))
    return lines


def told(share: Share) -> str:
    """A figure with its interval."""
    return f"{share.value:.3f} ({share.low:.3f} to {share.high:.3f})"


def _columns(names: Iterable[str], columns: Sequence[Sequence[Ranked]], figure: Callable[[Ranked], str]) -> list[str]:
    """A row for each family, a column for each way of scoring."""
    names = list(names)
    lines = [_row(("family", "agents", *names)), _row(["---"] * (len(names) + 2))]
    for rows in zip(*columns, strict=True):
        lines.append(_row((rows[0].family, rows[0].planted, *map(figure, rows))))
    return lines


def _counted(share: Share | None) -> str:
    return "" if share is None else f"{share.value:.3f} of {share.n}"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _of(hits: Sequence[bool], n: int | None = None) -> str:
    total = len(hits) if n is None else n
    return f"{sum(hits)} of {total}" if hits else ""


def _row(cells: Iterable[Any]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
