"""Runs that are served to a real browser: one with a text written by hand, one that the whole pipeline made."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from filelock import FileLock
from werkzeug.serving import make_server

from agentscope import pipeline, records, reports
from agentscope.cli import main
from agentscope.pipeline.watching.entering import open_watch
from agentscope.records import Budget, Strategy
from agentscope.viewer import app, serving

LEAST = Budget("quick", 12, 12, 300, 300, 1, 20, 1, 60)
KNOWN = "trigger-dqn-relu-l1"  # a compiled agent with a dormant branch: small, and found out in seconds
HAND_WRITTEN = """\
def strategy(state) -> action:
    if cell_ahead() == key:
        return pick_up
    if cell_ahead() == locked_door or cell_ahead() == closed_door:
        return toggle
    if path_to_goal() == right:
        return turn_right
    if path_to_goal() == left:
        return turn_left
    return forward
"""


def hand_made_run(folder: Path, agent_name: str, text: str) -> Path:
    """A run folder whose strategy is this text, with nothing measured."""
    agent = pipeline.open_agent(agent_name)
    start = reports.empty_report(
        reports.run_record("inspect", seed=0, budget="quick"),
        reports.agent_record(agent.network, name=agent.name),
        reports.environment_record(agent.env, env_id=agent.env_id, env_kwargs=agent.env_kwargs),
    )
    strategy = Strategy("written by hand", text, len(text.splitlines()) - 1, 0, 0, 0, ())
    run = reports.RunFolder(folder, sha256=agent.network.sha256)
    run.write_report(start | {"strategy": json.loads(json.dumps(reports.to_plain(strategy, "strategy", {})))})
    return folder


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The page of a run, served as `agentscope view` does; its address."""
    door = serving.open_door(0)
    page = app.make_page(app.open_shown(open_watch(folder)), door.port)
    server = make_server(
        serving.HOST, door.port, page.server, threaded=True, request_handler=serving.QuietHandler,
        fd=door.socket.fileno(),
    )  # fmt: skip
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield door.address
    finally:
        page.desk.close()
        server.shutdown()
        thread.join()
        server.server_close()
        door.close()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Folders that are made once for all workers: `shared(name, make)`."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if base.name.startswith("popen-") else base  # what xdist's workers have in common

    def make_once(name: str, make: Callable[[Path], object]) -> Path:
        folder, done = root / name, root / f"{name}.done"
        with FileLock(root / f"{name}.lock"):
            if not done.exists():
                make(folder)
                done.touch()
        return folder

    return make_once


@pytest.fixture(scope="session")
def keydoor_page(shared) -> Iterator[str]:
    """KeyDoor with a text that often errs: its disagreements are bookmarks."""
    with served(shared("keydoor-run", lambda folder: hand_made_run(folder, "keydoor-ppo", HAND_WRITTEN))) as address:
        yield address


def known_run(folder: Path) -> None:
    """The compiled agent, inspected, audited and decompiled into one folder."""
    usual = records.BUDGETS["quick"]
    records.BUDGETS["quick"] = LEAST
    try:
        for verb in (["inspect"], ["audit"], ["decompile", "--states", "500"]):
            found = CliRunner().invoke(main, [verb[0], KNOWN, *verb[1:], "--out", str(folder), "--quiet"])
            assert found.exit_code == 0, found.output[-500:]
    finally:
        records.BUDGETS["quick"] = usual


@pytest.fixture(scope="session")
def known_folder(shared) -> Path:
    """Run folder of the compiled agent."""
    return shared("known-run", known_run)


@pytest.fixture(scope="session")
def known_page(known_folder) -> Iterator[str]:
    """Its page: every tab has something to show."""
    with served(known_folder) as address:
        yield address
