"""A report in the terminal, as rich renderables: what is not explained stands first. Nothing is printed here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from agentscope.reports.decompiled import decompilation_view
from agentscope.reports.figures import (
    CONTROLS,
    FRONTIER_HEAD,
    LEVEL_HEAD,
    PERCEPTION_HEAD,
    Row,
    agreement_cells,
    baseline_note,
    by_agreement,
    by_gain,
    cell,
    episode_rows,
    finding_rows,
    frontier_cells,
    frontier_points,
    level_notes,
    level_rows,
    perception_rows,
    primitive_cells,
    residual_rows,
    residual_title,
    share,
    shown,
    size_of,
)
from agentscope.reports.group_rows import LAYERS_HEAD, candidate_lines, cluster_line, layer_rows
from agentscope.reports.sanitising import plain_text
from agentscope.reports.tables import add_row, columns_table, records_table, titled_table

SET_HEAD = ("states", "epi-\nsodes", "agree-\nment", "95 %", "raw", "no near-\nties", "near-\nties", "equally\ngood",
            "regret", "fitted\non it")  # fmt: skip


def report_view(report: Row) -> Group:
    """The whole report: gist, strategy, where text and network part, fidelity, rollouts, frontier, primitives."""
    return Group(*_parts(report))


def _parts(report: Row) -> Iterator[RenderableType]:
    agent, environment = report["agent"], report["environment"]
    yield Rule(Text(shown(f"{agent['name']} in {environment['id']}"), style="bold"))
    yield from gist_view(report["gist"])
    if report["strategy"]:
        yield from strategy_view(report["strategy"])
    if report["fidelity"]:
        yield from fidelity_view(report["fidelity"])
    if report["levels"]:
        yield from levels_view(report["levels"])
    if report["residual"]:
        yield residual_table(report["residual"])
    if report["strategy"] and report["strategy"]["frontier"]:
        yield frontier_table(report["strategy"])
    if report["primitives"]:
        yield primitives_table(report["primitives"])
    if report["groups"]:
        yield from groups_view(report["groups"])
    if report["decompilation"]:
        yield from decompilation_view(report["decompilation"])
    if report["findings"]:
        yield findings_table(report["findings"])
    for comparison in report["comparisons"]:
        yield from comparison_view(comparison)


def gist_view(sentences: Sequence[str]) -> Iterator[RenderableType]:
    """Numbered sentences; the first, which says what fails, in colour."""
    for index, sentence in enumerate(sentences):
        row = Table.grid(padding=(0, 1))
        row.add_column(width=2, justify="right", style="dim")
        row.add_column()
        row.add_row(str(index + 1), Text(shown(sentence), style="bold yellow" if index == 0 else ""))
        yield row


def strategy_view(strategy: Row) -> Iterator[RenderableType]:
    """The text as it runs, in colours, under its size."""
    yield Text("")
    yield Rule(Text(shown(f"strategy: {size_of(strategy)}")), align="left")
    code = plain_text(str(strategy["text"]), multiline=True).rstrip()
    yield Padding(Syntax(code, "python", theme="ansi_dark", background_color="default", word_wrap=True), (0, 0, 0, 2))


def fidelity_view(fidelity: Row) -> Iterator[RenderableType]:
    """Agreement on each state set, least agreed first, then the paired episodes."""
    table = titled_table("agreement of text and network, least first")
    table.columns[0].no_wrap = True
    for name in SET_HEAD:
        table.add_column(name, justify="right", no_wrap=True)
    for name, part in by_agreement(fidelity):
        add_row(table, name, *agreement_cells(part))
    yield table
    if fidelity.get("episodes"):
        yield episodes_table(fidelity["episodes"])
    edited = fidelity.get("edited")
    if edited and edited["by_feature"]:
        yield _features_line(edited["by_feature"])


def episodes_table(episodes: Row) -> Table:
    """Text and network on the same seeds: returns with intervals, identical episodes, first divergence."""
    table = titled_table(f"played on the same {episodes['n']:,} seeds", head="")
    for name in ("mean", "95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in episode_rows(episodes):
        add_row(table, *row)
    return table


def levels_view(levels: Sequence[Row]) -> Iterator[RenderableType]:
    """Agreement level by level, and what reading each primitive from the network costs."""
    yield columns_table("levels of zoom", "level", LEVEL_HEAD, level_rows(levels))
    rows = perception_rows(levels)
    if rows:
        yield columns_table("level 2 by primitive, costliest first", "concept", PERCEPTION_HEAD, rows)
    for note in level_notes(levels):
        yield Text(shown(note), style="dim")


def residual_table(residual: Row) -> Table:
    """Whether what the text leaves of the scores is structure or noise, and what it does to play."""
    return columns_table(residual_title(residual), "", ("figure", "95 %"), residual_rows(residual))


def frontier_table(strategy: Row) -> Table:
    """Size against agreement of every form tried, shortest first; `>` marks the text that was printed."""
    table = titled_table(
        "frontier: size against agreement (held-out states; all, where they are enumerated)", head="form"
    )
    for name in FRONTIER_HEAD:
        table.add_column(name, justify="right", no_wrap=True)
    for point, chosen in frontier_points(strategy):
        form = Text(("> " if chosen else "  ") + shown(point["form"]), style="bold" if chosen else "")
        add_row(table, form, *frontier_cells(point))
    note = baseline_note(strategy)
    if note:
        table.caption, table.caption_justify = Text(note, style="dim"), "left"
    return table


def primitives_table(primitives: Sequence[Row]) -> Table:
    """Each concept with its best layer, its controls and the gain over the best of them; absent ones first."""
    table = titled_table("concepts: absent first, then by gain over the best control", head="concept")
    table.add_column("layer", no_wrap=True)
    for name in ("score", *CONTROLS, "gain"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("where", no_wrap=True)
    table.add_column("use", no_wrap=True)
    for row in by_gain(primitives):
        place = Text(row["where"], style={"absent": "red", "input": "yellow", "computed": "green"}[row["where"]])
        add_row(table, shown(row["concept"]), *primitive_cells(row), place, row["use"])
    return table


def groups_view(groups: Row) -> Iterator[RenderableType]:
    """Groups of each hidden layer beside an untrained network's, the weights' parts, what has no name."""
    rows = layer_rows(groups["layers"])
    yield columns_table("groups of units, beside an untrained network", "layer", LAYERS_HEAD, rows)
    yield Text("")
    for line in (*candidate_lines(groups), cluster_line(groups["clusterability"])):
        yield Text(line, style="dim")


def comparison_view(comparison: Row) -> Iterator[RenderableType]:
    """A text of the user's: its fidelity, the line most often wrong, the first counterexamples."""
    yield Rule(Text(shown(f"comparison: {comparison['name']} (sha256 {comparison['sha256'][:8]})"), style="bold"))
    worst = comparison["worst_line"]
    if worst:
        rest = {name: value for name, value in worst.items() if name not in ("line", "text")}
        told = f"Most often wrong is line {cell(worst.get('line'))}: {worst.get('text', '')} ({cell(rest)})"
        yield Text(shown(told), style="bold yellow")
    yield from fidelity_view(comparison["fidelity"])
    examples = (comparison["fidelity"].get("network") or {}).get("counterexamples") or []
    if examples:
        yield records_table("counterexamples on the network's states, costliest first", examples[:5])
        yield from drawn_state(examples[0])


def drawn_state(example: Row) -> Iterator[RenderableType]:
    """The state of a counterexample as its environment draws it, where that takes more than one line."""
    state = example.get("state")
    if isinstance(state, str) and "\n" in state:
        yield Text("\nthe first of them:", style="dim")
        yield Padding(Text(plain_text(state, multiline=True)), (0, 0, 0, 2))


def document_view(document: Row, *, title: str) -> Group:
    """A document of its own, of `check` or `explain`: its parts in their order, records as tables."""
    lines: list[RenderableType] = [Rule(Text(shown(title), style="bold"))]
    for name, value in document.items():
        head = shown(name.replace("_", " "))
        if isinstance(value, list | tuple) and value and all(isinstance(row, Mapping) for row in value):
            lines.append(records_table(head, value))
        elif isinstance(value, Mapping):
            rows = [{"name": key, "value": item} for key, item in value.items()]
            lines.append(records_table(head, rows) if rows else Text(f"{head}: none", style="dim"))
        elif isinstance(value, str) and "\n" in value:
            lines += [Text(f"{head}:", style="dim"), Padding(Text(plain_text(value, multiline=True)), (0, 0, 0, 2))]
        else:
            lines.append(Text.assemble((f"{head}: ", "dim"), cell(value)))
    return Group(*lines)


def findings_table(findings: Sequence[Row]) -> Table:
    """Reasons to look twice, the severest first."""
    table = titled_table("findings", head="severity")
    for name in ("kind", "summary"):
        table.add_column(name)
    for row in finding_rows(findings):
        add_row(table, *row)
    return table


def _features_line(features: Sequence[Row]) -> Text:
    """The edited features on which text and network agree least."""
    rows = [row for row in features if row.get("agreement") is not None]
    worst = sorted(rows, key=lambda row: (row["agreement"], str(row.get("feature"))))[:5]
    told = ", ".join(f"{row.get('feature')} {share(row['agreement'])}" for row in worst)
    return Text(shown(f"Edited features agreed on least: {told}."), style="dim")
