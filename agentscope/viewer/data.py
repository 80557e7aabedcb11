"""GET /data/...: the documents of a run as the page asks for them, each parameter checked before it is used."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from flask import Flask, Response, request
from werkzeug.exceptions import NotFound

from agentscope import reports
from agentscope.errors import BadOption, EmptySample
from agentscope.viewer.guarding import answer

Row = Mapping[str, Any]
TRACKS = ("network", "text", "other")
POINTS = ("close", "small")
MOST_STEPS = 200  # steps of one request: each carries a picture
MOST_EDITS = 64
LONGEST_NAME = 200
_WHOLE = re.compile(r"[0-9]{1,9}")
_EDITS = re.compile(r"[0-9]{1,9}:[0-9]{1,9}(,[0-9]{1,9}:[0-9]{1,9})*")


class Watched(Protocol):
    """What the page asks of an open run: `agentscope.pipeline.watching.running.Watch` has it."""

    def document(self) -> Row: ...

    def steps(self, episode: str, start: int, stop: int, *, track: str = "network") -> Row: ...

    def beside(self, episode: str, *, track: str) -> Row: ...

    def why(self, episode: str, step: int, *, track: str = "network") -> Row: ...

    def place(
        self, episode: str, step: int, *, track: str = "network", edits: Sequence[tuple[int, int]] = ()
    ) -> Row: ...

    def concept(self, name: str) -> Row: ...

    def unit(self, name: str) -> Row: ...

    def function(self, point: str, name: str) -> Row: ...

    def check_text(self, text: str) -> Row: ...

    def compare_text(
        self, text: str, *, episodes: int, progress: Callable[[str, int, int], None], cancelled: Callable[[], bool]
    ) -> Row: ...


@dataclass(frozen=True)
class Shown:
    """A run as the page shows it.

    Attributes:
        document: the run document (`agentscope/watch/1`), which is asked for once.
        report: report.json, checked.
        pictures: files that the report names, by name.
        leads: (episode, track) -> step, gap and whether the text agrees, of every step.
    """

    watch: Watched
    document: Row
    report: Row
    pictures: Mapping[str, bytes]
    leads: Callable[[str, str], Sequence[Row]]

    def episode(self, key: str) -> Row:
        """The row of an episode in the run document.

        Raises: EmptySample: there is none of this name.
        """
        for row in self.document["episodes"]:
            if row["episode"] == key:
                return row
        raise EmptySample(f"There is no episode {key[:40]!r}; the run has {len(self.document['episodes']):,}.")

    @property
    def actions(self) -> Sequence[str]:
        """Names of the actions."""
        return self.document["actions"]


def add_routes(server: Flask, shown: Shown) -> None:
    """The routes of all documents, and 404 for whatever else is asked under /data and /try."""
    _add_moments(server, shown)
    _add_cards(server, shown)

    @server.route("/data/<path:unknown>")
    @server.route("/try/<path:unknown>")
    @server.route("/page/<path:unknown>")
    def refuse(unknown: str) -> NoReturn:
        raise NotFound(f"there is nothing at {request.path[:80]}")


def _add_moments(server: Flask, shown: Shown) -> None:
    """Run, steps, second track, reasons and edits."""
    watch = shown.watch

    @server.get("/data/run")
    def run() -> Response:
        return answer(shown.document)

    @server.get("/data/steps")
    def steps() -> Response:
        episode, track = read_episode(shown), read_track()
        start, stop = read_whole("from"), read_whole("to")
        if not start <= stop <= start + MOST_STEPS:
            raise BadOption(f"`to` must be `from` to `from` + {MOST_STEPS}, found {start} and {stop}.")
        return answer(watch.steps(episode, start, stop, track=track))

    @server.get("/data/beside")
    def beside() -> Response:
        return answer(watch.beside(read_episode(shown), track=read_track("text")))

    @server.get("/data/why")
    def why() -> Response:
        return answer(watch.why(read_episode(shown), read_whole("step"), track=read_track()))

    @server.get("/data/place")
    def place() -> Response:
        return answer(watch.place(read_episode(shown), read_whole("step"), track=read_track(), edits=read_edits()))


def _add_cards(server: Flask, shown: Shown) -> None:
    """Concepts, units, functions, and the report's own sections."""
    watch = shown.watch

    @server.get("/data/concept")
    def concept() -> Response:
        return answer(watch.concept(read_name("name")))

    @server.get("/data/unit")
    def unit() -> Response:
        return answer(watch.unit(read_name("unit")))

    @server.get("/data/function")
    def function() -> Response:
        return answer(watch.function(read_one_of("point", POINTS), read_name("name")))

    @server.get("/data/section")
    def section() -> Response:
        fragment = reports.section_html(shown.report, read_name("name"), shown.pictures)
        return Response(fragment, mimetype="text/html")


def read_episode(shown: Shown) -> str:
    """The key of an episode that the run has.

    Raises: EmptySample: it has none of this name.
    """
    key = read_name("episode")
    shown.episode(key)
    return key


def read_track(otherwise: str = "network") -> str:
    """Whose states are meant."""
    return read_one_of("track", TRACKS, otherwise)


def read_one_of(name: str, choices: Sequence[str], otherwise: str | None = None) -> str:
    """A parameter that is one of a few words.

    Raises: BadOption: it is missing, or another word.
    """
    word = request.args.get(name, otherwise or "")
    if word not in choices:
        raise BadOption(f"`{name}` must be one of {', '.join(choices)}, found {word[:40]!r}.")
    return word


def read_whole(name: str, otherwise: int | None = None) -> int:
    """A whole number from 0 on, of at most nine digits.

    Raises: BadOption: it is missing, or not such a number.
    """
    text = request.args.get(name)
    if text is None and otherwise is not None:
        return otherwise
    if text is None or not _WHOLE.fullmatch(text):
        raise BadOption(f"`{name}` must be a whole number from 0 on, found {str(text)[:40]!r}.")
    return int(text)


def read_name(name: str) -> str:
    """A name of at most LONGEST_NAME letters; whoever takes it knows whether there is such a thing.

    Raises: BadOption: it is missing, or longer.
    """
    text = request.args.get(name, "")
    if not 0 < len(text) <= LONGEST_NAME:
        raise BadOption(f"`{name}` must be a name of 1 to {LONGEST_NAME} letters, found {len(text):,}.")
    return text


def read_edits() -> list[tuple[int, int]]:
    """Changes of a board, (feature, value) each, as `edits=34:1,200:2`; none where the parameter is missing.

    Raises: BadOption: it is written otherwise, or holds more than MOST_EDITS.
    """
    text = request.args.get("edits", "")
    if not text:
        return []
    if not _EDITS.fullmatch(text) or text.count(":") > MOST_EDITS:
        raise BadOption(f"`edits` takes at most {MOST_EDITS} of FEATURE:VALUE, e.g. 34:1,200:2, found {text[:40]!r}.")
    pairs = (pair.split(":") for pair in text.split(","))
    return [(int(feature), int(value)) for feature, value in pairs]
