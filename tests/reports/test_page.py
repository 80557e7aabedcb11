"""report.html: one offline file in which no string of the report can do anything."""

import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser

from agentscope.reports import build_report, report_page


class Outline(HTMLParser):
    """Tags and attributes of a page, the text of each script, and all other text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.scripts, self.inside, self.told = [], [], False, ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside = tag == "script"
        if self.inside:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.scripts[-1] += data
        else:
            self.told += data


def test_the_page_asks_nothing_of_any_other_place(inspection):
    page = report_page(build_report(inspection))
    outline = Outline(page)
    assert not re.search(r"https?://|//[a-z]+\.", page.split('<script type="application/json"')[0])
    assert not [1 for _, attributes in outline.tags if {"src", "srcset", "href"} & set(attributes)]
    assert not {tag for tag, _ in outline.tags} & {"link", "img", "iframe", "object", "embed", "form"}
    assert "url(" not in page and "@import" not in page


def test_the_policy_allows_the_one_script_by_its_hash_and_nothing_else(inspection):
    outline = Outline(report_page(build_report(inspection)))
    policy = next(a["content"] for tag, a in outline.tags if tag == "meta" and a.get("http-equiv"))
    digest = base64.b64encode(hashlib.sha256(outline.scripts[1].encode()).digest()).decode()
    assert policy.startswith("default-src 'none'") and f"script-src 'sha256-{digest}'" in policy
    assert len(outline.scripts) == 2


def test_the_report_lies_in_the_page_as_it_is(inspection):
    report = build_report(inspection)
    assert json.loads(Outline(report_page(report)).scripts[0]) == report


def test_an_injection_in_any_name_is_harmless(inspection):
    attack = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m"
    hostile = dataclasses.replace(
        inspection,
        agent={**inspection.agent, "name": attack},
        environment={**inspection.environment, "id": attack},
        primitives=tuple(dataclasses.replace(row, concept=attack + row.concept) for row in inspection.primitives),
        strategy=dataclasses.replace(inspection.strategy, form=attack, text=f"# {attack}\n"),
        why={"residual": attack},
    )
    page = report_page(build_report(hostile))
    outline = Outline(page)
    assert len(outline.scripts) == 2 and "\x1b" not in page
    assert not [tag for tag, _ in outline.tags if tag == "img"]


def test_the_page_fits_a_phone_and_follows_light_and_dark(inspection):
    page = report_page(build_report(inspection))
    assert "width=device-width" in page and "prefers-color-scheme:dark" in page


def test_the_page_shows_what_the_terminal_shows(inspection):
    page = report_page(build_report(inspection))
    for words in (
        "The agent fails in 5%",
        "0.875",
        "0.860-0.890",
        "0.969",
        "linear test",
        "absent",
        "30.5",
        "Strategy",
        "2 read from the network",
        "0.800-0.850",
        "non-linear",
        "Read from the state, for want of a readout: lamp",
        "has structure, shared with another seed",
        "correlation with toy-2",
    ):
        assert words in page, words
