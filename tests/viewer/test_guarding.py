"""The guard: only this machine's own page is answered, and every answer carries the strict headers."""

import json

import pytest
from flask import Flask

from agentscope.errors import BadOption, EmptySample, TextError
from agentscope.viewer import guarding

PORT = 8123
OWN = f"127.0.0.1:{PORT}"
ORIGIN = f"http://{OWN}"


@pytest.fixture
def client():
    server = Flask("toy", static_folder=None)
    guarding.guard(server, PORT)
    guarding.answer_errors(server)

    @server.route("/", methods=["GET"])
    def page():
        return "page"

    @server.get("/data/run")
    def run():
        return guarding.answer({"run": 1})

    @server.post("/try/check")
    def check():
        return guarding.answer({"checked": True})

    @server.get("/fails/<kind>")
    def fails(kind):
        raise {"mine": BadOption("no\nsuch option"), "none": EmptySample("no step"), "text": TextError("odd", 3, 7),
               "other": ValueError("secret")}[kind]  # fmt: skip

    guarding.send_headers(server, lambda: ["'sha256-abc='"])
    return server.test_client()


def get(client, path="/data/run", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(path, headers={"Host": OWN, **named})


def test_the_page_itself_is_answered_under_both_names(client):
    assert get(client).status_code == 200
    assert get(client, Host=f"localhost:{PORT}").status_code == 200


@pytest.mark.parametrize(
    "host",
    [f"evil.example:{PORT}", "127.0.0.1", f"127.0.0.1:{PORT + 1}", f"127.0.0.1.example:{PORT}", f"0.0.0.0:{PORT}",
     f"[::1]:{PORT}", ""],
)  # fmt: skip
def test_any_other_host_is_refused(client, host):
    answer = get(client, Host=host)
    assert answer.status_code in (400, 403) and list(answer.get_json()) == ["error"]


@pytest.mark.parametrize("origin", ["http://evil.example", "null", f"https://{OWN}", f"http://127.0.0.1:{PORT + 1}"])
def test_another_pages_origin_is_refused(client, origin):
    assert get(client, Origin=origin).status_code == 403
    assert client.post("/try/check", headers={"Host": OWN, "Origin": origin}).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_site_fetches_is_refused_but_a_link_to_the_page_is_not(client, site):
    assert get(client, Sec_Fetch_Site=site).status_code == 403
    assert get(client, "/", Sec_Fetch_Site=site).status_code == 200


def test_a_post_must_show_that_it_comes_from_the_page(client):
    assert client.post("/try/check", headers={"Host": OWN}).status_code == 403
    assert client.post("/try/check", headers={"Host": OWN, "Sec-Fetch-Site": "none"}).status_code == 403
    assert client.post("/try/check", headers={"Host": OWN, "Sec-Fetch-Site": "same-origin"}).status_code == 200
    assert client.post("/try/check", headers={"Host": OWN, "Origin": ORIGIN}).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(client, method):
    assert client.open("/data/run", method=method, headers={"Host": OWN, "Origin": ORIGIN}).status_code == 405


def test_large_bodies_and_long_addresses_are_refused(client):
    headers = {"Host": OWN, "Origin": ORIGIN}
    assert client.post("/try/check", data=b"x" * guarding.MOST_BYTES, headers=headers).status_code == 200
    assert client.post("/try/check", data=b"x" * (guarding.MOST_BYTES + 1), headers=headers).status_code == 413
    assert get(client, "/data/run?edits=" + "1" * guarding.MOST_ADDRESS).status_code == 414


@pytest.mark.parametrize("path", ["/", "/data/run", "/nothing", "/fails/mine"])
def test_every_answer_carries_the_headers(client, path):
    headers = get(client, path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "connect-src 'self';" in policy and "frame-ancestors 'none'" in policy
    assert "script-src 'self' 'sha256-abc=';" in policy and "unsafe-eval" not in policy and "http" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin" and headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers


def test_refusals_carry_the_headers_too(client):
    answer = get(client, Host="evil.example")
    assert answer.status_code == 403 and "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [("mine", 400, "no such option"), ("none", 404, "no step"), ("text", 400, "line 3, column 7: odd")],
)
def test_errors_are_one_line_of_json(client, kind, status, error):
    answer = get(client, f"/fails/{kind}")
    assert (answer.status_code, answer.get_json()["error"]) == (status, error)


def test_an_error_of_a_text_says_where(client):
    assert get(client, "/fails/text").get_json() == {"error": "line 3, column 7: odd", "line": 3, "column": 7}


def test_a_fault_of_ours_is_told_without_a_traceback(client, monkeypatch):
    monkeypatch.delenv("AGENTSCOPE_DEBUG", raising=False)
    answer = get(client, "/fails/other")
    assert answer.status_code == 500 and "Traceback" not in answer.get_data(as_text=True)
    assert answer.get_json()["error"].startswith("internal error: ValueError: secret")


def test_nothing_is_a_404_in_json(client):
    assert get(client, "/nothing").status_code == 404 and "error" in get(client, "/nothing").get_json()


def test_an_answer_with_nan_is_a_mistake():
    with pytest.raises(ValueError, match="JSON"):
        guarding.answer({"x": float("nan")})
    assert json.loads(guarding.answer({"x": None}).get_data()) == {"x": None}
