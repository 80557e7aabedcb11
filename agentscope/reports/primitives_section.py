"""What the network sees: the map of gains, each concept with its controls, and why it is judged so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agentscope.drawing import gain_map_svg
from agentscope.reports.figures import CONTROLS, Row, by_gain, primitive_cells
from agentscope.reports.markup import Markup, View, chart, concept_mark, folded_records, html_table, unit_mark
from agentscope.reports.sanitising import plain_text

MOST_UNITS = 4  # of a concept in its row; its card has them all


def primitives_section(report: Row, view: View) -> str:
    """Absent concepts first, then by gain."""
    if not report["primitives"]:
        return ""
    rows = by_gain(report["primitives"])
    head = ("concept", "kind", "metric", "layer", "score", *CONTROLS, "gain", "where", "use", "units")
    body = [
        (concept_mark(row["concept"], view), row["kind"], row["metric"], *primitive_cells(row), row["where"],
         row["use"], _units(row["units"], view))
        for row in rows
    ]  # fmt: skip
    reasons = [
        {"concept": row["concept"], "where": row.get("decided") or "-", "use": row.get("use_decided") or "-"}
        for row in rows
    ]
    judged = folded_records("Why each is judged so", reasons)
    drawn = "" if view.live else _gain_map(rows)
    return f"<h2>What the network sees</h2>{drawn}{html_table(head, body)}{judged}"


def _units(units: Sequence[str], view: View) -> Markup:
    """The first of the units, the number of the others."""
    named = ", ".join(unit_mark(str(unit), view) for unit in units[:MOST_UNITS])
    more = f" and {len(units) - MOST_UNITS} more" if len(units) > MOST_UNITS else ""
    return Markup(f"{named}{more}" if units else "-")


def _gain_map(primitives: Sequence[Row]) -> str:
    """Concept by layer, where the report has the layers of each probe."""
    layers = sorted({str(row.get("layer")): None for primitive in primitives for row in primitive.get("layers") or []})
    if not layers:
        return ""
    gains = np.full((len(primitives), len(layers)), np.nan)
    for index, primitive in enumerate(primitives):
        for row in primitive.get("layers") or []:
            if isinstance(row.get("gain"), int | float):
                gains[index, layers.index(str(row.get("layer")))] = row["gain"]
    names = [plain_text(row["concept"]) for row in primitives]
    return chart(gain_map_svg(gains, names, layers, title="gain of each concept over its best control, by layer"))
