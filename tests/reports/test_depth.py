"""Pictures and groups on the page and in the folder: shown as what they are, and nothing else is let in."""

import dataclasses
import io

import pytest
from rich.console import Console

from agentscope.reports import RunFolder, build_report, read_report, report_page, with_pictures, write_primitives
from agentscope.reports.depth import PNG, read_pictures
from agentscope.reports.group_rows import candidate_lines, group_rows, picture_line, probed_group_lines
from agentscope.reports.terminal import report_view
from agentscope.reports.writing import write_inspection

SHA = "ab" * 32
SHOWN = {"episode": 3, "step": 2, "reading": 5.5, "kept": [[0, 1], [1, 1]], "kept_fresh": 0.75}
FOUND = {"reading": 9.25, "above_visited": True, "edits": [{"feature": "cell", "value": 1}], "legality": "legal"}
PICTURE = {"concept": "holes", "told": "the readout of holes in q_net.0", "file": "picture-holes.png",
           "states": 900, "lowest": -1.0, "highest": 5.5, "most": [SHOWN], "found": FOUND, "why": {}}  # fmt: skip
GROUP = {"group": 0, "units": list(range(8)), "share": 0.25, "stability": 0.95, "effect": 0.125,
         "random_effect": 0.0625, "random_highest": 0.09375, "matters": True,
         "concepts": [{"concept": "height[1]", "metric": "r2", "score": 0.75, "direction": "more"},
                      {"concept": "holes", "metric": "r2", "score": 0.5625, "direction": "less"}]}  # fmt: skip
LAYER = {"layer": "q_net.0", "of": "activations", "verdict": "1 groups", "rank": 1, "explained": 0.4375,
         "groups": [GROUP], "untrained": {"rank": None, "explained": None, "verdict": "no stable groups"}}  # fmt: skip
CANDIDATE = {"layer": "q_net.0", "unit": 5, "importance": 0.15625, "explained": 0.25, "cut": None,
             "explains": True, "metric": "R2", "score": 0.875,
             "told": "named candidate: holes() > 2 (R2 0.90 on held-out episodes)"}  # fmt: skip
CLUSTERS = {"layers": ["a", "b"], "units": 12, "shuffles": 200, "verdict": "no modular structure",
            "cuts": [{"clusters": 2, "n_cut": 0.5, "shuffled": 0.75, "z": None}]}  # fmt: skip
GROUPS = {"layers": [LAYER], "clusterability": CLUSTERS, "candidates": [CANDIDATE],
          "units": [{"layer": "q_net.0", "states": 256, "matter": 3,
                     "strongest": [{"unit": 5, "importance": 0.15625}]}]}  # fmt: skip


@pytest.fixture
def probed(tmp_path, inspection):
    """A folder into which a probe wrote one picture."""
    folder = RunFolder(tmp_path / "run", sha256=SHA)
    start = build_report(inspection)
    files = {"picture-holes.png": PNG + b"rest"}
    write_primitives(folder, start, inspection.primitives[:1], pictures=[PICTURE], files=files)
    return folder


def test_a_probe_leaves_its_picture_in_the_folder_the_report_and_the_page(probed):
    assert (probed.path / "picture-holes.png").read_bytes() == PNG + b"rest"
    (row,) = read_report(probed.path)["pictures"]
    assert row["concept"] == "holes" and row["most"][0]["kept"] == [[0, 1], [1, 1]]
    page = (probed.path / "report.html").read_text()
    assert page.count('<img src="data:image/png;base64,') == 1 and "the readout of holes in q_net.0" in page


def test_a_later_inspection_keeps_the_picture_and_a_later_probe_replaces_it(probed, inspection):
    write_inspection(RunFolder(probed.path, sha256=SHA), build_report(inspection), inspection)
    assert "<img src=" in (probed.path / "report.html").read_text()
    report = read_report(probed.path)
    assert len(report["pictures"]) == 1 and "pictures" not in report["why"]
    names = ["picture-height.png", "picture-height-unit.png"]
    both = with_pictures(report, ["height"], [{**PICTURE, "concept": "height", "file": name} for name in names])
    assert [row["file"] for row in both["pictures"]] == [*names, "picture-holes.png"]
    assert with_pictures(both, ["height", "holes"], [])["pictures"] is None


@pytest.mark.parametrize("name", ["../picture-x.png", "states.npz", "picture-x.svg", "picture-.png", "picture-a/b.png"])
def test_only_pictures_are_read_from_a_folder(probed, name):
    (probed.path / "states.npz").write_bytes(PNG)
    (probed.path.parent / "picture-x.png").write_bytes(PNG)
    report = {"pictures": [{**PICTURE, "file": name}]}
    assert read_pictures(probed, report) == {}
    assert list(read_pictures(probed, {"pictures": [PICTURE]})) == ["picture-holes.png"]


def test_what_is_no_png_or_too_large_is_left_out(probed, monkeypatch):
    report = {"pictures": [PICTURE]}
    monkeypatch.setattr("agentscope.reports.depth.PICTURE_CAP", 4)
    assert read_pictures(probed, report) == {}
    monkeypatch.undo()
    (probed.path / "picture-holes.png").write_bytes(b"<svg onload=alert(1)>")
    assert read_pictures(probed, report) == {}


def test_an_injection_in_names_of_pictures_and_groups_is_harmless(inspection):
    attack = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    layers = [{**LAYER, "layer": attack, "verdict": attack}]
    groups = {**GROUPS, "layers": layers, "candidates": [{**CANDIDATE, "told": attack}]}
    report = build_report(dataclasses.replace(inspection, groups=groups))
    report = with_pictures(report, ["holes"], [{**PICTURE, "told": attack}])
    page = report_page(report, {"picture-holes.png": PNG}).split('<script type="application/json"')[0]
    assert page.count("<img") == 1 and "<script>alert" not in page


def test_groups_stand_on_the_page_and_in_the_terminal_with_their_controls(inspection):
    report = build_report(dataclasses.replace(inspection, groups=GROUPS))
    out = io.StringIO()
    Console(file=out, width=100).print(report_view(report))
    for text in (report_page(report), out.getvalue()):
        for words in ("no stable groups", "0.438", "no modular structure", "q_net.0[5]", "holes()"):
            assert words in text, words
    assert max(len(line) for line in out.getvalue().splitlines()) <= 100
    assert "0.062, highest 0.094" in report_page(report)


def test_without_groups_the_report_says_why(inspection):
    report = build_report(inspection)
    assert report["groups"] is None and "agentscope inspect" in report["why"]["groups"]
    assert report["pictures"] is None and "agentscope probe" in report["why"]["pictures"]


def test_sentences_give_the_figures_of_their_rows():
    (row,) = group_rows([GROUP])
    assert row[1] == "0 1 2 3 4 5 and 2 more" and row[2] == "height[1] (R2 0.75)" and row[-1] == "yes"
    own = {**LAYER, "groups": [{**GROUP, "goes_with_it": True}]}
    first, second = probed_group_lines([own], "holes")
    assert first.endswith("1 groups, 1 of them with this concept.") and "the less of holes (R2 0.56)" in second
    line = picture_line(PICTURE)
    assert "2 cells of the highest keep it (0.750 of mixes)" in line and "1 legal edit bring" in line
    assert candidate_lines({"candidates": []})[0].startswith("Of the units that matter most, none")
    (line,) = candidate_lines(GROUPS)
    assert "q_net.0[5] decides 0.156 of the choices" in line and "holes() > 2" in line
    (line,) = candidate_lines({"candidates": [{**CANDIDATE, "explains": False, "score": 0.125}]})
    assert "no short expression predicts it either (the best: R2 0.12)" in line and "holes() > 2" not in line
