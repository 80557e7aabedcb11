"""The documents over HTTP: parameters are checked, answers are the run's own, downloads are files."""

import csv
import io

import pytest
from flask import Flask
from PIL import Image

from agentscope import reports
from agentscope.viewer import data, downloading, guarding
from tests.viewer.fake_watch import LENGTH, FakeWatch, fake_shown

PORT = 8123


@pytest.fixture
def watch():
    return FakeWatch()


@pytest.fixture
def get(watch):
    server = Flask("toy", static_folder=None)
    guarding.guard(server, PORT)
    guarding.answer_errors(server)
    downloading.add_routes(server, fake_shown(watch))
    data.add_routes(server, fake_shown(watch))
    client = server.test_client()
    return lambda path: client.get(path, headers={"Host": f"127.0.0.1:{PORT}"})


def test_run_and_steps_are_those_of_the_watch(get, watch):
    assert get("/data/run").get_json() == watch.document()
    steps = get("/data/steps?episode=1&from=2&to=4&track=text").get_json()
    assert [row["step"] for row in steps["steps"]] == [2, 3] and steps["final"] is None
    assert watch.asked[-1] == ("steps", "1", 2, 4, "text")


def test_the_other_documents(get):
    assert get("/data/beside?episode=0").get_json() == {"episode": "0", "track": "text", "steps": LENGTH}
    assert get("/data/why?episode=0&step=4").get_json() == {"episode": "0", "step": 4, "track": "network"}
    assert get("/data/place?episode=0&step=1&edits=34:1,200:2").get_json()["edits"] == [[34, 1], [200, 2]]
    assert get("/data/place?episode=0&step=1").get_json()["edits"] == []
    assert get("/data/concept?name=holes").get_json()["primitive"] == {"concept": "holes"}
    assert get("/data/unit?unit=hidden_1%5B4%5D").get_json() == {"unit": "hidden_1[4]"}
    assert get("/data/function?point=small&name=f1").get_json() == {"point": "small", "name": "f1"}


@pytest.mark.parametrize(
    ("address", "status", "told"),
    [
        ("/data/steps?episode=9&from=0&to=1", 404, "no episode '9'"),
        ("/data/steps?from=0&to=1", 400, "`episode`"),
        ("/data/steps?episode=0&from=-1&to=1", 400, "whole number"),
        ("/data/steps?episode=0&from=1.5&to=2", 400, "whole number"),
        ("/data/steps?episode=0&from=0", 400, "`to`"),
        ("/data/steps?episode=0&from=3&to=2", 400, "`to` must be"),
        (f"/data/steps?episode=0&from=0&to={data.MOST_STEPS + 1}", 400, "`to` must be"),
        ("/data/steps?episode=0&from=0&to=9999999999", 400, "whole number"),
        ("/data/steps?episode=0&from=0&to=1&track=mine", 400, "one of network, text, other"),
        ("/data/why?episode=0&step=5", 404, "there is no step 5"),
        ("/data/place?episode=0&step=0&edits=1:2;3:4", 400, "FEATURE:VALUE"),
        ("/data/place?episode=0&step=0&edits=" + ",".join(["1:2"] * 65), 400, "at most 64"),
        ("/data/concept?name=odd", 404, "no concept odd"),
        ("/data/concept?name=" + "x" * 201, 400, "1 to 200 letters"),
        ("/data/function?point=large&name=f", 400, "close, small"),
        ("/data/section?name=odd", 400, "no section odd"),
        ("/data/table.csv?name=odd", 400, "episodes, probes, steps"),
        ("/data/table.csv?name=probes", 404, "no rows"),
        ("/data/animation?episode=0&from=2&to=2", 400, "1 to 200 steps"),
        ("/data/animation?episode=0&from=0&to=201", 400, "1 to 200 steps"),
        ("/data/secret", 404, "nothing at /data/secret"),
        ("/try/secret", 404, "nothing at /try/secret"),
        ("/page/../../etc/passwd", 404, "nothing at"),
    ],
)
def test_wrong_parameters_are_refused_in_one_line(get, address, status, told):
    answer = get(address)
    error = answer.get_json()["error"]
    assert answer.status_code == status and told in error and "\n" not in error


def test_a_section_is_the_reports_own(get, watch):
    expected = reports.section_html(watch.scene.report, "reasons", {})
    answer = get("/data/section?name=reasons")
    assert answer.get_data(as_text=True) == expected != "" and answer.mimetype == "text/html"


def test_the_report_is_saved_as_it_is_written(get, watch):
    answer = get("/data/report.json")
    assert answer.get_data(as_text=True) == reports.printed(watch.scene.report)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="report.json"'


def test_steps_are_saved_as_a_table(get):
    answer = get("/data/table.csv?name=steps&episode=0")
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert [row["step"] for row in rows] == ["0", "1", "2", "3", "4"] and rows[3]["gap"] == ""
    assert (rows[1]["action_name"], rows[1]["strategy_same"], rows[1]["score west"]) == ("east", "False", "1.0")


def test_long_episodes_are_saved_whole(get, watch, monkeypatch):
    monkeypatch.setattr(downloading, "MOST_STEPS", 2)
    rows = list(csv.DictReader(io.StringIO(get("/data/table.csv?name=steps&episode=0").get_data(as_text=True))))
    assert [row["step"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert [asked[2:4] for asked in watch.asked] == [(0, 2), (2, 4), (4, 6)]


def test_no_cell_of_a_table_is_a_formula():
    assert downloading.csv_text([{"a": "=1+1", "b": -2, "c": [1]}]) == "a,b,c\n'=1+1,-2,[1]\n"


def test_rows_may_know_different_things():
    assert downloading.csv_text([{"a": 1}, {"b": 2}]) == "a,b\n1,\n,2\n"


def test_an_animation_shows_each_step_and_the_end(get):
    answer = get("/data/animation?episode=0&from=3&to=9")
    assert answer.mimetype == "image/webp"
    assert Image.open(io.BytesIO(answer.get_data())).n_frames == 3  # steps 3 and 4, and the end


def test_a_film_says_what_is_done(watch):
    film = downloading.episode_film(fake_shown(watch), "1", 3, 5, "network")
    assert film.title == "episode 1" and film.captions == ("step 3: east", "step 4: west", "the end (over)")
    assert film.pictures[0].shape == (4, 6, 3) and (film.pictures[1] == 40).all()
