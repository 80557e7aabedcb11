"""Watch inside report.html, opened from disk: our viewer runs under the report's policy, and nothing else does."""

import copy
import dataclasses
import json

import numpy as np
import pytest

from agentscope.drawing import picture_uri
from agentscope.drawing.theme import DARK
from agentscope.reports import RunFolder, build_report, write_audit
from agentscope.reports.writing import write_inspection
from tests.reports.test_audited import FINDING, SHA, SIDE, WITNESS, block
from tests.reports.test_in_the_browser import colour
from tests.reports.test_watch_section import DOCUMENT, RUN, STEP

COLOURS = [picture_uri(np.full((4, 4, 3), shade, dtype=np.uint8)) for shade in (0, 80, 160, 240)]
ATTACK = '"><img src=x onerror=alert(1)><script>alert(1)</script>'


def step(index, *, same, action=1):
    said = {"action": action if same else 1 - action, "same": same, "regret": 0.5, "line": 1 + index % 2, "values": [],
            "scores": None}  # fmt: skip
    return {**STEP, "step": index, "picture": COLOURS[index % 4], "action": action, "levels": {"strategy": said}}


def document(**names):
    held = copy.deepcopy(DOCUMENT)
    key = "finding-1.1-shown"
    final = DOCUMENT["steps"]["0"]["final"]
    exam = [step(0, same=True), step(1, same=False), step(2, same=True)]
    witness = [step(at, same=False, action=action) for at, action in enumerate(SIDE["actions"])]
    held["steps"] = {
        "0": {"episode": "0", "track": "network", "from": 0, "steps": exam, "final": final},
        key: {"episode": key, "track": "network", "from": 0, "steps": witness, "final": final},
    }
    row = {**RUN["episodes"][0], "steps": 3}
    shown = {**row, "episode": key, "kind": "witness", "title": "finding 1, witness 1, shown", "steps": 2}
    held["run"] |= {"episodes": [row, shown]} | names
    return held


@pytest.fixture
def opened(tmp_path, inspection, visits):
    """The report of a folder with this watch.json, opened from disk."""

    def open_report(held, *, width=1280, after=""):
        folder = RunFolder(tmp_path, sha256=SHA)
        inspected = dataclasses.replace(inspection, watch=held)
        report = write_inspection(folder, build_report(inspected), inspected)
        finding = dataclasses.replace(FINDING, witnesses=({**WITNESS, "picture": None},))
        write_audit(folder, report, block(), (finding,), files={}, timings={})
        page = visits((tmp_path / "report.html").as_uri() + after, width=width)
        page.wait_for_selector(".as-counter")
        return page

    return open_report


def at(page):
    return page.text_content(".as-counter")


def test_keys_step_and_the_deciding_line_and_the_board_follow(opened):
    page = opened(document())
    assert at(page).startswith("step 0 of 3")
    first = page.get_attribute(".as-picture", "src")
    assert page.get_attribute(".as-line[aria-current]", "data-line") == "1"
    page.keyboard.press("ArrowRight")
    assert at(page).startswith("step 1 of 3") and page.get_attribute(".as-line[aria-current]", "data-line") == "2"
    assert [first, page.get_attribute(".as-picture", "src")] == COLOURS[:2]
    assert page.get_attribute(".as-badge", "data-kind") == "disagree"


def test_a_finding_leads_to_its_witness(opened):
    page = opened(document())
    page.click("text=watch witness 1, shown")
    page.wait_for_url(lambda address: "finding-1.1-shown" in address)  # the viewer writes where it is
    assert at(page).startswith("step 0 of 2")
    assert page.evaluate("document.getElementById('watch').getBoundingClientRect().top") < 900
    assert page.locator("a.watch-link").count() == 1  # the plain side is not embedded


def test_a_deep_link_opens_its_step(opened):
    assert at(opened(document(), after="#episode=0&step=2")).startswith("step 2 of 3")


def test_a_phone_needs_no_sideways_scrolling_and_the_theme_holds_for_the_viewer(opened):
    page = opened(document(), width=390)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.click("[data-set-theme=dark]")
    assert colour(page, ".as-viewer", "color") == DARK["ink"]


def test_a_stranger_s_names_stay_words_in_the_viewer(opened):
    levels = [{**RUN["levels"][1], "lines": [f"x = 1  # {ATTACK}", ATTACK], "title": ATTACK, "key": "strategy"}]
    marks = [{"kind": "disagreement", "episode": "0", "step": 1, "label": ATTACK, "value": 0.5}]
    page = opened(document(levels=levels, bookmarks=marks, actions=[ATTACK, ATTACK], why={ATTACK: ATTACK}))
    page.keyboard.press("ArrowRight")
    assert page.locator("#watch img[src=x]").count() == 0 and page.locator("#watch script").count() == 0
    assert ATTACK in page.text_content(".as-code") and ATTACK in page.text_content(".as-scores")


def test_what_no_reader_can_step_through_prints_nothing(opened):
    page = opened(document())
    page.emulate_media(media="print")
    assert not page.is_visible("#watch") and json.loads(page.text_content("#watch-data"))["steps"].keys() == {
        "0", "finding-1.1-shown",
    }  # fmt: skip
