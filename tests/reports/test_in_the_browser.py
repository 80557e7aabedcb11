"""report.html as people meet it: from disk, on a phone, in both themes, on paper; no request, no error (`visits`)."""

import json
import re

import pytest

from agentscope.drawing.theme import DARK, LIGHT
from agentscope.reports import RunFolder, build_report, write_audit
from agentscope.reports.writing import write_inspection
from tests.reports.test_audited import FILM, FINDING, SHA, block
from tests.reports.test_sections import decompiled

LONG = "word_" * 40  # a name that no screen holds in one line


@pytest.fixture
def address(tmp_path, inspection):
    folder = RunFolder(tmp_path, sha256=SHA)
    report = decompiled(build_report(inspection))
    row = {**report["primitives"][0], "concept": LONG}
    report = {**report, "gist": [f"The agent fails: {LONG}."], "primitives": [row, *report["primitives"]]}
    report = write_inspection(folder, report, inspection)
    write_audit(folder, report, block(), (FINDING,), files={"finding-1.webp": FILM}, timings={})
    return (tmp_path / "report.html").as_uri()


def colour(page, selector="body", what="backgroundColor"):
    told = page.eval_on_selector(selector, f"element => getComputedStyle(element).{what}")
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", told)[:3])


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_makes_the_page_scroll_sideways(visits, address, width):
    page = visits(address, width=width)
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    outside = page.evaluate(
        """width => Array.from(document.querySelectorAll("main > *, section > *"))
            .filter(part => part.getBoundingClientRect().right > width).map(part => part.outerHTML.slice(0, 80))""",
        width,
    )
    assert outside == []


def test_the_theme_is_the_system_s_until_one_is_chosen_and_is_kept(visits, address):
    assert colour(visits(address)) == LIGHT["paper"]
    page = visits(address, scheme="dark")
    assert colour(page) == DARK["paper"]
    page.click("[data-set-theme=light]")
    assert colour(page) == LIGHT["paper"] and page.get_attribute("[data-set-theme=light]", "aria-pressed") == "true"
    page.reload()
    assert colour(page) == LIGHT["paper"]
    page.click("[data-set-theme=dark]")
    assert colour(page) == DARK["paper"] and colour(page, "h1", "color") == DARK["ink"]
    page.click("[data-set-theme=auto]")
    assert colour(page) == DARK["paper"] and page.get_attribute("html", "data-theme") is None


def test_a_chart_follows_the_theme(visits, address):
    page = visits(address)
    assert colour(page, ".chart text", "fill") == LIGHT["ink"]
    page.click("[data-set-theme=dark]")
    assert colour(page, ".chart text", "fill") == DARK["ink"]


def test_paper_is_light_has_no_buttons_and_cuts_no_code(visits, address):
    page = visits(address, scheme="dark")
    page.click("[data-set-theme=dark]")
    page.emulate_media(media="print")
    assert colour(page) == LIGHT["paper"] and not page.is_visible("#download") and not page.is_visible(".themes")
    cut = page.evaluate(
        "Array.from(document.querySelectorAll('.code')).filter(p => p.scrollWidth > p.clientWidth).length"
    )
    assert cut == 0 and page.is_visible("#findings")
    assert len(page.pdf()) > 10_000


def test_the_keyboard_reaches_what_scrolls_and_focus_is_seen(visits, address):
    page = visits(address, width=390)
    page.focus("[data-set-theme=auto]")
    page.keyboard.press("Tab")
    focused = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert page.evaluate("document.activeElement.dataset.setTheme") == "light" and focused == "solid"
    assert page.evaluate("Array.from(document.querySelectorAll('.wide, .code')).every(part => part.tabIndex === 0)")


def test_report_json_is_saved_from_the_page(visits, address, tmp_path):
    page = visits(address)
    with page.expect_download() as waiting:
        page.click("#download")
    saved = json.loads(waiting.value.path().read_text())
    assert waiting.value.suggested_filename == "report.json"
    assert saved == json.loads((tmp_path / "report.json").read_text())
