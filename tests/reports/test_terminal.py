"""The terminal view: readable at 100 columns, strangers' strings never read as markup."""

import dataclasses
import io

from rich.console import Console

from agentscope.records import Comparison
from agentscope.reports import build_report, probe_document, with_comparison
from agentscope.reports.probed import probe_view
from agentscope.reports.tables import records_table
from agentscope.reports.terminal import document_view, report_view


def shown(view, width=100, terminal=False):
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=terminal, color_system="standard" if terminal else None).print(view)
    return out.getvalue()


def test_the_view_holds_gist_strategy_and_tables_within_100_columns(inspection):
    text = shown(report_view(build_report(inspection)))
    assert max(len(line) for line in text.splitlines()) <= 100
    for words in ("The agent fails in 5%", "if holes() > 3:", "0.875", "0.860-0.890", "identical episodes", "> tree",
                  "2 read from the network", "0.800-0.850", "non-linear",
                  "Read from the state, for want of a readout: lamp",
                  "has structure, shared with another seed", "correlation with toy-2", "29.5"):  # fmt: skip
        assert words in text, words


def test_without_level_2_and_residual_nothing_is_said_of_them(inspection):
    text = shown(report_view(build_report(dataclasses.replace(inspection, levels=(), residual=None))))
    assert "1 concepts from the state" in text and "level 2 by primitive" not in text and "residual" not in text


def test_what_is_least_explained_stands_first(inspection):
    text = shown(report_view(build_report(inspection)))
    table = text[text.index("least first") :]
    assert table.index("edited ") < table.index("network ")
    table = text[text.index("concepts:") :]
    assert table.index("height") < table.index("holes")


def test_markup_and_escape_sequences_of_strangers_are_shown_as_text(inspection):
    attack = "[bold red]x[/bold red][link=file:///etc/passwd]y[/link]\x1b[2J"
    hostile = dataclasses.replace(
        inspection,
        agent={**inspection.agent, "name": attack},
        findings=(dataclasses.replace(inspection.findings[0], summary=attack),),
        strategy=dataclasses.replace(inspection.strategy, text=f"# {attack}\n", form=attack),
    )
    report = with_comparison(
        build_report(hostile), Comparison(attack, "cd" * 32, inspection.fidelity, {"line": 1, "text": attack})
    )
    text = shown(report_view(report), width=200, terminal=True)
    assert "\x1b[2J" not in text and "\x1b]8" not in text
    assert "[bold red]x[/bold red]" in shown(report_view(report), width=200)


def test_a_probe_shows_every_control_and_the_gain(inspection):
    report = build_report(inspection)
    text = shown(
        probe_view(probe_document(report, inspection.primitives[:1], {"holes": {"top_states": [{"step": 4}]}}))
    )
    for words in ("is computed by the network", "use: untested", "untrained", "random", "+0.300", "top states", "900"):
        assert words in text, words


def test_documents_of_unknown_parts_are_shown_whole():
    text = shown(
        document_view({"line": 3, "values": {"holes()": 4}, "board": "ab\ncd", "rows": [{"a": [1]}]}, title="t")
    )
    for words in ("line: 3", "holes()", "  cd", "rows"):
        assert words in text, words


def test_a_table_of_no_numbers_and_of_brackets_is_plain():
    assert "[x]" in shown(records_table("t [y]", [{"name [z]": "[x]"}]))
