"""Sections: the page shows the very tables of the report, without its charts, with links of its own."""

import re

import pytest

from agentscope.errors import BadOption
from agentscope.reports import RunFolder, View, baselines_of, build_report, report_page, section_html, write_audit
from agentscope.reports.sections import SECTIONS
from tests.reports.test_audited import FINDING, SHA, block
from tests.reports.test_page import Outline

FUNCTION = {
    "calls": [], "units": [0, 1], "stage": "hidden_1", "opaque": False, "in_budget": True, "effect": 0.25, "inputs": 3,
    "weights": 4, "largest_weight": 5, "operations": 6, "rows": 0, "low": 0, "high": 9, "note": "<b>",
}  # fmt: skip


def decompiled(report):
    functions = [
        {**FUNCTION, "name": "top", "calls": ["unit", "top"], "units": list(range(30))},
        {**FUNCTION, "name": "unit", "opaque": True, "in_budget": False, "units": [7]},
    ]
    program = {"functions": functions, "calls": ["top"], "lines": 20, "leaves": 1, "leaves_in_budget": 0,
               "operations": 12, "opaque": [{"stage": "hidden_1", "units": [7]}], "opaque_effect": 0.25,
               "naive": {"lines": 40}}  # fmt: skip
    proof = {"states": 9, "disagreements": 0, "nodes": 2, "nodes_failed": 0, "substituted_changed": 0,
             "leaves": {"table": 1, "solver": 0, "untested": 0, "failed": 0, "every_input": True},
             "sb3": {"disagreements": 0, "states": 9}, "largest_sum_bits": 4.0}  # fmt: skip
    point = {"reached": True, "nonzero": 3, "bits": 12, "agreement": {}, "return_ratio": None, "return_ratio_low": None,
             "return_ratio_high": None, "program": program, "equality": proof}  # fmt: skip
    return {**report, "decompilation": {"small": point, "close": None, "frontier": [], "recovered": None}}


@pytest.fixture
def report(inspection):
    return build_report(inspection)


@pytest.fixture
def audited(tmp_path, report):
    return write_audit(RunFolder(tmp_path, sha256=SHA), report, block(), (FINDING,), files={}, timings={})


def test_an_unknown_section_is_refused_by_name(report):
    with pytest.raises(BadOption, match="no section nothing"):
        section_html(report, "nothing")


@pytest.mark.parametrize("name", list(SECTIONS))
def test_no_section_holds_a_script_and_every_report_has_each_or_nothing(report, name):
    outline = Outline(section_html(decompiled(report), name))
    assert not outline.scripts and "style" not in [tag for tag, _ in outline.tags]


def test_the_page_gets_the_tables_of_the_report_without_its_charts(report):
    whole = report_page(report)
    for name in ("fidelity", "frontier", "levels", "residual", "episodes"):
        fragment = section_html(report, name)
        tables = re.findall("<table>.*?</table>", fragment)
        assert tables and all(table in whole for table in tables), name
        assert "<svg" not in fragment, name
    assert "<svg" in whole


def test_what_needs_no_text_stands_beside_the_frontier(report):
    rows = baselines_of(report)
    assert rows["neural student of 300 parameters"]["agreement"] == 0.90625
    assert rows["ceiling of the vocabulary"]["agreement"] == 0.984375
    assert "same agent, another seed" not in rows
    fragment = section_html(report, "frontier")
    assert "0.906" in fragment and "0.984" in fragment and "tree (printed)" in fragment


def test_concepts_units_and_functions_are_links_in_the_page_and_plain_in_the_report(report):
    live = section_html(decompiled(report), "program")
    still = section_html(decompiled(report), "program", view=View())
    assert 'data-function="top" href="?tab=program&amp;point=small&amp;function=top"' in live
    assert 'data-unit="hidden_1[7]" href="?tab=primitives&amp;unit=hidden_1%5B7%5D"' in live
    assert "<a " not in still and 'data-unit="hidden_1[7]"' in still and 'data-function="unit"' in still
    assert 'data-concept="holes" href="?tab=primitives&amp;concept=holes"' in section_html(report, "primitives")


def test_the_call_tree_tells_budget_effect_and_what_is_opaque_in_its_own_colour(report):
    html = section_html(decompiled(report), "program")
    assert html.count("<span class=opaque>") == 2  # the key and the one function
    assert "touches 0.25 of decisions" in html and "3 inputs, 4 weights up to 5" in html and "and 22 more" in html
    assert "&lt;b&gt;" in html and html.count('data-function="top"') == 1


def test_a_finding_links_to_its_witnesses_where_watch_holds_them(audited):
    live = section_html(audited, "findings")
    assert 'href="?tab=watch&amp;episode=finding-1.1-shown"' in live
    assert 'href="?tab=watch&amp;episode=finding-1.1-plain"' in live
    assert "Searched: 64 combinations" in live and "finding-1.html" not in live and 'data-unit="hidden_1[3]"' in live
    still = section_html(audited, "findings", view=View(episodes=frozenset({"finding-1.1-shown"})))
    assert 'href="#tab=watch&amp;episode=finding-1.1-shown"' in still and "finding-1.1-plain" not in still
    assert "watch-link" not in section_html(audited, "findings", view=View())


def test_a_link_carries_no_markup_of_a_stranger(report):
    attack = '"><script>alert(1)</script>'
    changed = {**report, "primitives": [{**report["primitives"][0], "concept": attack, "units": [attack]}]}
    for view in (View(), View(live=True)):
        outline = Outline(section_html(changed, "primitives", view=view))
        assert not outline.scripts
        assert attack in [attributes.get("data-concept") for _, attributes in outline.tags]


def test_reasons_name_what_the_page_itself_misses(report):
    assert "no viewer" in section_html(report, "reasons", view=View(why={"watch": "no viewer"}))
    assert "run `agentscope inspect`" in report_page(report)
