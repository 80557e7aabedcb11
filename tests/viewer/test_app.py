"""The page as a whole: from this machine alone, plots from the report, nothing switched on for developers."""

import json
import re

import pytest

from agentscope.viewer import app, layout, plotting
from tests.viewer.fake_watch import FakeWatch, fake_shown

PORT = 8123
HEADERS = {"Host": f"127.0.0.1:{PORT}"}
POST = {**HEADERS, "Origin": f"http://127.0.0.1:{PORT}"}
IDS = ["tabs", "watch", "gaps", "theme", "editor", "try-check", "try-compare", "try-cancel", "try-reset", "try-result",
       "try-error", "try-progress", *(f"tab-{name.lower()}" for name in layout.TABS)]  # fmt: skip
LAYER = {"layer": "hidden", "gain": 0.3, "score": 0.9}
PRIMITIVE = {
    "concept": "holes", "metric": "R2", "gain": 0.3, "where": "computed", "use": "used", "layers": [LAYER],
}  # fmt: skip
FUNCTION = {"name": "f1", "calls": [], "opaque": False, "in_budget": True, "effect": 0.5, "units": []}


@pytest.fixture
def watch():
    return FakeWatch()


def client_of(watch, **options):
    return app.make_page(fake_shown(watch), PORT, **options).server.test_client()


def ask_plot(client, output, inputs):
    """What the page posts when an input of a plot changes."""
    sent = [{"id": name.split(".")[0], "property": name.split(".")[1], "value": value} for name, value in inputs]
    name = output.split(".")[0]
    outputs = [{"id": name, "property": each} for each in ("figure", "style")]
    body = {"output": f"..{name}.figure...{name}.style..", "outputs": outputs, "inputs": sent,
            "changedPropIds": [inputs[0][0]]}  # fmt: skip
    return client.post("/_dash-update-component", json=body, headers=POST)


def drawn(answer):
    """The figure in an answer; nothing where the plot stays as it is."""
    assert answer.status_code == 200, answer.get_json()
    assert "error" not in answer.get_json(), answer.get_json()
    (part,) = answer.get_json()["response"].values() or [{}]
    return part.get("figure", {})


def test_the_page_names_no_other_machine(watch):
    page = client_of(watch).get("/", headers=HEADERS).get_data(as_text=True)
    scripts = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="([^"]+)"', page)
    assert len(scripts) > 5 and all(address.startswith(("/", "data:")) for address in scripts)
    assert all(address[:2] != "//" for address in scripts)


def test_the_pages_own_inline_script_is_allowed_and_no_other(watch):
    answer = client_of(watch).get("/", headers=HEADERS)
    inline = re.findall(r"<script(?![^>]*src=)([^>]*)>", answer.get_data(as_text=True))
    run = [kind for kind in inline if "application/json" not in kind]
    policy = answer.headers["Content-Security-Policy"]
    assert len(run) == 1 == policy.count("sha256-") and "unsafe-eval" not in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]


def test_nothing_is_switched_on_for_developers(watch):
    page = client_of(watch).get("/", headers=HEADERS).get_data(as_text=True)
    config = json.loads(re.search(r'id="_dash-config"[^>]*>(.*?)</script>', page)[1])
    assert config["ui"] is False and config["props_check"] is False and "hot_reload" not in config


def test_every_script_of_the_page_is_served(watch):
    client = client_of(watch)
    for address in re.findall(r'(?:src|href)="(/[^"]+)"', client.get("/", headers=HEADERS).get_data(as_text=True)):
        answer = client.get(address, headers=HEADERS)
        assert answer.status_code == 200 and answer.mimetype in (
            "text/javascript",
            "application/javascript",
            "text/css",
        )


def test_names_of_a_strangers_run_are_text(watch):
    page = client_of(watch).get("/", headers=HEADERS).get_data(as_text=True)
    assert "<b>toy" not in page and "&lt;b&gt;toy&lt;/b&gt; in toy:Toy-v0" in page


def test_the_theme_is_set_before_anything_is_drawn(watch):
    assert '<html lang="en">' in client_of(watch).get("/", headers=HEADERS).get_data(as_text=True)
    dark = client_of(watch, theme="dark").get("/", headers=HEADERS).get_data(as_text=True)
    assert '<html lang="en" data-theme="dark">' in dark


def test_the_parts_of_the_page_have_their_names(watch):
    drawn = client_of(watch).get("/_dash-layout", headers=HEADERS).get_data(as_text=True)
    for name in IDS:
        assert f'"id":"{name}"' in drawn, name


def test_a_run_without_a_part_says_why(watch):
    watch.scene.report["why"]["decompilation"] = "nobody decompiled it"
    drawn = client_of(watch).get("/_dash-layout", headers=HEADERS).get_data(as_text=True)
    assert "Nothing to show here: nobody decompiled it." in drawn and '"id":"call-tree"' not in drawn


def test_gaps_are_drawn_when_theme_and_episode_are_known(watch):
    client = client_of(watch)
    place = {"episode": "1", "track": "text"}
    assert "data" not in drawn(ask_plot(client, "gaps.figure", [("shade.data", None), ("place.data", place)]))
    assert watch.asked == []
    answer = ask_plot(client, "gaps.figure", [("shade.data", {"dark": True}), ("place.data", place)])
    trace = answer.get_json()["response"]["gaps"]["figure"]["data"][0]
    assert trace["x"] == [0, 1, 2, 3, 4] and trace["y"] == [0.0, 0.1, 0.2, None, 0.4]
    assert ("leads", "1", "text") in watch.asked


def test_an_unknown_episode_is_refused(watch):
    inputs = [("shade.data", {"dark": True}), ("place.data", {"episode": "x", "track": "text"})]
    answer = ask_plot(client_of(watch), "gaps.figure", inputs)
    assert answer.status_code == 404 and "no episode 'x'" in answer.get_json()["error"]


def test_plots_wait_until_their_tab_is_opened_and_follow_the_theme(watch):
    watch.scene.report["primitives"] = [PRIMITIVE]
    client = client_of(watch)
    closed = [("shade.data", {"dark": True}), ("seen-primitives.data", False)]
    assert "data" not in drawn(ask_plot(client, "gain-map.figure", closed))
    inks = []
    for dark in (True, False):
        inputs = [("shade.data", {"dark": dark}), ("seen-primitives.data", True)]
        figure = ask_plot(client, "gain-map.figure", inputs).get_json()["response"]["gain-map"]["figure"]
        assert figure["data"][0]["z"] == [[0.3]]
        inks.append(figure["layout"]["font"]["color"])
    assert inks[0] != inks[1]


def test_the_call_tree_is_that_of_the_chosen_program(watch):
    program = {"functions": [FUNCTION], "calls": ["f1"]}
    small = {"functions": [{**FUNCTION, "name": "g1"}], "calls": ["g1"]}
    watch.scene.report["decompilation"] = {"close": {"program": program}, "small": {"program": small}}
    client = client_of(watch)
    seen = [("shade.data", {"dark": False}), ("seen-program.data", True)]
    for point, name in (("close", "f1"), ("small", "g1")):
        answer = ask_plot(client, "call-tree.figure", [*seen, ("program-point.value", point)])
        assert answer.get_json()["response"]["call-tree"]["figure"]["data"][0]["ids"] == ["strategy", name]


def test_the_frontier_has_the_baselines_that_the_report_knows():
    report = {
        "strategy": {"form": "rule", "lines": 3, "constants": 1, "bits": 9, "baseline": {"agreement": 0.5},
                     "frontier": [{"form": "rule", "lines": 3, "constants": 1, "bits": 9, "agreement": 0.7}]},
        "noise_floor": {"student": {"agreement": 0.9}, "other_seed": None}, "vocabulary": {"black_box": 0.8},
    }  # fmt: skip
    names = [trace.name for trace in plotting.frontier_plot(report, dark=False).data]
    assert [any(word in name for name in names) for word in ("optimal", "boosted", "student")] == [True] * 3
    assert not any("other seed" in name for name in names)


def test_scripts_and_style_are_complete():
    script = app.page_script()
    assert script.startswith("(function () {") and all(f"function {name}(" in script for name in
        ("ask", "openTab", "showConcept", "showUnit", "showFunction", "buildTry", "start"))  # fmt: skip
    assert "#tabs" in app.page_style() and "--ink" in app.page_style()
