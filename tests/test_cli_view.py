"""`agentscope view`: which folder is meant, what is printed where, how it ends."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from click.testing import CliRunner

from agentscope.cli import main
from agentscope.errors import RefusedFile
from agentscope.pipeline.watching import entering
from agentscope.viewer import app, serving
from tests.viewer.fake_watch import FakeWatch

SERVER = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has it ignored
from flask import Flask
from agentscope.viewer import serving
server = Flask("toy")
server.add_url_rule("/", "page", lambda: "here")
door = serving.open_door(0)
print(door.address, flush=True)
serving.serve(server, door)
print("ended", flush=True)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "runs" / "toy-agent-01234567"
    run.mkdir(parents=True)
    (run / "report.json").write_text("{}")
    return run


@pytest.fixture
def served(monkeypatch):
    """What the verb did, with a run and a server made by hand."""
    done = {"opened": [], "browser": [], "closed": 0}
    watch = FakeWatch()

    def open_watch(folder, **options):
        done["opened"].append((str(folder), options))
        options["progress"]("opening", 1, 1)
        return watch

    def serve(server, door):
        done["server"], done["port"] = server, door.port
        door.close()
        if done.get("interrupt"):
            raise KeyboardInterrupt

    monkeypatch.setattr(entering, "open_watch", open_watch)
    monkeypatch.setattr(serving, "serve", serve)
    monkeypatch.setattr(serving, "open_browser", done["browser"].append)
    closing = app.trying.Desk.close
    monkeypatch.setattr(app.trying.Desk, "close", lambda desk: done.update(closed=done["closed"] + 1) or closing(desk))
    return done


def run(*words):
    return CliRunner().invoke(main, ["view", *map(str, words)])


def test_the_address_alone_is_printed_on_standard_output(folder, served):
    result = run(folder, "--port", "0")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"http://127.0.0.1:{served['port']}/\n"
    assert "opening: 1 in" in result.stderr and served["browser"] == [result.stdout.strip()] and served["closed"] == 1


def test_no_browser_is_opened_when_it_is_not_wanted(folder, served):
    assert run(folder, "--port", "0", "--no-open").exit_code == 0 and served["browser"] == []


def test_options_reach_the_run(folder, served):
    words = ("--agent", "a.zip", "--beside", "b.zip", "--env", "m:Id", "--trust", "--port", "0", "--theme", "dark")
    assert run(folder, *words).exit_code == 0
    path, options = served["opened"][0]
    del options["progress"]
    assert path == str(folder) and options == {
        "agent": "a.zip", "beside": "b.zip", "env_id": "m:Id", "trust": True, "concepts": None, "vecnormalize": None
    }  # fmt: skip
    page = served["server"].test_client().get("/", headers={"Host": f"127.0.0.1:{served['port']}"})
    assert 'data-theme="dark"' in page.get_data(as_text=True)


def test_an_interrupt_closes_the_desk_and_exits_as_shells_have_it(folder, served):
    served["interrupt"] = True
    assert run(folder, "--port", "0").exit_code == 130 and served["closed"] == 1


def test_a_comparison_that_cannot_be_stopped_does_not_keep_the_command(folder, served, monkeypatch):
    left = []
    monkeypatch.setattr(app.trying.Desk, "close", lambda desk: False)
    monkeypatch.setattr("os._exit", left.append)
    result = run(folder, "--port", "0")
    assert result.exit_code == 0 and left == [0] and result.stderr.endswith("ended\n")


def test_a_run_that_cannot_be_opened_gives_its_port_back(folder, served, monkeypatch):
    doors = []
    opening = serving.open_door
    monkeypatch.setattr(serving, "open_door", lambda port: doors.append(opening(port)) or doors[0])

    def refuse(folder, **options):
        raise RefusedFile("it is damaged")

    monkeypatch.setattr(entering, "open_watch", refuse)
    result = run(folder, "--port", "0")
    assert result.exit_code == 2 and result.stderr.splitlines() == ["error: it is damaged"] and result.stdout == ""
    assert doors[0].socket.fileno() == -1


def test_a_port_in_use_is_told_before_any_work(folder, served):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run(folder, "--port", port)
    assert result.exit_code == 2 and f"Port {port} is in use" in result.stderr and served["opened"] == []


def test_without_a_port_the_next_free_one_is_taken(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(serving, "FIRST_PORT", taken.getsockname()[1])
        door = serving.open_door(None)
        assert door.port > serving.FIRST_PORT
        door.close()
        monkeypatch.setattr(serving, "TRIED", 1)
        with pytest.raises(serving.BadOption, match="are in use"):
            serving.open_door(None)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("toy-agent", "Its runs: runs/toy-agent-01234567, e.g. `agentscope view runs/toy-agent-01234567`."),
        ("toy-agent.zip", "Its runs: runs/toy-agent-01234567"),
        ("other-agent", "run `agentscope inspect other-agent` first"),
        ("runs", "runs holds no report.json. Make one with `agentscope inspect AGENT --out runs`."),
        ("runs/toy-agent-01234567/report.json", "takes the run folder that it lies in"),
    ],
)
def test_what_is_no_run_folder_is_told_with_what_to_do(folder, word, told):
    result = run(word)
    assert result.exit_code == 2 and told in result.stderr and len(result.stderr.splitlines()) == 1


def test_help_loads_neither_dash_nor_flask():
    program = (
        "import sys\nfrom agentscope.cli import main\n"
        "try:\n    main(['view', '--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "print('loaded:', [name for name in ('dash', 'flask', 'plotly', 'torch', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded: []" and "until Ctrl-C" in done.stdout


def test_the_server_answers_quietly_and_ends_with_ctrl_c():
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    try:
        address = process.stdout.readline().strip()
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert answer.read() == b"here" and answer.headers["Server"] == "AgentScope"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, out, err) == (0, "ended\n", "")
