"""A user's text against the network: checked at once, compared in the background, one comparison at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from flask import Flask, Response, request

from agentscope.errors import AgentScopeError, BadOption, TextError
from agentscope.viewer.guarding import answer

TEXT_CAP = 256 * 1024  # letters of a strategy: the language's own limit
MOST_EPISODES = 100
FOLD = 1.0  # seconds for which closing waits: a comparison looks between batches whether it is cancelled


class Comparer(Protocol):
    """What the desk asks of a run: `agentscope.pipeline.watching.Watch` has it."""

    def check_text(self, text: str) -> Mapping[str, Any]: ...

    def compare_text(
        self, text: str, *, episodes: int, progress: Callable[[str, int, int], None], cancelled: Callable[[], bool]
    ) -> Mapping[str, Any]: ...


@dataclass
class Job:
    """One comparison.

    Attributes:
        state: running, done, failed or cancelled.
        stage, done, total: what it is at, and how far.
        began: of the stage, by the desk's clock.
    """

    number: int
    state: str = "running"
    stage: str = "starting"
    done: int = 0
    total: int = 1
    began: float = 0.0
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    cancel: threading.Event = field(default_factory=threading.Event)


class Desk:
    """Runs one comparison at a time in a thread, tells how far it is, and stops it when asked."""

    def __init__(self, comparer: Comparer, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._comparer = comparer
        self._clock = clock
        self._lock = threading.Lock()
        self._job: Job | None = None
        self._thread: threading.Thread | None = None

    def check(self, text: str) -> Mapping[str, Any]:
        """Whether a text keeps the language, and if not where it breaks; it is parsed, never run."""
        return self._comparer.check_text(text)

    def start(self, text: str, episodes: int) -> dict[str, Any]:
        """Begin a comparison.

        Raises: BadOption: one is running already.
        """
        with self._lock:
            if self._job is not None and self._job.state == "running":
                raise BadOption("A comparison is running already; wait for it or cancel it first.")
            job = self._job = Job(1 if self._job is None else self._job.number + 1, began=self._clock())
            self._thread = threading.Thread(target=self._run, args=(job, text, episodes), daemon=True)
            self._thread.start()
        return self.report()

    def cancel(self) -> dict[str, Any]:
        """Ask the running comparison to stop; it does so between two batches."""
        with self._lock:
            if self._job is not None:
                self._job.cancel.set()
        return self.report()

    def close(self) -> bool:
        """Cancel what runs, and give it a moment to stop; returns whether it did."""
        self.cancel()
        if self._thread is None:
            return True
        self._thread.join(FOLD)
        return not self._thread.is_alive()

    def report(self) -> dict[str, Any]:
        """How far the last comparison is: rate a second and seconds left of its stage, and at last its result."""
        with self._lock:
            job = self._job
            if job is None:
                return {"job": 0, "state": "none", "result": None, "error": None}
            seconds = self._clock() - job.began
            rate = job.done / seconds if job.state == "running" and job.done and seconds > 0 else None
            left = None if rate is None else (job.total - job.done) / rate
            return {
                "job": job.number, "state": job.state, "stage": job.stage, "done": job.done, "total": job.total,
                "rate": rate, "left": left, "cancelling": job.state == "running" and job.cancel.is_set(),
                "result": job.result, "error": job.error,
            }  # fmt: skip

    def wait(self) -> None:
        """Until the last comparison has ended."""
        if self._thread is not None:
            self._thread.join()

    def _run(self, job: Job, text: str, episodes: int) -> None:
        def progress(stage: str, done: int, total: int) -> None:
            with self._lock:
                if stage != job.stage:
                    job.stage, job.began = stage, self._clock()
                job.done, job.total = done, max(1, total)

        result, error = None, None
        try:
            result = self._comparer.compare_text(
                text, episodes=episodes, progress=progress, cancelled=job.cancel.is_set
            )
            error = result["error"]
        except AgentScopeError as problem:
            error = _told(problem)
        except Exception as problem:  # whatever it is, the page must hear of it: a thread's error is lost otherwise
            error = {"message": f"internal error: {type(problem).__name__}: {problem}", "line": 0, "column": 0}
        with self._lock:
            if result is not None and result["cancelled"]:
                job.state = "cancelled"
            elif error is not None:
                job.state, job.error = "failed", error
            else:
                job.state, job.result = "done", result


def add_routes(server: Flask, desk: Desk) -> None:
    """POST /try/check {text}, /try/compare {text, episodes}, /try/cancel; GET /try/job."""

    @server.post("/try/check")
    def check() -> Response:
        return answer(desk.check(_text(_body())))

    @server.post("/try/compare")
    def compare() -> Response:
        body = _body()
        return answer(desk.start(_text(body), _episodes(body)))

    @server.post("/try/cancel")
    def cancel() -> Response:
        return answer(desk.cancel())

    @server.get("/try/job")
    def job() -> Response:
        return answer(desk.report())


def _body() -> Mapping[str, Any]:
    body = request.get_json()
    if not isinstance(body, dict):
        raise BadOption("The body must be a JSON object with `text`.")
    return body


def _text(body: Mapping[str, Any]) -> str:
    text = body.get("text")
    if not isinstance(text, str):
        raise BadOption(f"`text` must be a string, found {type(text).__name__}.")
    if len(text) > TEXT_CAP:
        raise BadOption(f"The text has {len(text):,} letters; at most {TEXT_CAP:,} are read.")
    return text


def _episodes(body: Mapping[str, Any]) -> int:
    episodes = body.get("episodes")
    if not isinstance(episodes, int) or isinstance(episodes, bool) or not 1 <= episodes <= MOST_EPISODES:
        raise BadOption(f"`episodes` must be a whole number from 1 to {MOST_EPISODES:,}, found {str(episodes)[:40]!r}.")
    return episodes


def _told(problem: AgentScopeError) -> dict[str, Any]:
    place = (problem.line, problem.column) if isinstance(problem, TextError) else (0, 0)
    return {"message": str(problem), "line": place[0], "column": place[1]}
