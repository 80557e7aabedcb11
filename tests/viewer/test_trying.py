"""The desk: one comparison at a time, told as it goes, stopped when asked."""

import threading

import pytest
from flask import Flask

from agentscope.errors import BadOption, TextError
from agentscope.viewer import guarding, trying
from tests.viewer.fake_watch import TEXT

PORT = 8123
HEADERS = {"Host": f"127.0.0.1:{PORT}", "Origin": f"http://127.0.0.1:{PORT}"}
DONE = {"name": "yours", "sets": [], "worst_line": None, "return": None, "cancelled": False, "error": None}


class Slow:
    """A comparer that goes on when it is let."""

    def __init__(self, error=None):
        self.begun, self.go, self.error = threading.Event(), threading.Event(), error
        self.asked = []

    def check_text(self, text):
        return {"ok": True, "text": text}

    def compare_text(self, text, *, episodes, progress, cancelled):
        self.asked.append((text, episodes))
        progress("playing", 2, 10)
        self.begun.set()
        while not self.go.wait(0.005):
            if cancelled():
                return {**DONE, "cancelled": True}
        if self.error:
            raise self.error
        return DONE


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def started(comparer, clock=None):
    desk = trying.Desk(comparer, clock=clock or Clock())
    desk.start(TEXT, 5)
    assert comparer.begun.wait(10)
    return desk


def test_nothing_was_compared_yet():
    assert trying.Desk(Slow()).report() == {"job": 0, "state": "none", "result": None, "error": None}


def test_a_running_comparison_tells_rate_and_time_left():
    clock, slow = Clock(), Slow()
    desk = started(slow, clock)
    clock.now = 4.0
    report = desk.report()
    assert (report["state"], report["stage"], report["done"], report["total"]) == ("running", "playing", 2, 10)
    assert (report["rate"], report["left"]) == (0.5, 16.0)
    slow.go.set()
    desk.wait()


def test_a_second_one_is_refused_until_the_first_has_ended():
    slow = Slow()
    desk = started(slow)
    with pytest.raises(BadOption, match="running already"):
        desk.start(TEXT, 5)
    slow.go.set()
    desk.wait()
    report = desk.report()
    assert (report["job"], report["state"], report["result"], report["rate"]) == (1, "done", DONE, None)
    assert desk.start(TEXT, 6)["job"] == 2
    desk.wait()
    assert slow.asked == [(TEXT, 5), (TEXT, 6)]


def test_cancelling_stops_it_without_a_result():
    slow = Slow()
    desk = started(slow)
    assert desk.cancel()["cancelling"] or desk.report()["state"] == "cancelled"
    desk.wait()
    report = desk.report()
    assert (report["state"], report["result"], report["error"]) == ("cancelled", None, None)


def test_closing_cancels_what_runs():
    slow = Slow()
    desk = started(slow)
    assert desk.close()
    assert desk.report()["state"] == "cancelled"


def test_closing_says_when_something_does_not_stop(monkeypatch):
    monkeypatch.setattr(trying, "FOLD", 0.01)
    slow, go = Slow(), threading.Event()
    monkeypatch.setattr(slow, "compare_text", lambda text, **options: slow.begun.set() or (go.wait() and DONE))
    desk = started(slow)
    assert not desk.close()
    go.set()
    desk.wait()
    assert desk.close()


@pytest.mark.parametrize(
    ("error", "told"),
    [(TextError("divides by 0", 3, 9), {"message": "line 3, column 9: divides by 0", "line": 3, "column": 9}),
     (BadOption("too many"), {"message": "too many", "line": 0, "column": 0}),
     (KeyError("x"), {"message": "internal error: KeyError: 'x'", "line": 0, "column": 0})],
)  # fmt: skip
def test_whatever_goes_wrong_is_told(error, told):
    slow = Slow(error)
    desk = started(slow)
    slow.go.set()
    desk.wait()
    assert (desk.report()["state"], desk.report()["error"], desk.report()["result"]) == ("failed", told, None)


@pytest.fixture
def client():
    server = Flask("toy", static_folder=None)
    guarding.guard(server, PORT)
    guarding.answer_errors(server)
    slow = Slow()
    slow.go.set()
    server.desk = trying.Desk(slow)
    trying.add_routes(server, server.desk)
    client = server.test_client()
    client.desk = server.desk
    return client


def post(client, path, body):
    return client.post(path, json=body, headers=HEADERS)


def test_a_text_is_checked_as_it_was_sent(client):
    assert post(client, "/try/check", {"text": TEXT}).get_json() == {"ok": True, "text": TEXT}


def test_a_comparison_is_started_and_followed(client):
    assert post(client, "/try/compare", {"text": TEXT, "episodes": 3}).get_json()["job"] == 1
    client.desk.wait()
    assert client.get("/try/job", headers=HEADERS).get_json()["result"] == DONE
    assert post(client, "/try/cancel", {}).get_json()["state"] == "done"


@pytest.mark.parametrize(
    "body",
    [[], {}, {"text": 3}, {"text": "x" * (trying.TEXT_CAP + 1)}, {"text": TEXT}, {"text": TEXT, "episodes": 0},
     {"text": TEXT, "episodes": True}, {"text": TEXT, "episodes": "3"}, {"text": TEXT, "episodes": 101}],
)  # fmt: skip
def test_wrong_bodies_are_refused_in_one_line(client, body):
    answer = post(client, "/try/compare", body)
    assert answer.status_code == 400 and "\n" not in answer.get_json()["error"]
    assert client.desk.report()["state"] == "none"


def test_a_body_that_is_no_json_is_refused(client):
    typed = {**HEADERS, "Content-Type": "application/json"}
    assert client.post("/try/check", data="text", headers=HEADERS).status_code == 415
    assert client.post("/try/check", data="{", headers=typed).status_code == 400
