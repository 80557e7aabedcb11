"""What the page says of the inside: pictures of concepts, groups of units, weights, candidates for what has no name."""

from __future__ import annotations

import base64
import re
from html import escape

from agentscope.reports.figures import Row, share, shown
from agentscope.reports.group_rows import (
    GROUPS_HEAD,
    LAYERS_HEAD,
    candidate_lines,
    cluster_line,
    group_rows,
    layer_rows,
    picture_line,
)
from agentscope.reports.markup import View, html_table
from agentscope.reports.runs import RunFolder

PICTURE_NAME = re.compile(r"picture-[A-Za-z0-9_-]{1,100}\.png")
PICTURE_CAP = 4 * 2**20
MOST_PICTURES = 64
PNG = b"\x89PNG\r\n\x1a\n"


def read_pictures(folder: RunFolder, report: Row) -> dict[str, bytes]:
    """The PNG files that the report names and the folder holds; whatever else bears such a name is left out."""
    found = {}
    for row in (report["pictures"] or [])[:MOST_PICTURES]:
        name = str(row.get("file"))
        path = folder.path / name
        if PICTURE_NAME.fullmatch(name) and path.is_file() and path.stat().st_size <= PICTURE_CAP:
            content = path.read_bytes()
            if content.startswith(PNG):
                found[name] = content
    return found


def pictures_section(report: Row, view: View) -> str:
    """Each picture as data in the page, a concept's first one open."""
    parts, seen = [], set()
    for row in report["pictures"] or []:
        if row["file"] not in view.files:
            continue
        address = "data:image/png;base64," + base64.b64encode(view.files[row["file"]]).decode()
        told = escape(shown(row["told"]))
        figure = (
            f'<figure><img src="{address}" alt="{told}"><figcaption>{escape(picture_line(row))}</figcaption></figure>'
        )
        opened = "" if row["concept"] in seen else " open"
        seen.add(row["concept"])
        parts.append(f"<details{opened}><summary>{told}</summary>{figure}</details>")
    return "<h2>What it looks like</h2>" + "".join(parts) if parts else ""


def groups_section(report: Row, view: View) -> str:
    """Groups of each hidden layer behind their table, then the weights, single units and candidates."""
    groups = report["groups"]
    if not groups:
        return ""
    note = (
        "Units that vary together (activations) or decide together (attributions to the lead of the chosen action); "
        "the figure is the share of held-out variance that the groups foretell. An untrained network of the same "
        "architecture stands beside each."
    )
    parts = [f"<h2>Groups of units</h2><p class=note>{note}</p>"]
    parts.append(html_table(("layer", *LAYERS_HEAD), layer_rows(groups["layers"])))
    for row in groups["layers"]:
        if row["groups"]:
            told = escape(shown(f"{row['layer']}, {row['of']}: {row['verdict']}"))
            body = html_table(("group", *GROUPS_HEAD), group_rows(row["groups"]))
            parts.append(f"<details><summary>{told}</summary>{body}</details>")
    parts += [f"<p>{escape(line)}</p>" for line in (*candidate_lines(groups), cluster_line(groups["clusterability"]))]
    rows = [(row["layer"], str(each["unit"]), share(each["importance"]), f"{row['states']:,}")
            for row in groups["units"] for each in row["strongest"]]  # fmt: skip
    if rows:
        strongest = html_table(("layer", "unit", "choices that change", "states"), rows)
        parts.append(f"<details><summary>units that matter most by themselves</summary>{strongest}</details>")
    return "".join(parts)
