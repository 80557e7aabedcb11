"""Watch in the report: a sound watch.json is embedded, a stranger's does nothing, what is missing has its reason."""

import base64
import copy
import hashlib
import json

import numpy as np
import pytest

from agentscope.drawing import picture_uri
from agentscope.reports import RunFolder, build_report, coloured_lines, read_watch, report_page
from agentscope.reports.watch_section import MOST_COLOURED, WATCH_CAP
from tests.reports.test_page import Outline

SHA = "ab" * 32
PICTURE = picture_uri(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
STEP = {"step": 0, "picture": PICTURE, "alt": "a board", "action": 1, "reward": 0.5, "return": 0.0, "value": None,
        "value_of": None, "scores": [0.25, 0.75], "same_as": None, "gap": 0.5, "near_tie": False,
        "levels": {"strategy": {"action": 0, "same": False, "regret": 0.5, "line": 2, "values": [],
                                "scores": None}}}  # fmt: skip
RUN = {"schema": "agentscope/watch/1", "agent": {"name": "toy", "sha256": SHA, "algorithm": "DQN"},
       "environment": {"id": "toys:Toy-v0", "kwargs": {}}, "actions": ["left", "right"], "other": None,
       "levels": [{"key": "gist", "title": "gist", "sentences": ["It walks."]},
                  {"key": "strategy", "title": "strategy", "why": None, "agreement": 0.5,
                   "lines": ["def strategy(state) -> action:", "    return left"]}],
       "episodes": [{"episode": "0", "kind": "exam", "title": "episode 0", "steps": 1, "return": 0.5, "end": "over",
                     "disagreements": 1, "first_divergence": 0, "success": None}],
       "bookmarks": [{"kind": "disagreement", "episode": "0", "step": 0, "label": "text: left", "value": 0.5}],
       "board": None, "unit": 0.5, "why": {}}  # fmt: skip
DOCUMENT = {"run": RUN, "steps": {"0": {"episode": "0", "track": "network", "from": 0, "steps": [STEP],
                                        "final": {"picture": PICTURE, "alt": "the end", "return": 0.5, "end": "over"}}},
            "tracks": {"text": {}}, "why": {}}  # fmt: skip


@pytest.fixture
def report(inspection):
    return build_report(inspection)


@pytest.fixture
def watched(tmp_path, report):
    """What is read of a watch.json with this content."""

    def read(document):
        folder = RunFolder(tmp_path, sha256=SHA)
        text = document if isinstance(document, str) else json.dumps(document)
        folder.write_text("watch.json", text)
        return read_watch(folder, report)

    return read


def changed(path, value):
    document = copy.deepcopy(DOCUMENT)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return document


def nested(depth):
    return [] if depth == 0 else [nested(depth - 1)]


def test_a_sound_document_lies_in_the_page_with_its_texts_coloured(watched, report):
    found = watched(DOCUMENT)
    assert found.episodes == {"0"} and not found.why
    outline = Outline(report_page(report, watched=found))
    held = json.loads(outline.scripts[1])
    assert held == found.document and held["steps"]["0"]["steps"][0] == STEP
    lines = held["run"]["levels"][1]["lines"]
    assert lines == coloured_lines("def strategy(state) -> action:\n    return left")
    assert '<span class="k">return</span>' in lines[1] and lines[1].startswith("    ")


def test_the_policy_allows_our_two_scripts_by_their_hashes_and_no_other(watched, report):
    outline = Outline(report_page(report, watched=watched(DOCUMENT)))
    policy = next(a["content"] for tag, a in outline.tags if tag == "meta" and a.get("http-equiv"))
    runs = [script for script, (_, a) in zip(outline.scripts, scripts_of(outline), strict=True) if "type" not in a]
    hashes = ["'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'" for script in runs]
    assert len(outline.scripts) == 4 and len(runs) == 2
    assert f"script-src {' '.join(hashes)};" in policy and policy.count("sha256-") == 2


def scripts_of(outline):
    return [(tag, attributes) for tag, attributes in outline.tags if tag == "script"]


def test_without_episodes_there_is_no_viewer_and_the_reason_is_told(tmp_path, report):
    found = read_watch(RunFolder(tmp_path, sha256=SHA), report)
    page = report_page(report, watched=found)
    assert found.document is None and "id=watch" not in page and "AgentScope.mount" not in page
    assert "no episode was kept to step through" in page and report_page(report) == page


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("[]", "not an object"),
        ("{", "Expecting"),
        ('{"run": NaN}', "no JSON number"),
        ("[" * 100_000, "recursion"),
        (changed(("why",), {"0/0": {"deep": nested(700)}}), "recursion"),
        ({"steps": {}}, "no run document"),
        (changed(("run", "schema"), "agentscope/watch/2"), "schema"),
        (changed(("run", "levels"), {}), "levels"),
        (changed(("run", "levels", 1, "lines"), [1]), "lines"),
        (changed(("steps", "0", "steps"), [{"step": "0"}]), "steps.0.steps.0"),
        (changed(("steps",), []), "steps"),
        (changed(("run", "agent", "sha256"), "cd" * 32), "another agent"),
        (" " * (WATCH_CAP + 1), "at most"),
    ],
)  # fmt: skip
def test_what_is_not_sound_is_left_out_with_the_reason(watched, report, document, said):
    found = watched(document)
    assert found.document is None and said in found.why["watch"], found.why
    assert found.why["watch"] in Outline(report_page(report, watched=found)).told


ATTACK = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m"


def test_a_stranger_s_strings_and_lines_do_nothing(watched, report):
    document = changed(("run", "levels", 1, "lines"), [ATTACK, "    return left\n<b>"])
    document["run"]["bookmarks"][0]["label"] = document["run"]["actions"][0] = ATTACK
    document["run"]["environment"][ATTACK] = ATTACK
    found = watched(document)
    page = report_page(report, watched=found)
    outline = Outline(page)
    assert len(outline.scripts) == 4 and not [tag for tag, _ in outline.tags if tag in ("img", "b")]
    assert "\x1b" not in page
    for line in found.document["run"]["levels"][1]["lines"]:
        assert {tag for tag, _ in Outline(line).tags} <= {"span"}, line


@pytest.mark.parametrize(
    "picture",
    ["http://example.org/x.png", "data:image/svg+xml;base64,PHN2Zz4=", "data:image/png;base64,AA\"onerror='x'",
     "data:text/html,<script>", "javascript:alert(1)", "DATA:image/png;base64,AA"],
)  # fmt: skip
def test_only_png_data_stays_of_pictures(watched, picture):
    document = changed(("steps", "0", "steps", 0, "picture"), picture)
    document["steps"]["0"]["final"]["picture"] = picture
    document["why"] = {"0/0": {"afterstates": [{"picture": picture, "action": 0}]}}
    held = watched(document).document
    places = (held["steps"]["0"]["steps"][0], held["steps"]["0"]["final"], held["why"]["0/0"]["afterstates"][0])
    assert [place["picture"] for place in places] == [None, None, None]
    assert watched(DOCUMENT).document["steps"]["0"]["final"]["picture"] == PICTURE


def test_a_very_long_text_stays_plain_but_escaped(watched):
    lines = ["x = 1 < 2"] * (MOST_COLOURED + 1)
    held = watched(changed(("run", "levels", 1, "lines"), lines)).document
    assert held["run"]["levels"][1]["lines"] == ["x = 1 &lt; 2"] * len(lines)


@pytest.mark.parametrize(
    "text", ["", "a\n\nb", "\n\na = 1\n", "# only a comment", "def f(x):\n    return x < 1", "f('a"]
)
def test_coloured_lines_are_as_many_as_the_lines_of_the_text(text):
    lines = coloured_lines(text)
    assert lines == coloured_lines(text + "\n\n")
    for line, plain in zip(lines, text.rstrip("\n").split("\n"), strict=True):
        assert Outline(f"<p>{line}</p>").told == plain


def test_blank_lines_at_the_end_of_an_embedded_text_stay(watched):
    held = watched(changed(("run", "levels", 1, "lines"), ["", "x", "", ""])).document
    assert len(held["run"]["levels"][1]["lines"]) == 4


@pytest.mark.parametrize(("actions", "kept"), [([1, 0], True), ([1], True), ([0, 1], False), (None, False)])
def test_a_witness_of_an_earlier_audit_is_left_out(tmp_path, report, actions, kept):
    key = "finding-1.1-shown"
    document = copy.deepcopy(DOCUMENT)
    document["steps"][key] = {**DOCUMENT["steps"]["0"], "episode": key}
    document["run"]["episodes"].append({**RUN["episodes"][0], "episode": key})
    document["run"]["bookmarks"].append({**RUN["bookmarks"][0], "episode": key})
    document["why"] = {f"{key}/0": {"toward": None}, "0/0": {"toward": None}}
    folder = RunFolder(tmp_path, sha256=SHA)
    folder.write_text("watch.json", json.dumps(document))
    finding = {**report["findings"][0], "witnesses": [{"shown": {"actions": actions}}]}
    found = read_watch(folder, {**report, "findings": [finding]})
    keys = {"0", key} if kept else {"0"}
    held = found.document
    assert found.episodes == keys and {row["episode"] for row in held["run"]["episodes"]} == keys
    assert {row["episode"] for row in held["run"]["bookmarks"]} == keys
    assert set(held["why"]) == {f"{each}/0" for each in keys}
    assert read_watch(folder, {**report, "findings": None}).episodes == {"0"}
