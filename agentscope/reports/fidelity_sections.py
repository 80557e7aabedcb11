"""How far the text can be trusted: state sets, paired episodes, levels of zoom, residual, size against agreement."""

from __future__ import annotations

from agentscope.drawing import Bar, Dot, bars_svg, frontier_svg
from agentscope.reports.figures import (
    BASELINES_HEAD,
    FRONTIER_HEAD,
    LEVEL_HEAD,
    PERCEPTION_HEAD,
    Row,
    agreement_cells,
    baseline_note,
    baseline_rows,
    by_agreement,
    cell,
    episode_rows,
    frontier_cells,
    frontier_points,
    level_notes,
    level_rows,
    perception_rows,
    residual_rows,
    residual_title,
)
from agentscope.reports.markup import View, chart, escaped, folded_records, html_table
from agentscope.reports.sanitising import plain_text

SETS_HEAD = ("set", "states", "episodes", "agreement", "95 %", "raw", "without near-ties", "near-ties", "equally good",
             "regret", "fitted on it")  # fmt: skip


def fidelity_section(report: Row, view: View) -> str:
    """Agreement on every state set apart."""
    fidelity = report["fidelity"]
    return "" if not fidelity else "<h2>Agreement of text and network</h2>" + _sets(fidelity, view)


def _sets(fidelity: Row, view: View) -> str:
    """Chart and table of the state sets, least agreed first."""
    rows = by_agreement(fidelity)
    if not rows:
        return "<p class=note>No state set was measured.</p>"
    bars = [Bar(name, part["agreement"], part["low"], part["high"], f"n={part['states']:,}") for name, part in rows]
    drawn = "" if view.live else chart(bars_svg(bars, title="agreement by state set"))
    body = [(name, *agreement_cells(part)) for name, part in rows]
    features = (fidelity.get("edited") or {}).get("by_feature") or []
    details = folded_records("edited features", features) + "".join(
        folded_records(f"counterexamples: {name}", part["counterexamples"]) for name, part in rows
    )
    return drawn + html_table(SETS_HEAD, body) + details


def episodes_section(report: Row, view: View) -> str:
    """Text and network played on the same seeds."""
    episodes = (report["fidelity"] or {}).get("episodes")
    if not episodes:
        return ""
    return f"<h2>Played on the same {episodes['n']:,} seeds</h2>" + html_table(
        ("", "mean", "95 %"), episode_rows(episodes)
    )


def levels_section(report: Row, view: View) -> str:
    """What each level of zoom agrees in, and which primitive costs what."""
    levels = report["levels"] or []
    rows = level_rows(levels)
    if not rows:
        return ""
    perception = perception_rows(levels)
    by_primitive = html_table(("concept", *PERCEPTION_HEAD), perception) if perception else ""
    notes = "".join(f"<p class=note>{escaped(note)}</p>" for note in level_notes(levels))
    return f"<h2>Levels of zoom</h2>{html_table(('level', *LEVEL_HEAD), rows)}{by_primitive}{notes}"


def residual_section(report: Row, view: View) -> str:
    """What of the scores the text leaves."""
    residual = report["residual"]
    if not residual:
        return ""
    note = f"<p class=note>{escaped(residual_title(residual))}</p>"
    return f"<h2>What the text leaves</h2>{note}{html_table(('', 'figure', '95 %'), residual_rows(residual))}"


def frontier_section(report: Row, view: View) -> str:
    """Every text that was tried, and beside them what needs no text: students, twins, ceilings."""
    strategy = report["strategy"]
    if not strategy or not strategy["frontier"]:
        return ""
    points = frontier_points(strategy)
    dots = [Dot(p["lines"], p["agreement"], plain_text(p["form"]), chosen) for p, chosen in points]
    drawn = "" if view.live else chart(frontier_svg(dots, title="agreement against lines of text"))
    body = [(point["form"] + (" (printed)" if chosen else ""), *frontier_cells(point)) for point, chosen in points]
    said = baseline_note(strategy)
    note = f"<p class=note>{escaped(said)}</p>" if said else ""
    beside = baseline_rows(report)
    table = f"<h3>Beside them</h3>{html_table(BASELINES_HEAD, beside)}" if beside else ""
    return f"<h2>Size against agreement</h2>{drawn}{html_table(('form', *FRONTIER_HEAD), body)}{note}{table}"


def comparisons_section(report: Row, view: View) -> str:
    """Texts of the user's own, each with its state sets."""
    parts = []
    for row in report["comparisons"]:
        worst = f"<p>Most often wrong: {escaped(cell(row['worst_line']))}</p>" if row["worst_line"] else ""
        parts.append(f"<h2>Comparison: {escaped(row['name'])}</h2>{worst}{_sets(row['fidelity'], view)}")
    return "".join(parts)
